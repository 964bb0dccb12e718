"""What motor outputs mean: scaled, by yaw rate or by curvature, forth and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.onboard.vehicles.action_scaling import (
    CURVATURE,
    MIN_SPEED_M_S,
    STEERING_MODES,
    ActionScaling,
)

SCALE = (8.0, 1.0, 0.5, 0.2)
outputs = st.lists(st.floats(-2.0, 2.0, width=32), min_size=4, max_size=4)


@pytest.mark.parametrize('steering', STEERING_MODES)
@given(outputs)
def test_what_a_pilot_learns_is_what_it_then_commands(steering, values):
    coding = ActionScaling(SCALE, steering)
    command = np.float32([coding.to_command(values)])
    np.testing.assert_allclose(coding.to_outputs(command)[0], values, rtol=1e-4, atol=1e-5)


@given(outputs)
def test_a_yaw_rate_is_the_scaled_output_to_the_last_bit(values):
    command = ActionScaling(SCALE).to_command(values)
    assert command == tuple(value * scale for value, scale in zip(values, SCALE, strict=True))


def test_a_curvature_is_a_yaw_rate_by_speed_and_survives_standing_still():
    coding = ActionScaling((10.0, 1.0, 1.0, 0.1), CURVATURE)
    assert coding.to_command([0.6, 0.0, 0.0, 0.5]) == pytest.approx((6.0, 0.0, 0.0, 0.3))
    assert coding.to_command([0.0, 0.0, 0.0, 0.5])[3] == pytest.approx(0.05 * MIN_SPEED_M_S)
    # In reverse the same wheel angle turns the car the other way; the sign is the curvature's.
    assert coding.to_command([-0.6, 0.0, 0.0, 0.5])[3] == pytest.approx(0.3)


@given(outputs, st.floats(0.0, 1.0))
def test_a_speed_factor_slows_down_and_keeps_a_cars_path(values, speed_factor):
    yaw, car = (
        ActionScaling(SCALE, steering).to_command(values, speed_factor)
        for steering in STEERING_MODES
    )
    assert yaw == pytest.approx(
        [speed_factor * value * s for value, s in zip(values, SCALE, strict=True)]
    )
    assert car[:3] == pytest.approx(yaw[:3])
    curvature = car[3] / max(abs(car[0]), MIN_SPEED_M_S)
    assert curvature == pytest.approx(values[3] * SCALE[3], abs=1e-9)


def test_learning_leaves_the_commands_as_they_were():
    commands = np.float32([[4.0, 0.0, 0.0, 0.4]])
    ActionScaling(SCALE, CURVATURE).to_outputs(commands)
    assert commands[0, 3] == np.float32(0.4)
