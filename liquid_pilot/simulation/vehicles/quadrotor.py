"""The quadrotor: a rigid body on four rotor thrusts, and the inner loops that an autopilot has.

Setpoints come in two kinds, as on a real autopilot: body velocity with yaw rate, or attitude with
thrust. The velocity loop is the one that flies on the vehicle (`onboard/velocity_controller.py`);
the attitude and rate loops below it stand for the flight controller's firmware.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from liquid_pilot.interfaces import (
    STANDARD_GRAVITY_M_S2,
    AttitudeThrust,
    Command,
    LiquidPilotError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import rotation_rows
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityController
from liquid_pilot.simulation.mujoco.rendering import mujoco


@dataclass(frozen=True)
class QuadrotorSettings:
    """A 0.8 kg, 250 mm class quadrotor in X configuration."""

    mass_kg: float = 0.8
    inertia_kg_m2: tuple[float, float, float] = (0.0060, 0.0060, 0.0110)
    arm_x_m: float = 0.10
    arm_y_m: float = 0.10
    max_thrust_n: float = 4.4
    """Of one rotor: four of them give 2.2 times the weight."""
    torque_per_thrust_m: float = 0.016
    """Reaction torque about body z per newton of a rotor's thrust."""
    motor_time_constant_s: float = 0.03
    linear_drag_n_s_m: float = 0.25
    attitude_gain_1_s: float = 9.0
    rate_gain_1_s: tuple[float, float, float] = (22.0, 22.0, 9.0)
    max_rate_rad_s: tuple[float, float, float] = (6.0, 6.0, 2.5)
    collision_radius_m: float = 0.20
    camera_position_m: tuple[float, float, float] = (0.13, 0.0, 0.02)


ROTORS = ((1, -1, 1), (-1, 1, 1), (1, 1, -1), (-1, -1, -1))
"""(sign of x, sign of y, sense of the reaction torque about body z), PX4's order and senses."""


def free_state(data: mujoco.MjData, stamp_ns: int) -> VehicleState:
    """Of the first free joint; MuJoCo has linear velocity in the world frame."""
    x, y, z, qw, qx, qy, qz = data.qpos[:7].tolist()
    vx, vy, vz, wx, wy, wz = data.qvel[:6].tolist()
    rows = rotation_rows(qw, qx, qy, qz)
    velocity = tuple(rows[0][i] * vx + rows[1][i] * vy + rows[2][i] * vz for i in range(3))
    return VehicleState(stamp_ns, (x, y, z), (qw, qx, qy, qz), velocity, (wx, wy, wz))


class Quadrotor:
    """MJCF of the vehicle and its inner controllers, bound to one compiled model."""

    body = 'quadrotor'

    def __init__(self, settings: QuadrotorSettings | None = None) -> None:
        self.settings = settings or QuadrotorSettings()
        self.velocity_controller = VelocityController()

    def mjcf(self, vertical_fov_rad: float) -> tuple[str, str, str]:
        """Body, actuators and sensors, to be put into a scene.

        The forward camera is fixed to the airframe, so it tilts when the vehicle does.
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
        """The world that it flies in, of which it need not know."""

    def place(self, data: mujoco.MjData, position: tuple[float, float, float], yaw: float) -> None:
        """Hover at a pose: world ENU metres, yaw in radians about world z, rotors at hover."""
        data.qpos[:3] = position
        data.qpos[3:7] = (math.cos(0.5 * yaw), 0.0, 0.0, math.sin(0.5 * yaw))
        data.qvel[:] = 0.0
        data.act[:] = self.settings.mass_kg * STANDARD_GRAVITY_M_S2 / 4.0

    @staticmethod
    def state(data: mujoco.MjData, stamp_ns: int) -> VehicleState:
        """Ground truth."""
        return free_state(data, stamp_ns)

    def actuate(
        self, data: mujoco.MjData, setpoint: Command | AttitudeThrust, state: VehicleState
    ) -> None:
        """One step of the inner loops: setpoint to four rotor thrusts in newtons."""
        if isinstance(setpoint, Command):
            setpoint = self.velocity_controller.attitude_thrust(setpoint, state)
        elif not isinstance(setpoint, AttitudeThrust):
            raise LiquidPilotError(f'the quadrotor takes no {type(setpoint).__name__}')
        s = self.settings
        roll, pitch, yaw = _attitude_error(state.orientation_wxyz, setpoint.orientation_wxyz)
        gain = s.attitude_gain_1_s
        wanted = (gain * roll, gain * pitch, gain * 0.3 * yaw + setpoint.yaw_rate_rad_s)
        torque = [
            inertia * rate_gain * (min(max(rate, -limit), limit) - measured)
            for inertia, rate_gain, rate, limit, measured in zip(
                s.inertia_kg_m2,
                s.rate_gain_1_s,
                wanted,
                s.max_rate_rad_s,
                state.angular_velocity_flu_rad_s,
                strict=True,
            )
        ]
        collective = 0.25 * s.mass_kg * setpoint.thrust_m_s2
        # Roll and pitch come before yaw when a rotor saturates, as in every autopilot's mixer.
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
        """Linear rotor and body drag against the moving air, as a world-frame force."""
        drag = self.settings.linear_drag_n_s_m
        velocity = data.qvel[:3].tolist()
        for i in range(3):
            data.xfrc_applied[body_id, i] = -drag * (velocity[i] - wind_enu_m_s[i])


def _attitude_error(current: tuple[float, ...], wanted: tuple[float, ...]) -> tuple[float, ...]:
    """Rotation vector (small-angle) from the current to the wanted attitude, in the body frame."""
    w, x, y, z = current
    a, b, c, d = wanted
    # conjugate(current) * wanted
    e0 = w * a + x * b + y * c + z * d
    e1 = w * b - x * a - y * d + z * c
    e2 = w * c + x * d - y * a - z * b
    e3 = w * d - x * c + y * b - z * a
    sign = 2.0 if e0 >= 0.0 else -2.0
    return (sign * e1, sign * e2, sign * e3)
