"""The rover: a four-wheeled vehicle with Ackermann steering, on tyres that slip.

It is a rigid body on four springs, each above a tyre of `onboard.vehicles.car_model`. MuJoCo's own
contacts either stick or slide: they would hold a bend up to the limit and then slide suddenly,
whereas the slip of a tyre grows gradually.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from liquid_pilot.interfaces import (
    STANDARD_GRAVITY_M_S2,
    AttitudeThrust,
    Command,
    LiquidPilotError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import rotation_rows
from liquid_pilot.onboard.vehicles.action_scaling import yaw_rate_to_curvature
from liquid_pilot.onboard.vehicles.car_model import BUGGY, CarModel
from liquid_pilot.onboard.vehicles.rover import VEHICLE
from liquid_pilot.simulation.vehicles.quadrotor import free_state

if TYPE_CHECKING:
    import mujoco

WHEEL_SIZE_M = (0.24, 0.09)
"""Radius and half width of a wheel, as it is drawn."""


class Terrain(Protocol):
    """The part of a layout that a vehicle on wheels depends on."""

    def height(self, x: float, y: float) -> float:
        """Return the height of the ground at east x and north y, m."""


@dataclass(frozen=True)
class RoverSettings:
    """Parameters of a buggy of 110 kg."""

    car_model: CarModel = BUGGY
    inertia_kg_m2: tuple[float, float] = (7.0, 17.0)
    """Moments of inertia in roll and pitch."""
    half_track_m: float = 0.40
    ride_height_m: float = 0.35
    """Height of the centre of mass above the ground, at rest."""
    spring_n_m: float = 6000.0
    damper_n_s_m: float = 420.0
    rolling_resistance: float = 0.02
    """Force of rolling resistance over weight."""
    air_drag_n_s_m: float = 1.5
    hull_half_extents_m: tuple[float, float, float] = (0.75, 0.42, 0.18)
    collision_radius_m: float = 0.45
    """Radius of the hull as a disc: about half the width."""
    camera_position_m: tuple[float, float, float] = (0.55, 0.0, 0.45)
    camera_pitch_rad: float = VEHICLE.camera_pitch_rad
    """Angle of the camera below the horizontal."""


class Rover:
    """The rover in MuJoCo: its MJCF, its tyres, its inner control loops and its drag.

    Args:
        settings: parameters of the vehicle; None: the default ones.
    """

    body = 'rover'

    def __init__(self, settings: RoverSettings | None = None) -> None:
        self.settings = s = settings or RoverSettings()
        self._car_model = h = s.car_model
        self._height: Callable[[float, float], float] = lambda x, y: 0.0
        self.friction_factor: Callable[[float, float], float] = lambda x, y: 1.0
        """Share of dry friction at east and north, m."""
        self.turn_trim = 0.0
        """Steering that nobody commands, as a share of the largest angle, positive to the left."""
        self.steering_rad = 0.0
        """Angle of a virtual wheel in the middle of the front axle, positive to the left."""
        self._corners = tuple(
            (sx * h.half_wheelbase_m, sy * s.half_track_m)
            for sx in (1.0, -1.0)
            for sy in (1.0, -1.0)
        )
        self._rest_m = s.ride_height_m + h.mass_kg * STANDARD_GRAVITY_M_S2 / 4.0 / s.spring_n_m

    def set_layout(self, layout: Terrain) -> None:
        """Prepare for a drive on a terrain with dry friction.

        Args:
            layout: the terrain.
        """
        self._height, self.friction_factor, self.steering_rad = layout.height, lambda x, y: 1.0, 0.0
        self.turn_trim = 0.0

    def mjcf(self, vertical_fov_rad: float) -> tuple[str, str, str]:
        """Return body, actuators and sensors of the vehicle. There are no actuators.

        Args:
            vertical_fov_rad: vertical field of view of the camera.
        """
        s, h = self.settings, self._car_model
        inertia = ' '.join(str(value) for value in (*s.inertia_kg_m2, h.yaw_inertia_kg_m2))
        camera = ' '.join(str(value) for value in s.camera_position_m)
        hull = ' '.join(str(value) for value in s.hull_half_extents_m)
        sin, cos = math.sin(s.camera_pitch_rad), math.cos(s.camera_pitch_rad)
        (radius, half), low = WHEEL_SIZE_M, round(WHEEL_SIZE_M[0] - s.ride_height_m, 6)
        wheels = ''.join(
            f'<geom class="visual" type="cylinder" size="{radius} {half}" pos="{x} {y} {low}" '
            f'euler="{0.5 * math.pi} 0 0" rgba="0.1 0.1 0.1 1"/>'
            for x, y in self._corners
        )
        body = (
            f'<body name="{self.body}"><freejoint/>'
            f'<inertial pos="0 0 0" mass="{h.mass_kg}" diaginertia="{inertia}"/>'
            f'<geom name="airframe" type="box" contype="0" conaffinity="1" size="{hull}" '
            f'rgba="0.7 0.15 0.1 1"/>{wheels}<site name="imu"/>'
            f'<camera name="forward" pos="{camera}" xyaxes="0 -1 0 {sin:.6f} 0 {cos:.6f}" '
            f'fovy="{math.degrees(vertical_fov_rad)}"/></body>'
        )
        sensors = '<gyro name="gyro" site="imu"/><accelerometer name="accelerometer" site="imu"/>'
        return body, '', sensors

    def reset_pose(
        self, data: mujoco.MjData, position: tuple[float, float, float], yaw_rad: float
    ) -> None:
        """Put the vehicle at rest on its springs.

        Args:
            data: state of the model, which is changed.
            position: point of the ground below the body, world frame ENU, m.
            yaw_rad: heading, counter-clockwise from east.
        """
        x, y, z = position
        data.qpos[:3] = (x, y, z + self.settings.ride_height_m)
        data.qpos[3:7] = (math.cos(0.5 * yaw_rad), 0.0, 0.0, math.sin(0.5 * yaw_rad))
        data.qvel[:] = 0.0
        self.steering_rad = 0.0

    @staticmethod
    def state(data: mujoco.MjData, stamp_ns: int) -> VehicleState:
        """Return the true state."""
        return free_state(data, stamp_ns)

    def actuate(
        self, data: mujoco.MjData, setpoint: Command | AttitudeThrust, state: VehicleState
    ) -> None:
        """Run one physics step: steering, drive, brakes, springs and tyres.

        See `task.Vehicle.actuate`. The yaw rate of a command represents a curvature
        (`onboard.vehicles.action_scaling`).

        Raises:
            LiquidPilotError: if the setpoint is not a `Command`.
        """
        if not isinstance(setpoint, Command):
            raise LiquidPilotError(f'the rover takes no {type(setpoint).__name__}')
        s, h = self.settings, self._car_model
        self._steer(setpoint, data)
        rows = rotation_rows(*state.orientation_wxyz)
        ahead, left = [row[0] for row in rows], [row[1] for row in rows]
        speed = state.velocity_flu_m_s[0]
        climb = STANDARD_GRAVITY_M_S2 * ahead[2] / h.speed_gain_1_s
        acceleration = h.commanded_acceleration_m_s2(setpoint.forward_m_s + climb, speed)
        rolling = s.rolling_resistance * STANDARD_GRAVITY_M_S2 * max(-1.0, min(1.0, speed / 0.3))
        push = h.mass_kg * (acceleration - rolling)
        px, py, pz = state.position_enu_m
        v = data.qvel[:3].tolist()
        w = [
            sum(rows[i][j] * state.angular_velocity_flu_rad_s[j] for j in range(3))
            for i in range(3)
        ]
        force, torque = [0.0] * 3, [0.0] * 3
        for x, y in self._corners:
            arm = [ahead[i] * x + left[i] * y for i in range(3)]
            velocity = [
                v[0] + w[1] * arm[2] - w[2] * arm[1],
                v[1] + w[2] * arm[0] - w[0] * arm[2],
                v[2] + w[0] * arm[1] - w[1] * arm[0],
            ]
            east, north = px + arm[0], py + arm[1]
            gap = pz + arm[2] - self._height(east, north)
            load = s.spring_n_m * (self._rest_m - gap) - s.damper_n_s_m * velocity[2]
            if load <= 0.0:
                continue
            along, across = self._tyre(
                load,
                h.friction_coefficient * self.friction_factor(east, north),
                push / 4.0,
                self._angle(x, y),
                sum(map(float.__mul__, ahead, velocity)),
                sum(map(float.__mul__, left, velocity)),
            )
            tyre_force = [ahead[i] * along + left[i] * across for i in range(3)]
            tyre_force[2] += load
            # The forces of tyres act on the ground, below the mounts of the springs.
            arm[2] -= gap
            for i in range(3):
                force[i] += tyre_force[i]
            torque[0] += arm[1] * tyre_force[2] - arm[2] * tyre_force[1]
            torque[1] += arm[2] * tyre_force[0] - arm[0] * tyre_force[2]
            torque[2] += arm[0] * tyre_force[1] - arm[1] * tyre_force[0]
        data.xfrc_applied[data.body(self.body).id] = (*force, *torque)

    def _steer(self, setpoint: Command, data: mujoco.MjData) -> None:
        target = self._car_model.steering_for_curvature_rad(
            yaw_rate_to_curvature(setpoint.yaw_rate_rad_s, setpoint.forward_m_s)
        )
        # A linkage that is off by an angle; the stops of the wheels are where they were.
        largest = self._car_model.max_steering_angle_rad
        target = min(max(target + self.turn_trim * largest, -largest), largest)
        self.steering_rad = self._car_model.step_steering(
            self.steering_rad, target, float(data.model.opt.timestep)
        )

    def _angle(self, x: float, y: float) -> float:
        """Return the steering angle of the wheel at (x, y) in the body frame (Ackermann)."""
        if x < 0.0 or self.steering_rad == 0.0:
            return 0.0
        base = 2.0 * self._car_model.half_wheelbase_m
        return math.atan(base / (base / math.tan(self.steering_rad) - y))

    def _tyre(
        self,
        load: float,
        friction: float,
        push: float,
        angle: float,
        ahead_m_s: float,
        left_m_s: float,
    ) -> tuple[float, float]:
        """Return the force of one tyre, forward and to the left of the vehicle, N.

        Args:
            load: vertical force, N.
            friction: coefficient of friction.
            push: force of drive and brakes, N.
            angle: steering angle of the wheel, rad.
            ahead_m_s: velocity of the tyre, forward of the vehicle.
            left_m_s: velocity of the tyre, to the left of the vehicle.
        """
        h = self._car_model
        cos, sin = math.cos(angle), math.sin(angle)
        rolling, sliding = ahead_m_s * cos + left_m_s * sin, left_m_s * cos - ahead_m_s * sin
        slip = math.atan2(sliding, max(abs(rolling), h.min_slip_speed_m_s))
        max_force = friction * load
        push = min(max(push, -max_force), max_force)
        side = max_force * h.lateral_force_ratio(slip)
        side *= math.sqrt(max(0.0, 1.0 - (push / max_force) ** 2)) if max_force else 0.0
        return push * cos - side * sin, push * sin + side * cos

    def apply_wind(
        self, data: mujoco.MjData, body_id: int, wind_enu_m_s: tuple[float, float, float]
    ) -> None:
        """Apply the linear drag of the body against the moving air.

        See `task.Vehicle.apply_wind`. Call it after `actuate`.
        """
        drag = self.settings.air_drag_n_s_m
        velocity = data.qvel[:3].tolist()
        for i in range(3):
            data.xfrc_applied[body_id, i] -= drag * (velocity[i] - wind_enu_m_s[i])
