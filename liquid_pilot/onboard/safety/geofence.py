"""A fence about where a flight began: a cylinder that no command leads out of.

Plain Python, like the guard that asks it. Positions are of the world (ENU), commands of the heading
frame (FLU), lengths in metres, speeds in m/s.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

from liquid_pilot.interfaces import LiquidPilotError, VehicleState
from liquid_pilot.onboard.geometry import heading_rad, into_world, unit_quaternion

CommandValues = tuple[float, float, float, float]
"""Of a command: forward, left, up and yaw rate."""


@dataclass(frozen=True)
class Geofence:
    """How far, and how high above it, from where the guard was engaged; 0: no such limit."""

    radius_m: float = 0.0
    ceiling_m: float = 0.0
    reaction_s: float = 0.6
    """The vehicle goes on for this long before it follows a new command."""
    braking_m_s2: float = 2.0
    """What the vehicle brakes with at least."""

    def __post_init__(self) -> None:
        """Refuse what bounds nothing."""
        every = (self.radius_m, self.ceiling_m, self.reaction_s, self.braking_m_s2)
        if not all(map(math.isfinite, every)) or min(every) < 0.0 or self.braking_m_s2 == 0.0:
            raise LiquidPilotError(
                'fence: radius, ceiling and reaction must be finite and >= 0, '
                f'braking > 0, not {every}'
            )

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self.radius_m > 0.0 or self.ceiling_m > 0.0

    def contain(
        self, values: CommandValues, vehicle: VehicleState, home_enu_m: tuple[float, float, float]
    ) -> tuple[CommandValues, str]:
        """The command, slowed as far as it leads out, and why; empty when it is as it was.

        It must be possible to react and to brake before the fence, in the direction of the command,
        from where the vehicle is; and to brake, from where its velocity will have taken it by the
        time it has reacted. Outside, what leads back in passes. No value grows, and the horizontal
        direction stays, so that a vehicle that cannot go sideways is not told to.
        """
        forward, left, up, yaw_rate = values
        reason = ''
        velocity = into_world(unit_quaternion(vehicle.orientation_wxyz), vehicle.velocity_flu_m_s)
        here = tuple(map(operator.sub, vehicle.position_enu_m, home_enu_m))
        later = tuple(
            place + self.reaction_s * speed for place, speed in zip(here, velocity, strict=True)
        )
        speed = math.hypot(forward, left)
        if self.radius_m > 0.0 and speed > 0.0:
            course = heading_rad(vehicle.orientation_wxyz) + math.atan2(left, forward)
            allowed = self._speed(
                *(
                    self._distance_to_boundary(place, math.cos(course), math.sin(course))
                    for place in (here, later)
                )
            )
            if speed > allowed:
                forward, left = forward * allowed / speed, left * allowed / speed
                reason = f'fence: it is {self.radius_m:g} m from where it was engaged'
        if self.ceiling_m > 0.0:
            allowed = self._speed(*(self.ceiling_m - place[2] for place in (here, later)))
            if up > allowed:
                up = allowed
                reason = f'fence: it is {self.ceiling_m:g} m above where it was engaged'
        return (forward, left, up, yaw_rate), reason

    def _distance_to_boundary(self, place: tuple[float, ...], east: float, north: float) -> float:
        """How far a straight course, a unit vector, leads before it leads (further) out."""
        ahead = -(place[0] * east + place[1] * north)
        inside = ahead * ahead + self.radius_m**2 - place[0] ** 2 - place[1] ** 2
        if inside < 0.0:
            # Outside, on a course that misses the circle: towards it as far as it comes closer.
            return ahead
        room = ahead + math.sqrt(inside)
        return room if math.hypot(*place[:2]) <= self.radius_m or ahead > 0.0 else 0.0

    def _speed(self, room_m: float, later_m: float) -> float:
        """Largest v with v * reaction + v^2 / (2 * braking) within the first room ...

        ... and v^2 / (2 * braking) within the second.
        """
        held = self.reaction_s * self.braking_m_s2
        twice = 2.0 * self.braking_m_s2
        return min(
            math.sqrt(held * held + twice * max(room_m, 0.0)) - held,
            math.sqrt(twice * max(later_m, 0.0)),
        )
