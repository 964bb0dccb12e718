"""For autopilots that take an attitude and a share of full thrust: MAVROS, PX4 and MAVLink."""

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
    """Attitude in both conventions, yaw rate about up, and thrust as a share of the full one."""

    stamp_ns: int
    orientation_wxyz: Quaternion
    """FLU to ENU."""
    orientation_frd_ned_wxyz: Quaternion
    """The same attitude, FRD to NED."""
    yaw_rate_rad_s: float
    """About up."""
    thrust: float
    """0 to 1."""


def attitude_mask(ardupilot: bool) -> int:
    """What a MAVLink autopilot is told to ignore (ATTITUDE_TARGET_TYPEMASK, mavros_msgs likewise).

    PX4: roll and pitch rate; not attitude, yaw rate and thrust. ArduCopter stops when only some of
    the rates are ignored: it gets all three, and nothing is ignored.
    """
    return 0 if ardupilot else 1 | 2


class AttitudeTargetAdapter:
    """Velocity command and odometry -> attitude and normalised thrust, by the velocity controller.

    Thrust is taken to be linear: `hover_thrust` is what holds 1 g (PX4: MPC_THR_HOVER; ArduPilot:
    MOT_THST_HOVER). A wrong one leaves a steady error of the climb rate: the loop is proportional.
    """

    needs_odometry = True

    def __init__(
        self, name: str, settings: AdapterSettings | None = None, gains: VelocityGains | None = None
    ) -> None:
        self.name = name
        self._settings = settings or AdapterSettings()
        self._inner = AttitudeThrustAdapter(gains)

    def convert(self, command: Command, state: VehicleState | None) -> AttitudeTarget:
        """ObservationError without odometry."""
        target: AttitudeThrust = self._inner.convert(command, state)
        share = target.thrust_m_s2 / STANDARD_GRAVITY_M_S2 * self._settings.hover_thrust
        return AttitudeTarget(
            target.stamp_ns,
            target.orientation_wxyz,
            attitude_enu_ned(target.orientation_wxyz),
            target.yaw_rate_rad_s,
            min(max(share, 0.0), 1.0),
        )
