"""Estimation of a car's friction ratio from its commands, gyroscope and accelerometer.

A bank of single-track models, each with another ratio of the friction of a dry road, is driven by
the commands of the flight. Each is weighted by how well it predicts yaw rate and side force: a
static multiple-model estimator (Bar-Shalom, Li and Kirubarajan 2001, 'Estimation with Applications
to Tracking and Navigation', 11.6.2). A car whose tyres slide turns otherwise than it is steered,
and it does so well before it leaves the road.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    STANDARD_GRAVITY_M_S2,
    ImuSample,
    VehicleLimits,
)
from liquid_pilot.onboard.vehicles.action_scaling import yaw_rate_to_curvature
from liquid_pilot.onboard.vehicles.car_model import CarModel

FRICTION_RATIOS = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Ratio to the friction of a dry road, of each model."""
_INTEGRATION_STEP_S = 0.01
_MAX_GAP_S = 0.5
"""Longest gap between IMU samples that the models are integrated over, s. After a longer one they
start from rest in yaw and side slip."""
_MAX_RESIDUAL = 30.0
"""Bound of residuals (rad/s, m/s^2) and lateral speeds (m/s), whatever an IMU reports."""


@dataclass(frozen=True)
class FrictionEstimatorSettings:
    """Settings of the estimator."""

    yaw_rate_sigma_rad_s: float = 0.05
    """Standard deviation of the models' own yaw-rate error, rad/s. The error comes from lean,
    slopes and load; that of an IMU is small beside it."""
    lateral_sigma_m_s2: float = 0.8
    """Standard deviation of the models' own error of the lateral specific force, m/s^2."""
    min_speed_m_s: float = 2.0
    """Speed below which residuals do not count, since slow tyres say nothing of friction, m/s."""
    residual_correlation_s: float = 0.1
    """Time over which residuals count as one observation, s."""
    yaw_rate_correction_1_s: float = 3.0
    """Rate at which a model's yaw rate is corrected towards the measured one, 1/s."""
    max_log_likelihood_ratio: float = 8.0
    """Bound of the log-likelihood ratio of the best model to any other, so that each can recover
    in time."""
    dry_log_prior: float = 5.0
    """Log-prior of the dry model over the most slippery one."""
    prior_time_constant_s: float = 30.0
    """Time constant of the decay of the likelihoods to the prior, s."""


class FrictionState(NamedTuple):
    """The state of the estimator; K models."""

    stamp_ns: int | None
    """Stamp of the last IMU sample; None before the first."""
    speed_m_s: float
    """Forward speed that the speed controller should have reached, m/s."""
    steering_rad: float
    """Steering angle that the steering servo should have reached, rad."""
    lateral_speed_m_s: tuple[float, ...]
    """(K,) lateral speed of each model, left positive, m/s."""
    yaw_rate_rad_s: tuple[float, ...]
    """(K,) yaw rate of each model, rad/s."""
    log_likelihood: npt.NDArray[np.float64]
    """(K,) logarithm of the likelihood of each model, relative to the best one."""
    last_command: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """The last command within the guard's limits: forward, left, up (m/s), yaw rate (rad/s)."""

    @property
    def friction_ratio(self) -> float:
        """The ratio to the friction of a dry road, in (0, 1]: the models' weighted mean."""
        weights = np.exp(self.log_likelihood)
        return float(weights @ FRICTION_RATIOS / weights.sum())


class FrictionStage(Protocol):
    """The stage of the engine that estimates friction; a state of None means no estimate."""

    def initial_state(self) -> FrictionState | None:
        """Return the state at rest."""
        ...

    def update(
        self, state: FrictionState | None, samples: Sequence[ImuSample]
    ) -> FrictionState | None:
        """Return the state after the newest IMU samples; see `FrictionEstimator.update`."""
        ...

    def with_command(
        self, state: FrictionState | None, values: Sequence[float], dt_s: float
    ) -> FrictionState | None:
        """Return the state with the command that was sent; see `FrictionEstimator.with_command`."""
        ...


class NoFrictionEstimate:
    """The stage of a vehicle whose friction is not estimated: its state is None throughout."""

    def initial_state(self) -> None:
        """Return None: there is no state."""

    def update(self, state: FrictionState | None, samples: Sequence[ImuSample]) -> None:
        """Return None: there is no state; see `FrictionEstimator.update`."""

    def with_command(
        self, state: FrictionState | None, values: Sequence[float], dt_s: float
    ) -> None:
        """Return None: there is no state; see `FrictionEstimator.with_command`."""


