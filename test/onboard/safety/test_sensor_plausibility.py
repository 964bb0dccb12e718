"""Which IMU is believed in flight: readings, their repetition, gravity, and the sign of a turn."""

import math

import numpy as np
import pytest

from liquid_pilot.interfaces import ImuSample
from liquid_pilot.onboard.safety.sensor_plausibility import ImuPlausibility, TurnPlausibility

PERIOD_S = 0.05
GRAVITY = (0.0, 0.0, 9.81)


class Imu:
    """An IMU at 100 Hz, of which a check sees five samples in each tick."""

    def __init__(self, check):
        self.check, self.rng = check, np.random.default_rng(0)
        self.now_s = 0.0

    def tick(self, change=lambda gyro, force: (gyro, force), moving=True):
        samples = []
        for k in range(5):
            gyro = tuple(self.rng.normal(0.0, 0.1, 3).tolist())
            force = tuple(self.rng.normal(GRAVITY, 0.5).tolist())
            stamp_ns = round(1e9 * (self.now_s + 0.01 * k))
            samples.append(ImuSample(stamp_ns, *change(gyro, force)))
            self.check.add(samples[-1], self.now_s + 0.01 * k)
        self.now_s += PERIOD_S
        return self.check.update(samples, self.now_s, moving)

    def fly(self, seconds, *change, **how):
        return [self.tick(*change, **how) for _ in range(round(seconds / PERIOD_S))]


@pytest.fixture
def imu():
    made = Imu(ImuPlausibility())
    assert not any(made.fly(3.0))
    return made


def reads(gyro=None, force=None):
    return lambda g, f: (g if gyro is None else gyro, f if force is None else force)


