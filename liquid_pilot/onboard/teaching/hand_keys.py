"""What the keys of a hand mean: a pilot is corrected by keys that add to what it wants.

A keyboard says when a key is pressed, and again while it is held, but not when it is let go. So a
key acts for a moment after it was heard last.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from liquid_pilot.interfaces import CommandValues, VehicleLimits
from liquid_pilot.utils.settings import setting

PILOT, ZERO, EXPERT = 'pilot', 'zero', 'expert'
"""What the keys of a hand can add to."""
HELD_S = 0.6
"""Time for which a key acts after it was heard last: a keyboard repeats it after half a second, and
then many times a second, s."""
DIRECTIONS: Mapping[str, tuple[int, float]] = {
    'up': (0, 1.0),
    'down': (0, -1.0),
    'left': (3, 1.0),
    'right': (3, -1.0),
    'a': (1, 1.0),
    'd': (1, -1.0),
    'w': (2, 1.0),
    's': (2, -1.0),
}
"""Key to the number of a command (forward, left, up, yaw rate) and its sign."""
STOP = ' '
"""Key that stops the vehicle until another key is pressed."""


@dataclass(frozen=True)
class HandSettings:
    """What the keys of a hand add, and to what."""

    base: str = setting(
        PILOT,
        'what keys add to: pilot, the command that the pilot wants, so that one only corrects it; '
        'zero; or expert, what the expert of the simulation would command, which then flies',
        choices=(PILOT, ZERO, EXPERT),
    )
    share: float = setting(
        0.5, 'how much a key adds, as a share of the largest command', low=0.01, high=1.0
    )


class HandKeys:
    """Commands of a hand on a keyboard.

    >>> limits = VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0))
    >>> keys = HandKeys(limits, share=0.5)
    >>> keys.press('left', now_s=0.0)
    True
    >>> keys.command((1.0, 0.0, 0.0, 0.1), now_s=0.1)
    (1.0, 0.0, 0.0, 0.85)
    >>> keys.command((1.0, 0.0, 0.0, 0.1), now_s=0.9)
    (1.0, 0.0, 0.0, 0.1)

    Args:
        limits: limits on the vehicle's commands.
        share: how much a key adds, as a share of the largest command.
    """

    def __init__(self, limits: VehicleLimits, share: float) -> None:
        self._limits, self._share = limits, share
        self._heard_s: dict[str, float] = {}
        self._stopped = False

    def press(self, key: str, now_s: float) -> bool:
        """Take a key, and return whether it commands the vehicle.

        Args:
            key: name of the key, of DIRECTIONS, or STOP.
            now_s: steady time, s.
        """
        if key == STOP:
            self._heard_s.clear()
            self._stopped = True
            return True
        if key not in DIRECTIONS:
            return False
        self._stopped = False
        number, sign = DIRECTIONS[key]
        # The opposite key ends at once.
        self._heard_s = {
            other: heard_s
            for other, heard_s in self._heard_s.items()
            if DIRECTIONS[other] != (number, -sign)
        }
        self._heard_s[key] = now_s
        return True

    def release(self) -> None:
        """Forget all keys."""
        self._heard_s.clear()
        self._stopped = False

    def command(self, base: CommandValues, now_s: float) -> CommandValues:
        """Return what the hand commands.

        Args:
            base: what the keys add to: what the pilot wants, or zeros.
            now_s: steady time, s.

        Returns:
            Forward, left, up (m/s) and yaw rate (rad/s), within the limits.
        """
        if self._stopped or not all(map(math.isfinite, base)):
            base = (0.0, 0.0, 0.0, 0.0)
        values = list(base)
        for key, heard_s in self._heard_s.items():
            if 0.0 <= now_s - heard_s <= HELD_S:
                number, sign = DIRECTIONS[key]
                values[number] += sign * self._share * self._limits.maximum[number]
        return self._limits.clamp(values)
