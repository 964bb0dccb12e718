"""The forest as a point cloud, with sensor_msgs_py where it is installed and without it."""

import importlib
import sys
import types

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2

from liquid_pilot.nodes.missions.obstacle_cloud import ObstacleCloud, surface_points
from liquid_pilot.simulation.tasks.registry import layout_of


class Node:
    """The parts of a node that the cloud uses."""

    def __init__(self):
        self.published, self.topics, self.said = [], [], []

    def create_publisher(self, kind, topic, quality):
        self.topics.append((kind, topic))
        return types.SimpleNamespace(publish=self.published.append)

    def get_logger(self):
        return types.SimpleNamespace(info=self.said.append)


@pytest.fixture
def sensor_msgs_py(monkeypatch):
    """The genuine module, or one function of the same name where ROS comes as wheels."""
    try:
        return importlib.import_module('sensor_msgs_py.point_cloud2')
    except ImportError:
        module = types.ModuleType('sensor_msgs_py.point_cloud2')
        module.create_cloud_xyz32 = lambda header, points: PointCloud2(
            header=header, width=len(points), point_step=12, data=points.tobytes()
        )
        monkeypatch.setitem(sys.modules, 'sensor_msgs_py', types.ModuleType('sensor_msgs_py'))
        monkeypatch.setitem(sys.modules, 'sensor_msgs_py.point_cloud2', module)
        return module


@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_the_points_lie_on_the_trunks(sensor_msgs_py, vehicle):
    node, layout = Node(), layout_of(vehicle, 7, {})
    cloud = ObstacleCloud(node)
    cloud.publish(layout, 1_500_000_000)
    (message,) = node.published
    assert node.topics == [(PointCloud2, 'obstacles')]
    assert (message.header.frame_id, message.header.stamp.sec) == ('odom', 1)
    points = np.frombuffer(bytes(message.data), np.float32).reshape(-1, 3)
    discs = layout.obstacle_discs()
    assert len(points) == message.width * max(message.height, 1) and len(discs) > 10
    distances = np.linalg.norm(points[:, None, :2] - discs[None, :, :2], axis=2) - discs[:, 2]
    assert np.abs(distances).min(axis=1).max() < 1e-3
    assert 0.0 == points[:, 2].min() < points[:, 2].max() <= 4.0


def test_a_layout_without_obstacles_is_published_as_nothing(sensor_msgs_py):
    node = Node()
    ObstacleCloud(node).publish(object(), 0)
    assert not node.published


def test_without_the_package_nothing_is_published_and_nothing_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sensor_msgs_py', None)
    monkeypatch.setitem(sys.modules, 'sensor_msgs_py.point_cloud2', None)
    node = Node()
    ObstacleCloud(node).publish(layout_of('quadrotor', 7, {}), 0)
    assert not node.topics and 'sensor_msgs_py' in node.said[0]


def test_no_obstacle_is_no_point():
    assert surface_points(np.empty((0, 3))).shape == (0, 3)


def test_the_points_lie_where_the_course_is_laid(sensor_msgs_py):
    node, layout = Node(), layout_of('quadrotor', 7, ())
    cloud = ObstacleCloud(node)
    cloud.publish(layout, 1)
    cloud.publish(layout, 1, lambda points: points + np.float32([10.0, 0.0, -2.0]))
    plain, laid = (np.frombuffer(message.data, np.float32) for message in node.published)
    away = laid.reshape(len(plain) // 3, -1)[:, :3] - plain.reshape(len(plain) // 3, -1)[:, :3]
    assert np.allclose(away, [10.0, 0.0, -2.0], atol=1e-5)
