"""The markers of a course are its trees, obstacles, road and target, where they are."""

import math

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from visualization_msgs.msg import Marker

from liquid_pilot.interfaces import LiquidPilotError, VehicleState
from liquid_pilot.nodes.common import messages
from liquid_pilot.nodes.views import course
from liquid_pilot.nodes.views.course import Course
from liquid_pilot.nodes.views.flown_path import FlownPath
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.tasks.registry import layout_of, task_of

HEADER = messages.pack_header(7, 'odom')


def shown(vehicle, seed, condition='clear', place=None):
    """Markers of a course, by their groups."""
    found = {}
    for marker in Course(vehicle, seed, condition).markers(HEADER, place):
        assert marker.header == HEADER and marker.action == Marker.ADD and marker.color.a > 0.0
        found.setdefault(marker.ns, []).append(marker)
    for group in found.values():
        assert len({marker.id for marker in group}) == len(group)
    return found


def places(markers):
    return np.array([(m.pose.position.x, m.pose.position.y, 0.5 * m.scale.x) for m in markers])


@pytest.mark.parametrize(('vehicle', 'seed'), [('quadrotor', 7), ('quadrotor', 12), ('rover', 3)])
def test_the_trunks_are_the_obstacles_of_the_seed(vehicle, seed):
    found, layout = shown(vehicle, seed), layout_of(vehicle, seed, ())
    discs = layout.obstacle_discs()
    assert len(found[course.TRUNKS]) == len(discs) == len(found[course.CROWNS]) > 20
    np.testing.assert_allclose(places(found[course.TRUNKS]), discs)
    assert course.OBSTACLES not in found and course.DECOY not in found
    # A trunk stands on the ground, and its crown on the trunk.
    height = getattr(layout, 'height', lambda x, y: 0.0)
    for trunk, crown in zip(found[course.TRUNKS], found[course.CROWNS], strict=True):
        middle = trunk.pose.position
        foot = middle.z - 0.5 * trunk.scale.z
        assert math.isclose(foot, height(middle.x, middle.y), abs_tol=1e-9)
        lower_end = crown.pose.position.z - 0.5 * crown.scale.z
        assert math.isclose(lower_end, middle.z + 0.5 * trunk.scale.z)


def test_the_target_has_the_ring_of_arrival():
    (chair, ring), layout = shown('quadrotor', 7)[course.TARGET], layout_of('quadrotor', 7, ())
    position = chair.pose.position
    assert (position.x, position.y) == pytest.approx(layout.target_enu_m[:2])
    away = [math.dist((p.x, p.y), layout.target_enu_m[:2]) for p in ring.points]
    assert away == pytest.approx([task_of('quadrotor').rules.arrival_radius_m] * len(away))


def test_a_memory_course_shows_gate_hedges_and_the_wrong_chair():
    condition = 'two_legs:3'
    found = shown('quadrotor', 5, condition)
    layout = layout_of('quadrotor', 5, parse(condition))
    extra = layout.gate_posts() + [d for hedge in layout.course.hedges for d in hedge.discs()]
    assert len(found[course.OBSTACLES]) == len(extra) > 1
    together = np.concatenate([places(found[course.TRUNKS]), places(found[course.OBSTACLES])])
    np.testing.assert_allclose(together, layout.obstacle_discs())
    (decoy,) = found[course.DECOY]
    assert (decoy.pose.position.x, decoy.pose.position.y) == layout.course.decoy_enu_m[:2]


def test_the_road_lies_on_the_ground_and_has_its_width():
    (road,), layout = shown('rover', 3)[course.ROAD], layout_of('rover', 3, ())
    assert road.type == Marker.TRIANGLE_LIST and len(road.points) % 3 == 0
    corners = np.array([(p.x, p.y, p.z) for p in road.points]).reshape(-1, 6, 3)
    widths = np.linalg.norm(corners[:, 0, :2] - corners[:, 1, :2], axis=1)
    np.testing.assert_allclose(widths, 2.0 * layout.half_width_m, rtol=1e-6)
    flat = corners.reshape(-1, 3)
    above = flat[:, 2] - layout.height(flat[:, 0], flat[:, 1])
    assert above.min() > 0.0 and above.max() < 0.05
    middle = 0.5 * (corners[:, 0, :2] + corners[:, 1, :2])
    gaps = np.linalg.norm(middle[:, None] - layout.centerline[None, :, :2], axis=2).min(axis=1)
    assert gaps.max() < 1e-6
    # Seen from above, all triangles turn the same way, so that none is hidden.
    one, two, three = flat.reshape(-1, 3, 3).transpose(1, 0, 2)[..., :2]
    (ax, ay), (bx, by) = (two - one).T, (three - one).T
    assert (ax * by - ay * bx > 0.0).all()


