"""Bags of other robots: read, aligned, or refused in one line."""

import hashlib
import math

import numpy as np
import pytest
from bag_makers import (
    START_NS,
    STORE,
    Robot,
    episodes,
    header,
    mapping_file,
    message,
    twist,
    write,
)
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Rosbag2Writer

from liquid_pilot.cli import main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag import conversion
from liquid_pilot.learning.rosbag.dataset import prepare


@pytest.fixture
def made(tmp_path):
    """Function (robot, **changes of the mapping) -> BagDataset of one bag of that robot."""

    def make(robot=None, size=(32, 18), **changes):
        bag = write(tmp_path / 'one.mcap', robot)
        return prepare(mapping_file(tmp_path, **changes), [bag], tmp_path / 'cache', size)

    return make


def test_image_imu_and_command_of_a_frame_are_of_the_same_time(made):
    dataset = made()
    found = episodes(dataset)
    assert len(found) == 4
    assert [episode.seed for episode in found] == [0, 1, 2, 3]
    assert {episode.outcome for episode in found} == {'recorded'}
    assert len(dataset.validation) == 1
    assert not set(dataset.validation) & set(dataset.training)
    assert dataset.rate_hz == pytest.approx(20.0)
    frame = 0
    for episode in found:
        for image, imu, dt_s, command in zip(
            episode.images, episode.imu, episode.dt_s, episode.commands, strict=True
        ):
            now_s = frame / 20
            assert dt_s == pytest.approx(0.05)
            assert image[9, 4, 0] == round(20 + 20 * now_s)
            # Samples 10 ms apart in the 50 ms up to the frame; the first frame has its own alone.
            assert imu[0] == pytest.approx(now_s - 0.02 if frame else 0.0, abs=1e-5)
            assert command[0] == pytest.approx(math.floor(now_s * 10 + 1e-6) / 10, abs=1e-5)
            assert command[3] == pytest.approx(-0.5)
            frame += 1
    assert frame == 160


def test_the_stored_camera_has_the_geometry_of_the_cut(made):
    camera = made().camera
    # 64 x 48 with f = 57.6 is cut to 64 x 36 and halved.
    assert (camera.width, camera.height) == (32, 18)
    assert camera.fx == pytest.approx(28.8)
    assert camera.fy == pytest.approx(28.8)
    assert (camera.cx, camera.cy) == (16.0, 9.0)


def test_a_distorted_lens_is_rectified_unless_its_images_are_to_be_learnt_as_they_are(made):
    # A barrel: what it shows at the picture's edge lies nearer to the middle of a pinhole's.
    robot = Robot(distortion=(-0.3, 0.05, 0.0, 0.0, 0.0))
    rectified, raw = made(robot), made(robot, camera={'rectify': False})
    assert (rectified.rectify, raw.rectify) == (True, False)
    assert rectified.camera == raw.camera
    bent = made(Robot(distortion=(0.6, 0.0, 0.0, 0.0, 0.0)), camera={'rectify': False})
    assert not bent.rectify
    with pytest.raises(LiquidPilotError, match=r'outside its image.*camera\.rectify: false'):
        made(Robot(distortion=(0.6, 0.0, 0.0, 0.0, 0.0)))


@pytest.mark.parametrize(
    ('robot', 'changes'),
    [
        (Robot(encoding='bgr8', width=96, height=72, rate_hz=30.0), {}),
        (Robot(encoding='bgra8', imu_hz=15.0), {}),
        (
            Robot(encoding='mono8', command='geometry_msgs/msg/Twist'),
            {'command': {'type': 'Twist'}},
        ),
        (Robot(transport='jpeg'), {'image': {'type': 'compressed'}}),
        (Robot(transport='png'), {'image': {'type': 'compressed'}}),
        (
            Robot(info=False),
            {
                'camera': {
                    'topic': '',
                    'width': 64,
                    'height': 48,
                    'fx': 57.6,
                    'fy': 57.6,
                    'cx': 32.0,
                    'cy': 24.0,
                }
            },
        ),
    ],
    ids=['bgr8', 'slow imu', 'mono8 and Twist', 'jpeg', 'png', 'no camera_info'],
)
def test_other_robots_give_the_same_picture_and_command(made, robot, changes):
    dataset = made(robot, **changes)
    first = episodes(dataset)[0]
    time_s = float(np.sum(first.dt_s[1:21]))
    assert float(first.images[20, 9, 4].mean()) == pytest.approx(20 + 20 * time_s, abs=2)
    assert first.commands[20, 0] == pytest.approx(time_s, abs=0.1)
    assert dataset.rate_hz == pytest.approx(robot.rate_hz, rel=0.01)


