"""Whether IMU samples can be what they are taken for: SI units, axes forward, left, up.

Pure functions on arrays, for the samples of a bag and for those of a vehicle before and while it
moves. What they look at:

- `range_findings`: readings beyond those of any IMU, in any state of the vehicle
- `stamp_findings`: rate and order of the stamps
- `gravity_findings`: size and direction of the mean specific force, which at rest is gravity's
- `rest_findings`: all of these, noise and bias, of a vehicle at rest

`turn_checks` has what the gyroscope says while the vehicle turns.

Each returns findings, which say what was found and what to do, and none for a good IMU. Samples are
rows of angular velocity (rad/s) and specific force (m/s^2) in the body frame (FLU): at rest and
level, the accelerometer reads +9.81 on z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, STANDARD_GRAVITY_M_S2
from liquid_pilot.utils.settings import setting

FloatArray = npt.NDArray[np.float64]

_AXES = ('x', 'y', 'z')
_OTHER_UNITS = ((1.0, 'g'), (1000.0, 'thousandths of g'), (980.665, 'cm/s^2'))
"""Size of gravity in other units than m/s^2, and their names."""
_ABSENT_GRAVITY_M_S2 = 0.3
"""Mean specific force below which there is no gravity in it, m/s^2."""
_MIN_SAMPLES = 5
"""Number of samples below which nothing can be said about noise and rate."""


class ImuFinding(NamedTuple):
    """One reason why samples cannot be what they are taken for."""

    check: str
    """Name of the check, which does not change: 'samples', 'range', 'gravity', 'axes', 'rate',
    'stamps', 'noise', 'bias' or 'turn'."""
    message: str
    """What was found, and what to do, in one line."""


@dataclass(frozen=True)
class ImuLimits:
    """Limits of the checks."""

    max_angular_velocity_rad_s: float = setting(
        40.0, 'angular velocity above which a sample is not believed', 'rad/s', low=1.0, high=1e4
    )
    max_specific_force_m_s2: float = setting(
        400.0, 'specific force above which a sample is not believed', 'm/s^2', low=20.0, high=1e5
    )
    gravity_tolerance: float = setting(
        0.15, 'relative error of the size of gravity that is accepted at rest', low=0.01, high=0.9
    )
    max_tilt_deg: float = setting(
        40.0, 'tilt that is accepted at rest', 'degrees', low=1.0, high=89.0
    )
    max_gyro_bias_rad_s: float = setting(
        0.35, 'mean angular velocity that is accepted at rest', 'rad/s', low=0.001, high=10.0
    )
    max_gyro_noise_rad_s: float = setting(
        0.35, 'standard deviation of the gyroscope accepted at rest', 'rad/s', low=0.001, high=10.0
    )
    max_force_noise_m_s2: float = setting(
        4.0,
        'standard deviation of the accelerometer accepted at rest',
        'm/s^2',
        low=0.01,
        high=50.0,
    )
    min_rate_hz: float = setting(15.0, 'rate of samples that is needed', 'Hz', low=0.0, high=1000.0)
    min_turn_rad_s: float = setting(
        0.08,
        'standard deviation of the commanded yaw rate above which the measured one is compared',
        'rad/s',
        low=0.001,
        high=10.0,
    )
    max_turn_delay_s: float = setting(
        1.0, 'longest delay of the yaw rate behind its command', 's', low=0.0, high=10.0
    )
    max_opposite_correlation: float = setting(
        0.5,
        'correlation of the yaw rate with the opposite of the commanded one that is accepted',
        low=0.05,
        high=1.0,
    )


DEFAULT_LIMITS = ImuLimits()


def range_findings(samples: FloatArray, limits: ImuLimits = DEFAULT_LIMITS) -> list[ImuFinding]:
    """Return the readings that no IMU of a vehicle gives in the units that they should have.

    >>> range_findings(np.array([[0, 0, 114.6, 0, 0, 9.81]]))[0].message.partition(';')[0]
    'the gyroscope reads up to 114.6 rad/s'

    Args:
        samples: (n, 6) rad/s and m/s^2, body FLU.
        limits: the limits.
    """
    found = []
    unusable = int(np.count_nonzero(~np.isfinite(samples).all(axis=1)))
    if unusable:
        found.append(
            ImuFinding(
                'samples',
                f'{unusable} of {len(samples)} samples are not finite; look at the IMU driver',
            )
        )
    usable = samples[np.isfinite(samples).all(axis=1)]
    if not len(usable):
        return found
    rate, force = (float(np.abs(part).max()) for part in (usable[:, :3], usable[:, 3:]))
    if rate > limits.max_angular_velocity_rad_s:
        found.append(
            ImuFinding(
                'range',
                f'the gyroscope reads up to {rate:.4g} rad/s; is it in degrees/s? Make the driver '
                'publish rad/s',
            )
        )
    if force > limits.max_specific_force_m_s2:
        found.append(
            ImuFinding(
                'range',
                f'the accelerometer reads up to {force:.4g} m/s^2; make the driver publish m/s^2',
            )
        )
    return found


def gravity_findings(
    mean_force_m_s2: FloatArray, limits: ImuLimits = DEFAULT_LIMITS
) -> list[ImuFinding]:
    """Return what is wrong with the gravity in a mean specific force.

    >>> gravity_findings(np.array([0.0, 0.0, 9.8]))
    []
    >>> [finding.check for finding in gravity_findings(np.array([0.0, 0.0, -1.0]))]
    ['gravity', 'axes']

    Args:
        mean_force_m_s2: (3,) mean specific force of a vehicle that is at rest, or that does not
            gain speed over the time of the mean, m/s^2, body FLU.
        limits: the limits.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        size = float(np.linalg.norm(mean_force_m_s2))
    if not math.isfinite(size):
        return [ImuFinding('samples', 'the accelerometer is not finite; look at its driver')]
    if size < _ABSENT_GRAVITY_M_S2:
        return [
            ImuFinding(
                'gravity',
                f'the accelerometer reads {size:.3g} m/s^2, without gravity; switch it on, or '
                'publish the specific force, from which nothing is subtracted',
            )
        ]
    found = []
    if abs(size / STANDARD_GRAVITY_M_S2 - 1.0) > limits.gravity_tolerance:
        unit = next(
            (
                name
                for gravity, name in _OTHER_UNITS
                if abs(size / gravity - 1.0) <= limits.gravity_tolerance
            ),
            '',
        )
        guess = f'it is in {unit}; make' if unit else 'make'
        found.append(
            ImuFinding(
                'gravity',
                f'gravity is {size:.4g} m/s^2 instead of {STANDARD_GRAVITY_M_S2:.4g}; {guess} the '
                'driver publish m/s^2',
            )
        )
    upward = float(mean_force_m_s2[2]) / size
    if upward < math.cos(math.radians(limits.max_tilt_deg)):
        found.append(ImuFinding('axes', _axes_message(mean_force_m_s2, size)))
    return found