class FrictionEstimator:
    """The estimator of one car; its state is passed in and out.

    Args:
        car_model: the car on a dry road.
        limits: limits of the guard, within which commands reach the car.
        settings: settings of the estimator; None for the defaults.
    """

    def __init__(
        self,
        car_model: CarModel,
        limits: VehicleLimits,
        settings: FrictionEstimatorSettings | None = None,
    ) -> None:
        self._car_model, self.settings = car_model, settings or FrictionEstimatorSettings()
        self._log_prior = (
            self.settings.dry_log_prior
            * (np.array(FRICTION_RATIOS) - 1.0)
            / (1.0 - FRICTION_RATIOS[-1])
        )
        self._limits = limits

    def initial_state(self) -> FrictionState:
        """Return the state at rest, with the likelihoods of the prior."""
        zeros = (0.0,) * len(FRICTION_RATIOS)
        return FrictionState(None, 0.0, 0.0, zeros, zeros, self._log_prior)

    def update(self, state: FrictionState | None, samples: Sequence[ImuSample]) -> FrictionState:
        """Return the state after the IMU samples since the last command.

        Args:
            state: the last state; None for the initial one.
            samples: the IMU samples; one that is not newer than those before it is ignored.
        """
        state = state or self.initial_state()
        target_rad = self._car_model.steering_for_curvature_rad(
            yaw_rate_to_curvature(state.last_command[3], state.last_command[0])
        )
        for sample in samples:
            last_ns = sample.stamp_ns if state.stamp_ns is None else state.stamp_ns
            elapsed_s = (sample.stamp_ns - last_ns) / NANOSECONDS_PER_SECOND
            if elapsed_s > _MAX_GAP_S:
                state = self.initial_state()._replace(
                    last_command=state.last_command,
                    speed_m_s=state.last_command[0],
                    log_likelihood=state.log_likelihood,
                )
            elif elapsed_s > 0.0:
                state = self._propagate(state, sample, elapsed_s, target_rad)
            if elapsed_s >= 0.0:
                state = state._replace(stamp_ns=sample.stamp_ns)
        return state

    def with_command(
        self, state: FrictionState | None, values: Sequence[float], dt_s: float
    ) -> FrictionState:
        """Return the state with the command that was sent.

        Args:
            state: the last state; None for the initial one.
            values: forward, left, up (m/s) and yaw rate (rad/s), before the guard.
            dt_s: elapsed time since the command before it, s.
        """
        state = state or self.initial_state()
        forward, left, up, yaw_rate = self._limits.limit_slew(
            self._limits.clamp(values), state.last_command, dt_s
        )
        return state._replace(last_command=(forward, left, up, yaw_rate))

    def _propagate(
        self, state: FrictionState, sample: ImuSample, elapsed_s: float, target_rad: float
    ) -> FrictionState:
        """Integrate all models up to a sample and weigh them by it."""
        h, s = self._car_model, self.settings
        steps = max(1, round(elapsed_s / _INTEGRATION_STEP_S))
        dt_s, arm = elapsed_s / steps, h.half_wheelbase_m
        speed, steering = state.speed_m_s, state.steering_rad
        lateral, yaw = list(state.lateral_speed_m_s), list(state.yaw_rate_rad_s)
        side = [0.0] * len(FRICTION_RATIOS)
        for _ in range(steps):
            drive = h.commanded_acceleration_m_s2(state.last_command[0], speed)
            speed += drive * dt_s
            steering = h.step_steering(steering, target_rad, dt_s)
            rolling, cos = max(abs(speed), h.min_slip_speed_m_s), math.cos(steering)
            for index, ratio in enumerate(FRICTION_RATIOS):
                v, r = lateral[index], yaw[index]
                limit = h.friction_coefficient * ratio * STANDARD_GRAVITY_M_S2
                limit *= 0.5 * math.sqrt(max(0.0, 1.0 - (drive / limit) ** 2))
                front = (
                    limit * cos * h.lateral_force_ratio(math.atan2(v + arm * r, rolling) - steering)
                )
                rear = limit * h.lateral_force_ratio(math.atan2(v - arm * r, rolling))
                side[index] = front + rear
                lateral[index] += (front + rear - speed * r) * dt_s
                yaw[index] += arm * h.mass_kg / h.yaw_inertia_kg_m2 * (front - rear) * dt_s
        yaw_residual = np.clip(
            sample.angular_velocity_flu_rad_s[2] - np.array(yaw), -_MAX_RESIDUAL, _MAX_RESIDUAL
        )
        side_residual = np.clip(
            sample.specific_force_flu_m_s2[1] - np.array(side), -_MAX_RESIDUAL, _MAX_RESIDUAL
        )
        log_likelihood = state.log_likelihood + elapsed_s / s.prior_time_constant_s * (
            self._log_prior - state.log_likelihood
        )
        if speed > s.min_speed_m_s:
            log_likelihood -= (
                0.5
                * elapsed_s
                / s.residual_correlation_s
                * (
                    np.square(yaw_residual / s.yaw_rate_sigma_rad_s)
                    + np.square(side_residual / s.lateral_sigma_m_s2)
                )
            )
        log_likelihood = np.maximum(
            log_likelihood - log_likelihood.max(), -s.max_log_likelihood_ratio
        )
        correction = -math.expm1(-s.yaw_rate_correction_1_s * elapsed_s)
        return state._replace(
            speed_m_s=speed,
            steering_rad=steering,
            lateral_speed_m_s=tuple(
                min(max(value, -_MAX_RESIDUAL), _MAX_RESIDUAL) for value in lateral
            ),
            yaw_rate_rad_s=tuple((np.array(yaw) + correction * yaw_residual).tolist()),
            log_likelihood=log_likelihood,
        )
