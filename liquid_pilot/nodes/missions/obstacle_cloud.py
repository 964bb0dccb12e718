"""The obstacles of a mission as a point cloud, for RViz, Foxglove and mapping packages.

It needs sensor_msgs_py of ROS 2 from apt; without it nothing is published.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from liquid_pilot.nodes.common import messages, node_base, qos, topics

Place = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Function from points to points, both (n, 3), m."""
_HEIGHTS_M = np.arange(0.0, 4.01, 0.25)
_DIRECTIONS_RAD = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)


class ObstacleCloud:
    """Publishes the surfaces of a mission's obstacles, once, for those who come later as well."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        """Create the publisher, where sensor_msgs_py is installed.

        Args:
            node: the simulator node.
        """
        self._publisher: Any = None
        try:
            self._point_cloud2 = importlib.import_module('sensor_msgs_py.point_cloud2')
        except ImportError:
            node.get_logger().info(
                f'{topics.OBSTACLES} needs sensor_msgs_py, which is not installed'
            )
            return
        self._publisher = node.create_publisher(PointCloud2, topics.OBSTACLES, qos.MISSION)

    def publish(self, layout: Any, stamp_ns: int, place: Place | None = None) -> None:
        """Publish the obstacles of a mission, where its layout has some.

        Args:
            layout: the layout, such as a forest.
            stamp_ns: stamp of the first frame of the mission, ns.
            place: function that returns (n, 3) points of the layout in the world frame; None: they
                are in it already.
        """
        discs = getattr(layout, 'obstacle_discs', None)
        if self._publisher is None or discs is None:
            return
        header = Header(stamp=messages.to_time(stamp_ns), frame_id=messages.WORLD_FRAME)
        points = surface_points(discs())
        if place is not None:
            points = place(points)
        self._publisher.publish(self._point_cloud2.create_cloud_xyz32(header, points))


def surface_points(discs: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return (n, 3) points on upright cylinders, world frame ENU, m.

    Args:
        discs: (m, 3) x, y and radius of each cylinder, m.
    """
    rim = np.stack([np.cos(_DIRECTIONS_RAD), np.sin(_DIRECTIONS_RAD)], axis=1)
    ground = discs[:, None, :2] + discs[:, None, 2:] * rim
    shape = (len(discs), len(_HEIGHTS_M), len(rim))
    points = np.empty((*shape, 3), np.float32)
    points[..., :2] = ground[:, None]
    points[..., 2] = _HEIGHTS_M[:, None]
    return points.reshape(-1, 3)
