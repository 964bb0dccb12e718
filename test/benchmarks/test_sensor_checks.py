"""The benchmark that flies the conditions under the checks of the sensors runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_sensor_checks():
    answer = subprocess.run(
        [sys.executable, ROOT / 'benchmarks' / 'conditions' / 'sensor_checks.py', '--quick'],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found['tripped'] == []
    assert found['flights'] == 2 and found['ticks'] == 120
    assert found['least_texture'] > 0.1
