"""Two publishers of one topic, over DDS: what they send is not used, whatever they are called.

Everything is in one process, with the executor of the nodes; the publishers are told apart by the
middleware as those of two processes are.
"""

import time

import pytest
import rclpy
from rclpy.task import Future
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.common.publishers import endpoints, single_publisher
from liquid_pilot.nodes.common.publishers.endpoints import publishers_of
from liquid_pilot.nodes.recorder import RecorderParameters
from liquid_pilot.onboard.safety.duplicate_publisher import InterleavedMessages


class Listener(node_base.LiquidNode):
    parameters = RecorderParameters

    def __init__(self, lockstep=False):
        super().__init__('listener')
        self.used, self.said = [], []
        single_publisher.create_subscription(
            Imu,
            'h/imu',
            self.used.append,
            qos.SENSOR,
            node=self,
            report=self.said.append,
            source='imu',
            lockstep=lockstep,
        )


class Rig:
    """A listener, its executor, and drivers that all have the same name."""

    def __init__(self, lockstep=False):
        self.listener = Listener(lockstep)
        self.executor = node_base._executor()
        self.executor.add_node(self.listener)
        self.nodes, self.publishers = [], []

    def driver(self, name='imu_driver'):
        self.nodes.append(rclpy.create_node(name))
        made = self.nodes[-1].create_publisher(Imu, 'h/imu', qos.SENSOR_RELIABLE)
        self.publishers.append(made)
        end_s = time.monotonic() + 20.0
        while made.get_subscription_count() < 1:
            assert time.monotonic() < end_s
            self.spin(0.01)
        return made

    def spin(self, seconds):
        self.executor.spin_until_future_complete(
            Future(executor=self.executor), timeout_sec=seconds
        )

    def send(self, publisher, x, count=1):
        """Send samples whose reading is `x`, and wait until each has arrived."""
        for _ in range(count):
            publisher.publish(messages.pack_imu(ImuSample(1, (x, 0.0, 0.0), (0.0, 0.0, 9.8))))
            self.spin(0.02)

    def values(self):
        return [message.angular_velocity.x for message in self.listener.used]

    def close(self):
        self.executor.shutdown()
        for node in (self.listener, *self.nodes):
            node.destroy_node()


@pytest.fixture
def rig(ros):
    made = Rig()
    yield made
    made.close()


def test_of_two_live_publishers_of_one_name_nothing_is_used_and_it_is_said(rig, monkeypatch):
    monkeypatch.setattr(InterleavedMessages, 'WINDOW_S', 1.0)
    first, second = rig.driver(), rig.driver()
    rig.send(first, 1.0, 20)
    assert rig.values() == [1.0] * 20 and not rig.listener.said
    for _ in range(10):
        rig.send(first, 1.0)
        rig.send(second, 2.0)
    # The second one is noticed by its second message at the latest.
    assert rig.values().count(2.0) <= 2
    text = 'imu: two publishers of /h/imu (/imu_driver, /imu_driver); end all but one'
    assert rig.listener.said and set(rig.listener.said) == {text}
    before = len(rig.listener.used)
    rig.nodes.pop().destroy_node()
    end_s = time.monotonic() + 20.0
    while len(rig.listener.used) == before:
        assert time.monotonic() < end_s
        rig.send(first, 1.0)
    assert rig.listener.said[-1] == ''


def test_a_driver_that_is_restarted_is_used_at_once(rig):
    """Also while the middleware still lists the first one, as it does for 20 s after a kill."""
    rig.send(rig.driver(), 1.0, 20)
    rig.send(rig.driver(), 2.0, 20)
    assert len(publishers_of(rig.listener, '/h/imu')) == 2
    assert rig.values() == [1.0] * 20 + [2.0] * 20 and not rig.listener.said


def test_in_lock_step_every_message_is_used(ros):
    rig = Rig(lockstep=True)
    first, second = rig.driver(), rig.driver()
    for _ in range(5):
        rig.send(first, 1.0)
        rig.send(second, 2.0)
    assert rig.values() == [1.0, 2.0] * 5
    rig.close()


def test_without_numbers_two_listed_publishers_are_enough(rig):
    """Some middleware numbers no messages: then one that was killed counts while it is listed."""
    first = rig.driver()
    take = next(iter(rig.listener.subscriptions)).callback
    take(messages.pack_imu(ImuSample(1, (5.0, 0.0, 0.0), (0.0, 0.0, 9.8))))
    assert rig.values() == [5.0]
    rig.driver('other_driver')
    end_s = time.monotonic() + 20.0
    while rig.listener.count_publishers('/h/imu') < 2:
        assert time.monotonic() < end_s
        rig.spin(0.01)
    take(messages.pack_imu(ImuSample(1, (6.0, 0.0, 0.0), (0.0, 0.0, 9.8))))
    assert rig.values() == [5.0] and '/imu_driver, /other_driver' in rig.listener.said[-1]
    rig.send(first, 1.0)
    assert rig.values() == [5.0, 1.0]


def test_a_publisher_knows_its_identifier_among_others_of_its_name(rig):
    made = [
        endpoints.create_publisher(Imu, 'h/named', qos.SENSOR, node=rig.listener)[1]
        for _ in range(3)
    ]
    assert len(set(made)) == 3 and all(made)
    assert sorted(made) == [each.identifier for each in publishers_of(rig.listener, '/h/named')]
