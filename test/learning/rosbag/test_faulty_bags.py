"""Bags whose clocks, units or stamps are wrong: named, and corrected where that can be done."""

import numpy as np
import pytest
import yaml
from turning_bags import Turning, motion, write_turning

from liquid_pilot.cli import main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.rosbag.dataset import prepare, prepare_source


def mapping_file(folder, **changes):
    values = {
        'image': {'topic': '/bot/image'},
        'imu': {'topic': '/bot/imu'},
        'command': {'topic': '/bot/cmd'},
        'camera': {'topic': '/bot/info'},
        'episodes': {'split_by': 'bag', 'max_duration_s': 5.0},
    }
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) else value
    path = folder / 'mapping.yaml'
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture
def made(tmp_path):
    """Function (robot, correct_clocks, **changes of the mapping) -> BagDataset of one bag."""

    def make(robot, correct_clocks=False, **changes):
        bag = write_turning(tmp_path / 'one.mcap', robot)
        return prepare(
            mapping_file(tmp_path, **changes), [bag], tmp_path / 'cache', (64, 36), None,
            correct_clocks,
        )  # fmt: skip

    return make


def findings(dataset):
    return dataset.report['bags'][0]['findings']


@pytest.mark.slow
def test_a_good_bag_has_no_finding(made):
    dataset = made(Turning())
    assert findings(dataset) == []
    assert dataset.report['frames'] == 600


@pytest.mark.slow
@pytest.mark.parametrize(
    ('late', 'log', 'topic', 'offset'),
    [
        ({'imu_late_s': 3.0}, 'received', 'imu', -3.0),
        ({'imu_late_s': 3.0}, 'stamps', 'imu', -3.0),
        ({'image_late_s': 0.9}, 'received', 'image', -0.9),
        ({'image_late_s': 0.9}, 'stamps', 'image', -0.9),
        ({'command_late_s': 2.0}, 'stamps', 'command', -1.9),
        ({'imu_late_s': -3600.0}, 'received', 'imu', 3600.0),
    ],
)
def test_a_clock_that_is_off_is_named_and_corrected(made, late, log, topic, offset):
    robot = Turning(**late, log=log)
    if abs(offset) > 100:
        with pytest.raises(
            LiquidPilotError, match=r'no IMU.*topic /bot/imu.*(3600|3599)\.\d\d s too ear'
        ):
            made(robot)
    else:
        found = findings(made(robot))
        assert len(found) == 1, found
        name = {'command': 'cmd'}.get(topic, topic)
        assert found[0].startswith(f'topic /bot/{name}: its stamps are {abs(offset):.0f}'[:-1])
        assert f'set {topic}.offset_s: ' in found[0]
        assert '--correct-clocks' in found[0]
    dataset = made(robot, correct_clocks=True)
    assert dataset.report['bags'][0]['clock_offsets_s'][topic] == pytest.approx(offset, abs=0.2)
    assert findings(dataset)[0].endswith('corrected')
    given = dataset.report['bags'][0]['clock_offsets_s'][topic]
    by_hand = made(robot, **{topic: {'offset_s': given}})
    assert findings(by_hand) == []
    assert by_hand.report['lengths'] == dataset.report['lengths']


def test_frames_of_a_late_imu_have_the_right_sample_after_the_correction(made):
    robot = Turning(imu_late_s=3.0, seconds=20.0)
    dataset = made(robot, correct_clocks=True)
    assert dataset.report['frames'] == 400
    yaw = motion(robot)[2]
    first = Episode.load(sorted(dataset.training + dataset.validation)[0])
    true = np.array([yaw[max(0, k * 5 - 4) : k * 5 + 1].mean() for k in range(len(first.imu))])
    assert np.abs(first.imu[1:, 2] - true[1:]).max() < 0.1
    # As the bag stands, they have those of three seconds before.
    wrong = Episode.load(sorted(made(robot).training)[0])
    assert np.abs(wrong.imu[1:60, 2] - true[1:60]).max() > 0.5


@pytest.mark.parametrize('purpose', ['imu', 'command'])
def test_log_times_stand_in_for_stamps_of_zero_and_it_is_said(made, purpose):
    dataset = made(Turning(seconds=12.0, unstamped=(purpose,)))
    assert dataset.report['frames'] == 200
    assert any('all stamps are zero, and the times of rec' in text for text in findings(dataset))
    topic = {'imu': '/bot/imu', 'command': '/bot/cmd'}[purpose]
    assert dataset.report['bags'][0]['topics'][topic]['stamps'] == 'log'


def test_a_latched_camera_info_is_no_clock(made):
    dataset = made(
        Turning(seconds=12.0, info_late_s=-10.0, command='Twist'), command={'type': 'Twist'}
    )
    assert dataset.report['frames'] == 200
    assert findings(dataset) == []


def test_frames_out_of_order_are_sorted_and_it_is_said(made):
    dataset = made(Turning(seconds=12.0, swapped=(40, 80, 120)))
    assert dataset.report['frames'] == 240
    lines = [line for line in dataset.summary_lines() if '/bot/image' in line]
    assert '3 out of order, sorted by their stamps' in lines[0]


