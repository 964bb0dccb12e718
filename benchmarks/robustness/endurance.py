"""Measure whether the memory of the nodes grows while they fly in real time and record.

    python benchmarks/robustness/endurance.py --minutes 120 --out DIR    # goes on after Ctrl-C
    python benchmarks/robustness/endurance.py --table DIR
    python benchmarks/robustness/endurance.py --minutes 10 -- --vehicle rover     # options of fly

`liquid-pilot fly --realtime --record` flies one mission after the other. The memory of its
processes is read from /proc, periodically, and kept in memory.jsonl. Growth is the slope of a line
through the samples after the warm-up, fitted to each process by itself. Ctrl-C ends the flight
with its report. The recording is deleted at the end unless --keep is given. The last line printed
is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

sys.path.append(str(Path(__file__).resolve().parents[1]))
from node_process import prepare

SAMPLES = 'memory.jsonl'
PERIOD_S = 5.0
LONGEST_RUN = 100_000
"""Number of missions of a run that Ctrl-C is to end."""
FIRST_SEED = 600_000
SEEDS_OF_A_RUN = 10_000
MAX_END_S = 60.0
"""Longest time in which a flight writes its report."""
KINDS = {'rss': 'VmRSS', 'anonymous': 'RssAnon'}
"""What is kept of /proc/PID/status: all resident memory, and that which no file backs."""


def memory_mb(pid: int) -> dict[str, float]:
    """Return the resident memory of a process by the keys of `KINDS`, MB.

    Raises:
        OSError: the process has ended.
    """
    text = Path(f'/proc/{pid}/status').read_text()
    lines = dict(line.split(':', 1) for line in text.splitlines())
    return {kind: int(lines[name].split()[0]) / 1024 for kind, name in KINDS.items()}


def node_processes(pid: int) -> dict[str, int]:
    """Return the processes of the nodes that a process has started, by the name of the node.

    Args:
        pid: the process that runs the graph.
    """
    found = {}
    for children in Path(f'/proc/{pid}/task').glob('*/children'):
        for child in children.read_text().split():
            with contextlib.suppress(OSError):
                words = Path(f'/proc/{child}/cmdline').read_text().split('\0')
                names = [word.partition(':=')[2] for word in words if word.startswith('__node:=')]
                if names:
                    found[names[0]] = int(child)
    return found


def sample(pid: int) -> dict[str, Any]:
    """Return the memory of a run and of its nodes, by name."""
    entry = {}
    for name, process in {'runner': pid, **node_processes(pid)}.items():
        with contextlib.suppress(OSError, KeyError):
            entry[name] = {'pid': process, **memory_mb(process)}
    return entry


def growth(entries: list[dict[str, Any]], warm_up_s: float) -> dict[str, dict[str, Any]]:
    """Return the growth of each node.

    Args:
        entries: the samples, each with its run, its time in the run, and the nodes.
        warm_up_s: time from the start of a run that does not count.

    Returns:
        By node: the samples and the time that count, the median memory of their first and last
        tenth, and the growth in MB an hour of both kinds. Of a node that was started again, each
        process is fitted by itself. Nodes with fewer than three samples are left out.
    """
    series = defaultdict(list)
    for entry in entries:
        if entry['time_s'] >= warm_up_s:
            for name, node in entry['nodes'].items():
                values = [node[kind] for kind in KINDS]
                series[name].append((f'{entry["run"]} {node["pid"]}', entry['time_s'], *values))
    table = {}
    for name, samples in series.items():
        groups = defaultdict(list)
        for process, *values in samples:
            groups[process].append(values)
        blocks = [np.array(block) for block in groups.values() if len(block) > 2]
        if not blocks:
            continue
        centred = np.concatenate([block - block.mean(axis=0) for block in blocks])
        hours = centred[:, 0] / 3600.0
        slopes = hours @ centred[:, 1:] / (hours @ hours)
        tenth = max(1, len(samples) // 10)
        table[name] = {
            'samples': len(samples),
            'minutes': round(sum(np.ptp(block[:, 0]) for block in blocks) / 60.0, 1),
            'first_mb': round(float(np.median([s[2] for s in samples[:tenth]])), 1),
            'last_mb': round(float(np.median([s[2] for s in samples[-tenth:]])), 1),
            **{
                f'{kind}_mb_per_hour': round(float(slope), 2)
                for kind, slope in zip(KINDS, slopes, strict=True)
            },
        }
    return table


def print_table(rows: dict[str, dict[str, Any]]) -> None:
    """Print the growth of the nodes."""
    heads = ('minutes', 'first_mb', 'last_mb', *(f'{kind}_mb_per_hour' for kind in KINDS))
    print(f'{"node":12}' + ''.join(f'{head.replace("_", " "):>24}' for head in heads))
    for name, row in rows.items():
        print(f'{name:12}' + ''.join(f'{row[head]:24}' for head in heads))


def fly(folder: Path, number: int, minutes: float, options: list[str]) -> dict[str, Any]:
    """Fly and record, sample the memory, and end the flight as Ctrl-C does.

    Args:
        folder: folder of the benchmark, to whose samples those of this run are added.
        number: number of the run.
        minutes: duration.
        options: further options of `fly`.

    Returns:
        What the run did, and whether Ctrl-C ended it before its time.
    """
    out = folder / f'run_{number}'
    command = [sys.executable, '-m', 'liquid_pilot.cli', 'fly', '--realtime', '--record']
    command += ['--headless', '--missions', str(LONGEST_RUN), '--out', str(out)]
    command += ['--seed', str(FIRST_SEED + number * SEEDS_OF_A_RUN), *options]
    interrupted = False
    with open(folder / f'run_{number}.log', 'w') as log, open(folder / SAMPLES, 'a') as samples:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        start_s = due_s = time.monotonic()
        try:
            while time.monotonic() - start_s < 60.0 * minutes and process.poll() is None:
                due_s += PERIOD_S
                time.sleep(max(0.0, due_s - time.monotonic()))
                time_s = round(time.monotonic() - start_s, 2)
                entry = {'run': number, 'time_s': time_s, 'nodes': sample(process.pid)}
                samples.write(json.dumps(entry) + '\n')
                samples.flush()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            ended_early = process.poll() is not None
            end(process)
    if ended_early:
        raise SystemExit(f'the flight ended early, with {process.returncode}: see {log.name}')
    return {'minutes': round((time.monotonic() - start_s) / 60.0, 1), 'interrupted': interrupted}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a run as Ctrl-C does, and where it does not end, as `kill` does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(MAX_END_S)


def recording_of(folder: Path) -> dict[str, Any]:
    """Return the size of a recording, as its metadata.yaml describes it."""
    metadata = folder / 'metadata.yaml'
    if not metadata.exists():
        return {}
    content = yaml.safe_load(metadata.read_text())['rosbag2_bagfile_information']
    size = sum(file.stat().st_size for file in folder.iterdir())
    return {
        'messages': content['message_count'],
        'files': len(content['relative_file_paths']),
        'gigabytes': round(size / 1e9, 2),
    }


def main() -> int:
    """Fly, or print the table of earlier runs, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--minutes', type=float, default=120.0, help='of all runs together')
    parser.add_argument('--warm-up', type=float, default=5.0, metavar='MINUTES', help='of each run')
    parser.add_argument('--out', type=Path, metavar='DIR', help='what it has is kept')
    parser.add_argument(
        '--table', type=Path, metavar='DIR', help='only print the table of a folder'
    )
    parser.add_argument('--keep', action='store_true', help='keep the recordings')
    parser.add_argument('options', nargs='*', metavar='-- OPTION', help='of liquid-pilot fly')
    arguments = parser.parse_args()
    # A shell that starts it in the background makes it ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    folder = arguments.table or arguments.out or Path('runs/endurance')
    runs: list[dict[str, Any]] = []
    if arguments.table is None:
        prepare()
        folder.mkdir(parents=True, exist_ok=True)
        entries = read(folder)
        numbers = {entry['run'] for entry in entries}
        flown_s = sum(
            max(entry['time_s'] for entry in entries if entry['run'] == number)
            for number in numbers
        )
        left = arguments.minutes - flown_s / 60.0
        if left > 0.0:
            number = max(numbers, default=0) + 1
            run = fly(folder, number, left, arguments.options)
            report = folder / f'run_{number}' / 'report.json'
            run['missions'] = json.loads(report.read_text())['summary']['missions']
            recording = folder / f'run_{number}' / 'recording'
            runs.append({**run, **recording_of(recording)})
            if not arguments.keep:
                shutil.rmtree(recording, ignore_errors=True)
    rows = growth(read(folder), 60.0 * arguments.warm_up)
    print_table(rows)
    print(json.dumps({'runs': runs, 'warm_up_minutes': arguments.warm_up, 'nodes': rows}))
    return 130 if any(run['interrupted'] for run in runs) else 0


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the samples of a folder."""
    file = folder / SAMPLES
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == '__main__':
    sys.exit(main())
