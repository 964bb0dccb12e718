"""The parameters of the guard node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, cast

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.nodes.outputs.base import OutputParameters
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.preflight import PreflightRequirements
from liquid_pilot.onboard.setpoints.registry import ADAPTERS
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits
from liquid_pilot.utils.settings import setting, setting_from

_QUADROTOR = get_vehicle_limits('quadrotor')
_FourNumbers: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class GuardParameters(OutputParameters):
    """Parameters of the guard node; lists have four entries: forward, left, up and yaw rate."""

    adapter: str = setting(
        'cmd_vel',
        'setpoint that the vehicle takes: '
        + '; '.join(f'{name}: {entry.description}' for name, entry in ADAPTERS.built_in.items()),
        choices=ADAPTERS,
    )
    maximum: tuple[float, ...] = setting(
        _QUADROTOR.maximum,
        'largest magnitude of forward, left, up and yaw rate',
        'm/s, m/s, m/s, rad/s',
        low=0.0,
        high=100.0,
    )
    slew: tuple[float, ...] = setting(
        _QUADROTOR.slew,
        'largest change per second of forward, left, up and yaw rate',
        'm/s^2, m/s^2, m/s^2, rad/s^2',
        low=1e-3,
        high=1000.0,
    )
    safe_command: tuple[float, ...] = setting(
        _QUADROTOR.safe_command,
        'forward, left, up and yaw rate that are sent when no good command arrives; zero is hover '
        'for a multicopter',
        'm/s, m/s, m/s, rad/s',
        low=-100.0,
        high=100.0,
    )
    command_timeout_s: float = setting(
        _QUADROTOR.command_timeout_s,
        'without a good command for this long the safe command is sent',
        's',
        low=0.02,
        high=10.0,
    )
    rate_hz: float = setting(
        20.0,
        'rate of the watchdog, and of the safe command while it is sent',
        'Hz',
        low=2.0,
        high=200.0,
    )
    engage_on_start: bool = setting(
        False, 'engage at the first commands of the pilot, without a call of guard/engage'
    )
    check_stamp_age: bool = setting(
        True,
        'drop commands whose stamp is older than command_timeout_s by the ROS clock; false when '
        "the camera's clock is not the ROS clock",
    )
    preflight: bool = setting(
        True,
        'refuse to engage until the checks pass: camera and IMU rate, clocks, camera geometry, '
        'and the status of the autopilot (docs/explanation/guard.md)',
    )
    forward_hand: bool = setting(
        False,
        'while a human has the vehicle, send the commands on hand/command; false: send nothing, as '
        'the human has a remote control of the vehicle',
    )
    min_camera_rate_ratio: float = setting_from(PreflightRequirements, 'min_camera_rate_ratio')
    min_imu_rate_hz: float = setting_from(PreflightRequirements, 'min_imu_rate_hz')
    geofence_radius_m: float = setting_from(Geofence, 'radius_m')
    geofence_ceiling_m: float = setting_from(Geofence, 'ceiling_m')
    geofence_reaction_s: float = setting_from(Geofence, 'reaction_s')
    lockstep: bool = setting(
        False,
        'for lock-step simulation only: answer each command at once, and let time stand still '
        'between commands',
    )

    def limits(self) -> VehicleLimits:
        """Return the limits of the vehicle.

        Raises:
            LiquidPilotError: a list has not four entries, or the limits contradict each other.
        """
        # VehicleLimits checks the number of entries.
        return VehicleLimits(
            cast(_FourNumbers, self.maximum),
            cast(_FourNumbers, self.slew),
            self.command_timeout_s,
            cast(_FourNumbers, self.safe_command),
        )

    def fence(self) -> Geofence:
        """Return the geofence."""
        return Geofence(self.geofence_radius_m, self.geofence_ceiling_m, self.geofence_reaction_s)

    def requirements(self) -> PreflightRequirements:
        """Return the requirements of the preflight checks."""
        return PreflightRequirements(
            self.min_camera_rate_ratio,
            self.min_imu_rate_hz,
            self.command_timeout_s if self.check_stamp_age else None,
            ADAPTERS[self.adapter].requires_offboard_mode,
        )
