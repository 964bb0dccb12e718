"""Units and axes of an IMU at rest: each wrong one is named, and good ones of all kinds pass."""

import re

import numpy as np
import pytest

from liquid_pilot.onboard.safety.imu_checks import (
    ImuLimits,
    gravity_findings,
    range_findings,
    rest_findings,
    stamp_findings,
)

DEGREES = 180.0 / np.pi


def at_rest(count=100, rate_hz=100.0, seed=0, tilt_deg=0.0, gyro_noise=0.005, bias=0.01):
    """Return stamps and samples of a good IMU at rest."""
    rng = np.random.default_rng(seed)
    tilt = np.radians(tilt_deg)
    samples = np.zeros((count, 6))
    samples[:, :3] = bias + gyro_noise * rng.standard_normal((count, 3))
    samples[:, 3:] = 9.81 * np.array([-np.sin(tilt), 0.0, np.cos(tilt)])
    samples[:, 3:] += 0.05 * rng.standard_normal((count, 3))
    return np.arange(count) * round(1e9 / rate_hz), samples


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'rate_hz': 25.0},
        {'tilt_deg': 30.0},
        {'tilt_deg': -30.0},
        {'gyro_noise': 0.2},
        {'gyro_noise': 0.0, 'bias': 0.0},
        {'bias': 0.09},
    ],
)
def test_a_good_imu_passes(changes):
    assert rest_findings(*at_rest(**changes)) == []


@pytest.mark.parametrize(
    ('change', 'check', 'words'),
    [
        (lambda s: s[:, 3:].__imul__(1 / 9.80665), 'gravity', 'it is in g; make the driver'),
        (lambda s: s[:, 3:].__imul__(1000 / 9.80665), 'gravity', 'thousandths of g'),
        (lambda s: s[:, 3:].__imul__(0.5), 'gravity', r'4\.9\d* m/s\^2 instead of 9.807; make'),
        (lambda s: s[:, 3:].__imul__(0.0), 'gravity', 'without gravity'),
        (lambda s: s[:, 5].__isub__(9.81), 'gravity', 'without gravity'),
        (lambda s: s[:, 4:].__imul__(-1.0), 'axes', '-9.8. on z .*forward, right, down'),
        (lambda s: s[:, 3:].__setitem__(slice(None), s[:, [5, 3, 4]].copy()), 'axes', r'9.8. on x'),
        (
            lambda s: s[:, 3:].__setitem__(slice(None), [6.9, 0.0, 6.9]),
            'axes',
            r'\(6.90, 0.00, 6.90\)',
        ),
        (lambda s: s[:, :3].__iadd__(1.2), 'bias', r'1.21 rad/s on average .*degrees/s'),
        (
            lambda s: s[:, :3].__iadd__(np.random.default_rng(1).normal(0, 0.8, (len(s), 3))),
            'noise',
            'gyroscope varies',
        ),
        (
            lambda s: s[:, 3:].__iadd__(np.random.default_rng(1).normal(0, 8.0, (len(s), 3))),
            'noise',
            'accelerometer varies',
        ),
        (lambda s: s[:, 2].__iadd__(114.6), 'range', r'up to 114.* rad/s; is it in degrees/s'),
        (lambda s: s[:, 3:].__imul__(1e30), 'range', r'up to 9\.\d*e\+30 m/s\^2'),
        (lambda s: s[:, 3:].__imul__(1e300), 'range', r'e\+300 m/s\^2'),
        (lambda s: s[7].__imul__(np.nan), 'samples', '1 of 100 samples are not finite'),
        (lambda s: s.__imul__(np.nan), 'samples', '100 of 100 samples are not finite'),
    ],
)
def test_a_wrong_imu_is_named(change, check, words):
    stamps_ns, samples = at_rest()
    change(samples)
    found = rest_findings(stamps_ns, samples)
    messages = [finding.message for finding in found if finding.check == check]
    assert messages, found
    assert all(';' in message for message in messages), 'what to do is said'
    assert any(re.search(words, message) for message in messages), messages


def test_rate_and_order_of_the_stamps_are_looked_at():
    stamps_ns, samples = at_rest(rate_hz=10.0)
    assert [found.check for found in rest_findings(stamps_ns, samples)] == ['rate']
    stamps_ns, samples = at_rest()
    assert 'do not advance' in rest_findings(stamps_ns * 0, samples)[0].message
    shuffled = stamps_ns.copy()
    shuffled[[20, 21, 60, 61]] = shuffled[[21, 20, 61, 60]]
    assert 'backward 2 times' in stamp_findings(shuffled)[0].message
    assert 'only 3 samples' in rest_findings(stamps_ns[:3], samples[:3])[0].message


def test_the_limits_count():
    stamps_ns, samples = at_rest(tilt_deg=30.0)
    assert rest_findings(stamps_ns, samples, ImuLimits(max_tilt_deg=20.0))[0].check == 'axes'
    assert gravity_findings(np.array([0.0, 0.0, 12.0]), ImuLimits(gravity_tolerance=0.3)) == []
    assert range_findings(np.full((1, 6), 5.0), ImuLimits(max_angular_velocity_rad_s=4.0))
