"""The URDF of a vehicle, read by MuJoCo's parser, has the shapes and the camera of its MJCF."""

import xml.etree.ElementTree as ElementTree

import mujoco
import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.tasks.registry import task_of
from liquid_pilot.simulation.vehicles.urdf import (
    Mounting,
    make_urdf,
    optical_mounting,
    rotation_matrix,
    rpy,
)

VEHICLES = ('quadrotor', 'rover')
FRAME = 'camera_link_optical'


def body_of(vehicle):
    return task_of(vehicle).vehicle().mjcf(0.9)[0]


def model_of(vehicle):
    """The MuJoCo model of the vehicle alone, in the scene's units."""
    return mujoco.MjModel.from_xml_string(
        '<mujoco><compiler angle="radian"/><default><default class="visual"/></default>'
        f'<worldbody>{body_of(vehicle)}</worldbody></mujoco>'
    )


def seen_geoms(model, body):
    """(half sizes, position, rotation) of the geoms of a body that are not invisible."""
    found = []
    for geom in range(model.ngeom):
        if model.geom_bodyid[geom] == body and model.geom_rgba[geom, 3] > 0.0:
            rotation = np.zeros(9)
            mujoco.mju_quat2Mat(rotation, model.geom_quat[geom])
            found.append((model.geom_size[geom], model.geom_pos[geom], rotation.reshape(3, 3)))
    return found


@pytest.mark.parametrize('vehicle', VEHICLES)
def test_mujoco_reads_the_same_shapes_from_both(vehicle):
    urdf = make_urdf(body_of(vehicle), vehicle, mountings=[optical_mounting(body_of(vehicle), 'c')])
    shown = urdf.replace(
        '</robot>', '<mujoco><compiler discardvisual="false" fusestatic="false"/></mujoco></robot>'
    )
    read = mujoco.MjModel.from_xml_string(shown)
    assert read.ngeom == len(ElementTree.fromstring(urdf).findall('.//visual')) > 4
    own = model_of(vehicle)
    wanted = seen_geoms(own, own.body(vehicle).id)
    found = seen_geoms(read, read.body('base_link').id)
    assert len(found) == len(wanted)
    for (size, place, turn), (size_0, place_0, turn_0) in zip(found, wanted, strict=True):
        np.testing.assert_allclose(size, size_0, atol=1e-4)
        np.testing.assert_allclose(place, place_0, atol=1e-6)
        # A cylinder may be turned about its axis.
        np.testing.assert_allclose(np.abs(turn[:, 2] @ turn_0[:, 2]), 1.0, atol=1e-6)


@pytest.mark.parametrize('vehicle', VEHICLES)
def test_the_optical_frame_looks_where_the_camera_does(vehicle):
    mounting, model = optical_mounting(body_of(vehicle), FRAME), model_of(vehicle)
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, model.camera('forward').quat)
    right, up, back = rotation.reshape(3, 3).T
    optical = rotation_matrix(mounting.rpy_rad)
    np.testing.assert_allclose(optical, np.stack([right, -up, -back], axis=1), atol=1e-6)
    np.testing.assert_allclose(mounting.position_m, model.camera('forward').pos)
    # Ahead, and not above the horizontal.
    assert optical[0, 2] > 0.9 and optical[2, 2] < 1e-9


@pytest.mark.parametrize('vehicle', VEHICLES)
def test_a_urdf_parser_of_ros_reads_it(vehicle):
    urdf = pytest.importorskip('urdf_parser_py.urdf')
    text = make_urdf(
        body_of(vehicle), vehicle, 'x/base_link', [optical_mounting(body_of(vehicle), 'x/c')]
    )
    robot = urdf.URDF.from_xml_string(text.partition('\n')[2])
    assert robot.get_root() == 'x/base_link'
    assert [(joint.parent, joint.child) for joint in robot.joints] == [('x/base_link', 'x/c')]


def test_every_link_but_the_first_hangs_on_a_joint():
    mountings = [
        Mounting('a', (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)),
        Mounting('b', (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ]
    robot = ElementTree.fromstring(make_urdf(body_of('rover'), 'rover', 'base', mountings))
    children = [child.get('link') for child in robot.findall('joint/child')]
    assert [link.get('name') for link in robot.findall('link')] == ['base', *children]
    assert robot.find("joint[@name='a_joint']/origin").attrib == {
        'xyz': '1 2 3',
        'rpy': '0.1 0.2 0.3',
    }
    assert {parent.get('link') for parent in robot.findall('joint/parent')} == {'base'}


def test_shapes_that_urdf_does_not_have_are_left_out():
    body = (
        '<body><geom type="mesh" mesh="m"/><geom type="sphere" size="0.5" pos="0 0 1"/>'
        '<geom type="box" size="1 2 3" rgba="1 1 1 0"/></body>'
    )
    robot = ElementTree.fromstring(make_urdf(body, 'x'))
    assert [shape[0].tag for shape in robot.findall('.//geometry')] == ['sphere']
    with pytest.raises(LiquidPilotError, match="no camera 'forward'"):
        optical_mounting(body, FRAME)


@pytest.mark.parametrize('angles', [(0.3, -0.4, 2.0), (0.0, 0.0, 0.0), (1.0, 0.5 * np.pi, 0.0)])
def test_angles_and_matrices_are_each_others_inverse(angles):
    np.testing.assert_allclose(
        rotation_matrix(rpy(rotation_matrix(angles))), rotation_matrix(angles), atol=1e-9
    )
