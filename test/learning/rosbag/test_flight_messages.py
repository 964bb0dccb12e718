"""What the messages of a flight carry, in the namespace of one robot."""

import numpy as np
import pytest
from bag_makers import START_NS, BagWriter, header, message, twist
from small_pilots import pilot, walk  # noqa: F401
from trace_bags import recorded, write_image, write_trace  # noqa: F401

from liquid_pilot.interfaces import Command, ImageBuffer, LiquidPilotError, VehicleState
from liquid_pilot.learning.rosbag.flight_messages import FlightMessages, Frame, GuardReport
from liquid_pilot.onboard.inference.trace import Trace

IMAGE = ImageBuffer(bytes(12), 2, 2, 6, 'rgb8')
TRACE = Trace(
    *('f' * 64, 'flight', START_NS, 1, 0.05),
    *(np.ones(4), np.zeros(6), np.zeros(3), np.ones(3), np.ones(4)),
)


def status(name, state, reason):
    values = [
        message('diagnostic_msgs/msg/KeyValue', key=key, value=value)
        for key, value in (('state', state), ('reason', reason))
    ]
    entry = message('diagnostic_msgs/msg/DiagnosticStatus', hardware_id=name, values=values)
    return {'header': header(START_NS), 'status': [entry]}


@pytest.fixture
def two_robots(tmp_path):
    writer = BagWriter(tmp_path / 'two.mcap')
    for space in ('/drone2', '/drone1'):
        write_trace(writer, TRACE, f'{space}/pilot/trace')
        writer.add(
            f'{space}/cmd_vel',
            'geometry_msgs/msg/TwistStamped',
            START_NS,
            header=header(START_NS),
            twist=twist(1.0, 0.0, 0.0, 0.25),
        )
        guard = status(f'{space}/guard', 'safe', 'too late')
        writer.add('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', START_NS, **guard)
        writer.add(f'{space}/odom', 'nav_msgs/msg/Odometry', START_NS, header=header(START_NS))
    writer.add(
        '/drone1/mission', 'std_msgs/msg/Header', START_NS, **vars(header(START_NS, 'seed 7'))
    )
    writer.close()
    return tmp_path / 'two.mcap'


def test_one_robot_is_read_the_first_or_the_named_one(two_robots):
    first = FlightMessages(two_robots)
    kinds = [type(value) for value in first.values()]
    assert kinds == [Trace, Command, GuardReport, VehicleState]
    assert (first.markers, first.has_images, first.problem) == ([], False, '')
    second = FlightMessages(two_robots, '/drone1/')
    assert second.markers == [(START_NS, 'seed 7')] and len(second.traces) == 1
    values = list(second.values())
    assert values[1] == Command(START_NS, 1.0, 0.0, 0.0, 0.25)
    assert values[2] == GuardReport('safe', 'too late')
    assert not FlightMessages(two_robots, 'drone3').traces


def test_a_damaged_recording_is_read_as_far_as_possible(recorded):  # noqa: F811
    path, flights = recorded
    whole = FlightMessages(path)
    assert len(whole.traces) == sum(len(traces) for _, traces in flights)
    assert [type(value) for value in whole.values()][:2] == [Frame, Trace]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    half = FlightMessages(path)
    assert half.bag.unclosed or half.problem
    assert len(list(half.values())) < 2 * len(whole.traces)


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(LiquidPilotError, match='there is no such bag'):
        FlightMessages(tmp_path / 'nothing')


def test_messages_that_cannot_be_read_are_left_out(tmp_path):
    writer = BagWriter(tmp_path / 'other.mcap')
    write_trace(writer, TRACE._replace(digest='x'))
    write_image(writer, IMAGE, START_NS)
    writer.add('/cmd_vel', 'geometry_msgs/msg/Twist', START_NS)
    writer.close()
    messages = FlightMessages(tmp_path / 'other.mcap')
    assert messages.has_images
    assert [type(value) for value in messages.values() if not isinstance(value, Trace)] == [Frame]
