"""How much grip is left: what commands should make of yaw rate and side force, against the IMU.

A bank of bicycle models, each with another share of the dry grip, is driven by the commands that
were flown, and each is judged by how well it foretells gyroscope and accelerometer (a static
multiple-model estimator; Bar-Shalom, Li and Kirubarajan 2001, 'Estimation with Applications to
Tracking and Navigation', 11.6.2). A car whose tyres give way turns otherwise than it is steered,
and later, well before it leaves the road.

The governor is no part of the network, and nothing in it is liquid: it drives slower by that share.
What is liquid is the other way to answer: a core whose neurons leak more where there is less grip
(`front.FrontendSettings.leak_friction_exponent`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    STANDARD_GRAVITY_M_S2,
    ImuSample,
    VehicleLimits,
)
from liquid_pilot.onboard.vehicles.action_scaling import (
    curvature_to_yaw_rate,
    yaw_rate_to_curvature,
)
from liquid_pilot.onboard.vehicles.car_model import CarModel

FRICTION_RATIOS = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Of the dry grip, one model each."""
_INTEGRATION_STEP_S = 0.01
_MAX_GAP_S = 0.5
"""A gap between samples that models are carried over; after a longer one they begin anew."""
_MAX_RESIDUAL = 30.0
"""Errors (rad/s, m/s^2) and sideways speeds (m/s) are cut there, whatever an IMU says."""


@dataclass(frozen=True)
class FrictionEstimatorSettings:
    """What counts as well foretold, and what is made of it."""

    yaw_rate_sigma_rad_s: float = 0.05
    lateral_sigma_m_s2: float = 0.8
    """Errors of the models themselves (lean, slopes, load), next to which an IMU's are small."""
    min_speed_m_s: float = 2.0
    """Slower tyres tell nothing."""
    correlation_s: float = 0.1
    """For so long an error is the same error."""
    yaw_rate_correction_1_s: float = 3.0
    """A model's yaw rate is corrected by this share of its error in a second."""
    max_log_likelihood_ratio: float = 8.0
    """A model can be this much less likely than the best one (a logarithm), so that it comes back
    in time."""
    dry_log_prior: float = 5.0
    """The dry road is as much more likely than the most slippery one while nothing tells them
    apart,"""
    prior_time_constant_s: float = 30.0
    """and what was told is forgotten by this time constant."""
    max_brake_fraction: float = 0.25
    """Of the friction circle that brakes may take: a car that brakes hard does not turn."""


class FrictionState(NamedTuple):
    """Of one drive."""

    stamp_ns: int | None
    """Of the last IMU sample; None before the first."""
    speed_m_s: float
    steering_rad: float
    lateral_speed_m_s: tuple[float, ...]
    yaw_rate_rad_s: tuple[float, ...]
    """Of each model."""
    evidence: np.ndarray
    """Of each model, the logarithm of its likelihood over the best one's."""
    flown: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """The last command, as the guard's limits leave it."""

    @property
    def share(self) -> float:
        """Of the dry grip, in (0, 1]: the mean of all models by their likelihood."""
        weights = np.exp(self.evidence)
        return float(weights @ FRICTION_RATIOS / weights.sum())


