"""The rover: a four-wheeled vehicle with Ackermann steering, on tyres that slip.

A rigid body on four springs, each above a tyre of `onboard.vehicles.car_model`. MuJoCo's own
contacts know sliding and sticking only: they would hold a bend up to the limit and then let go at
once, where a tyre gives way by and by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
from liquid_pilot.simulation.mujoco.rendering import mujoco
from liquid_pilot.simulation.road.layout import RoadLayout
from liquid_pilot.simulation.vehicles.quadrotor import free_state

WHEEL_SIZE_M = (0.24, 0.09)
"""Radius and half width of a wheel, as it is drawn."""


@dataclass(frozen=True)
class RoverSettings:
    """A buggy of 110 kg; metres, newtons, radians."""

    handling: CarModel = BUGGY
    inertia_kg_m2: tuple[float, float] = (7.0, 17.0)
    """In roll and pitch."""
    half_track_m: float = 0.40
    ride_height_m: float = 0.35
    """Of the centre of mass above the ground, at rest."""
    spring_n_m: float = 6000.0
    damper_n_s_m: float = 420.0
    rolling_resistance: float = 0.02
    """Rolling resistance over weight."""
    air_drag_n_s_m: float = 1.5
    hull_m: tuple[float, float, float] = (0.75, 0.42, 0.18)
    collision_radius_m: float = 0.45
    """Half its width."""
    camera_position_m: tuple[float, float, float] = (0.55, 0.0, 0.45)
    camera_pitch_rad: float = 0.14
    """Looking down."""


class Rover:
    """MJCF of the vehicle, its tyres and its inner controllers, bound to one compiled model."""

    body = 'rover'

    def __init__(self, settings: RoverSettings | None = None) -> None:
        self.settings = s = settings or RoverSettings()
        self._car_model = h = s.handling
        self._height: Callable[[float, float], float] = lambda x, y: 0.0
        self.grip: Callable[[float, float], float] = lambda x, y: 1.0
        """Share of dry friction at east and north."""
        self.steering_rad = 0.0
        """Of a virtual wheel in the middle of the front axle."""
        self._corners = tuple(
            (sx * h.half_wheelbase_m, sy * s.half_track_m)
            for sx in (1.0, -1.0)
            for sy in (1.0, -1.0)
        )
        self._rest_m = s.ride_height_m + h.mass_kg * STANDARD_GRAVITY_M_S2 / 4.0 / s.spring_n_m

    def set_layout(self, layout: RoadLayout) -> None:
        """The world that it drives in."""
        self._height, self.grip, self.steering_rad = layout.height, lambda x, y: 1.0, 0.0

    def mjcf(self, vertical_fov_rad: float) -> tuple[str, str, str]:
        """Body, actuators (there are none) and sensors, to be put into a scene."""
        s, h = self.settings, self._car_model
        inertia = ' '.join(str(value) for value in (*s.inertia_kg_m2, h.yaw_inertia_kg_m2))
        camera = ' '.join(str(value) for value in s.camera_position_m)
        hull = ' '.join(str(value) for value in s.hull_m)
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

    def place(self, data: mujoco.MjData, position: tuple[float, float, float], yaw: float) -> None:
        """At rest on its springs above a point of the ground; yaw in radians about world z."""
        x, y, z = position
        data.qpos[:3] = (x, y, z + self.settings.ride_height_m)
        data.qpos[3:7] = (math.cos(0.5 * yaw), 0.0, 0.0, math.sin(0.5 * yaw))
        data.qvel[:] = 0.0
        self.steering_rad = 0.0

    @staticmethod
    def state(data: mujoco.MjData, stamp_ns: int) -> VehicleState:
        """Ground truth."""
        return free_state(data, stamp_ns)

    def actuate(
        self, data: mujoco.MjData, setpoint: Command | AttitudeThrust, state: VehicleState
    ) -> None:
        """One physics step: setpoint to steering, drive and brakes, and what springs and tyres do.

        The yaw rate of a command stands for a curvature (`onboard.vehicles.action_scaling`).
        """
        if not isinstance(setpoint, Command):
            raise LiquidPilotError(f'the rover takes no {type(setpoint).__name__}')
        s, h = self.settings, self._car_model
        self._steer(setpoint, data)
        rows = rotation_rows(*state.orientation_wxyz)
        ahead, left = [row[0] for row in rows], [row[1] for row in rows]
        speed = state.velocity_flu_m_s[0]
        climb = STANDARD_GRAVITY_M_S2 * ahead[2] / h.speed_gain_1_s
        wanted = h.commanded_acceleration_m_s2(setpoint.forward_m_s + climb, speed)
        rolling = s.rolling_resistance * STANDARD_GRAVITY_M_S2 * max(-1.0, min(1.0, speed / 0.3))
        push = h.mass_kg * (wanted - rolling)
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
                h.friction * self.grip(east, north),
                push / 4.0,
                self._angle(x, y),
                sum(map(float.__mul__, ahead, velocity)),
                sum(map(float.__mul__, left, velocity)),
            )
            own = [ahead[i] * along + left[i] * across for i in range(3)]
            own[2] += load
            # Tyres push at the ground, springs at their mounts.
            arm[2] -= gap
            for i in range(3):
                force[i] += own[i]
            torque[0] += arm[1] * own[2] - arm[2] * own[1]
            torque[1] += arm[2] * own[0] - arm[0] * own[2]
            torque[2] += arm[0] * own[1] - arm[1] * own[0]
        data.xfrc_applied[data.body(self.body).id] = (*force, *torque)

    def _steer(self, setpoint: Command, data: mujoco.MjData) -> None:
        wanted = self._car_model.steering_rad(
            yaw_rate_to_curvature(setpoint.yaw_rate_rad_s, setpoint.forward_m_s)
        )
        self.steering_rad = self._car_model.steer(
            self.steering_rad, wanted, float(data.model.opt.timestep)
        )

    def _angle(self, x: float, y: float) -> float:
        """Of one wheel: those in front turn about one point, the inner one more (Ackermann)."""
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
        """Force ahead and to the left of the vehicle, in newtons, of one tyre."""
        h = self._car_model
        cos, sin = math.cos(angle), math.sin(angle)
        rolling, sliding = ahead_m_s * cos + left_m_s * sin, left_m_s * cos - ahead_m_s * sin
        slip = math.atan2(sliding, max(abs(rolling), h.min_slip_speed_m_s))
        most = friction * load
        push = min(max(push, -most), most)
        side = most * h.lateral_force_ratio(slip)
        side *= math.sqrt(max(0.0, 1.0 - (push / most) ** 2)) if most else 0.0
        return push * cos - side * sin, push * sin + side * cos

    def apply_wind(
        self, data: mujoco.MjData, body_id: int, wind_enu_m_s: tuple[float, float, float]
    ) -> None:
        """Linear drag of the body against the moving air; after `actuate`."""
        drag = self.settings.air_drag_n_s_m
        velocity = data.qvel[:3].tolist()
        for i in range(3):
            data.xfrc_applied[body_id, i] -= drag * (velocity[i] - wind_enu_m_s[i])
