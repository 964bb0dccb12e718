"""Transforms and the model of the vehicle, and that all frames of a run make one tree."""

from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError, VehicleState
from liquid_pilot.nodes.common import messages
from liquid_pilot.nodes.launch import flight_graph, hardware_graph
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.nodes.views import frames
from liquid_pilot.nodes.visualization import VisualizationParameters
from liquid_pilot.onboard.geometry import rotation_rows
from liquid_pilot.simulation.vehicles.urdf import rotation_matrix
from liquid_pilot.utils.settings import from_mapping

POSE = '0.2 -0.1 0.05 0.3 -0.2 1.1'


def odometry(stamp_ns=3, **frame_ids):
    message = messages.pack_odometry(
        VehicleState(
            stamp_ns, (1.0, -2.0, 3.0), (0.5, 0.5, -0.5, 0.5), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)
        )
    )
    for name, value in frame_ids.items():
        setattr(message.header if name == 'frame_id' else message, name, value)
    return message


def matrix(quaternion):
    return np.array(rotation_rows(quaternion.w, quaternion.x, quaternion.y, quaternion.z))


def test_the_transform_of_the_vehicle_is_its_odometry():
    message = odometry()
    made = frames.vehicle_transform(message, 'base_link')
    assert (made.header, made.child_frame_id) == (message.header, 'base_link')
    position = message.pose.pose.position
    moved = made.transform.translation
    assert (moved.x, moved.y, moved.z) == (position.x, position.y, position.z)
    assert made.transform.rotation == message.pose.pose.orientation


def test_frames_have_the_names_of_the_odometry_and_of_the_mounting_and_a_prefix():
    made = frames.vehicle_transform(odometry(frame_id='map'), 'base_footprint', 'drone1/')
    assert (made.header.frame_id, made.child_frame_id) == ('drone1/map', 'drone1/base_footprint')
    made = frames.vehicle_transform(odometry(frame_id=''), 'base_link')
    assert made.header.frame_id == 'odom'


@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_static_transforms_and_the_urdf_agree(vehicle):
    model = frames.vehicle_model(vehicle, ('cam', POSE), ('imu', POSE), 'base', 'd/')
    static = frames.static_transforms(model.mountings, 'd/base', 5)
    robot = ElementTree.fromstring(model.urdf)
    assert [transform.child_frame_id for transform in static] == ['d/cam', 'd/imu']
    for transform in static:
        joint = robot.find(f"joint[@name='{transform.child_frame_id}_joint']")
        assert transform.header.frame_id == joint.find('parent').get('link') == 'd/base'
        moved, origin = transform.transform.translation, joint.find('origin')
        xyz, angles = ([float(part) for part in origin.get(key).split()] for key in ('xyz', 'rpy'))
        np.testing.assert_allclose((moved.x, moved.y, moved.z), xyz)
        np.testing.assert_allclose(
            matrix(transform.transform.rotation), rotation_matrix(angles), atol=1e-6
        )
    # The camera is turned as its pose says, and its optical frame looks along its x axis.
    turned = rotation_matrix([float(part) for part in POSE.split()[3:]])
    optical = matrix(static[0].transform.rotation)
    np.testing.assert_allclose(optical[:, 2], turned[:, 0], atol=1e-9)
    np.testing.assert_allclose(optical[:, 0], -turned[:, 1], atol=1e-9)
    np.testing.assert_allclose(matrix(static[1].transform.rotation), turned, atol=1e-9)


def test_a_pose_that_is_not_known_gives_no_frame():
    model = frames.vehicle_model('quadrotor', ('cam', ''), ('imu', ''))
    assert model.mountings == () and 'cam' not in model.urdf
    with pytest.raises(LiquidPilotError, match='camera_pose must be six numbers'):
        frames.vehicle_model('quadrotor', ('cam', '1 2'))


def edges(specs):
    """(parent, child) of every transform that a graph publishes, twice where two nodes do."""
    found = []
    for spec in specs:
        if spec.executable == 'static_transform_publisher':
            names = dict(zip(spec.arguments[::2], spec.arguments[1::2], strict=True))
            found.append((names['--frame-id'], names['--child-frame-id']))
        if spec.name == 'visualization':
            given = {key: value for key, value in spec.parameters.items() if key != 'use_sim_time'}
            p = from_mapping(VisualizationParameters, given)
            model = frames.vehicle_model(
                p.vehicle,
                (p.camera_frame, p.camera_pose),
                (p.imu_frame, p.imu_pose),
                p.base_frame,
                p.frame_prefix,
            )
            base = p.frame_prefix + p.base_frame
            found += [(base, mounting.frame) for mounting in model.mountings]
            moving = frames.vehicle_transform(odometry(), p.base_frame, p.frame_prefix)
            found.append((moving.header.frame_id, moving.child_frame_id))
    return found


def flight(**options):
    return flight_graph.nodes(FlyOptions(out='/run', visualization=True, **options))


def hardware(**options):
    return hardware_graph.nodes(HardwareOptions(out='/run', visualization=True, **options))


GRAPHS = {
    'flight': (flight, {}, 'odom', {'base_link', 'camera_link_optical', 'imu_link'}),
    'namespace': (
        flight,
        {'namespace': '/a/b/', 'vehicle': 'rover'},
        'a/b/odom',
        {'a/b/base_link', 'a/b/camera_link_optical', 'a/b/imu_link'},
    ),
    'gazebo': (
        flight,
        {'simulator': 'gazebo'},
        'odom',
        {'base_link', 'camera_link_optical', 'imu_link'},
    ),
    'elsewhere': (flight, {'simulator': 'none'}, 'odom', {'base_link'}),
    'scene': (flight, {'simulator': 'scene'}, 'odom', {'base_link', 'camera_link_optical'}),
    'hardware': (hardware, {}, 'odom', {'base_link'}),
    'hardware with poses': (
        hardware,
        {'camera_pose': POSE, 'imu_pose': POSE, 'camera_frame': 'eye', 'base_frame': 'body'},
        'odom',
        {'body', 'eye', 'imu_link'},
    ),
    'hardware in a namespace': (
        hardware,
        {'camera_pose': POSE, 'namespace': 'drone1'},
        'odom',
        {'base_link', 'camera_link_optical'},
    ),
    'hardware with a scene': (
        hardware,
        {'simulator': 'scene', 'imu_pose': POSE},
        'odom',
        {'base_link', 'camera_link_optical', 'imu_link'},
    ),
    'hardware with a scene and a pose': (
        hardware,
        {'simulator': 'scene', 'camera_pose': POSE},
        'odom',
        {'base_link', 'camera_link_optical'},
    ),
}


@pytest.mark.parametrize('name', GRAPHS)
def test_the_frames_of_a_graph_are_a_tree(name):
    make, options, root, children = GRAPHS[name]
    found = edges(make(**options))
    assert Counter(child for _, child in found) == dict.fromkeys(children, 1)
    parents = {child: parent for parent, child in found}
    for child in children:
        steps = 0
        while child in parents:
            child, steps = parents[child], steps + 1
            assert steps <= len(found)
        assert child == root