class FrictionEstimator:
    """The estimator and governor of one vehicle; states pass through."""

    def __init__(
        self,
        handling: CarModel,
        limits: VehicleLimits,
        settings: FrictionEstimatorSettings | None = None,
    ) -> None:
        self._car_model, self.settings = handling, settings or FrictionEstimatorSettings()
        self._usual = (
            self.settings.dry_log_prior
            * (np.array(FRICTION_RATIOS) - 1.0)
            / (1.0 - FRICTION_RATIOS[-1])
        )
        self._limits = limits

    def initial_state(self) -> FrictionState:
        """At rest."""
        none = (0.0,) * len(FRICTION_RATIOS)
        return FrictionState(None, 0.0, 0.0, none, none, self._usual)

    def see(self, state: FrictionState, samples: Sequence[ImuSample]) -> FrictionState:
        """The IMU's samples since the last command; those that are not newer are passed over."""
        wanted = self._car_model.steering_rad(yaw_rate_to_curvature(state.flown[3], state.flown[0]))
        for sample in samples:
            last_ns = sample.stamp_ns if state.stamp_ns is None else state.stamp_ns
            elapsed_s = (sample.stamp_ns - last_ns) / NANOSECONDS_PER_SECOND
            if elapsed_s > _MAX_GAP_S:
                state = self.initial_state()._replace(
                    flown=state.flown, speed_m_s=state.flown[0], evidence=state.evidence
                )
            elif elapsed_s > 0.0:
                state = self._propagate(state, sample, elapsed_s, wanted)
            if elapsed_s >= 0.0:
                state = state._replace(stamp_ns=sample.stamp_ns)
        return state

    def govern(self, state: FrictionState, values: Sequence[float]) -> tuple[float, ...]:
        """A command for dry roads -> one for the grip that there is.

        In a bend side force grows with the square of the speed, so the speed goes by the square
        root of the share. The path stays, nothing is added to the speed, and brakes leave most of
        the tyres' force to turn.
        """
        h, (forward, left, up, yaw_rate) = self._car_model, values
        curvature = yaw_rate_to_curvature(yaw_rate, forward)
        most = self.settings.max_brake_fraction * state.share * h.friction * STANDARD_GRAVITY_M_S2
        least = state.speed_m_s - most / h.speed_gain_1_s
        if forward > 0.0:
            forward = min(forward, max(forward * math.sqrt(state.share), least))
        return forward, left, up, curvature_to_yaw_rate(curvature, forward)

    def told(self, state: FrictionState, values: Sequence[float], dt_s: float) -> FrictionState:
        """The state that knows what the vehicle was told: the command, as the guard limits it."""
        return state._replace(
            flown=self._limits.slewed(self._limits.bounded(values), state.flown, dt_s)
        )

    def _propagate(
        self, state: FrictionState, sample: ImuSample, elapsed_s: float, target_rad: float
    ) -> FrictionState:
        """All models up to a sample, and judged by it."""
        h, s = self._car_model, self.settings
        steps = max(1, round(elapsed_s / _INTEGRATION_STEP_S))
        dt_s, arm = elapsed_s / steps, h.half_wheelbase_m
        speed, steering = state.speed_m_s, state.steering_rad
        aside, yaw = list(state.lateral_speed_m_s), list(state.yaw_rate_rad_s)
        side = [0.0] * len(FRICTION_RATIOS)
        for _ in range(steps):
            push = h.commanded_acceleration_m_s2(state.flown[0], speed)
            speed += push * dt_s
            steering = h.steer(steering, target_rad, dt_s)
            rolling, cos = max(abs(speed), h.min_slip_speed_m_s), math.cos(steering)
            for index, share in enumerate(FRICTION_RATIOS):
                a, r = aside[index], yaw[index]
                most = h.friction * share * STANDARD_GRAVITY_M_S2
                most *= 0.5 * math.sqrt(max(0.0, 1.0 - (push / most) ** 2))
                front = (
                    most * cos * h.lateral_force_ratio(math.atan2(a + arm * r, rolling) - steering)
                )
                rear = most * h.lateral_force_ratio(math.atan2(a - arm * r, rolling))
                side[index] = front + rear
                aside[index] += (front + rear - speed * r) * dt_s
                yaw[index] += arm * h.mass_kg / h.yaw_inertia_kg_m2 * (front - rear) * dt_s
        turn = np.clip(
            sample.angular_velocity_flu_rad_s[2] - np.array(yaw), -_MAX_RESIDUAL, _MAX_RESIDUAL
        )
        push = np.clip(
            sample.specific_force_flu_m_s2[1] - np.array(side), -_MAX_RESIDUAL, _MAX_RESIDUAL
        )
        evidence = state.evidence + elapsed_s / s.prior_time_constant_s * (
            self._usual - state.evidence
        )
        if speed > s.min_speed_m_s:
            evidence -= (
                0.5
                * elapsed_s
                / s.correlation_s
                * (
                    np.square(turn / s.yaw_rate_sigma_rad_s)
                    + np.square(push / s.lateral_sigma_m_s2)
                )
            )
        evidence = np.maximum(evidence - evidence.max(), -s.max_log_likelihood_ratio)
        follow = -math.expm1(-s.yaw_rate_correction_1_s * elapsed_s)
        yaw = (np.array(yaw) + follow * turn).tolist()
        aside = [min(max(value, -_MAX_RESIDUAL), _MAX_RESIDUAL) for value in aside]
        return state._replace(
            speed_m_s=speed,
            steering_rad=steering,
            lateral_speed_m_s=tuple(aside),
            yaw_rate_rad_s=tuple(yaw),
            evidence=evidence,
        )
