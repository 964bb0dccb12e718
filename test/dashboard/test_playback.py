"""A recording is shown moment by moment, from a run folder or a bag."""

import json

import bag_makers
import numpy as np
import pytest

from liquid_pilot import pilot_file
from liquid_pilot.dashboard.playback import Recording, condition_of, find_bag
from liquid_pilot.dashboard.records import unpack
from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.nodes.common import trace_messages
from liquid_pilot.onboard.inference.engine import Engine

KINDS = {
    'camera/image_raw': 'sensor_msgs/msg/Image',
    'pilot/trace': 'std_msgs/msg/Float64MultiArray',
    'cmd_vel': 'geometry_msgs/msg/TwistStamped',
    'odom': 'nav_msgs/msg/Odometry',
    'mission': 'std_msgs/msg/Header',
}


def as_stored(message, kind):
    """A message of ROS as one of the library that writes bags."""
    made = bag_makers.STORE.types[kind]
    if kind == 'std_msgs/msg/Float64MultiArray':
        dims = [
            bag_makers.message(
                'std_msgs/msg/MultiArrayDimension', label=d.label, size=d.size, stride=d.stride
            )
            for d in message.layout.dim
        ]
        layout = bag_makers.message('std_msgs/msg/MultiArrayLayout', dim=dims)
        return made(layout=layout, data=np.array(message.data))
    raise AssertionError(kind)


def stored_twist(command):
    return bag_makers.message(
        'geometry_msgs/msg/TwistStamped',
        header=bag_makers.header(command.stamp_ns),
        twist=bag_makers.twist(*command.values),
    )


def stored_image(image, stamp_ns):
    return bag_makers.message(
        'sensor_msgs/msg/Image',
        header=bag_makers.header(stamp_ns),
        height=image.height,
        width=image.width,
        step=image.step,
        encoding=image.encoding,
        data=np.frombuffer(image.data, np.uint8),
    )


def stored_odometry(state):
    point = bag_makers.message(
        'geometry_msgs/msg/Point', **dict(zip('xyz', state.position_enu_m, strict=True))
    )
    turn = bag_makers.message('geometry_msgs/msg/Quaternion', w=1.0)
    pose = bag_makers.message('geometry_msgs/msg/Pose', position=point, orientation=turn)
    return bag_makers.message(
        'nav_msgs/msg/Odometry',
        header=bag_makers.header(state.stamp_ns),
        pose=bag_makers.message('geometry_msgs/msg/PoseWithCovariance', pose=pose),
    )


@pytest.fixture
def run(flight, tmp_path):
    """A run folder with a recording of the flight, in the namespace drone1."""
    entries = [('mission', 0, bag_makers.header(0, 'seed 7'))]
    for moment in flight:
        trace = moment.trace
        stamp_ns = trace.stamp_ns
        message = trace_messages.pack_trace(trace)
        entries += [
            ('odom', stamp_ns, stored_odometry(moment.odometry)),
            ('camera/image_raw', stamp_ns, stored_image(moment.image, stamp_ns)),
            ('cmd_vel', stamp_ns, stored_twist(moment.sent)),
            ('pilot/trace', stamp_ns, as_stored(message, KINDS['pilot/trace'])),
        ]
    folder = tmp_path / 'run'
    bag = folder / 'recording'
    bag.mkdir(parents=True)
    write(bag / 'recording_0.mcap', entries)
    (folder / 'report.json').write_text(json.dumps({'run': {'condition': 'snow:4@3s'}}))
    return folder


def write(file, entries):
    """An MCAP file of messages: topic, time and content."""
    with open(file, 'wb') as stream:
        writer = bag_makers.Writer(stream)
        writer.start('ros2')
        channels = {}
        for topic, _, _ in entries:
            if topic not in channels:
                schema = writer.register_schema(KINDS[topic], 'ros2msg', b'')
                channels[topic] = writer.register_channel('/drone1/' + topic, 'cdr', schema)
        for topic, time_ns, content in entries:
            data = bytes(bag_makers.STORE.serialize_cdr(content, KINDS[topic]))
            writer.add_message(channels[topic], time_ns, data, time_ns)
        writer.finish()


def played(path, max_mb=100.0):
    recording = Recording(path, max_mb)
    recording.start()
    recording.join()
    return recording