class StandIn:
    """The state of a vehicle, without a physics engine."""

    def __init__(self):
        self.qpos, self.qvel, self.act = np.zeros(7), np.zeros(6), np.zeros(4)


@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_a_course_on_the_vehicle_begins_where_it_is(vehicle):
    layout, task = layout_of(vehicle, 3, ()), task_of(vehicle)
    here = VehicleState(
        10,
        (20.0, -30.0, 4.0),
        (math.cos(0.6), 0.0, 0.0, math.sin(0.6)),
        (2.0, 0.0, 0.0),
        (0.0,) * 3,
    )
    place = Course(vehicle, 3, 'clear').anchored_on(here, 10)
    flown, data = task.vehicle(), StandIn()
    flown.reset_pose(data, layout.start_enu_m, layout.start_yaw_rad)
    start = flown.state(data, 0)
    ahead = start.position_enu_m + np.array(
        [math.cos(layout.start_yaw_rad), math.sin(layout.start_yaw_rad), 0.0]
    )
    begin, end = place(np.array([start.position_enu_m, ahead]))
    np.testing.assert_allclose(begin, here.position_enu_m, atol=1e-4)
    heading = heading_rad(here.orientation_wxyz)
    np.testing.assert_allclose(end - begin, [math.cos(heading), math.sin(heading), 0.0], atol=1e-4)
    # Odometry that is half a second old is taken on to the stamp of the mission.
    later = Course(vehicle, 3, 'clear').anchored_on(here, 10 + 500_000_000)
    moved = later(np.array([start.position_enu_m]))[0] - begin
    np.testing.assert_allclose(moved, [math.cos(heading), math.sin(heading), 0.0], atol=1e-4)
    # Every marker is moved alike, those that consist of points too.
    plain, laid = (shown(vehicle, 3, place=where) for where in (None, place))
    for group, markers in plain.items():
        for one, other in zip(markers, laid[group], strict=True):
            before, after = (
                np.array([(p.x, p.y, p.z) for p in marker.points or [marker.pose.position]])
                for marker in (one, other)
            )
            np.testing.assert_allclose(after, place(before), atol=1e-4)


def test_a_condition_that_the_vehicle_does_not_have_is_refused():
    with pytest.raises(LiquidPilotError, match='rover'):
        Course('rover', 1, 'two_legs:3')


def odometry(x, stamp_ns=0):
    message = Odometry()
    message.header.stamp = messages.to_time(stamp_ns)
    message.pose.pose.position.x = float(x)
    return message


def test_the_path_holds_the_positions_that_were_flown():
    path = FlownPath(0.5, 100)
    for step in range(41):
        path.add(odometry(0.1 * step, step), 'odom')
    assert path.changed
    made, cloud = path.pack('odom')
    assert not path.changed and not path.add(odometry(4.1), 'odom') and not path.changed
    assert [round(pose.pose.position.x, 6) for pose in made.poses] == [0.5 * k for k in range(9)]
    assert made.header == cloud.header == messages.pack_header(40, 'odom')
    assert {pose.header.frame_id for pose in made.poses} == {'odom'}
    points = np.frombuffer(bytes(cloud.data), '<f4').reshape(-1, 3)
    np.testing.assert_allclose(points[:, 0], [0.5 * k for k in range(9)])
    path.clear()
    assert path.changed and path.pack('odom')[0].poses == []


def test_a_long_path_keeps_its_ends_and_a_bounded_number_of_points():
    path = FlownPath(0.1, 50)
    for step in range(2000):
        path.add(odometry(0.1 * step), 'odom')
        assert len(path) <= 50
    poses = path.pack('odom')[0].poses
    assert poses[0].pose.position.x == 0.0 and poses[-1].pose.position.x > 190.0
    path.add(odometry(math.nan), 'odom')
    assert not path.changed
