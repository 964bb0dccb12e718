"""The benchmark of the dashboard's load runs, and its figures are of the right kind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / 'benchmarks/explanation/dashboard_load.py'


@pytest.mark.slow
@pytest.mark.realtime
def test_the_load_of_three_pages_is_measured():
    done = subprocess.run(
        [sys.executable, str(PROGRAM), '--quick'], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert min(found['frames'].values()) > 10 and found['memory_mb'] > 50
    assert set(found['frames']) == {'none', 'idle', 'pages'}
    assert 0.2 < found['latency_p50_ms']['pages_to_none'][0] < 5.0
