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
        [sys.executable, ROOT / 'benchmarks' / 'graph_start.py', '--starts', '3'],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert set(found['nodes']) == {'guard', 'pilot', 'adaptation', 'simulator'}
    # A median of sums is not the sum of the medians.
    assert found['cpu_s'] == pytest.approx(sum(found['nodes'].values()), rel=0.2)
    assert found['starts'] == 3 and found['wall_s'] > 0.0
    # CPU time depends on what else the machine does, but so does that of the floor. Four nodes cost
    # 7 to 9.5 floors together; torch in one of them would add 6 to 8.
    assert found['rclpy_floor_s'] < min(found['nodes'].values())
    assert found['cpu_s'] < 12.0 * found['rclpy_floor_s']
