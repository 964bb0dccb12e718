"""The URDF of a vehicle, made from the MJCF by which the simulator knows it.

So the model that RViz and Foxglove show has the dimensions of the one that flies. URDF has boxes,
cylinders and spheres: a capsule becomes a cylinder without its round ends, and what the MJCF
does not show (the hull for contacts) is left out too. All shapes belong to one link, so that a
viewer needs no transforms between the parts of the vehicle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

_Matrix = npt.NDArray[np.float64]
_GREY = (0.5, 0.5, 0.5, 1.0)
"""Colour of a geom that names none, as of MuJoCo."""


class Mounting(NamedTuple):
    """The pose of a sensor in the frame of the vehicle."""

    frame: str
    """Name of the sensor's frame."""
    position_m: tuple[float, float, float]
    """Position in the frame of the vehicle, FLU."""
    rpy_rad: tuple[float, float, float]
    """Rotation of the sensor's frame: roll about x, then pitch about y, then yaw about z, of the
    fixed axes of the vehicle."""


def optical_mounting(mjcf_body: str, frame: str) -> Mounting:
    """Return the pose of the camera 'forward' of an MJCF body, as an optical frame.

    An optical frame has x to the right, y down and z ahead (REP-103). A camera of MJCF looks along
    its -z, with y up.

    Args:
        mjcf_body: the body, as `Vehicle.mjcf` returns it.
        frame: name of the optical frame.

    Raises:
        LiquidPilotError: the body has no such camera.
    """
    camera = _body(mjcf_body).find("camera[@name='forward']")
    if camera is None:
        raise LiquidPilotError("the MJCF of the vehicle has no camera 'forward'; add one")
    axes = np.reshape(_numbers(camera, 'xyaxes', (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)), (2, 3))
    right, down = axes[0] / np.linalg.norm(axes[0]), -axes[1] / np.linalg.norm(axes[1])
    rotation = np.stack([right, down, np.cross(right, down)], axis=1)
    return Mounting(frame, _triple(_numbers(camera, 'pos', (0.0, 0.0, 0.0))), rpy(rotation))


def make_urdf(
    mjcf_body: str, name: str, base_frame: str = 'base_link', mountings: Sequence[Mounting] = ()
) -> str:
    """Return the URDF of a vehicle.

    Args:
        mjcf_body: the body, as `Vehicle.mjcf` returns it.
        name: name of the robot.
        base_frame: name of its link.
        mountings: sensors, each of which becomes a link without a shape at a fixed joint.
    """
    body = _body(mjcf_body)
    robot = ElementTree.Element('robot', name=name)
    link = ElementTree.SubElement(robot, 'link', name=base_frame)
    _add_inertial(link, body)
    for geom in body.findall('geom'):
        _add_visual(link, geom)
    for mounting in mountings:
        ElementTree.SubElement(robot, 'link', name=mounting.frame)
        joint = ElementTree.SubElement(robot, 'joint', name=f'{mounting.frame}_joint', type='fixed')
        ElementTree.SubElement(joint, 'parent', link=base_frame)
        ElementTree.SubElement(joint, 'child', link=mounting.frame)
        _add_origin(joint, mounting.position_m, mounting.rpy_rad)
    ElementTree.indent(robot)
    return '<?xml version="1.0"?>\n' + ElementTree.tostring(robot, encoding='unicode')


def rotation_matrix(rpy_rad: Sequence[float]) -> _Matrix:
    """Return the (3, 3) rotation matrix of roll, pitch and yaw about the fixed axes, rad."""
    roll, pitch, yaw = rpy_rad
    product: _Matrix = _turn(2, yaw) @ _turn(1, pitch) @ _turn(0, roll)
    return product


def rpy(rotation: _Matrix) -> tuple[float, float, float]:
    """Return roll, pitch and yaw about the fixed axes of a (3, 3) rotation matrix, rad.

    >>> [round(angle, 3) for angle in rpy(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))]
    [0.0, 0.0, 1.571]
    """
    pitch = math.atan2(-rotation[2, 0], math.hypot(rotation[0, 0], rotation[1, 0]))
    if math.hypot(rotation[0, 0], rotation[1, 0]) < 1e-9:
        # Straight up or down roll and yaw turn about one axis.
        return math.atan2(-rotation[1, 2], rotation[1, 1]), pitch, 0.0
    return (
        math.atan2(rotation[2, 1], rotation[2, 2]),
        pitch,
        math.atan2(rotation[1, 0], rotation[0, 0]),
    )


def _body(mjcf_body: str) -> ElementTree.Element:
    return ElementTree.fromstring(mjcf_body)