def test_every_tick_is_there_as_it_was_flown(run, flight):
    recording = played(run)
    assert not recording.problem and not recording.reading
    about = recording.about()
    assert (about['source'], about['condition']) == ('recording', 'snow:4@3s')
    layout = recording.view.layout
    header, blocks = unpack(recording.history_message(0))
    rows = blocks['rows'].reshape(-1, header['columns'])
    ticks = [row for row in rows if np.isfinite(layout.read(row, 'sequence')[0])]
    assert len(ticks) == len(flight)
    for row, moment in zip(ticks, flight, strict=True):
        for name, value in {
            'state': moment.trace.state,
            'wanted': moment.trace.command,
            'sent': moment.sent.values,
            'position': moment.odometry.position_enu_m,
        }.items():
            assert layout.read(row, name).tolist() == np.asarray(value, np.float32).tolist(), name
    number = int(blocks['numbers'][-1])
    _, blocks = unpack(recording.record_message(number, frozenset({('gradient', 'yaw rate')})))
    assert blocks['picture'] and blocks['map:gradient:yaw rate']
    assert [event['kind'] for event in header['events']].count('mission') == 1


def test_a_long_recording_is_thinned_and_not_cut(run):
    recording = played(run, 0.03)
    whole = played(run)
    found = recording.history.extract(0, recording.view.layout.size)
    assert len(found.numbers) < len(whole.history) and recording.version > whole.version
    assert found.numbers.tolist() == list(range(1, len(found.numbers) + 1))


def test_another_namespace_is_not_shown(run):
    recording = Recording(run, 100.0, namespace='drone2')
    recording.start()
    recording.join()
    layout = recording.view.layout
    rows = recording.history.extract(0, layout.size).rows
    assert not any(np.isfinite(layout.read(row, 'sequence')).any() for row in rows)


def test_an_empty_recording_and_one_without_a_trace_say_so(tmp_path, run, flight):
    empty = tmp_path / 'empty.mcap'
    write(empty, [])
    recording = played(empty)
    assert not recording.reading and 'no trace, no command' in recording.problem
    assert unpack(recording.history_message(0))[1]['rows'].size == 0
    json.dumps(recording.about(), allow_nan=False)
    bare = tmp_path / 'bare.mcap'
    entries = [('cmd_vel', moment.sent.stamp_ns, stored_twist(moment.sent)) for moment in flight]
    write(bare, entries * 4)
    recording = Recording(bare, 100.0, namespace='drone1')
    recording.start()
    recording.join()
    assert not recording.problem and len(recording.history)
    layout = recording.view.layout
    rows = recording.history.extract(0, layout.size).rows
    assert not np.isfinite(rows[:, : layout.fields['wanted']]).any()
    # Nothing of it is told with a stamp of a tick; it is there all the same.
    assert np.isfinite([layout.read(row, 'sent') for row in rows]).any()


def test_a_recording_that_is_no_recording_is_refused_in_words(tmp_path):
    for content in (b'', b'nonsense' * 100, b'\x89MCAP0\r\n'):
        file = tmp_path / 'broken.mcap'
        file.write_bytes(content)
        try:
            recording = played(file)
        except LiquidPilotError as error:
            assert str(file) in str(error)
        else:
            assert recording.problem


def test_a_recording_of_a_rover_is_shown_with_its_pilot(tmp_path):
    rover = pilot_file.load(pilot_file.resolve('road-ltc'))
    engine = Engine(rover)
    camera = rover.specification.camera
    size = camera.width, camera.height, 3 * camera.width, 'rgb8'
    image = ImageBuffer(bytes(3 * camera.width * camera.height), *size)
    imu = ImuSample(1, (0.0, 0.0, 0.0), (0.0, 0.0, 9.81))
    tick = engine.tick(engine.initial_state(), Observation(1, image, (imu,)))
    trace = trace_messages.make_trace(engine, tick, 'one', 1, None)
    file = tmp_path / 'rover.mcap'
    write(
        file,
        [
            ('camera/image_raw', 1, stored_image(image, 1)),
            ('pilot/trace', 1, as_stored(trace_messages.pack_trace(trace), KINDS['pilot/trace'])),
        ],
    )
    recording = played(file)
    about = recording.about()
    assert about['pilot']['name'] == 'road-ltc' and about['pilot']['drives']
    header, blocks = unpack(recording.record_message(1, frozenset({('gradient', 'yaw rate')})))
    assert header['stamp_ns'] == '1' and blocks['picture'] and blocks['map:gradient:yaw rate']


def test_what_cannot_be_shown_is_refused(tmp_path, run):
    with pytest.raises(LiquidPilotError, match='there is no such run'):
        find_bag(tmp_path / 'missing')
    bare = tmp_path / 'bare'
    bare.mkdir()
    (bare / 'report.json').write_text('{}')
    with pytest.raises(LiquidPilotError, match='was not recorded'):
        find_bag(bare)
    assert condition_of(bare) == 'clear'
    assert find_bag(run) == run / 'recording' == find_bag(run / 'recording')
    file = run / 'recording' / 'recording_0.mcap'
    file.write_bytes(file.read_bytes()[:20_000] + b'\xff' * 3000)
    recording = played(run)
    assert not recording.reading
