"""An expert's correction for wind, payload and weak rotors, from how the vehicle drifts.

The experts steer by the map alone: in wind they are blown off their course. With this correction
they command into the wind, and a pilot that learns their commands learns to do so from its IMU.
"""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad, rotation_rows
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains

MAX_CORRECTION_M_S = 1.5
"""Largest correction of each component of the velocity, m/s."""


class DriftCorrection:
    """Adds what the vehicle lacks of the velocity that was commanded.

    A model of the undisturbed vehicle, of first order with the gains of its velocity controller,
    follows the flown commands. The difference of its velocity from the true one is the drift.

    Args:
        period_s: duration of one control period, s.
    """

    def __init__(self, period_s: float) -> None:
        gains = VelocityGains()
        rates_1_s = np.array([gains.horizontal_1_s, gains.horizontal_1_s, gains.vertical_1_s])
        self._step = -np.expm1(-rates_1_s * period_s)
        self._model_enu_m_s = np.zeros(3)

    def observe(self, flown: Command, state: VehicleState) -> None:
        """Take note of a command, once in each control period, before it is flown.

        Args:
            flown: the command, noise included; its velocity is in the heading frame.
            state: the state in which it was given.
        """
        wish = _turned(flown.values[:3], heading_rad(state.orientation_wxyz))
        self._model_enu_m_s += self._step * (wish - self._model_enu_m_s)

    def __call__(self, command: Command, state: VehicleState) -> Command:
        """Return the command that flies the velocity of `command` in spite of the drift.

        Args:
            command: the expert's command; its velocity is in the heading frame.
            state: the present state.
        """
        rows = np.array(rotation_rows(*state.orientation_wxyz))
        drift = self._model_enu_m_s - rows @ np.array(state.velocity_flu_m_s)
        drift = _turned(drift, -heading_rad(state.orientation_wxyz))
        forward, left, up = np.array(command.values[:3]) + np.clip(
            drift, -MAX_CORRECTION_M_S, MAX_CORRECTION_M_S
        )
        return command._replace(forward_m_s=float(forward), left_m_s=float(left), up_m_s=float(up))


def _turned(vector: tuple[float, ...] | np.ndarray, angle_rad: float) -> np.ndarray:
    """Return a vector after a turn about the vertical, counter-clockwise."""
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    x, y, z = vector
    return np.array([cosine * x - sine * y, sine * x + cosine * y, z])
