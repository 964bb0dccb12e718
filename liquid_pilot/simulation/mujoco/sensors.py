"""What the simulated instruments add to the truth: noise and bias of a consumer MEMS IMU.

Figures are of the order of the data sheets of the InvenSense ICM-20689 and Bosch BMI055 that
small autopilots carry, at a 100 Hz output rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import ImuSample


@dataclass(frozen=True)
class ImuSettings:
    """Standard deviations: white noise of each sample, and a bias drawn once a flight."""

    gyro_noise_rad_s: float = 0.004
    gyro_bias_rad_s: float = 0.006
    accelerometer_noise_m_s2: float = 0.06
    accelerometer_bias_m_s2: float = 0.05


class Imu:
    """Gyroscope and accelerometer of one flight; all randomness from the generator given."""

    def __init__(self, rng: np.random.Generator, settings: ImuSettings | None = None) -> None:
        self._rng = rng
        s = settings or ImuSettings()
        self._noise = np.repeat([s.gyro_noise_rad_s, s.accelerometer_noise_m_s2], 3)
        bias = np.repeat([s.gyro_bias_rad_s, s.accelerometer_bias_m_s2], 3)
        self._bias = bias * rng.standard_normal(6)

    def read(self, stamp_ns: int, sensor_data: np.ndarray) -> ImuSample:
        """Sample from (6,) true body rates in rad/s and specific force in m/s^2, both FLU."""
        values = sensor_data + self._bias + self._noise * self._rng.standard_normal(6)
        gx, gy, gz, ax, ay, az = values.tolist()
        return ImuSample(stamp_ns, (gx, gy, gz), (ax, ay, az))


class Gusts:
    """Wind as an Ornstein-Uhlenbeck process about a mean that is drawn once a flight.

    Args:
        rng: the source of all its randomness.
        step_s: time between two calls of `step`.
        mean_m_s: standard deviation of each horizontal component of the mean wind.
        sigma_m_s: standard deviation of the gusts about it.
        correlation_s: their correlation time.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        step_s: float,
        mean_m_s: float = 0.3,
        sigma_m_s: float = 0.4,
        correlation_s: float = 1.5,
    ) -> None:
        self._rng = rng
        self._mean = mean_m_s * rng.standard_normal(3) * (1.0, 1.0, 0.0)
        self._decay = float(np.exp(-step_s / correlation_s))
        self._kick = sigma_m_s * float(np.sqrt(1.0 - self._decay**2)) * np.array([1.0, 1.0, 0.4])
        self._gust = np.zeros(3)

    def step(self) -> tuple[float, float, float]:
        """Wind in the world frame (ENU), m/s, one step later."""
        self._gust = self._decay * self._gust + self._kick * self._rng.standard_normal(3)
        east, north, up = (self._mean + self._gust).tolist()
        return east, north, up
