"""The calibration of severities: it flies, and its fit finds known severities."""

import importlib.util
import sys

import pytest
from study_runs import ROOT, run_script


@pytest.mark.slow
def test_calibration_flies(tmp_path):
    closing = run_script(
        'benchmarks/conditions/calibrate_conditions.py',
        '--quick',
        '--workers',
        '1',
        '--out',
        tmp_path,
    )
    assert set(closing['noise']) == {'0.1', '0.8'}


@pytest.fixture(scope='module')
def calibration():
    path = ROOT / 'benchmarks' / 'conditions' / 'calibrate_conditions.py'
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
    exact = [3.0 * (1.0 / target - 1.0) ** 0.25 for target in calibration.TARGET_RELATIVE_SUCCESS]
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
