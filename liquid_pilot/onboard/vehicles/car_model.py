"""How a car answers steering and pedals: its tyres and inner loops, for simulation and on board.

A tyre's side force follows the magic formula (Pacejka 2012, 'Tire and Vehicle Dynamics', 4.3.2) and
shares its friction circle with drive and brakes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class CarModel:
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
    min_slip_speed_m_s: float
    """Below this speed slip counts as at it, so that a standing vehicle does not chatter."""
    max_steering_angle_rad: float
    steering_rate_rad_s: float
    speed_gain_1_s: float
    """Of the speed controller: m/s^2 for each m/s that is missing."""
    max_drive_m_s2: float
    max_brake_m_s2: float

    def lateral_force_ratio(self, slip_rad: float) -> float:
        """Side force over what friction allows, against a slip angle; in [-1, 1]."""
        return -math.sin(self.tyre_shape * math.atan(self.tyre_stiffness_1_rad * slip_rad))

    def commanded_acceleration_m_s2(self, target_speed_m_s: float, speed_m_s: float) -> float:
        """What the speed controller asks of drive and brakes on level ground."""
        wanted = self.speed_gain_1_s * (target_speed_m_s - speed_m_s)
        return min(max(wanted, -self.max_brake_m_s2), self.max_drive_m_s2)

    def steering_rad(self, curvature_1_m: float) -> float:
        """Angle of a virtual wheel in the middle of the front axle, for a path without slip."""
        angle = math.atan(2.0 * self.half_wheelbase_m * curvature_1_m)
        return min(max(angle, -self.max_steering_angle_rad), self.max_steering_angle_rad)

    def steer(self, steering_rad: float, target_rad: float, dt_s: float) -> float:
        """The wheel, a moment later."""
        most = self.steering_rate_rad_s * dt_s
        return steering_rad + min(max(target_rad - steering_rad, -most), most)


BUGGY = CarModel(
    mass_kg=110.0,
    yaw_inertia_kg_m2=21.0,
    half_wheelbase_m=0.55,
    friction=0.9,
    tyre_shape=1.4,
    tyre_stiffness_1_rad=9.0,
    min_slip_speed_m_s=0.6,
    max_steering_angle_rad=0.50,
    steering_rate_rad_s=2.5,
    speed_gain_1_s=3.0,
    max_drive_m_s2=3.0,
    max_brake_m_s2=6.0,
)
"""The rover of the embedded simulator; its side force is largest at 0.23 rad of slip."""
