"""The IMU samples between two frames as the one reading that the network sees."""

from __future__ import annotations

import numpy as np

from liquid_pilot.interfaces import ImuSample, ObservationError


def mean_imu(samples: tuple[ImuSample, ...]) -> np.ndarray:
    """(6,) float64 mean of gyroscope and accelerometer; ObservationError without a finite one."""
    if not samples:
        raise ObservationError(
            'imu: no sample has come since the last frame; check the topic imu/data'
        )
    rows = [(*s.angular_velocity_flu_rad_s, *s.specific_force_flu_m_s2) for s in samples]
    with np.errstate(over='ignore', invalid='ignore'):
        mean = np.array(rows, np.float64).mean(axis=0)
    if not np.isfinite(mean).all():
        raise ObservationError('imu: a sample is not finite; check the IMU driver')
    return mean