def test_ackermann_gives_speed_and_yaw_rate(made):
    robot = Robot(command='ackermann_msgs/msg/AckermannDriveStamped')
    dataset = made(robot, command={'type': 'AckermannDriveStamped', 'wheelbase_m': 0.5})
    for command in episodes(dataset)[2].commands:
        assert command[3] == pytest.approx(math.tan(0.2) / 0.5 * command[0], rel=1e-4)


def test_axes_signs_scales_and_the_rotation_of_the_imu(made):
    dataset = made(
        command={
            'forward': '-angular.z',
            'left': '0',
            'yaw_rate': 'linear.x',
            'scale': [2, 1, 1, 0.5],
        },
        imu={'rotation': [[0, 1, 0], [1, 0, 0], [0, 0, -1]]},
    )
    episode = episodes(dataset)[1]
    assert episode.commands[:, 0] == pytest.approx(np.full(len(episode.dt_s), 1.0))
    assert episode.commands[0, 3] == pytest.approx(0.5 * 2.0)
    assert episode.imu[:, 0] == pytest.approx(np.zeros(len(episode.dt_s)))
    assert episode.imu[0, 1] == pytest.approx(1.98, abs=1e-5)
    assert episode.imu[:, 5] == pytest.approx(np.full(len(episode.dt_s), -9.81), abs=1e-5)


def test_a_gap_parts_episodes_and_is_reported_and_the_parts_stay_on_one_side(made):
    dataset = made(Robot(silence=(3.0, 4.5)), episodes={'split_by': 'gaps', 'max_duration_s': 0.0})
    found = episodes(dataset)
    assert [len(episode.dt_s) for episode in found] == [61, 70]
    topic = dataset.report['bags'][0]['topics']['/bot/image']
    assert (topic['gaps'], topic['longest_gap_s']) == (1, 1.5)
    assert any('/bot/image' in line and '20.0' in line for line in dataset.summary_lines())


def test_nan_leaves_out_the_frames_that_it_touches_and_no_more(made):
    for what, reason in (('imu', 'IMU not finite'), ('command', 'command not finite')):
        dataset = made(Robot(nan=what))
        assert dataset.report['bags'][0]['dropped'][reason] in (2, 3)
        for episode in episodes(dataset):
            assert np.isfinite(episode.imu).all()
            assert np.isfinite(episode.commands).all()


def test_a_lower_rate_keeps_the_time(made):
    dataset = made(Robot(rate_hz=30.0), rate_hz=10.0)
    assert dataset.rate_hz == pytest.approx(10.0, rel=0.01)
    first = episodes(dataset)[0]
    assert first.imu[5, 0] == pytest.approx(0.5 - 0.045, abs=0.006)


GOLDEN = {
    1: 'eb9339f8b66d7761693925872be7d930fde93fe9ed01a94389de27eb0e19c5a6',
    2: 'eb9339f8b66d7761693925872be7d930fde93fe9ed01a94389de27eb0e19c5a6',
}
"""Digest of the arrays of one small bag, by the version of the conversion."""


def test_the_version_of_the_conversion_is_raised_when_the_arrays_change(made):
    """Another digest of the same bag needs another CONVERSION_VERSION, and an entry here."""
    digest = hashlib.sha256()
    for episode in episodes(made(Robot(seconds=4.0, imu_hz=75.0, rate_hz=17.0), rate_hz=12.0)):
        for values in (episode.images, episode.imu, episode.dt_s, episode.commands):
            digest.update(f'{values.dtype} {values.shape}'.encode())
            digest.update(values.tobytes())
    assert GOLDEN[conversion.CONVERSION_VERSION] == digest.hexdigest()


@pytest.mark.parametrize(
    ('robot', 'changes', 'words'),
    [
        (Robot(encoding='secret7'), {}, r"/bot/image \(image\): image: encoding 'secret7'"),
        (
            Robot(),
            {'image': {'type': 'compressed'}},
            'topic /bot/image holds sensor_msgs/msg/Image',
        ),
        (
            Robot(command='geometry_msgs/msg/Twist'),
            {},
            'topic /bot/cmd holds geometry_msgs/msg/Twist',
        ),
        (Robot(), {'imu': {'topic': '/no/imu'}}, r'no usable message on /no/imu \(imu\)'),
        (Robot(info=False), {}, 'no message on /bot/info'),
        (
            Robot(start_ns=5 * 10**9, command='geometry_msgs/msg/Twist'),
            {'command': {'type': 'Twist'}},
            None,
        ),
        (Robot(seconds=0.15), {}, 'it gives no episode'),
        (Robot(seconds=2.0), {'episodes': {'max_duration_s': 0.0}}, 'there is only one episode'),
    ],
)
def test_what_cannot_serve_is_refused_by_bag_and_topic(made, robot, changes, words):
    if words is None:
        # Simulated time in both is no contradiction.
        made(robot, **changes)
        return
    with pytest.raises(LiquidPilotError, match=words) as caught:
        made(robot, **changes)
    assert '\n' not in str(caught.value)
    assert 'one.mcap' in str(caught.value) or 'only one' in words


