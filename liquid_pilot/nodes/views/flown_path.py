"""The way that was flown, as nav_msgs/Path and as a point cloud.

Tools that know no Path, such as Rerun, show the cloud.
"""

from __future__ import annotations

import math

import numpy as np
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry, Path
from sensor_msgs.msg import PointCloud2

from liquid_pilot.nodes.common import messages


class FlownPath:
    """Collects the positions of one mission.

    Args:
        spacing_m: shortest distance between two points of the path.
        max_points: number of points beyond which every second one is dropped, and the distance
            doubled.
    """

    def __init__(self, spacing_m: float, max_points: int) -> None:
        self._first_spacing_m = self._spacing_m = spacing_m
        self._max_points = max_points
        self._poses: list[PoseStamped] = []
        self.changed = False
        """Whether the path has grown since `pack` was called, or was cleared."""

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self._poses)

    def clear(self) -> None:
        """Begin a new path."""
        self._poses, self._spacing_m, self.changed = [], self._first_spacing_m, True

    def add(self, odometry: Odometry, frame: str) -> None:
        """Add the position of an odometry where it is far enough from the last one.

        Args:
            odometry: the message.
            frame: world frame of the path.
        """
        pose = PoseStamped(pose=odometry.pose.pose)
        pose.header.stamp = odometry.header.stamp
        pose.header.frame_id = frame
        here = pose.pose.position
        if not all(map(math.isfinite, (here.x, here.y, here.z))):
            return
        if self._poses:
            last = self._poses[-1].pose.position
            away_m = math.dist((here.x, here.y, here.z), (last.x, last.y, last.z))
            if away_m < self._spacing_m:
                return
        self._poses.append(pose)
        self.changed = True
        if len(self._poses) > self._max_points:
            self._poses, self._spacing_m = self._poses[::2], 2.0 * self._spacing_m

    def pack(self, frame: str) -> tuple[Path, PointCloud2]:
        """Return the path as both messages, with the stamp of its last point.

        Args:
            frame: world frame of the path.
        """
        path = Path(poses=self._poses)
        if self._poses:
            path.header.stamp = self._poses[-1].header.stamp
        path.header.frame_id = frame
        places = [pose.pose.position for pose in self._poses]
        points = np.array([(place.x, place.y, place.z) for place in places], np.float32)
        self.changed = False
        return path, messages.pack_cloud(points.reshape(-1, 3), path.header)
