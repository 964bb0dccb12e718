"""Setpoints for autopilots that take an attitude and normalised thrust: MAVROS, PX4, MAVLink."""

from __future__ import annotations

from typing import NamedTuple

from liquid_pilot.interfaces import (
    STANDARD_GRAVITY_M_S2,
    AttitudeThrust,
    Command,
    VehicleState,
)
from liquid_pilot.onboard.geometry import Quaternion, attitude_enu_ned
from liquid_pilot.onboard.setpoints.attitude_thrust import AttitudeThrustAdapter
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains


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


class AttitudeTargetAdapter:
    """Converts a command to attitude and normalised thrust, by the velocity controller.

    Thrust is assumed to be linear: `hover_thrust` holds 1 g (PX4: MPC_THR_HOVER; ArduPilot:
    MOT_THST_HOVER). A wrong value causes a steady error of the climb rate, as the loop is
    proportional.
    """

    needs_odometry = True

    def __init__(
        self, name: str, settings: AdapterSettings | None = None, gains: VelocityGains | None = None
    ) -> None:
        self.name = name
        self._settings = settings or AdapterSettings()
        self._inner = AttitudeThrustAdapter(gains)

    def convert(self, command: Command, state: VehicleState | None) -> AttitudeTarget:
        """Return the setpoint; raises ObservationError without odometry."""
        target: AttitudeThrust = self._inner.convert(command, state)
        thrust = target.thrust_m_s2 / STANDARD_GRAVITY_M_S2 * self._settings.hover_thrust
        return AttitudeTarget(
            target.stamp_ns,
            target.orientation_wxyz,
            attitude_enu_ned(target.orientation_wxyz),
            target.yaw_rate_rad_s,
            min(max(thrust, 0.0), 1.0),
        )