FAULTS = {
    'gyro 100': (reads(gyro=(0.0, 0.0, 100.0)), 'up to 100 rad/s', 0.0),
    'gyro -1e30': (reads(gyro=(-1e30, 0.0, 0.0)), 'up to 1e+30 rad/s', 0.0),
    'gyro 1e308': (reads(gyro=(1e308,) * 3), 'up to 1e+308 rad/s', 0.0),
    'force 2000': (reads(force=(0.0, 2000.0, 0.0)), 'up to 2000 m/s^2', 0.0),
    'force -1e30': (reads(force=(0.0, 0.0, -1e30)), 'up to 1e+30 m/s^2', 0.0),
    'turns for ever': (
        lambda g, f: ((g[0], g[1], g[2] + 20.0), f),
        'more than 8 rad/s on average',
        1.0,
    ),
    'no gravity': (reads(force=(0.0, 0.0, 0.0)), 'without gravity', 1.7),
    'in g': (lambda g, f: (g, tuple(v / 9.81 for v in f)), 'in g', 1.7),
    'down': (
        lambda g, f: ((g[0], -g[1], -g[2]), (f[0], -f[1], -f[2])),
        'forward, right, down',
        1.7,
    ),
    'frozen': (reads((0.1, 0.0, 0.0), (0.1, 0.2, 9.8)), 'repeat to the last bit', 0.6),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_an_absurd_imu_is_not_believed_and_recovers(imu, fault):
    change, words, limit_s = FAULTS[fault]
    said = imu.fly(4.0, change)
    first = next(k for k, text in enumerate(said) if text)
    assert first * PERIOD_S <= limit_s + 1e-9
    assert all(text.startswith('imu: ') and words in text and ';' in text for text in said[first:])
    good = imu.fly(4.0)
    assert all(good[:9])
    assert not any(good[60:])


def test_a_single_absurd_sample_costs_one_tick(imu):
    assert imu.tick(reads(gyro=(1e30, 0.0, 0.0)))
    assert not any(imu.fly(1.0))


def test_samples_that_are_not_finite_are_left_to_the_engine(imu):
    assert not imu.tick(reads(gyro=(math.nan, 0.0, 0.0)))
    assert not imu.tick(reads(force=(math.inf, 0.0, 0.0)))


def test_a_vehicle_that_is_not_flown_may_stand_on_a_ground_without_noise(imu):
    still = reads((0.0, 0.0, 0.0), GRAVITY)
    assert not any(imu.fly(10.0, still, moving=False))
    assert imu.fly(1.0, still, moving=True)[-1]
    # A fault lasts, although the guard has stopped the vehicle.
    assert all(imu.fly(5.0, still, moving=False))
    assert not any(imu.fly(2.0)[15:])


def test_an_imu_that_is_slower_than_the_camera_does_not_repeat(imu):
    sample = ImuSample(10**12, (0.1, 0.0, 0.0), GRAVITY)
    assert not any(imu.check.update([sample], imu.now_s + 0.05 * k) for k in range(40))


def test_hard_manoeuvres_are_believed(imu):
    def change(gyro, force):
        swing = math.sin(3.0 * imu.now_s)
        return (gyro[0] + 5.0 * swing, gyro[1], gyro[2] + 3.0), (6.0 * swing, 4.0, force[2])

    assert not any(imu.fly(20.0, change))


def test_at_rest_every_problem_is_one_line(imu):
    assert imu.check.rest_problems(imu.now_s) == []
    imu.fly(1.5, lambda g, f: (tuple(57.3 * v + 1.0 for v in g), (f[0], -f[1], -f[2] / 9.81)))
    problems = imu.check.rest_problems(imu.now_s)
    assert len(problems) >= 4
    assert all('\n' not in text and ';' in text for text in problems)
    assert 'only 0 samples' in imu.check.rest_problems(imu.now_s + 5.0)[0]


def test_after_a_flight_it_may_still_turn_but_units_and_axes_count(imu):
    imu.fly(1.5, lambda g, f: ((g[0], g[1], g[2] + 1.0), (f[0] + 5.0, f[1], f[2])))
    assert len(imu.check.rest_problems(imu.now_s)) == 1
    assert imu.check.rest_problems(imu.now_s, flew=True) == []
    imu.fly(1.5, lambda g, f: (tuple(v + 20.0 for v in g), (f[0], f[1], -f[2])))
    axes, bias = imu.check.rest_problems(imu.now_s, flew=True)
    assert 'forward, right, down' in axes and 'degrees/s' in bias


class Turning:
    """A vehicle whose yaw rate follows its command after a lag."""

    def __init__(self, sign=1.0, scale=1.0, amplitude=0.5):
        self.check = TurnPlausibility()
        self.sign, self.scale, self.amplitude = sign, scale, amplitude
        self.rng = np.random.default_rng(0)
        self.now_s = self.rate = self.wanted = 0.0

    def fly(self, seconds):
        said = ''
        for _ in range(round(seconds / PERIOD_S)):
            self.now_s += PERIOD_S
            self.wanted += 0.1 * (self.amplitude * self.rng.normal(0.0, 2.0) - self.wanted)
            self.rate += 0.3 * (self.wanted - self.rate)
            measured = self.sign * self.scale * self.rate + self.rng.normal(0.0, 0.02)
            said = self.check.update(self.now_s, self.wanted, measured)
        return said


def test_a_turn_as_commanded_is_believed():
    for scale in (0.5, 1.0, 2.0):
        assert not Turning(scale=scale).fly(60.0)


def test_a_turn_against_the_command_is_a_fault_until_a_reset():
    vehicle = Turning(sign=-1.0)
    assert not vehicle.fly(5.5)
    said = vehicle.fly(8.0)
    assert 'turns against the commanded yaw rate' in said and 'pilot/reset' in said
    vehicle.sign = 1.0
    assert vehicle.fly(20.0) == said
    vehicle.check.reset()
    assert not vehicle.fly(20.0)


def test_a_gyroscope_in_degrees_is_a_fault():
    assert 'degrees/s' in Turning(scale=57.3).fly(14.0)


def test_too_little_turning_says_nothing():
    assert not Turning(sign=-1.0, amplitude=0.05).fly(60.0)


def test_after_a_pause_the_comparison_begins_anew():
    vehicle = Turning(sign=-1.0)
    for _ in range(10):
        assert not vehicle.fly(5.5)
        vehicle.now_s += 2.0
    for _ in range(10):
        assert not vehicle.fly(5.5)
        vehicle.check.restart()