def _add_inertial(link: ElementTree.Element, body: ElementTree.Element) -> None:
    source = body.find('inertial')
    if source is None:
        return
    inertial = ElementTree.SubElement(link, 'inertial')
    _add_origin(inertial, _triple(_numbers(source, 'pos', (0.0, 0.0, 0.0))), (0.0, 0.0, 0.0))
    ElementTree.SubElement(inertial, 'mass', value=source.get('mass', '0'))
    xx, yy, zz = _numbers(source, 'diaginertia', (0.0, 0.0, 0.0))
    values = {'ixx': xx, 'iyy': yy, 'izz': zz, 'ixy': 0.0, 'ixz': 0.0, 'iyz': 0.0}
    ElementTree.SubElement(
        inertial, 'inertia', {key: f'{value:g}' for key, value in values.items()}
    )


def _add_visual(link: ElementTree.Element, geom: ElementTree.Element) -> None:
    """Add a geom that is seen and that URDF can show."""
    colour = _numbers(geom, 'rgba', _GREY)
    kind, attributes = _shape(geom)
    if not kind or colour[3] == 0.0:
        return
    position, angles = _pose(geom)
    visual = ElementTree.SubElement(link, 'visual')
    _add_origin(visual, position, angles)
    ElementTree.SubElement(ElementTree.SubElement(visual, 'geometry'), kind, attributes)
    text = ' '.join(f'{value:g}' for value in colour)
    # The name is that of the colour, because URDF shares materials by their names.
    material = ElementTree.SubElement(visual, 'material', name=f'colour {text}')
    ElementTree.SubElement(material, 'color', rgba=text)


def _shape(geom: ElementTree.Element) -> tuple[str, dict[str, str]]:
    """Return the element of a shape and its attributes; an empty name: URDF has no such shape."""
    size = _numbers(geom, 'size', ())
    kind = geom.get('type', 'sphere')
    if kind == 'box':
        return 'box', {'size': ' '.join(f'{2.0 * half:g}' for half in size)}
    if kind == 'sphere':
        return 'sphere', {'radius': f'{size[0]:g}'}
    if kind in ('cylinder', 'capsule'):
        ends = _numbers(geom, 'fromto', ())
        length = math.dist(ends[:3], ends[3:]) if ends else 2.0 * size[1]
        return 'cylinder', {'radius': f'{size[0]:g}', 'length': f'{length:.6g}'}
    return '', {}


def _pose(
    geom: ElementTree.Element,
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return position (m) and fixed-axis angles (rad) of a geom in the frame of its body."""
    ends = _numbers(geom, 'fromto', ())
    if ends:
        first, last = np.array(ends[:3]), np.array(ends[3:])
        return _triple(0.5 * (first + last)), rpy(_along(last - first))
    roll, pitch, yaw = _numbers(geom, 'euler', (0.0, 0.0, 0.0))
    # MuJoCo turns about the moving axes x, y and z; URDF about fixed ones.
    rotation = _turn(0, roll) @ _turn(1, pitch) @ _turn(2, yaw)
    return _triple(_numbers(geom, 'pos', (0.0, 0.0, 0.0))), rpy(rotation)


def _along(direction: _Matrix) -> _Matrix:
    """Return a rotation that turns the z axis into a direction."""
    z = direction / np.linalg.norm(direction)
    x = np.cross((0.0, 1.0, 0.0) if abs(z[1]) < 0.9 else (1.0, 0.0, 0.0), z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _turn(axis: int, angle_rad: float) -> _Matrix:
    """Return the rotation matrix about the axis x, y or z (0, 1 or 2)."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    turn = np.eye(3)
    one, other = (axis + 1) % 3, (axis + 2) % 3
    turn[one, one] = turn[other, other] = cos
    turn[other, one], turn[one, other] = sin, -sin
    return turn


def _add_origin(
    element: ElementTree.Element,
    position_m: tuple[float, float, float],
    rpy_rad: tuple[float, float, float],
) -> None:
    # Zero is added, which makes a zero of -0.
    xyz, angles = (
        ' '.join(f'{round(value, 9) + 0.0:.9g}' for value in part) for part in (position_m, rpy_rad)
    )
    ElementTree.SubElement(element, 'origin', xyz=xyz, rpy=angles)


def _numbers(
    element: ElementTree.Element, name: str, default: Sequence[float]
) -> tuple[float, ...]:
    text = element.get(name)
    return tuple(default) if text is None else tuple(map(float, text.split()))


def _triple(values: Sequence[float] | _Matrix) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
