"""Feed a million damaged inputs to the package, and say what each of its entrances made of them.

    python benchmarks/robustness/fuzz.py --out fuzz.jsonl      # half an hour; goes on after Ctrl-C
    python benchmarks/robustness/fuzz.py --table fuzz.jsonl
    python benchmarks/robustness/fuzz.py --only bag --one 17    # one input again, by its number
    python benchmarks/robustness/fuzz.py --quick

Allowed is the error that the documentation of a function names, and nothing else: no other
exception, no death of the process, no second of processor time, no 300 MB. Inputs run in processes
of their own, whose address space is limited, so that whoever asks for more gets an error. Batches
of all targets take turns. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from pathlib import Path
from typing import Any

from liquid_pilot.utils.progress import make_progress

MAX_S, MAX_MB = 1.0, 300.0
"""Processor time and memory that no input may take."""
SEED = 22
_HANG_S = 10.0
"""Processor time after which an input is ended."""
_HEADROOM = int(1.15 * MAX_MB * 2**20)
_MAX_FAULTS = 20
"""Faults of a batch that are kept."""


def chance_of(seed: int, name: str, index: int) -> random.Random:
    """Return the source of randomness of one input."""
    return random.Random(f'{seed}/{name}/{index}')


class Meter:
    """Measures processor time and memory of one input."""

    def __init__(self) -> None:
        self._reset = os.open('/proc/self/clear_refs', os.O_WRONLY)
        self._status = os.open('/proc/self/status', os.O_RDONLY)

    def start(self) -> None:
        """Begin with an input."""
        os.write(self._reset, b'5')
        self._before_mb = self._memory_mb()
        signal.setitimer(signal.ITIMER_PROF, _HANG_S)
        self._started_s = time.process_time()

    def end(self) -> tuple[float, float]:
        """Return seconds of processor time, and MB by which the memory grew at most."""
        seconds = time.process_time() - self._started_s
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        return seconds, self._memory_mb() - self._before_mb

    def _memory_mb(self) -> float:
        """Return the peak of the resident memory since `start`."""
        text = os.pread(self._status, 4096, 0)
        at = text.index(b'VmHWM:') + 6
        return int(text[at : text.index(b'kB', at)]) / 1024.0


def feed(target: Any, given: Any) -> tuple[str, str]:
    """Use one input.

    Returns:
        'accepted', 'refused' or 'fault', and for a fault the exception with its place.
    """
    try:
        target.use(given)
    except target.documented as error:
        # One line, which a terminal shows as it is.
        if '\n' in str(error) or '\x1b' in str(error):
            return 'fault', f'message of several lines, or with escapes: {error!s:.200}'
        return 'refused', ''
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        inner = [
            f'{Path(frame.filename).name}:{frame.lineno}'
            for frame in traceback.extract_tb(error.__traceback__)
            if 'liquid_pilot' in frame.filename
        ]
        place = inner[-1] if inner else f'{Path(last.filename).name}:{last.lineno}'
        return 'fault', f'{type(error).__name__} at {place}: {error!s:.200}'
    return 'accepted', ''


def run_batch(name: str, seed: int, first: int, count: int, progress: Path) -> dict[str, Any]:
    """Use a batch of inputs in this process, and return its figures.

    Args:
        name: name of the target.
        seed: seed of the run.
        first: number of the first input.
        count: number of inputs.
        progress: file that holds the number of the input that is in use.
    """
    from fuzz_targets import TARGETS

    figures: dict[str, Any] = {'refused': 0, 'accepted': 0, 'faults': []}
    figures.update(slowest_s=0.0, slowest=first, largest_mb=0.0, largest=first)
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        target = TARGETS[name].make(Path(folder))
        for index in range(20):  # Caches are filled, and modules loaded.
            feed(target, target.make(chance_of(seed, name, -index)))
        _limit_address_space()
        meter = Meter()
        with open(progress, 'wb', buffering=0) as place:
            for index in range(first, first + count):
                os.pwrite(place.fileno(), b'%d\n' % index, 0)
                given = target.make(chance_of(seed, name, index))
                meter.start()
                verdict, text = feed(target, given)
                seconds, mb = meter.end()
                if verdict != 'fault':
                    figures[verdict] += 1
                    if seconds > MAX_S:
                        verdict, text = 'fault', f'it took {seconds:.1f} s'
                    elif mb > MAX_MB:
                        verdict, text = 'fault', f'it took {mb:.0f} MB'
                if seconds > figures['slowest_s']:
                    figures.update(slowest_s=seconds, slowest=index)
                if mb > figures['largest_mb']:
                    figures.update(largest_mb=mb, largest=index)
                if verdict == 'fault':
                    figures['faulty'] = figures.get('faulty', 0) + 1
                    if len(figures['faults']) < _MAX_FAULTS:
                        figures['faults'].append([index, text])
    return {'target': name, 'seed': seed, 'first': first, 'inputs': count, **figures}


def _memory_folder() -> str | None:
    return '/dev/shm' if os.access('/dev/shm', os.W_OK) else None


def _limit_address_space() -> None:
    """Let this process ask for little more memory than it has."""
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    limit = pages * resource.getpagesize() + _HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_batches(name: str, seed: int, first: int, count: int) -> list[dict[str, Any]]:
    """Use a batch in a process of its own; an input that ends it is named, and the rest goes on."""
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder) / 'index'
        command = [sys.executable, '-X', 'faulthandler', __file__, '--only', name]
        command += ['--seed', str(seed), '--batch', str(first), str(count), str(progress)]
        environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return [json.loads(done.stdout.splitlines()[-1])]
        said = done.stderr.strip().splitlines()[-40:]
        if done.returncode in (130, -signal.SIGINT):
            raise KeyboardInterrupt
        if not progress.exists() or not progress.read_text().strip():
            raise SystemExit(f'{name}: {" | ".join(said[-3:])}')
        index = int(progress.read_text().splitlines()[0])
    ended = (
        signal.Signals(-done.returncode).name if done.returncode < 0 else f'code {done.returncode}'
    )
    fault = [index, f'the process ended with {ended}: {" | ".join(said)[:1500]}']
    entry = {'target': name, 'seed': seed, 'first': index, 'inputs': 1, 'refused': 0}
    entry.update(accepted=0, faults=[fault], faulty=1, slowest_s=0.0, largest_mb=0.0)
    before = run_batches(name, seed, first, index - first) if index > first else []
    left = first + count - index - 1
    return [*before, entry, *(run_batches(name, seed, index + 1, left) if left else [])]


def table(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the figures by target, and those of all in the row 'all'."""
    rows: dict[str, dict[str, Any]] = {}
    groups = defaultdict(list)
    for entry in entries:
        groups[entry['target']].append(entry)
    for name, batches in (*sorted(groups.items()), ('all', entries)):
        rows[name] = {
            key: sum(batch.get(key, 0) for batch in batches)
            for key in ('inputs', 'refused', 'accepted', 'faulty')
        }
        for key, digits in (('slowest_s', 3), ('largest_mb', 1)):
            rows[name][key] = round(max((batch[key] for batch in batches), default=0.0), digits)
    return rows


