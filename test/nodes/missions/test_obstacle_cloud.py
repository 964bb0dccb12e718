"""The forest as a point cloud."""

import types

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2

from liquid_pilot.nodes.missions.obstacle_cloud import ObstacleCloud, surface_points
from liquid_pilot.simulation.tasks.registry import layout_of


class Node:
    """The parts of a node that the cloud uses."""

    def __init__(self):
        self.published, self.topics = [], []

    def create_publisher(self, kind, topic, quality):
        self.topics.append((kind, topic))
        return types.SimpleNamespace(publish=self.published.append)


@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_the_points_lie_on_the_trunks(vehicle):
    node, layout = Node(), layout_of(vehicle, 7, {})
    cloud = ObstacleCloud(node)
    cloud.publish(layout, 1_500_000_000)
    (message,) = node.published
    assert node.topics == [(PointCloud2, 'obstacles')]
    assert (message.header.frame_id, message.header.stamp.sec) == ('odom', 1)
    points = np.frombuffer(bytes(message.data), np.float32).reshape(-1, 3)
    discs = layout.obstacle_discs()
    assert len(points) == message.width * message.height and len(discs) > 10
    assert [(field.name, field.offset) for field in message.fields] == [
        ('x', 0),
        ('y', 4),
        ('z', 8),
    ]
    assert (message.point_step, message.row_step) == (12, len(message.data))
    distances = np.linalg.norm(points[:, None, :2] - discs[None, :, :2], axis=2) - discs[:, 2]
    assert np.abs(distances).min(axis=1).max() < 1e-3
    assert 0.0 == points[:, 2].min() < points[:, 2].max() <= 4.0


def test_a_layout_without_obstacles_is_published_as_nothing():
    node = Node()
    ObstacleCloud(node).publish(object(), 0)
    assert not node.published


def test_no_obstacle_is_no_point():
    assert surface_points(np.empty((0, 3))).shape == (0, 3)


def test_the_points_lie_where_the_course_is_laid():
    node, layout = Node(), layout_of('quadrotor', 7, ())
    cloud = ObstacleCloud(node)
    cloud.publish(layout, 1)
    cloud.publish(layout, 1, lambda points: points + np.float32([10.0, 0.0, -2.0]))
    plain, laid = (np.frombuffer(message.data, np.float32) for message in node.published)
    away = laid.reshape(len(plain) // 3, -1)[:, :3] - plain.reshape(len(plain) // 3, -1)[:, :3]
    assert np.allclose(away, [10.0, 0.0, -2.0], atol=1e-5)
