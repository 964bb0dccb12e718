"""The description of messages in a recording, and the recording of a killed recorder."""

import resource
import signal
import time

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import Image

from liquid_pilot.interfaces import ImageBuffer, LiquidPilotError, VehicleState
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.common.message_types import find_message, message_definition

FILES = {
    ('a', 'Top'): 'uint8 SIZE=3\n# b/No comment\nb/Inner[<=3] many\nLeaf leaf  # c/No\n'
    'string<=10 name "b/No"\nfloat64[9] k\n',
    ('b', 'Inner'): 'a/Leaf leaf\nbuiltin_interfaces/Time stamp\n',
    ('a', 'Leaf'): 'bool[] yes',
    ('builtin_interfaces', 'Time'): 'int32 sec\nuint32 nanosec\n',
}


def test_a_definition_holds_every_message_that_is_used_once():
    text = message_definition('a/msg/Top', lambda *key: FILES[key])
    parts = text.split('=' * 80 + '\n')
    assert parts[0].strip() == FILES['a', 'Top'].strip()
    assert [part.splitlines()[0] for part in parts[1:]] == [
        'MSG: b/Inner',
        'MSG: a/Leaf',
        'MSG: builtin_interfaces/Time',
    ]


def test_the_installed_files_are_found():
    assert 'float64 x' in find_message('geometry_msgs', 'Vector3')
    with pytest.raises(LiquidPilotError, match='install the ROS package no_msgs'):
        find_message('no_msgs', 'Nothing')


