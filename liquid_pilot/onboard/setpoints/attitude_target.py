"""Setpoints for autopilots that take an attitude and normalised thrust: MAVROS, PX4, MAVLink."""

from __future__ import annotations

import math
from typing import NamedTuple

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    STANDARD_GRAVITY_M_S2,
    Command,
    ObservationError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import (
    Quaternion,
    attitude_enu_ned,
    heading_rad,
    into_world,
    rotation_rows,
    unit_quaternion,
)
from liquid_pilot.onboard.setpoints.attitude_thrust import AttitudeThrustAdapter
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains, attitude_along
from liquid_pilot.onboard.setpoints.world_velocity import (
    VelocityEnu,
    VelocityEnuAdapter,
    VelocityNed,
    VelocityNedAdapter,
)

MAX_HEADING_LEAD_RAD = 0.5
"""Largest angle by which the heading of a setpoint is ahead of that of the vehicle, rad."""
MAX_PAUSE_S = 0.5
"""Time between two setpoints, forwards or backwards, after which integration begins anew, s."""
_CORRECTION_GAIN_S_M = 0.1
"""Change of the thrust correction for each metre of lost height, 1/m. With the default gain of the
velocity controller the climb rate settles with a time constant of 2.7 s, and without overshoot."""
_MAX_SPEED_M_S = 1.0e3
"""Bound on vertical velocities, so that sums stay finite, m/s."""


class AttitudeTarget(NamedTuple):
    """Attitude in both frame conventions, yaw rate and normalised thrust."""

    stamp_ns: int
    """Stamp of the command, ns."""
    orientation_wxyz: Quaternion
    """Attitude, FLU to ENU."""
    orientation_frd_ned_wxyz: Quaternion
    """The same attitude, FRD to NED."""
    yaw_rate_rad_s: float
    """Yaw rate about the axis up, rad/s."""
    thrust: float
    """Thrust as a fraction of full thrust, 0 to 1."""


def attitude_mask(ardupilot: bool) -> int:
    """Return the fields that a MAVLink autopilot ignores, as ATTITUDE_TARGET_TYPEMASK.

    The type mask of mavros_msgs has the same bits. PX4 ignores roll and pitch rate, and follows
    attitude, yaw rate and thrust. ArduCopter stops when only some of the rates are ignored, so that
    it is sent all three.

    Args:
        ardupilot: whether the autopilot is ArduPilot.
    """
    return 0 if ardupilot else 1 | 2


class HeadingIntegrator:
    """Integrates the commanded yaw rate to the heading that a setpoint carries.

    An attitude with the vehicle's present heading would pull the vehicle back, against the yaw
    rate that is sent with it.
    """

    def __init__(self) -> None:
        self._heading_rad: float | None = None

    def reset(self) -> None:
        """Begin at the vehicle's heading the next time."""
        self._heading_rad = None

    def step(self, present_rad: float, yaw_rate_rad_s: float, elapsed_s: float) -> float:
        """Return by how much the setpoint is ahead of the vehicle's heading, rad.

        Args:
            present_rad: heading of the vehicle, counter-clockwise from east.
            yaw_rate_rad_s: commanded yaw rate.
            elapsed_s: time since the previous setpoint, s.
        """
        if self._heading_rad is None:
            self._heading_rad = present_rad
            return 0.0
        heading = self._heading_rad + yaw_rate_rad_s * elapsed_s
        lead = math.remainder(heading - present_rad, 2.0 * math.pi)
        lead = min(max(lead, -MAX_HEADING_LEAD_RAD), MAX_HEADING_LEAD_RAD)
        self._heading_rad = present_rad + lead
        return lead


class ThrustCorrection:
    """Corrects the hover thrust, slowly and within a bound, by the vertical speed.

    The vertical speed is compared with that of a vehicle with the right hover thrust (a first-order
    lag behind the command, as the velocity loop is proportional), so that a command that changes
    leaves no correction behind.
    """

    def __init__(self, bound: float, gains: VelocityGains) -> None:
        """Begin without a correction.

        Args:
            bound: largest correction, as a share of the hover thrust; 0: none.
            gains: gains of the velocity controller.
        """
        self._bound, self._gains = bound, gains
        self._ceiling_m_s2 = gains.maximum_thrust_m_s2 * math.cos(gains.maximum_tilt_rad)
        self._expected_m_s: float | None = None
        self.value = 0.0
        """Share of the hover thrust that is added."""

    def reset(self) -> None:
        """Forget the correction, and begin at the vehicle's vertical speed the next time."""
        self._expected_m_s, self.value = None, 0.0

    def step(self, up_m_s: float, climb_m_s: float, full: bool, elapsed_s: float) -> None:
        """Update the correction.

        At a limit of the thrust it does not grow further in the direction of the limit.

        Args:
            up_m_s: commanded vertical speed.
            climb_m_s: vertical speed of the vehicle.
            full: whether the previous setpoint had full thrust.
            elapsed_s: time since the previous setpoint, s.
        """
        up, climb = _bounded(up_m_s), _bounded(climb_m_s)
        if self._expected_m_s is None:
            self._expected_m_s = climb
            return
        gain = self._gains.vertical_1_s
        self._expected_m_s += (1.0 - math.exp(-gain * elapsed_s)) * (up - self._expected_m_s)
        step = _CORRECTION_GAIN_S_M * (self._expected_m_s - climb) * elapsed_s
        force_m_s2 = STANDARD_GRAVITY_M_S2 + gain * (up - climb)
        if full or force_m_s2 >= self._ceiling_m_s2:
            step = min(step, 0.0)
        if force_m_s2 <= self._gains.minimum_thrust_m_s2:
            step = max(step, 0.0)
        self.value = min(max(self.value + step, -self._bound), self._bound)


