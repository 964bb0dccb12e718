"""The benchmark of frames from driver to pilot runs, and prints a table of what was answered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.realtime
@pytest.mark.slow
def test_frames_are_answered_with_the_profile_for_vehicles():
    answer = subprocess.run(
        [sys.executable, ROOT / 'benchmarks' / 'frame_transport.py', '--quick'],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert answer.returncode == 0, answer.stderr
    *lines, last = answer.stdout.splitlines()
    rows = json.loads(last)['rows']
    kinds = {(row['transport'], row['profile']) for row in rows}
    assert kinds == {(t, p) for t in ('raw', 'compressed') for p in ('default', 'vehicle')}
    assert sum(line.startswith('| 640 x 480 ') for line in lines) == 4
    for row in rows:
        assert row['sent'] == 20
        if row['profile'] == 'vehicle':
            assert row['answered'] >= 16
