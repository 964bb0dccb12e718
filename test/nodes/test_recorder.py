"""What a recording says of its messages, and what is left when the recorder is killed."""

import signal
import time

import pytest
import rclpy
from mcap.exceptions import McapError
from mcap.records import Channel, Message
from mcap.stream_reader import StreamReader
from nav_msgs.msg import Odometry
from rclpy.serialization import deserialize_message

from liquid_pilot.interfaces import LiquidPilotError, VehicleState
from liquid_pilot.nodes import messages, qos
from liquid_pilot.nodes.recorder import definition, find_message

FILES = {
    ('a', 'Top'): 'uint8 SIZE=3\n# b/No comment\nb/Inner[<=3] many\nLeaf leaf  # c/No\n'
                  'string<=10 name "b/No"\nfloat64[9] k\n',
    ('b', 'Inner'): 'a/Leaf leaf\nbuiltin_interfaces/Time stamp\n',
    ('a', 'Leaf'): 'bool[] yes',
    ('builtin_interfaces', 'Time'): 'int32 sec\nuint32 nanosec\n',
}


def test_a_definition_holds_every_message_that_is_used_once():
    text = definition('a/msg/Top', lambda *key: FILES[key])
    parts = text.split('=' * 80 + '\n')
    assert parts[0].strip() == FILES['a', 'Top'].strip()
    assert [part.splitlines()[0] for part in parts[1:]] == [
        'MSG: b/Inner', 'MSG: a/Leaf', 'MSG: builtin_interfaces/Time']


def test_the_installed_files_are_found():
    assert 'float64 x' in find_message('geometry_msgs', 'Vector3')
    with pytest.raises(LiquidPilotError, match='install the ROS package no_msgs'):
        find_message('no_msgs', 'Nothing')


def test_a_killed_recorder_leaves_all_but_the_last_chunk(ros, start_node, tmp_path, eventually):
    path = tmp_path / 'killed.mcap'
    recorder = start_node('recorder', tmp_path / 'log', namespace='rec', path=str(path),
                          chunk_size=2048)
    node = rclpy.create_node('talker', namespace='rec')
    publisher = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
    eventually(publisher.get_subscription_count, 20)
    # The other side may match a moment later, and a recording asks for no resending.
    time.sleep(0.5)
    for index in range(60):
        state = VehicleState(index, (1.0 * index, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0),
                             (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        publisher.publish(messages.pack_odometry(state))
        time.sleep(0.005)
    # The file is flushed once a second.
    time.sleep(1.5)
    assert recorder.end(signal.SIGKILL) == -signal.SIGKILL
    node.destroy_node()
    found, topics = [], {}
    with open(path, 'rb') as file:
        try:
            for record in StreamReader(file).records:
                if isinstance(record, Channel):
                    topics[record.id] = record.topic
                elif isinstance(record, Message) and topics[record.channel_id] == '/rec/odom':
                    message = deserialize_message(record.data, Odometry)
                    found.append(message.pose.pose.position.x)
        except McapError as error:
            # There is no footer, of course.
            assert found, error
    assert found == [float(index) for index in range(len(found))]
    assert len(found) >= 50


def test_an_existing_file_is_never_overwritten(start_node, tmp_path):
    path = tmp_path / 'there.mcap'
    path.write_bytes(b'mine')
    recorder = start_node('recorder', tmp_path / 'log', path=str(path))
    assert recorder.popen.wait(20) == 1
    assert 'is there already' in recorder.output
    assert path.read_bytes() == b'mine'
