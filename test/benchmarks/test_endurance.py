"""The benchmark of memory: its slopes, whose processes it reads, and a short run of it."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ros_domain

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'benchmarks' / 'robustness' / 'endurance.py'


@pytest.fixture
def endurance():
    spec = importlib.util.spec_from_file_location('endurance', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def entry(run, time_s, **nodes):
    return {
        'run': run,
        'time_s': time_s,
        'nodes': {
            name: {'pid': pid, 'rss': memory, 'anonymous': 2 * memory}
            for name, (pid, memory) in nodes.items()
        },
    }


def test_growth_is_that_of_each_process_after_its_warm_up(endurance):
    entries = [
        entry(
            run,
            60.0 * minute,
            # It is another process in each run, and begins with other memory.
            pilot=(run, 100.0 * run + 3.0 * minute / 60.0 + (50.0 if minute < 5 else 0.0)),
            guard=(10 + run, 80.0),
        )
        for run in (1, 2)
        for minute in range(20)
    ]
    entries.append(entry(2, 1300.0, recorder=(7, 1.0)))
    rows = endurance.growth(entries, 300.0)
    assert rows['pilot']['rss_mb_per_hour'] == pytest.approx(3.0)
    assert rows['pilot']['anonymous_mb_per_hour'] == pytest.approx(6.0)
    assert rows['guard']['rss_mb_per_hour'] == 0.0
    assert rows['pilot']['minutes'] == 28.0 and rows['pilot']['samples'] == 30
    # One sample has no slope.
    assert 'recorder' not in rows


def test_the_nodes_are_the_children_of_the_runner(endurance):
    wait = 'import time; time.sleep(60)'
    children = [
        subprocess.Popen([sys.executable, '-c', wait, '--ros-args', '-r', f'__node:={name}'])
        for name in ('one', 'two')
    ]
    children.append(subprocess.Popen([sys.executable, '-c', wait]))
    try:
        until_s = time.monotonic() + 20.0
        expected = {'one': children[0].pid, 'two': children[1].pid}
        # Until they have replaced the image of this process.
        while expected.items() - endurance.node_processes(os.getpid()).items():
            assert time.monotonic() < until_s
            time.sleep(0.05)
        found = endurance.sample(os.getpid())
        assert found['runner']['pid'] == os.getpid()
        # The interpreter may not have got its memory yet.
        while (one := endurance.sample(os.getpid())['one'])['anonymous'] < 1.0:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        assert one['anonymous'] < one['rss'] < 200.0
    finally:
        for child in children:
            child.kill()
            child.wait()


@pytest.mark.slow
@pytest.mark.realtime
def test_a_short_run_ends_by_ctrl_c_and_goes_on(tmp_path):
    out = tmp_path / 'endurance'
    command = [sys.executable, SCRIPT, '--warm-up', '0', '--out', out, '--minutes']
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(ros_domain.reserve())}
    options = {'env': environment, 'stdout': subprocess.PIPE, 'text': True}
    process = subprocess.Popen([*command, '30'], start_new_session=True, **options)
    until_s = time.monotonic() + 120.0
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            if (out / 'memory.jsonl').read_text().count('"recorder"') >= 4:
                break
        time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    figures = json.loads(said.splitlines()[-1])
    names = {'runner', 'pilot', 'guard', 'adaptation', 'simulator', 'recorder'}
    assert set(figures['nodes']) == names
    (run,) = figures['runs']
    assert run['interrupted'] and run['missions'] >= 1 and run['messages'] > 100
    assert (out / 'run_1' / 'report.json').exists() and not (out / 'run_1' / 'recording').exists()
    # What has been flown is not flown again.
    again = subprocess.run([*command, '0.1'], check=True, timeout=60, **options)
    assert json.loads(again.stdout.splitlines()[-1])['runs'] == []
    assert sum(1 for _ in out.glob('run_*.log')) == 1
