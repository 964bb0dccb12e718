"""The obstacles of a mission as a point cloud, for RViz, Foxglove, Rerun and mapping packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import PointCloud2

from liquid_pilot.nodes.common import messages, node_base, qos, topics

Place = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Function from points to points, both (n, 3), m."""
_HEIGHTS_M = np.arange(0.0, 4.01, 0.25)
_DIRECTIONS_RAD = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)


class ObstacleCloud:
    """Publishes the surfaces of a mission's obstacles, once, for those who come later as well."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        """Create the publisher.

        Args:
            node: the simulator node.
        """
        self._publisher = node.create_publisher(PointCloud2, topics.OBSTACLES, qos.LATCHED)

    def publish(self, layout: Any, stamp_ns: int, place: Place | None = None) -> None:
        """Publish the obstacles of a mission, where its layout has some.

        Args:
            layout: the layout, such as a forest.
            stamp_ns: stamp of the first frame of the mission, ns.
            place: function that returns (n, 3) points of the layout in the world frame; None: they
                are in it already.
        """
        discs = getattr(layout, 'obstacle_discs', None)
        if discs is None:
            return
        points = surface_points(discs())
        if place is not None:
            points = place(points)
        header = messages.pack_header(stamp_ns, messages.WORLD_FRAME)
        self._publisher.publish(messages.pack_cloud(points, header))


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
