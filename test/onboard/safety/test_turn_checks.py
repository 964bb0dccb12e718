"""The gyroscope beside the commanded yaw rate: its sign, scale and delay."""

import numpy as np
import pytest

from liquid_pilot.onboard.safety.turn_checks import turn_findings, turn_response

PERIOD_S = 0.05


def turns(seed=0, seconds=20.0, delay_s=0.15, noise=0.1, time_constant_s=0.15):
    """Return a commanded yaw rate, and that of a vehicle which follows it."""
    rng = np.random.default_rng(seed)
    count = round(seconds / PERIOD_S)
    targets = rng.normal(0.0, 0.6, count // 10 + 1)
    commanded = np.repeat(targets, 10)[:count]
    measured, state = np.zeros(count), 0.0
    for k in range(count):
        cause = commanded[max(0, k - round(delay_s / PERIOD_S))]
        state += (cause - state) * PERIOD_S / time_constant_s
        measured[k] = state
    return commanded, measured + noise * rng.standard_normal(count)


@pytest.mark.parametrize('seed', range(10))
def test_a_vehicle_that_follows_passes(seed):
    commanded, measured = turns(seed)
    response = turn_response(commanded, measured, PERIOD_S)
    assert response.correlation > 0.8
    assert 0.1 <= response.delay_s <= 0.45
    assert 0.5 < response.gain < 1.2
    assert turn_findings(commanded, measured, PERIOD_S) == []


@pytest.mark.parametrize(
    ('scale', 'words'),
    [
        (-1.0, ['turns against the commanded yaw rate (correlation -0.']),
        (180 / np.pi, ['degrees/s: make the driver publish rad/s']),
        (-180 / np.pi, ['turns against', 'degrees/s']),
        (0.01745, ['make the driver publish rad/s, and the command as well']),
        (0.0, ['does not move']),
    ],
)
def test_a_wrong_sign_or_scale_is_named(scale, words):
    commanded, measured = turns()
    found = turn_findings(commanded, scale * measured, PERIOD_S)
    assert len(found) == len(words)
    for finding, part in zip(found, words, strict=True):
        assert part in finding.message
        assert finding.check == 'turn'


@pytest.mark.parametrize('seed', range(10))
def test_nothing_is_said_where_nothing_turns_or_nothing_belongs_together(seed):
    commanded, measured = turns(seed)
    assert turn_findings(0.01 * commanded, measured, PERIOD_S) == []
    _, other = turns(seed + 100)
    assert turn_findings(commanded, other, PERIOD_S) == []
    assert turn_findings(commanded, other * np.nan, PERIOD_S) == []
    assert turn_findings(commanded[:8], measured[:8], PERIOD_S) == []
