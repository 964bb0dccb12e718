"""How a car answers steering and pedals: its tyres and inner loops, for simulation and on board.

A tyre's side force follows the magic formula (Pacejka 2012, 'Tire and Vehicle Dynamics', 4.3.2) and
shares its friction circle with drive and brakes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Handling:
    """One vehicle; metres, kilograms, newtons, radians."""

    mass_kg: float
    yaw_inertia_kg_m2: float
    half_wheelbase_m: float
    """From the centre of mass to either axle."""
    friction: float
    """Of dry tyres: side force over load, at most."""
    tyre_shape: float
    tyre_stiffness_1_rad: float
    """C and B of the magic formula."""
    slip_speed_m_s: float
    """Below this speed slip counts as at it, so that a standing vehicle does not chatter."""
    most_steering_rad: float
    steering_rate_rad_s: float
    speed_gain_1_s: float
    """Of the speed controller: m/s^2 for each m/s that is missing."""
    most_drive_m_s2: float
    most_brake_m_s2: float

    def side_share(self, slip_rad: float) -> float:
        """Side force over what friction allows, against a slip angle; in [-1, 1]."""
        return -math.sin(self.tyre_shape * math.atan(self.tyre_stiffness_1_rad * slip_rad))

    def push_m_s2(self, wanted_m_s: float, speed_m_s: float) -> float:
        """What the speed controller asks of drive and brakes on level ground."""
        wanted = self.speed_gain_1_s * (wanted_m_s - speed_m_s)
        return min(max(wanted, -self.most_brake_m_s2), self.most_drive_m_s2)

    def steering_rad(self, curvature_1_m: float) -> float:
        """Angle of a virtual wheel in the middle of the front axle, for a path without slip."""
        angle = math.atan(2.0 * self.half_wheelbase_m * curvature_1_m)
        return min(max(angle, -self.most_steering_rad), self.most_steering_rad)

    def steer(self, steering_rad: float, wanted_rad: float, dt_s: float) -> float:
        """The wheel, a moment later."""
        most = self.steering_rate_rad_s * dt_s
        return steering_rad + min(max(wanted_rad - steering_rad, -most), most)


BUGGY = Handling(
    mass_kg=110.0, yaw_inertia_kg_m2=21.0, half_wheelbase_m=0.55, friction=0.9, tyre_shape=1.4,
    tyre_stiffness_1_rad=9.0, slip_speed_m_s=0.6, most_steering_rad=0.50, steering_rate_rad_s=2.5,
    speed_gain_1_s=3.0, most_drive_m_s2=3.0, most_brake_m_s2=6.0)
"""The rover of the embedded simulator; its side force is largest at 0.23 rad of slip."""
