"""The benchmark of a start runs, and a start costs a small multiple of what ROS alone does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_graph_start():
    run = subprocess.run(
        [sys.executable, ROOT / 'benchmarks' / 'graph_start.py', '--quick'],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert set(found['nodes']) == {'guard', 'pilot', 'adaptation', 'simulator'}
    assert found['cpu_s'] == pytest.approx(sum(found['nodes'].values()), abs=0.02)
    assert found['starts'] == 1 and found['wall_s'] > 0.0
    # CPU time depends on what else the machine does, but so does that of the floor.
    assert found['rclpy_floor_s'] < min(found['nodes'].values())
    assert found['cpu_s'] < 9.0 * found['rclpy_floor_s']
