"""The benchmark of what adapting costs runs, and says what it is expected to say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_it_says_time_and_memory():
    done = subprocess.run(
        [sys.executable, ROOT / 'benchmarks' / 'adaptation_cost.py', '--quick'],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    for gain in ('', 'estimated_'):
        assert -0.5 < figures[f'{gain}p50_growth'] < 5.0
    assert 2 * 4 * 3 * 72 * 128 < figures['memory_bytes'] < 2_000_000
    clock = figures['world_clock']
    assert clock['copies'] == 8
    # Stepping and judging all copies takes about a step of the core for each.
    assert 0.5 < clock['copies_over_core'] < 16.0
    assert clock['update_p50_us'] > clock['copies_p50_us'] > clock['core_p50_us'] > 0.0
    # No sensitivity is carried along.
    assert 4 * 3 * 72 * 128 < figures['estimated_memory_bytes'] < figures['memory_bytes']
