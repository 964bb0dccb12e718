"""A geofence: a cylinder about the start of a flight that no command leads out of.

Plain Python, like the guard that uses it. Positions are in the world (ENU), commands in the heading
frame (FLU), lengths in metres and speeds in m/s.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

from liquid_pilot.interfaces import CommandValues, LiquidPilotError, VehicleState
from liquid_pilot.onboard.geometry import Vector, heading_rad, into_world, unit_quaternion
from liquid_pilot.utils.settings import setting


@dataclass(frozen=True)
class Geofence:
    """Limits on distance and height from the position at which the guard was engaged."""

    radius_m: float = setting(
        0.0,
        'no command leads farther than this from where the guard engaged; needs odom; 0: no limit',
        'm',
        low=0.0,
        high=1e5,
    )
    ceiling_m: float = setting(
        0.0,
        'no command leads higher than this above where the guard engaged; needs odom; 0: no limit',
        'm',
        low=0.0,
        high=1e4,
    )
    reaction_s: float = setting(
        0.6, 'time until the vehicle follows a new command', 's', low=0.0, high=10.0
    )
    braking_m_s2: float = 2.0
    """Deceleration that the vehicle reaches at least, m/s^2."""

    def __post_init__(self) -> None:
        """Refuse values that do not limit.

        Raises:
            LiquidPilotError: when a value is not finite or out of range.
        """
        every = (self.radius_m, self.ceiling_m, self.reaction_s, self.braking_m_s2)
        if not all(map(math.isfinite, every)) or min(every) < 0.0 or self.braking_m_s2 == 0.0:
            raise LiquidPilotError(
                'geofence: radius, ceiling and reaction must be finite and >= 0, '
                f'braking > 0, not {every}'
            )

    def __bool__(self) -> bool:
        """Return whether there is a limit."""
        return self.radius_m > 0.0 or self.ceiling_m > 0.0

    def limit(
        self, values: CommandValues, vehicle: VehicleState, home_enu_m: Vector
    ) -> tuple[CommandValues, str]:
        """Slow a command down as far as it leads out of the fence.

        In the direction of the command, the vehicle must be able to react and brake before the
        fence from its present position. It must also be able to brake from the position that it
        will have reached, at its present velocity, when it reacts. Outside of the fence, commands
        that lead back in pass. No value grows. The horizontal direction is kept, so that a vehicle
        that cannot move sideways is not commanded to.

        Args:
            values: the command.
            vehicle: odometry.
            home_enu_m: position at which the guard was engaged.

        Returns:
            The command, and the reason in words, which is empty when the command is unchanged.
        """
        forward, left, up, yaw_rate = values
        reason = ''
        velocity = into_world(unit_quaternion(vehicle.orientation_wxyz), vehicle.velocity_flu_m_s)
        here = tuple(map(operator.sub, vehicle.position_enu_m, home_enu_m))
        later = tuple(
            position + self.reaction_s * speed
            for position, speed in zip(here, velocity, strict=True)
        )
        speed = math.hypot(forward, left)
        if self.radius_m > 0.0 and speed > 0.0:
            course = heading_rad(vehicle.orientation_wxyz) + math.atan2(left, forward)
            allowed = self._max_speed(
                *(
                    self._distance_to_boundary(position, math.cos(course), math.sin(course))
                    for position in (here, later)
                )
            )
            if speed > allowed:
                forward, left = forward * allowed / speed, left * allowed / speed
                reason = f'geofence: it is {self.radius_m:g} m from where it was engaged'
        if self.ceiling_m > 0.0:
            allowed = self._max_speed(*(self.ceiling_m - position[2] for position in (here, later)))
            if up > allowed:
                up = allowed
                reason = f'geofence: it is {self.ceiling_m:g} m above where it was engaged'
        return (forward, left, up, yaw_rate), reason

    def _distance_to_boundary(
        self, position: tuple[float, ...], east: float, north: float
    ) -> float:
        """Return the distance on a straight course until the course leads out, or further out.

        Args:
            position: position relative to the axis of the cylinder, m.
            east: east component of the course, a unit vector.
            north: its north component.
        """
        ahead = -(position[0] * east + position[1] * north)
        inside = ahead * ahead + self.radius_m**2 - position[0] ** 2 - position[1] ** 2
        if inside < 0.0:
            # Outside, on a course that misses the circle: as far as it comes closer.
            return ahead
        distance = ahead + math.sqrt(inside)
        return distance if math.hypot(*position[:2]) <= self.radius_m or ahead > 0.0 else 0.0

    def _max_speed(self, distance_m: float, later_distance_m: float) -> float:
        """Return the largest speed v at which the vehicle can stop before the fence.

        Args:
            distance_m: bound on v * reaction + v^2 / (2 * braking).
            later_distance_m: bound on v^2 / (2 * braking), from the position after the reaction.
        """
        reaction_m_s = self.reaction_s * self.braking_m_s2
        twice = 2.0 * self.braking_m_s2
        return min(
            math.sqrt(reaction_m_s * reaction_m_s + twice * max(distance_m, 0.0)) - reaction_m_s,
            math.sqrt(twice * max(later_distance_m, 0.0)),
        )
