"""The benchmarks of the tick and of the pilot node run, and say what they promise to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
