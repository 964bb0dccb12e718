"""The IMU samples between two frames, reduced to the one reading that the network sees."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import ImuSample, ObservationError


def mean_imu(samples: Sequence[ImuSample]) -> npt.NDArray[np.float64]:
    """Return the mean of IMU samples.

    Args:
        samples: the samples since the last frame.

    Returns:
        (6,) mean angular velocity (rad/s), then mean specific force (m/s^2), body FLU.

    Raises:
        ObservationError: there is no sample, or the mean is not finite.
    """
    if not samples:
        raise ObservationError(
            'imu: no sample has come since the last frame; check the topic imu/data'
        )
    rows = [(*s.angular_velocity_flu_rad_s, *s.specific_force_flu_m_s2) for s in samples]
    with np.errstate(over='ignore', invalid='ignore'):
        mean: npt.NDArray[np.float64] = np.array(rows, np.float64).mean(axis=0)
    # For six numbers this is faster than numpy.
    if not all(map(math.isfinite, mean.tolist())):
        raise ObservationError('imu: a sample is not finite; check the IMU driver')
    return mean
