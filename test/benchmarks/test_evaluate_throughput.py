"""The benchmark of throughput, made short: its last line is one JSON object that adds up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_throughput_is_below_its_bound():
    run = subprocess.run(
        [sys.executable, ROOT / 'benchmarks' / 'evaluate_throughput.py', '--quick'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    figures = json.loads(run.stdout.splitlines()[-1])
    assert (figures['missions'], figures['workers'], figures['ticks']) == (2, 1, 2 * 31)
    assert 0.0 < figures['share'] < 1.0
    assert figures['share'] == pytest.approx(
        figures['ticks_per_s'] / figures['render_bound_per_s'], abs=2e-3
    )
