"""The response of a car to steering and speed commands: its tyres and inner control loops.

The model is used in simulation and on board. The side force of a tyre follows the magic formula
(Pacejka 2012, 'Tire and Vehicle Dynamics', 4.3.2), and shares the friction circle with drive and
brakes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class CarModel:
    """Parameters of one car.

    >>> BUGGY.commanded_acceleration_m_s2(target_speed_m_s=5.0, speed_m_s=4.5)
    1.5
    >>> round(BUGGY.steering_for_curvature_rad(0.1), 3)
    0.11
    """

    mass_kg: float
    """Mass of the car, kg."""
    yaw_inertia_kg_m2: float
    """Moment of inertia about the vertical axis, kg m^2."""
    half_wheelbase_m: float
    """Distance from the centre of mass to either axle, m."""
    friction_coefficient: float
    """Friction coefficient of the tyres on a dry road."""
    tyre_shape: float
    """Shape factor C of the magic formula."""
    tyre_stiffness_1_rad: float
    """Stiffness factor B of the magic formula, 1/rad."""
    min_slip_speed_m_s: float
    """Minimum speed in the computation of slip angles, so that a standing car does not chatter,
    m/s."""
    max_steering_angle_rad: float
    """Maximum steering angle to either side, rad."""
    steering_rate_rad_s: float
    """Maximum rate of the steering angle, rad/s."""
    speed_gain_1_s: float
    """Gain of the speed controller: acceleration for each m/s of speed error, 1/s."""
    max_drive_m_s2: float
    """Maximum acceleration of the drive, m/s^2."""
    max_brake_m_s2: float
    """Maximum deceleration of the brakes, m/s^2."""

    def lateral_force_ratio(self, slip_rad: float) -> float:
        """Return the side force at a slip angle, as a ratio in [-1, 1] to its maximum."""
        return -math.sin(self.tyre_shape * math.atan(self.tyre_stiffness_1_rad * slip_rad))

    def commanded_acceleration_m_s2(self, target_speed_m_s: float, speed_m_s: float) -> float:
        """Return the acceleration that the speed controller commands on level ground, m/s^2."""
        acceleration = self.speed_gain_1_s * (target_speed_m_s - speed_m_s)
        return min(max(acceleration, -self.max_brake_m_s2), self.max_drive_m_s2)

    def steering_for_curvature_rad(self, curvature_1_m: float) -> float:
        """Return the steering angle for a path without slip, rad.

        It is the angle of a virtual wheel in the middle of the front axle.
        """
        angle = math.atan(2.0 * self.half_wheelbase_m * curvature_1_m)
        return min(max(angle, -self.max_steering_angle_rad), self.max_steering_angle_rad)

    def step_steering(self, steering_rad: float, target_rad: float, dt_s: float) -> float:
        """Return the steering angle after a step of steering towards a target, rad.

        Args:
            steering_rad: angle before the step, rad.
            target_rad: target, rad.
            dt_s: duration of the step, s.
        """
        max_change = self.steering_rate_rad_s * dt_s
        return steering_rad + min(max(target_rad - steering_rad, -max_change), max_change)


BUGGY = CarModel(
    mass_kg=110.0,
    yaw_inertia_kg_m2=21.0,
    half_wheelbase_m=0.55,
    friction_coefficient=0.9,
    tyre_shape=1.4,
    tyre_stiffness_1_rad=9.0,
    min_slip_speed_m_s=0.6,
    max_steering_angle_rad=0.50,
    steering_rate_rad_s=2.5,
    speed_gain_1_s=3.0,
    max_drive_m_s2=3.0,
    max_brake_m_s2=6.0,
)
"""Parameters of the embedded simulator's rover, whose side force is largest at 0.23 rad of slip."""