@pytest.mark.realtime
def test_a_killed_recorder_leaves_all_but_the_last_chunk(ros, start_node, tmp_path, eventually):
    path = tmp_path / 'killed'
    recorder = start_node(
        'recorder', tmp_path / 'log', namespace='rec', path=str(path), chunk_size=2048
    )
    node = rclpy.create_node('talker', namespace='rec')
    publisher = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
    eventually(publisher.get_subscription_count, 20)
    # The other side may match a moment later, and a recording asks for no resending.
    time.sleep(0.5)
    for index in range(60):
        state = VehicleState(
            index, (1.0 * index, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        )
        publisher.publish(messages.pack_odometry(state))
        time.sleep(0.005)
    # The file is flushed once a second.
    time.sleep(1.5)
    assert recorder.end(signal.SIGKILL) == -signal.SIGKILL
    node.destroy_node()
    bag = Bag(path)
    found = [
        deserialize_message(message.data, Odometry).pose.pose.position.x
        for message in bag.messages(['/rec/odom'])
    ]
    assert bag.unclosed
    assert found == [float(index) for index in range(len(found))]
    assert len(found) >= 50


def talk(node, eventually, count=100, once_heard=lambda: None):
    """Publish reliable odometry and a best-effort image; all of the former must arrive."""
    odometry = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
    images = node.create_publisher(Image, 'camera/image_raw', qos.IMAGE)
    eventually(lambda: odometry.get_subscription_count() and images.get_subscription_count(), 20)
    time.sleep(0.5)
    once_heard()
    noise = np.random.default_rng(0).integers(0, 255, 64 * 48 * 3, np.uint8).tobytes()
    for index in range(count):
        odometry.publish(
            messages.pack_odometry(
                VehicleState(
                    index, (1.0 * index, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3
                )
            )
        )
        images.publish(messages.pack_image(ImageBuffer(noise, 64, 48, 192, 'rgb8'), index))
        time.sleep(0.005)


@pytest.mark.realtime
def test_a_closed_recording_is_a_bag_of_rosbag2(ros, start_node, tmp_path, eventually):
    path = tmp_path / 'bag'
    recorder = start_node('recorder', tmp_path / 'log', namespace='closed', path=str(path))
    node = rclpy.create_node('talker', namespace='closed')
    talk(node, eventually)
    time.sleep(0.3)
    assert recorder.end() == 0
    node.destroy_node()
    assert sorted(file.name for file in path.iterdir()) == ['bag_0.mcap', 'metadata.yaml']
    with Reader(path) as bag:
        found = {entry.topic: entry for entry in bag.connections}
        odometry, images = found['/closed/odom'], found['/closed/camera/image_raw']
        assert (odometry.msgtype, odometry.msgcount) == ('nav_msgs/msg/Odometry', 100)
        assert [
            entry.ext.offered_qos_profiles[0].reliability.name for entry in (odometry, images)
        ] == ['RELIABLE', 'BEST_EFFORT']
        assert sum(1 for _ in bag.messages([odometry])) == 100
    with Reader(path / 'bag_0.mcap') as alone:
        assert {entry.topic: entry.ext.offered_qos_profiles for entry in alone.connections} == {
            topic: entry.ext.offered_qos_profiles for topic, entry in found.items()
        }


def test_a_full_disk_is_one_line_and_keeps_what_was_written(ros, start_node, tmp_path, eventually):
    path = tmp_path / 'full'
    recorder = start_node(
        'recorder', tmp_path / 'log', namespace='full', path=str(path), chunk_size=4096
    )
    node = rclpy.create_node('talker', namespace='full')
    # As a full disk, but for this process alone.
    talk(
        node,
        eventually,
        once_heard=lambda: resource.prlimit(
            recorder.popen.pid, resource.RLIMIT_FSIZE, (200_000, 200_000)
        ),
    )
    assert recorder.popen.wait(60) == 1
    node.destroy_node()
    assert recorder.output.count('\n') == 1, recorder.output
    assert 'recording ended: File too large; what was written until then is kept' in recorder.output
    bag = Bag(path)
    assert sum(1 for _ in bag.messages(['/full/camera/image_raw'])) >= 10
    assert bag.unclosed


def test_a_long_recording_goes_on_in_other_files(ros, start_node, tmp_path, eventually):
    path = tmp_path / 'long'
    recorder = start_node(
        'recorder',
        tmp_path / 'log',
        namespace='long',
        path=str(path),
        chunk_size=1 << 16,
        max_file_size=1 << 20,
    )
    node = rclpy.create_node('talker', namespace='long')
    images = node.create_publisher(Image, 'camera/image_raw', qos.IMAGE)
    eventually(images.get_subscription_count, 20)
    random = np.random.default_rng(0)

    def three_files():
        image = ImageBuffer(random.bytes(160 * 120 * 3), 160, 120, 480, 'rgb8')
        images.publish(messages.pack_image(image, 1))
        return len(list(path.glob('*.mcap'))) > 2

    eventually(three_files, 60)
    assert recorder.end() == 0, recorder.output
    node.destroy_node()
    bag = Bag(path)
    count = sum(1 for _ in bag.messages(['/long/camera/image_raw']))
    assert count > 30 and not bag.unclosed
    with Reader(path) as reader:
        (topic,) = [entry for entry in reader.connections if entry.topic.endswith('image_raw')]
        assert sum(1 for _ in reader.messages([topic])) == topic.msgcount == count
    assert sorted(file.name for file in path.iterdir())[:3] == [
        f'long_{number}.mcap' for number in range(3)
    ]


@pytest.mark.slow
@pytest.mark.realtime
def test_the_command_records_other_names_and_types_and_warns_of_silence(
    ros, run_cli, tmp_path, eventually
):
    path = tmp_path / 'bag'
    process = run_cli(
        'record', '--image', '/talker/image', '--command', '/talker/cmd', '--out', path
    )
    node = rclpy.create_node('talker', namespace='talker')
    publisher = node.create_publisher(Twist, 'cmd', 10)
    eventually(publisher.get_subscription_count, 20)
    time.sleep(0.3)
    for _ in range(50):
        publisher.publish(Twist())
        time.sleep(0.01)
    # A topic that stays silent is reported after three seconds.
    time.sleep(3.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=180)
    node.destroy_node()
    assert process.returncode == 0, err
    assert 'warning: /talker/image: silent: it has no publisher' in err
    assert 'messages; next: liquid-pilot dataset' in out
    with Reader(path) as bag:
        counts = {entry.topic: (entry.msgtype, entry.msgcount) for entry in bag.connections}
    assert counts['/talker/cmd'] == ('geometry_msgs/msg/Twist', 50)


def test_an_existing_folder_is_never_overwritten(start_node, tmp_path):
    path = tmp_path / 'there'
    path.mkdir()
    (path / 'novel.txt').write_bytes(b'mine')
    recorder = start_node('recorder', tmp_path / 'log', path=str(path))
    assert recorder.popen.wait(60) == 1
    assert 'is there already' in recorder.output
    assert (path / 'novel.txt').read_bytes() == b'mine'