class AttitudeTargetAdapter:
    """Converts a command to attitude and normalised thrust, by the velocity controller.

    Thrust is assumed to be linear: `hover_thrust` holds 1 g (PX4: MPC_THR_HOVER; ArduPilot:
    MOT_THST_HOVER). A wrong value would cause a steady error of the climb rate, as the loop is
    proportional: `ThrustCorrection` removes it.

    It has a state: the heading and the correction are integrated from setpoint to setpoint, by the
    stamps of the commands. They begin anew after a pause.

    Without usable odometry, a command that is the same in any heading, such as standstill, becomes
    a velocity, which the autopilot holds by its own estimate.
    """

    needs_odometry = True

    def __init__(
        self,
        name: str,
        settings: AdapterSettings | None = None,
        gains: VelocityGains | None = None,
        velocity: VelocityEnuAdapter | VelocityNedAdapter | None = None,
    ) -> None:
        """Begin without a heading and a correction.

        Args:
            name: name of the adapter.
            settings: properties of the vehicle; None: the defaults.
            gains: gains of the velocity controller; None: the defaults.
            velocity: adapter of the commands without odometry; None: velocities in NED.
        """
        self.name = name
        self._settings = settings or AdapterSettings()
        gains = gains or VelocityGains()
        self._inner = AttitudeThrustAdapter(gains)
        self._velocity = velocity or VelocityNedAdapter(name)
        self._heading = HeadingIntegrator()
        self._correction = ThrustCorrection(self._settings.max_thrust_correction, gains)
        self._stamp_ns: int | None = None
        self._full = False

    def reset(self) -> None:
        """Begin anew, as the vehicle does not follow the setpoints."""
        self._heading.reset()
        self._correction.reset()
        self._stamp_ns, self._full = None, False

    def convert(
        self, command: Command, state: VehicleState | None
    ) -> AttitudeTarget | VelocityEnu | VelocityNed:
        """Return the setpoint.

        Args:
            command: the command, in the heading frame.
            state: odometry; None when there is none.

        Raises:
            ObservationError: a command that needs the heading came without usable odometry, or the
                command is not finite.
        """
        try:
            target = self._inner.convert(command, state)
        except ObservationError:
            self.reset()
            moves = command.forward_m_s != 0.0 or command.left_m_s != 0.0
            if moves or not all(map(math.isfinite, command.values)):
                raise
            return self._velocity.convert(command, None)
        assert state is not None  # The conversion needs it.
        attitude = unit_quaternion(state.orientation_wxyz)
        elapsed_s = self._elapsed_s(command.stamp_ns)
        heading = heading_rad(attitude)
        lead = self._heading.step(heading, command.yaw_rate_rad_s, elapsed_s)
        orientation = target.orientation_wxyz
        if lead != 0.0:
            orientation = _turned(orientation, heading + lead)
        x, y, z = map(_bounded, state.velocity_flu_m_s)
        climb_m_s = into_world(attitude, (x, y, z))[2]
        self._correction.step(command.up_m_s, climb_m_s, self._full, elapsed_s)
        hover_thrust = self._settings.hover_thrust * (1.0 + self._correction.value)
        thrust = target.thrust_m_s2 / STANDARD_GRAVITY_M_S2 * hover_thrust
        self._full = thrust >= 1.0
        return AttitudeTarget(
            target.stamp_ns,
            orientation,
            attitude_enu_ned(orientation),
            target.yaw_rate_rad_s,
            min(max(thrust, 0.0), 1.0),
        )

    def _elapsed_s(self, stamp_ns: int) -> float:
        """Return the time since the newest setpoint, s; begin anew after a pause.

        Stamps of commands and those of the safe command, which are younger, may alternate: one that
        goes back by little adds no time.
        """
        previous_ns, self._stamp_ns = self._stamp_ns, stamp_ns
        if previous_ns is None:
            return 0.0
        elapsed_s = (stamp_ns - previous_ns) / NANOSECONDS_PER_SECOND
        if abs(elapsed_s) > MAX_PAUSE_S:
            self.reset()
            self._stamp_ns = stamp_ns
            return 0.0
        self._stamp_ns = max(stamp_ns, previous_ns)
        return max(elapsed_s, 0.0)


def _turned(orientation_wxyz: Quaternion, heading: float) -> Quaternion:
    """Return the attitude with the same z axis (thus the same thrust) and another heading, rad."""
    (_, _, east), (_, _, north), (_, _, up) = rotation_rows(*orientation_wxyz)
    cos_yaw, sin_yaw = math.cos(heading), math.sin(heading)
    forward, left = cos_yaw * east + sin_yaw * north, cos_yaw * north - sin_yaw * east
    return attitude_along(forward, left, up, heading)


def _bounded(value: float) -> float:
    return min(max(value, -_MAX_SPEED_M_S), _MAX_SPEED_M_S)