def _axes_message(mean_force_m_s2: FloatArray, size: float) -> str:
    """Return the message about a gravity that is not along z."""
    largest = int(np.argmax(np.abs(mean_force_m_s2)))
    sign = '+' if mean_force_m_s2[largest] > 0.0 else '-'
    text = f'gravity reads {mean_force_m_s2[largest]:+.2f} on {_AXES[largest]} instead of +z'
    if abs(float(mean_force_m_s2[largest])) < 0.9 * size:
        x, y, z = (float(value) for value in mean_force_m_s2)
        text = f'gravity reads ({x:.2f}, {y:.2f}, {z:.2f}) instead of (0, 0, +)'
    elif (sign, largest) == ('-', 2):
        text += ', as with axes forward, right, down'
    return f'{text}; rotate the axes to forward, left, up, or level the vehicle'


def rest_findings(
    stamps_ns: npt.NDArray[np.int64], samples: FloatArray, limits: ImuLimits = DEFAULT_LIMITS
) -> list[ImuFinding]:
    """Return what is wrong with the IMU of a vehicle that stands still, about level.

    >>> stamps_ns = np.arange(50) * 10_000_000
    >>> rest_findings(stamps_ns, np.tile([0.01, 0.0, 0.0, 0.1, 0.0, 9.8], (50, 1)))
    []

    Args:
        stamps_ns: (n,) stamps, ns, in the order of arrival.
        samples: (n, 6) rad/s and m/s^2, body FLU, of half a second or more.
        limits: the limits.
    """
    if len(samples) < _MIN_SAMPLES:
        return [
            ImuFinding(
                'samples', f'only {len(samples)} samples came; look at the driver of the IMU'
            )
        ]
    found = range_findings(samples, limits) + stamp_findings(stamps_ns, limits)
    usable = samples[np.isfinite(samples).all(axis=1)]
    if len(usable) < _MIN_SAMPLES:
        return found
    # Readings that are absurd overflow here, and have been found already.
    with np.errstate(over='ignore', invalid='ignore'):
        mean, deviation = usable.mean(axis=0), usable.std(axis=0)
    found += gravity_findings(mean[3:], limits)
    bias = float(np.abs(mean[:3]).max())
    gyro_noise, force_noise = float(deviation[:3].max()), float(deviation[3:].max())
    if bias > limits.max_gyro_bias_rad_s:
        found.append(
            ImuFinding(
                'bias',
                f'the gyroscope reads {bias:.3g} rad/s on average at rest; is it in degrees/s? '
                'Keep the vehicle still, calibrate the gyroscope, or make the driver publish rad/s',
            )
        )
    if gyro_noise > limits.max_gyro_noise_rad_s:
        found.append(
            ImuFinding(
                'noise',
                f'the gyroscope varies by {gyro_noise:.3g} rad/s at rest; is it in degrees/s? Keep '
                'the vehicle still, or make the driver publish rad/s',
            )
        )
    if force_noise > limits.max_force_noise_m_s2:
        found.append(
            ImuFinding(
                'noise',
                f'the accelerometer varies by {force_noise:.3g} m/s^2 at rest; keep the vehicle '
                'still, and mount the IMU so that it does not vibrate',
            )
        )
    return found


def stamp_findings(
    stamps_ns: npt.NDArray[np.int64], limits: ImuLimits = DEFAULT_LIMITS
) -> list[ImuFinding]:
    """Return what is wrong with rate and order of samples.

    Args:
        stamps_ns: (n,) stamps, ns, in the order of arrival.
        limits: the limits.
    """
    if len(stamps_ns) < 2:
        return []
    steps_s = np.diff(stamps_ns) / NANOSECONDS_PER_SECOND
    if not (steps_s > 0.0).any():
        return [
            ImuFinding('stamps', 'the stamps do not advance; make the driver stamp each sample')
        ]
    found = []
    backward = int(np.count_nonzero(steps_s < 0.0))
    if backward:
        found.append(
            ImuFinding(
                'stamps',
                f'the stamps go backward {backward} times; look for a second publisher, or a clock '
                'that is set',
            )
        )
    rate_hz = 1.0 / float(np.median(steps_s[steps_s > 0.0]))
    if rate_hz < limits.min_rate_hz:
        found.append(
            ImuFinding(
                'rate',
                f'{rate_hz:.3g} samples/s come, at least {limits.min_rate_hz:g} are needed; raise '
                'the rate of the IMU',
            )
        )
    return found
