"""The benchmark of missions, made short: its last line is one JSON object, and ROS agrees."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import ros_domain

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_ros_and_one_process_agree_on_a_mission(tmp_path):
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(ros_domain.reserve())}
    run = subprocess.run(
        [
            sys.executable,
            ROOT / 'benchmarks' / 'missions.py',
            '--missions',
            '1',
            '--seed',
            '31',
            '--attitude-missions',
            '1',
            '--attitude-seed',
            '32',
            '--workers',
            '1',
            '--out',
            tmp_path,
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    figures = json.loads(run.stdout.splitlines()[-1])
    assert len(figures['pilot']) == 64
    for adapter in ('cmd_vel', 'attitude_thrust'):
        one = figures[adapter]
        assert one['missions'] == one['same_outcome'] == 1
        assert one['largest_path_difference_m'] < 0.01
        assert one['successes'] in (0, 1) and 0.0 <= one['wilson_95'][0] < one['wilson_95'][1] <= 1
        assert (tmp_path / adapter / 'paths.png').stat().st_size > 1000
