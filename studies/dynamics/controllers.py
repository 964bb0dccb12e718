"""Controllers that are no network: one that knows the dynamics, and two that do not.

Each returns a command (`plant`) for a wanted velocity. `Privileged` teaches the networks, and is
the ceiling. `Proportional` is the velocity controller of the package; `Integral` adds what a
control engineer would: an integral of the error, with its gain searched as the networks' rate is.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains
from liquid_pilot.simulation.vehicles.quadrotor import ROTORS, QuadrotorSettings
from studies.dynamics.plant import CONTROL_S, FloatArray, Sky

_GRAVITY = np.array([0.0, 0.0, STANDARD_GRAVITY_M_S2])
_GAINS = np.array([VelocityGains.horizontal_1_s] * 2 + [VelocityGains.vertical_1_s])
_MAX_INTEGRAL_M_S2 = 8.0


class Controller(Protocol):
    """What flies a vehicle."""

    def reset(self) -> None:
        """Begin a flight."""
        ...

    def __call__(self, sky: Sky, wanted_m_s: FloatArray) -> FloatArray:
        """Return the (3,) command for a (3,) wanted velocity, once in each control period."""
        ...


class Proportional:
    """The velocity controller of the package."""

    def reset(self) -> None:
        """Begin a flight; there is no state."""

    def __call__(self, sky: Sky, wanted_m_s: FloatArray) -> FloatArray:
        """Return the command."""
        return _GAINS * (wanted_m_s - sky.velocity_m_s) + _GRAVITY


class Integral:
    """The velocity controller of the package with an integral of the error.

    Args:
        rate_1_s2: gain of the integral, 1/s^2.
        scale: factor on the gains of the package.
    """

    def __init__(self, rate_1_s2: float, scale: float = 1.0) -> None:
        self._rate, self._scale = rate_1_s2, scale
        self.reset()

    def reset(self) -> None:
        """Begin a flight with an empty integral."""
        self._integral = np.zeros(3)

    def __call__(self, sky: Sky, wanted_m_s: FloatArray) -> FloatArray:
        """Return the command."""
        error = wanted_m_s - sky.velocity_m_s
        self._integral += self._rate * CONTROL_S * error
        np.clip(self._integral, -_MAX_INTEGRAL_M_S2, _MAX_INTEGRAL_M_S2, out=self._integral)
        return self._scale * _GAINS * error + self._integral + _GRAVITY


class Privileged:
    """A controller that knows the dynamics, as no pilot does.

    It predicts the velocity at the time at which its command arrives, lowers its gain where
    commands act late, and commands more force where the vehicle is heavy or a rotor is weak. The
    attitude error that a weak rotor causes is commanded beforehand.

    Args:
        gain_s: gain times the time until a command acts.
        lag_s: time until the attitude follows, besides motors and delay, s.
    """

    def __init__(self, gain_s: float = 0.55, lag_s: float = 0.11) -> None:
        self._gain_s, self._lag_s = gain_s, lag_s

    def reset(self) -> None:
        """Begin a flight; the plant holds all state."""

    def __call__(self, sky: Sky, wanted_m_s: FloatArray) -> FloatArray:
        """Return the command."""
        d = sky.dynamics
        weaker = 1.0 - d.thrust_lost / 4.0
        effect = weaker / d.mass
        lean = _lean(d.mass, d.weak_rotor, d.thrust_lost)
        predicted = sky.velocity_m_s
        for command in sky.pending:
            predicted = predicted + CONTROL_S * (effect * (command - lean) - _GRAVITY)
        late_s = self._lag_s + d.motor_s + d.latency * CONTROL_S
        gains = np.minimum(_GAINS, self._gain_s / late_s)
        force = gains * (wanted_m_s - predicted) + _GRAVITY
        return force / effect + lean


def _lean(mass: float, rotor: int, lost: float) -> FloatArray:
    """Return the horizontal command that keeps a vehicle with a weak rotor from leaning.

    In hovering the inner loop of the vehicle stands still where its proportional answer to the
    attitude error equals the torque that is missing.
    """
    s = QuadrotorSettings()
    missing_n = lost * s.mass_kg * mass * STANDARD_GRAVITY_M_S2 / (4.0 - lost)
    x, y, _ = ROTORS[rotor]
    gain = s.attitude_gain_1_s
    # The rotor at (x, y) lifts by the torque (y, -x); what is lost of it leans the vehicle.
    roll = -y * s.arm_y_m * missing_n / (s.inertia_kg_m2[0] * s.rate_gain_1_s[0] * gain)
    pitch = x * s.arm_x_m * missing_n / (s.inertia_kg_m2[1] * s.rate_gain_1_s[1] * gain)
    upwards = STANDARD_GRAVITY_M_S2 * mass / (1.0 - lost / 4.0)
    # The vehicle leans by these angles beside its command: command the opposite.
    return np.array([-upwards * math.tan(pitch), upwards * math.tan(roll), 0.0])
