"""Blind pictures and absurd IMUs, valid in every byte: the pilot says why and stops, then flies on.

Real pilot and guard as processes, over DDS; the rig is camera and IMU.
"""

import re

import numpy as np
import pytest
from flight_rig import PERIOD_S, RNG, SAFE, TIMEOUT_S, picture

from liquid_pilot.onboard.perception.picture_checks import PictureLimits
from liquid_pilot.onboard.safety.sensor_plausibility import ImuFlightLimits

pytestmark = [pytest.mark.realtime, pytest.mark.slow]
BLIND_S = PictureLimits().max_blind_s
FROZEN_S = PictureLimits().max_frozen_picture_s
FROZEN_IMU_S = ImuFlightLimits().max_frozen_imu_s
SLACK_S = 0.5


def uniform(level):
    return lambda: picture(np.full((72, 128, 3), level, np.uint8))


def dark():
    """What a camera sends of a covered lens: black, with the noise of its gain."""
    return picture(np.abs(RNG.normal(0.0, 6.0, (72, 128, 3))).clip(0, 255).astype(np.uint8))


def white_noise():
    return picture(RNG.integers(0, 256, (72, 128, 3), dtype=np.uint8))


def frozen():
    still = picture(
        np.random.default_rng(5)
        .integers(0, 256, (9, 16, 3))
        .repeat(8, 0)
        .repeat(8, 1)
        .astype(np.uint8)
    )
    return lambda: still


def reads(gyro=None, force=None):
    """An IMU whose every axis reads that, where given."""
    return lambda g, f: (
        g if gyro is None else (gyro,) * 3,
        f if force is None else (force,) * 3,
    )


def turning(gyro, force):
    return (*gyro[:2], gyro[2] + 0.3), force


FAULTS = {
    'black': ({'image': uniform(0)}, 'picture: it has shown nothing', BLIND_S),
    'white': ({'image': uniform(255)}, 'picture: it has shown nothing', BLIND_S),
    'grey': ({'image': uniform(128)}, 'picture: it has shown nothing', BLIND_S),
    'dark noise': ({'image': dark}, 'picture: it has been noise', BLIND_S),
    'white noise': ({'image': white_noise}, 'picture: it has been noise', BLIND_S),
    'frozen picture': (
        {'image': frozen(), 'imu': turning},
        'picture: it stays the same under new stamps',
        FROZEN_S + 0.5,
    ),
    'gyro 100': ({'imu': reads(gyro=100.0)}, 'imu: the gyroscope reads up to 100 rad/s', 0.0),
    'gyro 1e30': ({'imu': reads(gyro=1e30)}, r'imu: the gyroscope reads up to 1e\+30', 0.0),
    'gyro -1e300': ({'imu': reads(gyro=-1e300)}, r'imu: the gyroscope reads up to 1e\+300', 0.0),
    'gyro 20': ({'imu': reads(gyro=20.0)}, 'imu: the gyroscope reads more than 8 rad/s', 1.0),
    'force 0': ({'imu': reads(force=0.0)}, r'imu: the accelerometer reads .* without gravity', 1.7),
    'force 2000': ({'imu': reads(force=2e3)}, 'imu: the accelerometer reads up to 2000', 0.0),
    'force 1e30': ({'imu': reads(force=1e30)}, r'imu: the accelerometer reads up to 1e\+30', 0.0),
    'force in g': (
        {'imu': lambda g, f: (g, tuple(value / 9.81 for value in f))},
        'imu: gravity is .* it is in g',
        1.5,
    ),
    'axes down': (
        {'imu': lambda g, f: ((g[0], -g[1], -g[2]), (f[0], -f[1], -f[2]))},
        'imu: gravity reads .* as with axes forward, right, down',
        1.5,
    ),
    'frozen IMU': (
        {'imu': lambda g, f: ((0.01, 0.02, 0.03), (0.1, 0.0, 9.8))},
        'imu: its readings repeat',
        FROZEN_IMU_S,
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_fault_is_named_and_the_guard_gives_the_safe_command(flying, fault):
    inputs, words, hold_s = FAULTS[fault]
    # On a busy machine another problem may begin and end meanwhile.
    its_end = f'{words.partition(":")[0]}: recovered after'
    ends_logged = flying.pilot.output.count(its_end)
    flying.fly(hold_s + TIMEOUT_S + 2.0, **inputs)
    assert flying.last_live() < hold_s + PERIOD_S + SLACK_S
    after = [
        command.values
        for at, command in flying.outputs
        if at - flying.began_s > hold_s + TIMEOUT_S + 2 * PERIOD_S + SLACK_S
    ]
    assert len(after) > 5
    assert set(after) == {SAFE}
    assert re.search(words, flying.problems('pilot')), flying.problems('pilot')
    assert flying.said['/pilot'][-1].values['state'] == 'rejecting'
    assert 'safe command' in flying.problems('guard')
    assert re.search(words, flying.pilot.output)
    assert flying.settle(), 'did not fly on'
    # A problem that comes back before its end is logged would not be logged by the next test.
    for _ in range(40):
        if flying.pilot.output.count(its_end) > ends_logged:
            break
        flying.fly(0.25)
    else:
        raise AssertionError(f'its end is not logged: {flying.pilot.output}')
    # What was said until then may be heard later.
    flying.fly(1.2)
    assert not flying.problems('pilot')


UNITS = {
    'g': (lambda g, f: (g, tuple(value / 9.81 for value in f)), 'imu: gravity is .* it is in g'),
    'axes down': (
        lambda g, f: ((g[0], -g[1], -g[2]), (f[0], -f[1], -f[2])),
        'imu: gravity reads -9.8. on z .* as with axes forward, right, down',
    ),
    'degrees': (
        lambda g, f: (tuple(57.3 * value + 0.5 for value in g), f),
        'imu: the gyroscope reads .* on average at rest; is it in degrees/s',
    ),
    'zeros': (lambda g, f: ((0.0,) * 3, (0.0,) * 3), 'imu: the accelerometer reads 0 .* gravity'),
    'on its side': (lambda g, f: (g, (f[2], f[1], f[0])), r'imu: gravity reads \+9.8. on x'),
}


@pytest.mark.parametrize('fault', UNITS)
def test_engaging_is_refused_while_the_imu_has_other_units_or_axes(rig, fault):
    change, words = UNITS[fault]
    rig.engage(False)
    # For three seconds after a flight, and until the guard has reported its end, the vehicle may
    # still move; then the samples of one second are judged.
    rig.fly(5.5, imu=change)
    refused = rig.engage()
    assert not refused.success
    assert re.search(words, refused.message), refused.message
    assert all(command.values == SAFE for _, command in rig.outputs)
    # Right again, it engages; the last report of the pilot may be a second old.
    rig.take_off()
