"""The studies of robustness in small: every step of them, on a tiny scale."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, *arguments: str, root: Path = ROOT) -> dict:
    done = subprocess.run(
        [sys.executable, str(root / 'benchmarks' / script), *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_record_is_made_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    # In a copy, which keeps its runs to itself.
    shutil.copytree(
        ROOT / 'benchmarks' / 'robustness',
        tmp_path / 'benchmarks' / 'robustness',
        ignore=shutil.ignore_patterns('pilots', 'flights'),
    )
    for shared in ('studies.py', 'figures.py'):
        shutil.copy(ROOT / 'benchmarks' / shared, tmp_path / 'benchmarks')
    closing = run('robustness/run.py', '--smoke', root=tmp_path)
    assert (closing['flown'], closing['missing']) == (4, 0)
    assert closing['throughput']['ticks_per_s'] > 0
    work = tmp_path / 'runs' / 'robustness-smoke'
    text = (work / 'robustness.md').read_text()
    assert 'All missions are flown.' in text
    assert '| condition | ltc_ncp | feedforward |' in text
    content = json.loads((work / 'robustness.json').read_text())
    assert {cell['missions'] for cell in content['cells']} == {1}
    assert [test['other'] for test in content['tests']] == ['feedforward-plain'] * 2
    assert (work / 'images' / 'robustness.png').stat().st_size > 1000
    # One encoder serves both cores.
    pilots = [work / 'pilots' / f'{name}-plain-1' for name in ('ltc_ncp', 'feedforward')]
    assert len({(pilot / 'encoder.onnx').read_bytes() for pilot in pilots}) == 1

    again = run('robustness/run.py', '--smoke', root=tmp_path)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('flown', 'missing', 'report')},
    }


def test_the_study_of_adaptation_is_flown_and_written_down_from_nothing(tmp_path):
    for part in ('benchmarks/adaptation', 'benchmarks/robustness/pilots/ltc_ncp-plain-1', 'config'):
        shutil.copytree(
            ROOT / part,
            tmp_path / part,
            ignore=shutil.ignore_patterns('flights', '*.json')
            if part.endswith('adaptation')
            else None,
        )
    for shared in ('studies.py', 'figures.py'):
        shutil.copy(ROOT / 'benchmarks' / shared, tmp_path / 'benchmarks')
    shutil.rmtree(tmp_path / 'benchmarks' / 'adaptation' / 'pilots', ignore_errors=True)
    closing = run('adaptation/run.py', '--smoke', '--workers', '1', root=tmp_path)
    assert (closing['flown'], closing['missing']) == (14, 0)
    assert closing['fixed'] == 'study:fixed:0.5,false'
    work = tmp_path / 'runs' / 'adaptation-smoke'
    content = json.loads((work / 'adaptation.json').read_text())
    assert set(content['conditions']) == {'noise', 'rate', 'two_legs', 'rain'}
    cell = content['conditions']['noise']['all']
    assert cell['missions'] == 1 and cell['successes'] in (0, 1)
    assert content['comparisons'] == 6 + 2 + 1 + 1
    assert [row['condition'] for row in content['schedule']['phases']] == [
        'clear',
        'noise:5',
        'clear',
    ]
    assert content['schedule']['hours'][0]['flown_s'] >= 5.0
    assert set(content['grid']['scaled']['all_neurons']) >= {'1', '4'}
    assert content['sealed_mean_gain']['pairs'] == 1
    text = (work / 'evidence.md').read_text()
    assert 'All missions are flown.' in text and '## Elapsed time' in text
    for name in ('adaptation_study', 'elapsed_time', 'memory_courses'):
        assert (work / 'images' / f'{name}.png').stat().st_size > 1000


def test_calibration_flies(tmp_path):
    closing = run('calibrate_conditions.py', '--quick', '--workers', '1', '--out', str(tmp_path))
    assert set(closing['noise']) == {'0.1', '0.8'}


@pytest.fixture(scope='module')
def calibration():
    path = ROOT / 'benchmarks' / 'calibrate_conditions.py'
    spec = importlib.util.spec_from_file_location('calibrate_conditions', path)
    module = importlib.util.module_from_spec(spec)
    # Where its dataclasses look for it.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_severities_are_where_the_fitted_success_crosses_the_targets(calibration):
    rates = {
        strength: (round(1000 * 0.9 / (1.0 + (strength / 3.0) ** 4)), 1000)
        for strength in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    }
    values, lost = calibration.severities(rates, 0.9, 10.0)
    exact = [3.0 * (1.0 / target - 1.0) ** 0.25 for target in calibration.TARGETS]
    assert values == pytest.approx(exact, rel=0.05)
    assert lost


def test_a_rate_that_is_off_by_chance_does_not_make_a_severity(calibration):
    rates = {0.0: (8, 8), 0.5: (7, 8), 1.0: (8, 8), 2.0: (8, 8), 4.0: (1, 8), 3.0: (6, 12)}
    values, _ = calibration.severities(rates, 1.0, 10.0)
    assert values == sorted(values)
    assert 1.2 < values[0] < 3.0 < values[4] < 5.0


def test_what_the_pilot_survives_ends_at_the_end_of_the_range(calibration):
    values, lost = calibration.severities({0.0: (10, 10), 0.5: (9, 10), 1.0: (6, 10)}, 1.0, 1.0)
    assert not lost
    assert values[-1] == 1.0 and values == sorted(values)
    assert calibration.severities({0.0: (9, 9), 1.0: (9, 9)}, 1.0, 1.0) == (
        [0.2, 0.4, 0.6, 0.8, 1.0],
        False,
    )
