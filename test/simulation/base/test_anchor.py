"""A course is laid on a vehicle about the vertical axis, and a pose is followed in between."""

import math

import numpy as np
import pytest

from liquid_pilot.interfaces import VehicleState
from liquid_pilot.onboard.geometry import heading_rad, into_body, into_world
from liquid_pilot.simulation.base.anchor import Anchor, extrapolate, quaternion_product
from liquid_pilot.simulation.tasks.registry import layout_of


def yawed(angle):
    return (math.cos(0.5 * angle), 0.0, 0.0, math.sin(0.5 * angle))


def state(position, heading=0.0, tilt=(1.0, 0.0, 0.0, 0.0), velocity=(0.0, 0.0, 0.0), rates=None):
    orientation = quaternion_product(yawed(heading), tilt)
    return VehicleState(5, position, orientation, velocity, rates or (0.0, 0.0, 0.0))


TILT = (math.cos(0.1), math.sin(0.1) * 0.6, math.sin(0.1) * 0.8, 0.0)
FLAT = object()


def start_of(layout, height_m=0.0):
    x, y, z = layout.start_enu_m
    return state((x, y, z + height_m), layout.start_yaw_rad)


@pytest.mark.parametrize('heading', [-3.0, 0.0, 1.0, 2.9])
def test_the_start_of_a_forest_lies_on_the_vehicle(heading):
    layout = layout_of('quadrotor', 7, ())
    vehicle = state((30.0, -12.0, 48.0), heading)
    anchor = Anchor.on_vehicle(layout, start_of(layout), vehicle)
    found = anchor.to_course(vehicle)
    assert found.position_enu_m == pytest.approx(layout.start_enu_m)
    assert heading_rad(found.orientation_wxyz) == pytest.approx(
        math.remainder(layout.start_yaw_rad, 2.0 * math.pi)
    )
    # Three metres ahead, two to the left and one up, and turned by 0.4 rad to the left.
    dx, dy, up = into_world(vehicle.orientation_wxyz, (3.0, 2.0, 1.0))
    moved = anchor.to_course(state((30.0 + dx, -12.0 + dy, 48.0 + up), heading + 0.4))
    away = np.subtract(moved.position_enu_m, layout.start_enu_m)
    assert into_body(yawed(layout.start_yaw_rad), away) == pytest.approx((3.0, 2.0, 1.0))
    turn = heading_rad(moved.orientation_wxyz) - layout.start_yaw_rad
    assert math.remainder(turn, 2.0 * math.pi) == pytest.approx(0.4)


def test_roll_and_pitch_are_not_laid_on_the_course():
    layout = layout_of('quadrotor', 7, ())
    vehicle = state((1.0, 2.0, 3.0), 0.7, TILT, (1.0, 0.2, -0.1), (0.3, 0.2, 0.1))
    found = Anchor.on_vehicle(layout, start_of(layout), vehicle).to_course(vehicle)
    # The vertical axis, seen from the body, is the same; so are what the body senses.
    up = (0.0, 0.0, 1.0)
    assert into_body(found.orientation_wxyz, up) == pytest.approx(
        into_body(vehicle.orientation_wxyz, up)
    )
    assert found.velocity_flu_m_s == vehicle.velocity_flu_m_s
    assert found.angular_velocity_flu_rad_s == vehicle.angular_velocity_flu_rad_s


def test_in_the_courses_own_coordinates_nothing_changes_to_the_last_bit():
    layout = layout_of('quadrotor', 7, ())
    vehicle = state((0.1, 0.2, 1.3), 0.7, TILT)
    assert Anchor.world(layout, start_of(layout)).to_course(vehicle) == vehicle


@pytest.mark.parametrize('kind', ['vehicle', 'world'])
def test_a_rover_stands_on_the_relief_whatever_its_own_height_is(kind):
    layout = layout_of('rover', 7, ())
    start = start_of(layout, 0.35)
    if kind == 'vehicle':
        vehicle = state((30.0, -12.0, 800.0), 1.0)
        anchor = Anchor.on_vehicle(layout, start, vehicle)
    else:
        vehicle = start._replace(position_enu_m=(*start.position_enu_m[:2], 800.0))
        anchor = Anchor.world(layout, start)
    found = anchor.to_course(vehicle)
    assert found.position_enu_m == pytest.approx(start.position_enu_m)
    dx, dy, _ = into_world(vehicle.orientation_wxyz, (40.0, 5.0, 0.0))
    x, y, _ = vehicle.position_enu_m
    there = anchor.to_course(vehicle._replace(position_enu_m=(x + dx, y + dy, 750.0)))
    x, y, z = there.position_enu_m
    assert z == pytest.approx(float(layout.height(x, y)) + 0.35)
    # Its vertical axis is the normal of the ground.
    step = 1e-3
    normal = np.array(
        [
            -(layout.height(x + step, y) - layout.height(x - step, y)) / (2.0 * step),
            -(layout.height(x, y + step) - layout.height(x, y - step)) / (2.0 * step),
            1.0,
        ]
    )
    up = into_world(there.orientation_wxyz, (0.0, 0.0, 1.0))
    assert up == pytest.approx(tuple(normal / np.linalg.norm(normal)), abs=1e-4)
    assert abs(up[2] - 1.0) > 1e-7


def test_points_of_the_course_lie_where_the_vehicle_finds_them():
    layout = layout_of('quadrotor', 7, ())
    anchor = Anchor.on_vehicle(layout, start_of(layout), state((30.0, -12.0, 48.0), 2.0))
    places = [state((3.0, 4.0, 50.0)), state((31.0, -13.0, 47.0))]
    points = np.float32([anchor.to_course(place).position_enu_m for place in places])
    assert np.allclose(anchor.to_odometry(points), [p.position_enu_m for p in places], atol=1e-4)


def test_a_pose_is_followed_by_velocity_and_rates():
    begin = state((1.0, 2.0, 3.0), 0.5, velocity=(2.0, 0.0, 0.5), rates=(0.0, 0.0, 0.8))
    later = extrapolate(begin, 0.1)
    expected = (1.0 + 0.2 * math.cos(0.5), 2.0 + 0.2 * math.sin(0.5), 3.05)
    assert later.position_enu_m == pytest.approx(expected)
    assert heading_rad(later.orientation_wxyz) == pytest.approx(0.58)
    assert math.hypot(*later.orientation_wxyz) == pytest.approx(1.0)
    assert extrapolate(begin, 0.0) is begin
    # Rates are those of the body: a vehicle that is rolled by a right angle pitches up and yaws.
    rolled = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
    turned = extrapolate(state((0.0, 0.0, 0.0), 0.0, rolled, rates=(0.0, 1.0, 0.0)), 0.3)
    assert heading_rad(turned.orientation_wxyz) == pytest.approx(0.3)
