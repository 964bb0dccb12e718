"""The benchmarks of the tick and of the pilot node run, and say what they promise to say."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import ros_domain

ROOT = Path(__file__).resolve().parents[2]


def figures(script: str) -> dict:
    """The JSON object on the last line of a quick run."""
    answer = subprocess.run(
        [sys.executable, ROOT / 'benchmarks' / script, '--quick'],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def test_a_benchmark_reserves_its_domain_as_a_test_does():
    program = """
        import os, node_process
        node_process.prepare()
        print(os.environ['ROS_DOMAIN_ID'], flush=True)
        input()
    """
    environment = {**os.environ, 'PYTHONPATH': f'{ROOT}{os.pathsep}{ROOT / "benchmarks"}'}
    del environment['ROS_DOMAIN_ID']
    with subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(program)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        domain = int(process.stdout.readline())
        assert domain in ros_domain.DOMAINS and domain not in ros_domain.reserved()
        with open(ros_domain.FOLDER / str(domain)) as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.communicate('\n')
    assert process.returncode == 0


@pytest.mark.realtime
@pytest.mark.slow
def test_control_tick():
    found = figures('control_tick.py')
    assert found['ratio_vs_torch_ncps'] > 1.0
    assert 0.0 < found['p50_us'] <= found['p99_us'] < 1e6
    assert found['cold_p50_us'] > 0.0
    assert found['largest_command_difference'] < 1e-4


@pytest.mark.slow
@pytest.mark.realtime
def test_ros_latency():
    found = figures('ros_latency.py')
    assert found['p50_ratio'] > 0.5 and found['p99_ratio'] > 0.0
    assert 0.0 < found['passthrough_p50_ms'] <= found['passthrough_p99_ms'] < 500.0
    assert found['lost'] + found['passthrough_lost'] < found['frames']


@pytest.mark.realtime
@pytest.mark.slow
def test_footprint():
    found = figures('footprint.py')
    assert found['torch_loaded'] is False and found['cold']['torch_loaded'] is False
    assert 50.0 < found['rss_mb'] < 260.0
    # Compiling is the difference.
    assert 0.0 < found['first_command_s'] < found['cold']['first_command_s']
    assert 100.0 < found['installed_mb'] < 1500.0
    others = found['others']
    assert set(others) == {'guard', 'guard, mavlink', 'adaptation'}
    assert all(20.0 < node['rss_mb'] < 260.0 and node['ready_s'] > 0.0 for node in others.values())
