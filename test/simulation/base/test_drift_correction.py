"""The expert's correction for wind, payload and weak rotors."""

import math

import numpy as np
import pytest

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.simulation.base.drift_correction import MAX_CORRECTION_M_S, DriftCorrection

PERIOD_S = 0.05
WISH = Command(0, 1.0, 0.2, 0.1, 0.3)


def _state(velocity_flu_m_s, yaw_rad=0.0):
    half = 0.5 * yaw_rad
    return VehicleState(
        0,
        (0.0, 0.0, 1.5),
        (math.cos(half), 0.0, 0.0, math.sin(half)),
        tuple(velocity_flu_m_s),
        (0.0, 0.0, 0.0),
    )


def _fly(drift_enu_m_s, yaw_rad, ticks=100):
    """Fly a vehicle that follows commands with the lag of its controller, and drifts."""
    correction = DriftCorrection(PERIOD_S)
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    to_enu = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    followed, flown = np.zeros(3), WISH
    for _ in range(ticks):
        velocity = to_enu.T @ (followed + drift_enu_m_s)
        state = _state(velocity, yaw_rad)
        flown = correction(WISH, state)
        correction.observe(flown, state)
        lag = -np.expm1(-np.array([2.5, 2.5, 3.0]) * PERIOD_S)
        followed += lag * (to_enu @ np.array(flown.values[:3]) - followed)
    return flown, velocity


@pytest.mark.parametrize('yaw_rad', [0.0, 1.2, -2.5])
def test_a_drifting_vehicle_flies_what_the_expert_wishes(yaw_rad):
    flown, velocity = _fly(np.array([-0.8, 0.5, -0.2]), yaw_rad)
    assert velocity == pytest.approx(WISH.values[:3], abs=1e-3)
    assert flown.yaw_rate_rad_s == WISH.yaw_rate_rad_s and flown.stamp_ns == WISH.stamp_ns


def test_in_calm_air_nothing_is_corrected_not_even_while_the_vehicle_accelerates():
    correction, followed = DriftCorrection(PERIOD_S), np.zeros(3)
    for _ in range(20):
        state = _state(followed)
        assert correction(WISH, state).values == pytest.approx(WISH.values, abs=1e-9)
        correction.observe(WISH, state)
        lag = -np.expm1(-np.array([2.5, 2.5, 3.0]) * PERIOD_S)
        followed = followed + lag * (np.array(WISH.values[:3]) - followed)


def test_a_storm_is_corrected_no_further_than_the_bound():
    corrected = DriftCorrection(PERIOD_S)(WISH, _state((-9.0, 9.0, 0.0)))
    assert corrected.forward_m_s == pytest.approx(1.0 + MAX_CORRECTION_M_S)
    assert corrected.left_m_s == pytest.approx(0.2 - MAX_CORRECTION_M_S)
