"""Frames: known cases by hand, and every conversion against rotation matrices."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.onboard import geometry
from liquid_pilot.onboard.geometry import heading_rad, rotation_rows

vectors = st.tuples(*[st.floats(-100, 100)] * 3)
quaternions = (
    st.tuples(*[st.floats(-1, 1)] * 4)
    .filter(lambda q: math.hypot(*q) > 0.1)
    .map(lambda q: tuple(value / math.hypot(*q) for value in q))
)
FLU_FRD = np.diag([1.0, -1.0, -1.0])
ENU_NED = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])


def yawed(yaw):
    return math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)


def test_by_hand():
    assert geometry.flu_frd((1.0, 2.0, 3.0)) == (1.0, -2.0, -3.0)
    assert geometry.enu_ned((1.0, 2.0, 3.0)) == (2.0, 1.0, -3.0)
    # Level and facing north: no rotation for an autopilot, a quarter turn for ROS.
    assert geometry.attitude_enu_ned(yawed(math.pi / 2)) == pytest.approx((1, 0, 0, 0), abs=1e-12)
    # Facing east: a quarter turn clockwise, about down.
    assert geometry.attitude_enu_ned(yawed(0.0)) == pytest.approx(yawed(math.pi / 2), abs=1e-12)
    assert geometry.heading_enu_ned(0.0) == pytest.approx(math.pi / 2)
    assert geometry.heading_enu_ned(math.pi) == pytest.approx(-math.pi / 2)
    # Facing north, forward is north and left is west.
    assert geometry.heading_to_enu((1.0, 0.0, 0.5), yawed(math.pi / 2)) == pytest.approx(
        (0, 1, 0.5)
    )
    assert geometry.heading_to_enu((0.0, 1.0, 0.0), yawed(math.pi / 2)) == pytest.approx((-1, 0, 0))


@given(vectors)
def test_vectors_against_matrices_and_back(vector):
    assert geometry.flu_frd(vector) == pytest.approx(FLU_FRD @ vector)
    assert geometry.enu_ned(vector) == pytest.approx(ENU_NED @ vector)
    assert geometry.flu_frd(geometry.flu_frd(vector)) == vector
    assert geometry.enu_ned(geometry.enu_ned(vector)) == vector


@given(quaternions)
def test_attitudes_against_matrices_and_back(q):
    turned = geometry.attitude_enu_ned(q)
    assert turned[0] >= 0.0 and math.hypot(*turned) == pytest.approx(1.0)
    np.testing.assert_allclose(
        rotation_rows(*turned), ENU_NED @ np.array(rotation_rows(*q)) @ FLU_FRD, atol=1e-12
    )
    back = geometry.attitude_enu_ned(turned)
    np.testing.assert_allclose(rotation_rows(*back), rotation_rows(*q), atol=1e-12)


@given(quaternions)
def test_a_heading_is_that_of_the_attitude(q):
    x, y = np.array(rotation_rows(*q))[:2, 0]
    if math.hypot(x, y) > 1e-3:
        ned = heading_rad(geometry.attitude_enu_ned(q))
        found = geometry.heading_enu_ned(heading_rad(q))
        assert math.cos(found - ned) == pytest.approx(1.0, abs=1e-6)
        assert (
            geometry.heading_enu_ned(found) == pytest.approx(heading_rad(q), abs=1e-9)
            or abs(heading_rad(q)) > 3.14
        )


@given(vectors, st.floats(-7, 7))
def test_the_heading_frame_keeps_speed_and_height(vector, yaw):
    east, north, up = geometry.heading_to_enu(vector, yawed(yaw))
    assert math.hypot(east, north) == pytest.approx(math.hypot(*vector[:2]), abs=1e-9)
    assert up == vector[2]
    assert math.cos(yaw) * east + math.sin(yaw) * north == pytest.approx(vector[0], abs=1e-9)