def test_a_bag_cut_short_anywhere_gives_what_it_holds_or_one_line(tmp_path):
    whole = write(tmp_path / 'whole.mcap').read_bytes()
    config = mapping_file(tmp_path)
    frames = []
    for tenths in range(10):
        bag = tmp_path / f'cut{tenths}.mcap'
        bag.write_bytes(whole[: len(whole) * tenths // 10])
        try:
            dataset = prepare(config, [bag], tmp_path / f'cache{tenths}', (32, 18))
        except LiquidPilotError as error:
            assert '\n' not in str(error)
            assert bag.name in str(error) or 'only one episode' in str(error)
            frames.append(0)
            assert not list((tmp_path / f'cache{tenths}').glob('*'))
            continue
        assert dataset.report['bags'][0]['unclosed']
        assert any('not closed' in line for line in dataset.summary_lines())
        frames.append(dataset.report['frames'])
    assert frames == sorted(frames)
    assert frames[0] == 0
    assert frames[9] > 100


def test_a_damaged_bag_is_refused(tmp_path):
    whole = bytearray(write(tmp_path / 'whole.mcap').read_bytes())
    config = mapping_file(tmp_path)
    for place in (0, 9, whole.index(b'zstd') + 40, whole.index(b'zstd', len(whole) // 4) + 40):
        damaged = bytearray(whole)
        damaged[place : place + 64] = bytes(byte ^ 0x5A for byte in damaged[place : place + 64])
        bag = tmp_path / 'damaged.mcap'
        bag.write_bytes(damaged)
        with pytest.raises(LiquidPilotError, match=r'damaged\.mcap') as caught:
            prepare(config, [bag], tmp_path / 'cache', (32, 18))
        assert '\n' not in str(caught.value)


def sqlite_bag(folder):
    """The same as `write` in the storage of older ROS, a metadata.yaml beside it."""
    with Rosbag2Writer(folder, version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:

        def connect(topic, kind):
            return bag.add_connection(topic, kind, typestore=STORE)

        kinds = {
            'image': 'sensor_msgs/msg/Image',
            'imu': 'sensor_msgs/msg/Imu',
            'cmd': 'geometry_msgs/msg/TwistStamped',
            'info': 'sensor_msgs/msg/CameraInfo',
        }
        connections = {name: connect(f'/bot/{name}', kind) for name, kind in kinds.items()}
        for k in range(100):
            stamp_ns = START_NS + k * 50_000_000
            fields = {
                'image': {
                    'width': 32,
                    'height': 18,
                    'step': 96,
                    'encoding': 'rgb8',
                    'data': np.full(32 * 18 * 3, k, np.uint8),
                },
                'imu': {},
                'cmd': {'twist': twist(k, 0, 0, 0)},
                'info': {
                    'width': 32,
                    'height': 18,
                    'k': np.array([30.0, 0, 16, 0, 30, 9, 0, 0, 1]),
                },
            }
            for name, values in fields.items():
                made = message(kinds[name], header=header(stamp_ns), **values)
                bag.write(connections[name], stamp_ns, STORE.serialize_cdr(made, kinds[name]))
    return folder


def test_a_bag_of_older_ros_is_read_and_a_broken_one_refused(tmp_path):
    bag = sqlite_bag(tmp_path / 'old')
    dataset = prepare(mapping_file(tmp_path), [bag], tmp_path / 'cache', None)
    assert dataset.report['frames'] == 100
    assert episodes(dataset)[1].images[0, 0, 0, 0] == 40
    database = next(bag.glob('*.db3'))
    database.write_bytes(database.read_bytes()[:3000])
    with pytest.raises(LiquidPilotError, match='cannot be read as a bag'):
        prepare(mapping_file(tmp_path), [bag], tmp_path / 'cache', None)
    # What was made before is still there.
    assert all(path.is_file() for path in dataset.training)


def test_the_command_reports_and_draws(tmp_path, capsys):
    bag = write(tmp_path / 'one.mcap')
    out = tmp_path / 'out'
    arguments = ['dataset', str(bag), '--config', str(mapping_file(tmp_path)), '--out', str(out)]
    assert main.main([*arguments, '--size', '64x36']) == 0
    text = capsys.readouterr().out
    assert '3 episodes to train on, 1 held out; 160 frames' in text
    for name in ('frames.png', 'commands.png'):
        assert (out / name).stat().st_size > 10_000
    assert main.main([*arguments, '--size', '64']) == 2
    assert '--size 64: expected' in capsys.readouterr().err
    assert main.main(['dataset', str(tmp_path / 'none'), *arguments[2:]]) == 2
    assert capsys.readouterr().err.count('\n') == 1
