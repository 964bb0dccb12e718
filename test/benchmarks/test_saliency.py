"""The benchmarks of saliency maps run, and say what they are expected to say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from liquid_pilot.explanation.pixels import METHODS

FOLDER = Path(__file__).resolve().parents[2] / 'benchmarks' / 'explanation'


def run(script, *options):
    done = subprocess.run(
        [sys.executable, FOLDER / script, *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_cost_of_every_method_is_said():
    _, figures = run('saliency_cost.py', '--quick')
    for kind in ('cpu_ms', 'wall_ms'):
        assert set(figures[kind]) == {'features', *METHODS}
        assert all(0.0 < each < 5000.0 for each in figures[kind].values())


@pytest.mark.slow
def test_the_table_has_every_score_with_its_interval():
    options = ('forest-ltc', '--missions', '2', '--every', '60', '--methods', 'visual_backprop')
    text, results = run('saliency_table.py', *options)
    found = results['forest-ltc']
    assert list(found) == [
        'random',
        'random, yaw rate',
        'visual_backprop',
        'visual_backprop, yaw rate',
    ]
    assert all(low <= mean <= high for mean, low, high in found['visual_backprop'].values())
    assert 'visual_backprop, yaw rate  ' in text and 'goal share' in text
