"""Errors of the simulated instruments: noise and bias of a consumer MEMS IMU, and wind gusts.

Numbers are of the order of the data sheets of the InvenSense ICM-20689 and Bosch BMI055 that
small autopilots carry, at an output rate of 100 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import ImuSample


@dataclass(frozen=True)
class ImuSettings:
    """Standard deviations of the white noise of a sample, and of the bias of a flight."""

    gyro_noise_rad_s: float = 0.004
    gyro_bias_rad_s: float = 0.006
    accelerometer_noise_m_s2: float = 0.06
    accelerometer_bias_m_s2: float = 0.05


class Imu:
    """The gyroscope and the accelerometer of one flight.

    Args:
        rng: source of bias and noise.
        settings: standard deviations; None: the default ones.
    """

    def __init__(self, rng: np.random.Generator, settings: ImuSettings | None = None) -> None:
        self._rng = rng
        s = settings or ImuSettings()
        self._noise = np.repeat([s.gyro_noise_rad_s, s.accelerometer_noise_m_s2], 3)
        bias = np.repeat([s.gyro_bias_rad_s, s.accelerometer_bias_m_s2], 3)
        self._bias = bias * rng.standard_normal(6)

    def read(self, stamp_ns: int, sensor_data: npt.NDArray[np.float64]) -> ImuSample:
        """Return a sample.

        Args:
            stamp_ns: reading of the clock, ns.
            sensor_data: (6,) true body rates (rad/s) and specific force (m/s^2), both FLU.
        """
        values = sensor_data + self._bias + self._noise * self._rng.standard_normal(6)
        gx, gy, gz, ax, ay, az = values.tolist()
        return ImuSample(stamp_ns, (gx, gy, gz), (ax, ay, az))


class Gusts:
    """Wind as an Ornstein-Uhlenbeck process about a mean that is drawn once per flight.

    Args:
        rng: source of the mean and of the gusts.
        step_s: time between two calls of `step`, s.
        mean_m_s: standard deviation of each horizontal component of the mean wind, m/s.
        sigma_m_s: standard deviation of the gusts about the mean, m/s.
        correlation_s: correlation time of the gusts, s.
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
        """Return the wind in the world frame (ENU), m/s, after one more step."""
        self._gust = self._decay * self._gust + self._kick * self._rng.standard_normal(3)
        east, north, up = (self._mean + self._gust).tolist()
        return east, north, up
