"""Shapes as visualization_msgs/Marker, which RViz and Foxglove draw in three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker

from liquid_pilot.nodes.common.messages import pack_quaternion
from liquid_pilot.utils.palette import rgb

_UPRIGHT = (1.0, 0.0, 0.0, 0.0)
_RING_CORNERS = 48
Points = npt.NDArray[np.floating]


def cylinder(
    header: Header,
    kind: str,
    number: int,
    foot_m: Sequence[float],
    size_m: tuple[float, float],
    colour: tuple[str, float],
) -> Marker:
    """Return an upright cylinder.

    Args:
        header: frame and stamp.
        kind: name of the group of markers.
        number: number in the group.
        foot_m: the middle of its lower end.
        size_m: radius and height.
        colour: colour such as '#0072b2', and opacity from 0 to 1.
    """
    marker = _marker(header, Marker.CYLINDER, kind, number, colour)
    radius, height = size_m
    x, y, z = foot_m
    marker.pose = _pose(x, y, z + 0.5 * height)
    marker.scale = Vector3(x=2.0 * radius, y=2.0 * radius, z=float(height))
    return marker


def ellipsoid(
    header: Header,
    kind: str,
    number: int,
    middle_m: Sequence[float],
    size_m: tuple[float, float],
    colour: tuple[str, float],
) -> Marker:
    """Return an ellipsoid that is round from above.

    Args:
        header: frame and stamp.
        kind: name of the group of markers.
        number: number in the group.
        middle_m: its middle.
        size_m: horizontal and vertical half axis.
        colour: colour such as '#0072b2', and opacity from 0 to 1.
    """
    marker = _marker(header, Marker.SPHERE, kind, number, colour)
    marker.pose = _pose(*middle_m)
    across, up = size_m
    marker.scale = Vector3(x=2.0 * across, y=2.0 * across, z=2.0 * up)
    return marker


def ring(
    header: Header,
    kind: str,
    number: int,
    middle_m: Sequence[float],
    radius_m: float,
    colour: tuple[str, float],
) -> Marker:
    """Return a horizontal circle of a line; see `ellipsoid`."""
    angles = np.linspace(0.0, 2.0 * math.pi, _RING_CORNERS + 1)
    x, y, z = middle_m
    points = np.stack(
        [x + radius_m * np.cos(angles), y + radius_m * np.sin(angles), np.full(len(angles), z)],
        axis=1,
    )
    return line(header, kind, number, points, 0.05, colour)


def line(
    header: Header,
    kind: str,
    number: int,
    points_m: Points,
    width_m: float,
    colour: tuple[str, float],
) -> Marker:
    """Return a line through (n, 3) points."""
    marker = _marker(header, Marker.LINE_STRIP, kind, number, colour)
    marker.pose = _pose(0.0, 0.0, 0.0)
    marker.scale = Vector3(x=float(width_m))
    marker.points = _points(points_m)
    return marker


def ribbon(
    header: Header,
    kind: str,
    number: int,
    left_m: Points,
    right_m: Points,
    colour: tuple[str, float],
) -> Marker:
    """Return a surface between two lines of (n, 3) points each."""
    corners = np.stack([left_m[:-1], right_m[:-1], left_m[1:], left_m[1:], right_m[:-1]], axis=1)
    corners = np.concatenate([corners, right_m[1:, None]], axis=1)
    marker = _marker(header, Marker.TRIANGLE_LIST, kind, number, colour)
    marker.pose = _pose(0.0, 0.0, 0.0)
    marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
    marker.points = _points(corners.reshape(-1, 3))
    return marker


def delete_all(header: Header) -> Marker:
    """Return the marker that removes all that were published before."""
    return Marker(header=header, action=Marker.DELETEALL)


def _marker(
    header: Header, shape: int, kind: str, number: int, colour: tuple[str, float]
) -> Marker:
    red, green, blue = (part / 255.0 for part in rgb(colour[0]))
    return Marker(
        header=header,
        ns=kind,
        id=number,
        type=shape,
        action=Marker.ADD,
        color=ColorRGBA(r=red, g=green, b=blue, a=float(colour[1])),
    )


def _pose(x: float, y: float, z: float) -> Pose:
    pose = Pose(orientation=pack_quaternion(_UPRIGHT))
    pose.position = Point(x=float(x), y=float(y), z=float(z))
    return pose


def _points(points_m: Points) -> list[Point]:
    return [Point(x=x, y=y, z=z) for x, y, z in np.asarray(points_m, float).tolist()]