def faults_of(entries: list[dict[str, Any]]) -> dict[str, list[list[Any]]]:
    """Return the faults by target, one of each kind, with the number of its input."""
    found: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for entry in entries:
        for index, text in entry['faults']:
            kind = text.partition(': ')[0]
            found[entry['target']].setdefault(kind, [index, text])
    return {name: list(kinds.values()) for name, kinds in found.items()}


def table_text(rows: dict[str, dict[str, Any]]) -> str:
    """Return the rows as a table of Markdown."""
    lines = ['| input | inputs | refused | accepted | faults | slowest | largest |']
    lines.append('|---|---|---|---|---|---|---|')
    for name, row in rows.items():
        lines.append(
            f'| {name.replace("_", " ")} | {row["inputs"]:,} | {row["refused"]:,} | '
            f'{row["accepted"]:,} | {row["faulty"]} | {1000 * row["slowest_s"]:.0f} ms | '
            f'{row["largest_mb"]:.0f} MB |'
        )
    return '\n'.join(lines)


def main() -> int:
    """Run what is left of a run, and return 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--out', type=Path, metavar='FILE', help='JSON lines; what it has is kept')
    parser.add_argument('--table', type=Path, metavar='FILE', help='only print the table of a file')
    parser.add_argument('--only', default='', metavar='TARGETS', help='targets, by commas')
    parser.add_argument('--seed', type=int, default=SEED)
    parser.add_argument('--share', type=float, default=1.0, help='of the inputs of each target')
    parser.add_argument(
        '--one', type=int, metavar='INDEX', help='use one input, with its traceback'
    )
    parser.add_argument('--quick', action='store_true', help='50 inputs of each target')
    parser.add_argument('--batch', nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.batch:
        first, count, progress = arguments.batch
        figures = run_batch(arguments.only, arguments.seed, int(first), int(count), Path(progress))
        print(json.dumps(figures))
        return 0
    from fuzz_targets import TARGETS

    names = [name for name in arguments.only.split(',') if name] or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f'no target {", ".join(sorted(unknown))}; there are {", ".join(TARGETS)}')
    if arguments.one is not None:
        return _use_one(names[0], arguments.seed, arguments.one)
    entries = _read(arguments.table or arguments.out)
    if not arguments.table:
        share = 0.0 if arguments.quick else arguments.share
        _run(names, arguments.seed, share, entries, arguments.out)
    rows, faults = table(entries), faults_of(entries)
    print(table_text(rows))
    print(json.dumps({'rows': rows, 'faults': faults}))
    return 1 if faults else 0


def _run(
    names: list[str], seed: int, share: float, entries: list[dict[str, Any]], out: Path | None
) -> None:
    """Run the batches that are not among the entries, in turn, and add theirs."""
    from fuzz_targets import TARGETS

    done = {
        (entry['target'], index)
        for entry in entries
        if entry['seed'] == seed
        for index in (entry['first'], entry['first'] + entry['inputs'] - 1)
    }
    batches = []
    for name in names:
        plan = TARGETS[name]
        total = max(50, int(share * plan.inputs))
        for first in range(0, total, plan.batch):
            count = min(plan.batch, total - first)
            if not {(name, first), (name, first + count - 1)} <= done:
                batches.append((first / total, name, first, count))
    with make_progress() as progress:
        task = progress.add_task('inputs', total=sum(batch[-1] for batch in batches))
        for _, name, first, count in sorted(batches):
            made = run_batches(name, seed, first, count)
            entries += made
            if out is not None:
                with open(out, 'a') as file:
                    file.write(''.join(json.dumps(entry) + '\n' for entry in made))
            progress.advance(task, count)


def _use_one(name: str, seed: int, index: int) -> int:
    """Use one input in this process, so that its traceback is seen."""
    from fuzz_targets import TARGETS

    with tempfile.TemporaryDirectory() as folder:
        target = TARGETS[name].make(Path(folder))
        given = target.make(chance_of(seed, name, index))
        print(repr(given)[:2000])
        meter = Meter()
        meter.start()
        try:
            target.use(given)
            print('accepted')
        except target.documented as error:
            print(f'refused: {error}')
        print('{:.3f} s, {:.1f} MB'.format(*meter.end()))
    return 0


def _read(path: Path | None) -> list[dict[str, Any]]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == '__main__':
    sys.exit(main())
