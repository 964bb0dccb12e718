"""A velocity controller for multicopters: from a velocity to an attitude and a thrust.

The geometric tracking law of Lee, Leok and McClamroch, 'Geometric tracking control of a quadrotor
UAV on SE(3)', CDC 2010, cut down to its velocity loop: the thrust is their equation (19), the
desired axes their section III-D, with the heading kept by the y axis of the heading frame as in PX4
(ControlMath::bodyzToAttitude). It has no state, so that it may be called at 20 Hz with the attitude
held in between, or at 200 Hz inside a simulator.

It uses plain floats and `math` only: it runs in the guard, and in a simulator's inner loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from liquid_pilot.interfaces import (
    STANDARD_GRAVITY_M_S2,
    AttitudeThrust,
    Command,
    LiquidPilotError,
    ObservationError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import Quaternion, rotation_rows, unit_quaternion

_MAX_SPEED_M_S = 1.0e3
"""Bound on velocities, far above those of any vehicle, so that squares stay finite, m/s."""


@dataclass(frozen=True)
class VelocityGains:
    """Gains and limits of the controller."""

    horizontal_1_s: float = 2.5
    """Acceleration for each m/s of horizontal velocity error, 1/s."""
    vertical_1_s: float = 3.0
    """Acceleration for each m/s of vertical velocity error, 1/s."""
    maximum_tilt_rad: float = math.radians(30.0)
    """Maximum angle between body z and the vertical, rad."""
    minimum_thrust_m_s2: float = 0.2 * STANDARD_GRAVITY_M_S2
    """Minimum mass-normalised thrust, m/s^2."""
    maximum_thrust_m_s2: float = 2.0 * STANDARD_GRAVITY_M_S2
    """Maximum mass-normalised thrust, m/s^2."""

    def __post_init__(self) -> None:
        """Refuse gains that cannot hold a vehicle in the air.

        Raises:
            LiquidPilotError: says which gain or limit is wrong.
        """
        if not all(math.isfinite(g) and g > 0.0 for g in (self.horizontal_1_s, self.vertical_1_s)):
            raise LiquidPilotError('velocity controller: gains must be finite and positive')
        if not 0.0 < self.maximum_tilt_rad <= math.radians(60.0):
            raise LiquidPilotError('velocity controller: maximum_tilt_rad must lie in (0, 1.047]')
        ceiling = self.maximum_thrust_m_s2 * math.cos(self.maximum_tilt_rad)
        if not (
            0.0 < self.minimum_thrust_m_s2 < STANDARD_GRAVITY_M_S2 < ceiling
            and math.isfinite(ceiling)
        ):
            raise LiquidPilotError(
                'velocity controller: thrust limits must bracket hovering (9.81 m/s^2), '
                'the upper one also at maximum tilt'
            )


class VelocityController:
    """Proportional velocity control about hover, without state."""

    def __init__(self, gains: VelocityGains | None = None) -> None:
        self.gains = VelocityGains() if gains is None else gains
        g = self.gains
        self._tangent = math.tan(g.maximum_tilt_rad)
        # The vertical axis leaves room for the tilt, so that steering never costs height.
        self._ceiling_m_s2 = g.maximum_thrust_m_s2 * math.cos(g.maximum_tilt_rad)

    def attitude_thrust(self, command: Command, state: VehicleState) -> AttitudeThrust:
        """Return the attitude (FLU to ENU) and mass-normalised thrust (m/s^2) for a command.

        The attitude keeps the yaw of `state`; the yaw rate is passed on to feed forward. The thrust
        is the desired specific force projected on the *current* body z axis (Lee et al., equation
        19), so that a vehicle that is tilted the wrong way is not pushed further along it. It is at
        least `minimum_thrust_m_s2`. The result carries the command's stamp.

        Args:
            command: the command; its velocity is in the heading frame.
            state: odometry.

        Raises:
            ObservationError: when the command or the odometry is not finite, or the orientation is
                not a rotation.
        """
        gains = self.gains
        forward, left, up, yaw_rate = command[1:]
        bx, by, bz = state.velocity_flu_m_s
        # A sum is finite only if its terms are; it may overflow, hence the clamp first.
        forward, left, up = _clamp(forward), _clamp(left), _clamp(up)
        bx, by, bz = _clamp(bx), _clamp(by), _clamp(bz)
        w, x, y, z = unit_quaternion(state.orientation_wxyz)
        if not math.isfinite(forward + left + up + bx + by + bz) or not math.isfinite(yaw_rate):
            raise ObservationError(
                'velocity controller: the command or the odometry velocity is not finite'
            )

        (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = rotation_rows(w, x, y, z)
        yaw = math.atan2(r10, r00)
        cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)

        # Present velocity, in the world and then in the heading frame.
        east = r00 * bx + r01 * by + r02 * bz
        north = r10 * bx + r11 * by + r12 * bz
        climb = r20 * bx + r21 * by + r22 * bz
        now_forward = cos_yaw * east + sin_yaw * north
        now_left = cos_yaw * north - sin_yaw * east

        # Desired specific force in the heading frame.
        fx = gains.horizontal_1_s * (forward - now_forward)
        fy = gains.horizontal_1_s * (left - now_left)
        fz = STANDARD_GRAVITY_M_S2 + gains.vertical_1_s * (up - climb)
        fz = min(max(fz, gains.minimum_thrust_m_s2), self._ceiling_m_s2)
        horizontal = math.hypot(fx, fy)
        if horizontal > self._tangent * fz:
            shrink = self._tangent * fz / horizontal
            fx *= shrink
            fy *= shrink

        # Thrust: f . z_body, the body z axis being seen in the heading frame.
        zx = cos_yaw * r02 + sin_yaw * r12
        zy = cos_yaw * r12 - sin_yaw * r02
        thrust = fx * zx + fy * zy + fz * r22
        thrust = min(max(thrust, gains.minimum_thrust_m_s2), gains.maximum_thrust_m_s2)

        orientation = attitude_along(fx, fy, fz, yaw)
        return AttitudeThrust(command.stamp_ns, orientation, float(yaw_rate), thrust)


def attitude_along(forward: float, left: float, up: float, yaw_rad: float) -> Quaternion:
    """Return the attitude (FLU to ENU) of a heading whose z axis points along a force.

    Args:
        forward: force along the heading, in any unit.
        left: force to the left of the heading.
        up: force upwards; above 0.
        yaw_rad: the heading, counter-clockwise from east.
    """
    # R = Rz(yaw) Ry(pitch) Rx(roll) has z axis (cos(roll) sin(pitch), -sin(roll), ...) in the
    # heading frame; solve for the z axis along the force.
    half_pitch = 0.5 * math.atan2(forward, up)
    half_roll = 0.5 * math.atan2(-left, math.hypot(forward, up))
    cp, sp = math.cos(half_pitch), math.sin(half_pitch)
    cr, sr = math.cos(half_roll), math.sin(half_roll)
    cy, sy = math.cos(0.5 * yaw_rad), math.sin(0.5 * yaw_rad)
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )


def _clamp(value: float) -> float:
    """Clamp to +-1000 m/s; NaN stays NaN and infinity becomes NaN, to be refused."""
    if -_MAX_SPEED_M_S <= value <= _MAX_SPEED_M_S:
        return value
    return math.copysign(_MAX_SPEED_M_S, value) if math.isfinite(value) else math.nan
