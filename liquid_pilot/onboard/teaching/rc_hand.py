"""What the sticks of a remote control command, where they command velocities.

In modes such as LOITER of ArduCopter and Position of PX4 the position of a stick means a velocity,
and in STEERING of ArduRover a speed and a turn. There a human's hand says what a pilot should have
said. In other modes a stick means an attitude or a rate, which no command of a pilot stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liquid_pilot.interfaces import CommandValues, VehicleLimits
from liquid_pilot.utils.settings import setting

_CENTRE_US, _HALF_RANGE_US = 1500.0, 400.0
_PLAUSIBLE_US = (800.0, 2200.0)


@dataclass(frozen=True)
class RcHandSettings:
    """How the sticks of a remote control are read."""

    rc_hand: bool = setting(
        False,
        'publish on hand/command what the sticks of the remote control command while a human flies '
        '(mavlink, mavlink_attitude, mavlink_rover)',
    )
    rc_channels: tuple[int, ...] = setting(
        (-2, -1, 3, -4),
        'channels for forward, left, up and a turn to the left; negative: a larger pulse means the '
        'opposite; 0: no stick. For a rover: 3, 0, 0, -1',
        low=-18,
        high=18,
    )
    rc_deadzone: float = setting(
        0.05, 'share of the way of a stick around its centre that means zero', low=0.0, high=0.5
    )
    rc_modes: tuple[str, ...] = setting(
        ('LOITER', 'POSCTL', 'STEERING'),
        'modes of the autopilot in which sticks command velocities',
    )


def hand_command(
    pulses_us: Sequence[float], settings: RcHandSettings, limits: VehicleLimits
) -> CommandValues | None:
    """Return what the sticks command: full deflection is the largest command of the vehicle.

    >>> limits = VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0))
    >>> hand_command([1500, 1300, 1500, 1500], RcHandSettings(), limits)
    (1.25, 0.0, 0.0, 0.0)

    Args:
        pulses_us: lengths of the pulses of channels 1, 2 and so on, microseconds.
        settings: the channels.
        limits: limits on the vehicle's commands.

    Returns:
        Forward, left, up (m/s) and yaw rate (rad/s); None where a channel is missing, as without a
        receiver.
    """
    shares = []
    for channel in settings.rc_channels:
        if channel == 0:
            shares.append(0.0)
            continue
        if abs(channel) > len(pulses_us):
            return None
        pulse = pulses_us[abs(channel) - 1]
        if not _PLAUSIBLE_US[0] <= pulse <= _PLAUSIBLE_US[1]:
            return None
        share = min(max((pulse - _CENTRE_US) / _HALF_RANGE_US, -1.0), 1.0)
        if abs(share) <= settings.rc_deadzone:
            share = 0.0
        shares.append(share if channel > 0 else -share + 0.0)
    return limits.clamp(share * most for share, most in zip(shares, limits.maximum, strict=True))
