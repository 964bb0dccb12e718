"""Setpoints as MAVLink messages: their names and fields, but for the system they are sent to."""

from __future__ import annotations

from typing import Any, NamedTuple

from liquid_pilot.onboard.geometry import Vector
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget, attitude_mask
from liquid_pilot.onboard.setpoints.body_velocity import ForwardTurn
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

_MAV_FRAME_LOCAL_NED, _MAV_FRAME_BODY_NED = 1, 8
VELOCITY_AND_YAW_RATE = 0b0101_1100_0111
"""Value of POSITION_TARGET_TYPEMASK by which position, acceleration and yaw are ignored."""


class SetpointMessage(NamedTuple):
    """A message to an autopilot."""

    name: str
    """Name of the message, in small letters."""
    boot_ms: int
    """Its first field, the stamp; system and component follow it."""
    fields: tuple[Any, ...]
    """The fields after these."""


def velocity_message(setpoint: VelocityNed) -> SetpointMessage:
    """Return SET_POSITION_TARGET_LOCAL_NED: velocity in the world and yaw rate."""
    return _velocity(_MAV_FRAME_LOCAL_NED, *setpoint)


def forward_turn_message(setpoint: ForwardTurn) -> SetpointMessage:
    """Return SET_POSITION_TARGET_LOCAL_NED: velocity forward and yaw rate."""
    stamp_ns, forward_m_s, yaw_rate_rad_s = setpoint
    return _velocity(_MAV_FRAME_BODY_NED, stamp_ns, (forward_m_s, 0.0, 0.0), -yaw_rate_rad_s)


def _velocity(
    frame: int, stamp_ns: int, velocity_m_s: Vector, yaw_rate_rad_s: float
) -> SetpointMessage:
    """Return a velocity in a frame of MAVLink, and a yaw rate about the axis down."""
    return SetpointMessage(
        'set_position_target_local_ned',
        _boot_ms(stamp_ns),
        (
            frame,
            VELOCITY_AND_YAW_RATE,
            *[0] * 3,
            *velocity_m_s,
            *[0] * 4,
            yaw_rate_rad_s,
        ),
    )


def attitude_message(setpoint: AttitudeTarget, ardupilot: bool) -> SetpointMessage:
    """Return SET_ATTITUDE_TARGET: attitude, yaw rate and thrust.

    Args:
        setpoint: the setpoint.
        ardupilot: whether the autopilot is ArduPilot, which reads the mask in its own way.
    """
    return SetpointMessage(
        'set_attitude_target',
        _boot_ms(setpoint.stamp_ns),
        (
            attitude_mask(ardupilot),
            setpoint.orientation_frd_ned_wxyz,
            0,
            0,
            -setpoint.yaw_rate_rad_s,
            setpoint.thrust,
        ),
    )


def _boot_ms(stamp_ns: int) -> int:
    """Return a stamp as MAVLink's 32 bits of milliseconds; neither autopilot acts on it."""
    return stamp_ns // 1_000_000 % 2**32
