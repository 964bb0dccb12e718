"""The quadrotor of the package in an empty sky, with a mass, motors and a delay of any size.

Axes: the heading frame is that of the world (ENU), as the vehicle is told to keep its heading.
A command is a specific force in it, m/s^2, for a vehicle as it is built: its direction is the
attitude, its size along body z the thrust, as in `onboard.setpoints.velocity_controller`.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2, AttitudeThrust, VehicleState
from liquid_pilot.onboard.geometry import heading_rad, rotation_rows
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains, attitude_along
from liquid_pilot.simulation.conditions.vehicle_faults import add_payload
from liquid_pilot.simulation.vehicles.quadrotor import Quadrotor

FloatArray = npt.NDArray[np.float64]
PHYSICS_HZ, CONTROL_HZ = 200, 50
CONTROL_S = 1.0 / CONTROL_HZ
MAX_HORIZONTAL_M_S2 = 7.0
"""Largest horizontal force that is commanded, m/s^2."""
VERTICAL_M_S2 = (2.0, 22.0)
"""Least and largest vertical force that is commanded, m/s^2: up to what the rotors have."""
_TIPPED = 0.25
"""Cosine of the tilt beyond which a flight is lost."""
_MAX_SPEED_M_S = 10.0
"""Speed beyond which a flight is lost, m/s."""


class Dynamics(NamedTuple):
    """What varies from vehicle to vehicle, and nobody tells the pilot."""

    mass: float = 1.0
    """Mass over that of the vehicle as it is built; inertia likewise."""
    motor_s: float = 0.03
    """Time constant of the motors, s."""
    weak_rotor: int = 0
    """Index of the weak rotor."""
    thrust_lost: float = 0.0
    """Share of its thrust that is lost."""
    latency: int = 0
    """Delay of each command, in control periods."""


NOMINAL = Dynamics()


class Sky:
    """One vehicle in an empty sky.

    Args:
        dynamics: its dynamics; they may be changed in flight.
        spins_otherwise: whether the rotors turn the other way round, so that the torque of each
            about the vertical has the other sign.
    """

    def __init__(self, dynamics: Dynamics = NOMINAL, spins_otherwise: bool = False) -> None:
        self._vehicle = Quadrotor()
        body, actuators, sensors = self._vehicle.mjcf(1.0)
        self._model = mujoco.MjModel.from_xml_string(
            f'<mujoco><compiler angle="radian"/>'
            f'<option timestep="{1.0 / PHYSICS_HZ}" integrator="implicitfast"/>'
            '<default><default class="visual">'
            '<geom contype="0" conaffinity="0" mass="0"/></default></default>'
            f'<worldbody>{body}</worldbody><actuator>{actuators}</actuator>'
            f'<sensor>{sensors}</sensor></mujoco>'
        )
        self._data = mujoco.MjData(self._model)
        self._body = self._model.body(self._vehicle.body).id
        self._inertial = [
            array[self._body].copy() for array in (self._model.body_mass, self._model.body_inertia)
        ]
        if spins_otherwise:
            self._model.actuator_gear[:, 5] *= -1.0
        self._gear = self._model.actuator_gear.copy()
        self.reset(dynamics)

    def reset(self, dynamics: Dynamics = NOMINAL) -> None:
        """Put the vehicle at rest at the origin, hovering."""
        self._stamp_ns = 0
        mujoco.mj_resetData(self._model, self._data)
        self._vehicle.reset_pose(self._data, (0.0, 0.0, 0.0), 0.0)
        self._data.act[:] *= dynamics.mass
        self._pending: deque[FloatArray] = deque()
        self.change(dynamics)
        mujoco.mj_forward(self._model, self._data)

    def change(self, dynamics: Dynamics) -> None:
        """Give the vehicle other dynamics from now on."""
        self.dynamics = dynamics
        model = self._model
        model.body_mass[self._body], model.body_inertia[self._body] = self._inertial
        add_payload(model, self._body, dynamics.mass - 1.0)
        mujoco.mj_setConst(model, mujoco.MjData(model))
        model.actuator_dynprm[:, 0] = dynamics.motor_s
        model.actuator_gear[:] = self._gear
        model.actuator_gear[dynamics.weak_rotor] *= 1.0 - dynamics.thrust_lost
        hover = np.array([0.0, 0.0, STANDARD_GRAVITY_M_S2])
        while len(self._pending) < dynamics.latency:
            self._pending.appendleft(self._pending[0] if self._pending else hover)
        while len(self._pending) > dynamics.latency:
            self._pending.popleft()

    @property
    def state(self) -> VehicleState:
        """The true state."""
        return self._vehicle.state(self._data, self._stamp_ns)

    @property
    def velocity_m_s(self) -> FloatArray:
        """(3,) velocity in the world frame, m/s."""
        return self._data.qvel[:3].copy()

    @property
    def position_m(self) -> FloatArray:
        """(3,) position in the world frame, m."""
        return self._data.qpos[:3].copy()

    @property
    def pending(self) -> list[FloatArray]:
        """The commands that have not arrived yet, the oldest first."""
        return list(self._pending)

    @property
    def is_lost(self) -> bool:
        """Whether the vehicle has tipped over or runs away."""
        up = rotation_rows(*self.state.orientation_wxyz)[2][2]
        return bool(up < _TIPPED or np.linalg.norm(self._data.qvel[:3]) > _MAX_SPEED_M_S)

    def advance(self, force_m_s2: FloatArray) -> None:
        """Fly one control period.

        Args:
            force_m_s2: (3,) the command.
        """
        self._pending.append(limited(force_m_s2))
        setpoint = self._setpoint(self._pending.popleft())
        for _ in range(PHYSICS_HZ // CONTROL_HZ):
            self._vehicle.actuate(self._data, setpoint, self.state)
            self._step()

    def advance_rotors(self, thrusts_n: FloatArray) -> None:
        """Fly one hundredth of a second with the thrusts of the rotors, without any inner loop.

        Args:
            thrusts_n: (4,) thrust of each rotor, N, in the order of the package.
        """
        self._data.ctrl[:] = np.clip(thrusts_n, 0.0, self._vehicle.settings.max_thrust_n)
        for _ in range(PHYSICS_HZ // 100):
            self._step()

    @property
    def max_thrust_n(self) -> float:
        """Largest thrust of one rotor, N."""
        return self._vehicle.settings.max_thrust_n

    def _step(self) -> None:
        self._vehicle.apply_wind(self._data, self._body, (0.0, 0.0, 0.0))
        mujoco.mj_step(self._model, self._data)
        self._stamp_ns += 1_000_000_000 // PHYSICS_HZ

    def _setpoint(self, force_m_s2: FloatArray) -> AttitudeThrust:
        """Return the attitude along a force, and its part along body z as the thrust."""
        east, north, up = force_m_s2.tolist()
        orientation = self.state.orientation_wxyz
        body_z = np.array(rotation_rows(*orientation))[:, 2]
        thrust = float(np.clip(force_m_s2 @ body_z, *VERTICAL_M_S2))
        # The heading is steered back to east, as a pilot's yaw rate would.
        turn = -2.0 * heading_rad(orientation)
        return AttitudeThrust(self._stamp_ns, attitude_along(east, north, up, 0.0), turn, thrust)


def limited(force_m_s2: FloatArray) -> FloatArray:
    """Return a command within what the vehicle may be told."""
    force = np.array(force_m_s2, np.float64)
    force[2] = np.clip(force[2], *VERTICAL_M_S2)
    most = min(MAX_HORIZONTAL_M_S2, np.tan(VelocityGains().maximum_tilt_rad) * force[2])
    size = float(np.hypot(force[0], force[1]))
    force[:2] *= min(1.0, most / max(size, 1e-9))
    return force


def draw_dynamics(rng: np.random.Generator, ranges: dict[str, list[float]]) -> Dynamics:
    """Draw the dynamics of a vehicle.

    Args:
        rng: source of the numbers.
        ranges: lowest and highest mass and motor_s (drawn evenly in their logarithm), thrust_lost
            (every second vehicle has no weak rotor) and latency.
    """

    def logarithmic(name: str) -> float:
        low, high = ranges[name]
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    mass, motor_s = logarithmic('mass'), logarithmic('motor_s')
    weak, lost = int(rng.integers(4)), float(rng.uniform(*ranges['thrust_lost']))
    lost *= float(rng.random() < 0.5)
    low, high = (int(bound) for bound in ranges['latency'])
    return Dynamics(mass, motor_s, weak, lost, int(rng.integers(low, high + 1)))