def test_degrees_in_a_steering_angle_are_refused_and_a_scale_converts_them(made):
    robot = Turning(seconds=12.0, command='AckermannDriveStamped')
    command = {'type': 'AckermannDriveStamped', 'wheelbase_m': 0.5}
    with pytest.raises(
        LiquidPilotError, match=r'steering angle of .* command.steering_scale: 0\.01'
    ):
        made(robot, command=command)
    dataset = made(robot, command={**command, 'steering_scale': 0.0174533}, vehicle='rover')
    assert findings(dataset) == []
    commanded = motion(robot)[1]
    episode = Episode.load(sorted(dataset.training + dataset.validation)[0])
    expected = np.tan(np.radians(25 * commanded[::5][: len(episode.commands)])) / 0.5
    held = np.repeat(expected[::2], 2)[: len(episode.commands)]
    assert episode.commands[:, 3] == pytest.approx(held, abs=1e-3)


def test_commands_beyond_the_limits_of_the_vehicle_are_named(made):
    found = findings(made(Turning(seconds=12.0), command={'scale': [5, 1, 1, 1]}))
    assert len(found) == 1
    assert 'exceed the limit of the quadrotor, forward 5 m/s instead of at most 2.5' in found[0]


def test_twelve_bits_in_a_picture_of_sixteen_are_named(made):
    found = findings(made(Turning(seconds=12.0, encoding='mono16')))
    assert len(found) == 1
    assert '12 bits' in found[0] and '/bot/image' in found[0] and 'set mono16_bits' in found[0]


def test_twelve_bits_are_read_as_such_where_the_mapping_says_so(made):
    def pictures(robot, **image):
        dataset = made(robot, image=image)
        assert findings(dataset) == []
        return Episode.load(sorted(dataset.training + dataset.validation)[0]).images.astype(int)

    shallow = pictures(Turning(seconds=12.0, encoding='mono16'), mono16_bits=12)
    assert np.abs(shallow - pictures(Turning(seconds=12.0))).max() <= 1


def test_values_beyond_the_bits_of_the_mapping_are_named(made):
    found = findings(made(Turning(seconds=12.0, encoding='mono16'), image={'mono16_bits': 10}))
    assert len(found) == 1
    assert 'only 10 bits count' in found[0] and 'set mono16_bits to 12' in found[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('factors', 'words'),
    [
        ((1, 1, 1, 1 / 9.81, 1 / 9.81, 1 / 9.81), ['it is in g']),
        ((57.3, 57.3, 57.3, 1, 1, 1), ['degrees/s', 'degrees/s']),
        ((1, 1, 1, 1, 1, -1), ['on z instead of +z']),
        ((1, -1, -1, 1, -1, -1), ['forward, right, down', 'turns against the turn of the pict']),
        ((1, 1, 1, 0, 0, 0), ['without gravity']),
        ((1, 1, -1, 1, 1, 1), ['turns against the turn of the pictures']),
    ],
)
def test_units_and_axes_of_the_imu_are_named(made, factors, words):
    found = findings(made(Turning(imu_factors=factors)))
    assert len(found) == len(words), found
    for text, part in zip(found, words, strict=True):
        assert part in text and '/bot/imu' in text


@pytest.mark.slow
def test_a_command_of_the_wrong_sign_is_told_from_a_wrong_imu(made):
    found = findings(made(Turning(yaw_factor=-1.0)))
    assert len(found) == 1
    assert 'reverse command.yaw_rate' in found[0]


@pytest.mark.slow
def test_simulated_time_that_began_late_costs_only_what_has_no_time(made):
    """Messages before the first one on /clock are recorded at time 0."""
    robot = Turning(seconds=12.0, command='Twist', zero_log_s=1.0, start_ns=40 * 10**9)
    dataset = made(robot, command={'type': 'Twist'})
    assert any('10 of 120 messages have no time of rec' in text for text in findings(dataset))
    assert dataset.report['bags'][0]['dropped']['no command'] == 21
    by_log = made(robot, command={'type': 'Twist'}, clock='log')
    assert by_log.report['bags'][0]['dropped']['no stamp'] == 20
    robot = Turning(seconds=12.0, command='Twist', log='zero', start_ns=40 * 10**9)
    with pytest.raises(LiquidPilotError, match=r'/bot/cmd: all times .* --use-sim-time'):
        made(robot, command={'type': 'Twist'})
    with pytest.raises(LiquidPilotError, match=r'/bot/image: all times .* `clock: header`'):
        made(robot, command={'type': 'Twist'}, clock='log')
    assert made(Turning(seconds=12.0, log='zero')).report['frames'] == 240


@pytest.mark.slow
def test_the_command_says_what_it_found_and_corrects_it_when_asked(tmp_path, capsys):
    bag = write_turning(tmp_path / 'one.mcap', Turning(seconds=20.0, imu_late_s=3.0))
    arguments = ['dataset', str(bag), '--config', str(mapping_file(tmp_path)), '--size', '64x36']
    out = str(tmp_path / 'out')
    assert main.main([*arguments, '--out', out]) == 0
    assert 'warning: topic /bot/imu: its stamps are 3.0' in capsys.readouterr().out
    assert main.main([*arguments, '--out', out, '--correct-clocks']) == 0
    text = capsys.readouterr().out
    assert '; corrected' in text and '400 frames' in text


def test_a_training_on_bags_repeats_what_was_found(tmp_path):
    bag = write_turning(tmp_path / 'one.mcap', Turning(seconds=12.0))
    mapping = mapping_file(tmp_path, command={'scale': [5, 1, 1, 1]})
    source = prepare_source(mapping, [bag], tmp_path / 'cache', (64, 36), lambda *progress: None)
    assert len(source.warnings) == 1
    assert source.warnings[0].startswith(f'{bag}: topic /bot/cmd: 120 of 120 commands exceed')
    assert dataset_index.read(tmp_path / 'cache', 0.1).warnings == source.warnings
