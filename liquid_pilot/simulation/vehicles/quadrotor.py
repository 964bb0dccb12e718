"""The quadrotor: a rigid body with four rotor thrusts, and the inner loops of an autopilot.

It accepts two kinds of setpoint, as a real autopilot does: body velocity with yaw rate, or attitude
with thrust. The velocity loop is the one of the real vehicle
(`onboard/setpoints/velocity_controller.py`). The attitude and rate loops below it represent the
firmware of the flight controller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from liquid_pilot.interfaces import (
    STANDARD_GRAVITY_M_S2,
    AttitudeThrust,
    Command,
    LiquidPilotError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import rotation_rows
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityController

if TYPE_CHECKING:
    import mujoco


@dataclass(frozen=True)
class QuadrotorSettings:
    """Parameters of a quadrotor of 0.8 kg and the 250 mm class, in X configuration."""

    mass_kg: float = 0.8
    inertia_kg_m2: tuple[float, float, float] = (0.0060, 0.0060, 0.0110)
    arm_x_m: float = 0.10
    arm_y_m: float = 0.10
    max_thrust_n: float = 4.4
    """Max thrust of one rotor. Four of them give 2.2 times the weight."""
    torque_per_thrust_m: float = 0.016
    """Reaction torque about body z per newton of a rotor's thrust."""
    motor_time_constant_s: float = 0.03
    linear_drag_n_s_m: float = 0.25
    attitude_gain_1_s: float = 9.0
    rate_gain_1_s: tuple[float, float, float] = (22.0, 22.0, 9.0)
    max_rate_rad_s: tuple[float, float, float] = (6.0, 6.0, 2.5)
    collision_radius_m: float = 0.20
    """Horizontal radius of the hull."""
    camera_position_m: tuple[float, float, float] = (0.13, 0.0, 0.02)


ROTORS = ((1, -1, 1), (-1, 1, 1), (1, 1, -1), (-1, -1, -1))
"""Signs of x, of y and of the reaction torque about body z of each rotor, in PX4's order."""


def free_state(data: mujoco.MjData, stamp_ns: int) -> VehicleState:
    """Return the state of the first free joint.

    Args:
        data: state of the model; its linear velocity is in the world frame.
        stamp_ns: reading of the clock, ns.
    """
    x, y, z, qw, qx, qy, qz = data.qpos[:7].tolist()
    vx, vy, vz, wx, wy, wz = data.qvel[:6].tolist()
    rows = rotation_rows(qw, qx, qy, qz)
    forward, left, up = (rows[0][i] * vx + rows[1][i] * vy + rows[2][i] * vz for i in range(3))
    return VehicleState(stamp_ns, (x, y, z), (qw, qx, qy, qz), (forward, left, up), (wx, wy, wz))


class Quadrotor:
    """The quadrotor in MuJoCo: its MJCF, its inner control loops and its drag.

    Args:
        settings: parameters of the vehicle; None: the default ones.
    """

    body = 'quadrotor'

    def __init__(self, settings: QuadrotorSettings | None = None) -> None:
        self.settings = settings or QuadrotorSettings()
        self.velocity_controller = VelocityController()
        self.turn_trim = 0.0
        """Yaw rate that nobody commands, as a share of the largest one, positive to the left."""

    def mjcf(self, vertical_fov_rad: float) -> tuple[str, str, str]:
        """Return body, actuators and sensors of the vehicle.

        The forward camera is fixed to the airframe and tilts with it.

        Args:
            vertical_fov_rad: vertical field of view of the camera.
        """
        s = self.settings
        rotors, actuators = [], []
        for i, (sx, sy, sense) in enumerate(ROTORS):
            x, y = sx * s.arm_x_m, sy * s.arm_y_m
            rotors.append(
                f'<site name="rotor_{i}" pos="{x} {y} 0.02"/>'
                f'<geom class="visual" type="capsule" size="0.010" fromto="0 0 0 {x} {y} 0.01" '
                f'rgba="0.15 0.15 0.17 1"/>'
                f'<geom class="visual" type="cylinder" size="0.075 0.003" pos="{x} {y} 0.03" '
                f'rgba="0.2 0.2 0.22 0.6"/>'
            )
            actuators.append(
                f'<general name="rotor_{i}" site="rotor_{i}" '
                f'gear="0 0 1 0 0 {sense * s.torque_per_thrust_m}" '
                f'ctrllimited="true" ctrlrange="0 {s.max_thrust_n}" '
                f'dyntype="filterexact" dynprm="{s.motor_time_constant_s}"/>'
            )
        inertia = ' '.join(str(value) for value in s.inertia_kg_m2)
        camera = ' '.join(str(value) for value in s.camera_position_m)
        body = (
            f'<body name="{self.body}"><freejoint/>'
            f'<inertial pos="0 0 0" mass="{s.mass_kg}" diaginertia="{inertia}"/>'
            f'<geom name="airframe" type="ellipsoid" contype="0" conaffinity="1" '
            f'size="{s.collision_radius_m} {s.collision_radius_m} 0.07" rgba="0 0 0 0"/>'
            f'<geom class="visual" type="box" size="0.06 0.04 0.025" rgba="0.9 0.5 0.1 1"/>'
            f'{"".join(rotors)}<site name="imu"/>'
            f'<camera name="forward" pos="{camera}" xyaxes="0 -1 0 0 0 1" '
            f'fovy="{math.degrees(vertical_fov_rad)}"/></body>'
        )
        sensors = '<gyro name="gyro" site="imu"/><accelerometer name="accelerometer" site="imu"/>'
        return body, ''.join(actuators), sensors

    def set_layout(self, layout: object) -> None:
        """Prepare for a flight without a trim; the dynamics do not depend on the scene."""
        self.turn_trim = 0.0

    def reset_pose(
        self, data: mujoco.MjData, position: tuple[float, float, float], yaw_rad: float
    ) -> None:
        """Put the vehicle at rest at a pose, with the thrust of hovering.

        Args:
            data: state of the model, which is changed.
            position: position of the body, world frame ENU, m.
            yaw_rad: heading, counter-clockwise from east.
        """
        data.qpos[:3] = position
        data.qpos[3:7] = (math.cos(0.5 * yaw_rad), 0.0, 0.0, math.sin(0.5 * yaw_rad))
        data.qvel[:] = 0.0
        data.act[:] = self.settings.mass_kg * STANDARD_GRAVITY_M_S2 / 4.0

    @staticmethod
    def state(data: mujoco.MjData, stamp_ns: int) -> VehicleState:
        """Return the true state."""
        return free_state(data, stamp_ns)

    def actuate(
        self, data: mujoco.MjData, setpoint: Command | AttitudeThrust, state: VehicleState
    ) -> None:
        """Run one physics step: set the thrusts of the rotors, N; see `task.Vehicle.actuate`.

        Raises:
            LiquidPilotError: if the vehicle does not accept the kind of setpoint.
        """
        if isinstance(setpoint, Command):
            setpoint = self.velocity_controller.attitude_thrust(setpoint, state)
        elif not isinstance(setpoint, AttitudeThrust):
            raise LiquidPilotError(f'the quadrotor takes no {type(setpoint).__name__}')
        s = self.settings
        yaw_rate = setpoint.yaw_rate_rad_s + self.turn_trim * s.max_rate_rad_s[2]
        roll, pitch, yaw = _attitude_error(state.orientation_wxyz, setpoint.orientation_wxyz)
        gain = s.attitude_gain_1_s
        target_rates = (gain * roll, gain * pitch, gain * 0.3 * yaw + yaw_rate)
        torque = [
            inertia * rate_gain * (min(max(rate, -limit), limit) - measured)
            for inertia, rate_gain, rate, limit, measured in zip(
                s.inertia_kg_m2,
                s.rate_gain_1_s,
                target_rates,
                s.max_rate_rad_s,
                state.angular_velocity_flu_rad_s,
                strict=True,
            )
        ]
        collective = 0.25 * s.mass_kg * setpoint.thrust_m_s2
        # Roll and pitch have priority over yaw if a rotor saturates, as in an autopilot's mixer.
        limit_yaw = 0.25 * collective * s.torque_per_thrust_m * 4.0
        torque[2] = min(max(torque[2], -limit_yaw), limit_yaw)
        for i, (sx, sy, sense) in enumerate(ROTORS):
            thrust = (
                collective
                + 0.25 * (sy * torque[0] / s.arm_y_m - sx * torque[1] / s.arm_x_m)
                + 0.25 * sense * torque[2] / s.torque_per_thrust_m
            )
            data.ctrl[i] = min(max(thrust, 0.0), s.max_thrust_n)

    def apply_wind(
        self, data: mujoco.MjData, body_id: int, wind_enu_m_s: tuple[float, float, float]
    ) -> None:
        """Apply the linear drag of rotors and body against the moving air, as a force in ENU.

        See `task.Vehicle.apply_wind`.
        """
        drag = self.settings.linear_drag_n_s_m
        velocity = data.qvel[:3].tolist()
        for i in range(3):
            data.xfrc_applied[body_id, i] = -drag * (velocity[i] - wind_enu_m_s[i])


def _attitude_error(
    current: tuple[float, float, float, float], target: tuple[float, float, float, float]
) -> tuple[float, float, float]:
    """Return the rotation from the current to the target attitude as a vector in the body frame.

    The vector is the one of small angles, rad.
    """
    w, x, y, z = current
    a, b, c, d = target
    # conjugate(current) * target
    e0 = w * a + x * b + y * c + z * d
    e1 = w * b - x * a - y * d + z * c
    e2 = w * c + x * d - y * a - z * b
    e3 = w * d - x * c + y * b - z * a
    sign = 2.0 if e0 >= 0.0 else -2.0
    return (sign * e1, sign * e2, sign * e3)
