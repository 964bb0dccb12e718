"""MAVROS: what is published, whether the vehicle flies, and a standstill without odometry."""

import math

import pytest

from liquid_pilot.interfaces import Command, LiquidPilotError, VehicleState
from liquid_pilot.nodes.common import messages
from liquid_pilot.nodes.outputs.mavros import MavrosOutput, mavros_status, pack_mavros_attitude
from liquid_pilot.onboard.setpoints.registry import make_adapter

NORTH = VehicleState(
    0, (0.0, 0.0, 2.0), (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)), (0.0,) * 3, (0.0,) * 3
)
ATTITUDE, VELOCITY = 'mavros/setpoint_raw/attitude', 'mavros/setpoint_velocity/cmd_vel'


@pytest.fixture
def output(message_type, field):
    """The output of attitudes."""
    for name in ('AttitudeTarget', 'State', 'ExtendedState'):
        message_type(f'mavros_msgs/msg/{name}')
    return MavrosOutput(field, attitude=True)


def connect(field, mode='GUIDED'):
    field.hear('mavros/state', connected=True, armed=True, mode=mode)


def test_an_attitude_is_packed_in_ros_frames(message_type):
    kind = message_type('mavros_msgs/msg/AttitudeTarget')
    setpoint = make_adapter('mavros_attitude').convert(Command(10**9, 0.0, 0.0, 0.0, 0.25), NORTH)
    packed = pack_mavros_attitude(kind, setpoint, ardupilot=False)
    # ArduCopter stops when only some of the rates are ignored.
    assert pack_mavros_attitude(kind, setpoint, ardupilot=True).type_mask == 0
    assert (packed.orientation.w, packed.orientation.z) == pytest.approx((math.sqrt(0.5),) * 2)
    assert (packed.type_mask, packed.thrust, packed.body_rate.z) == (3, 0.5, 0.25)
    assert packed.header.stamp.sec == 1


@pytest.mark.parametrize(
    ('mode', 'accepts'), [('OFFBOARD', True), ('GUIDED', True), ('POSCTL', False), ('', False)]
)
def test_modes_that_accept_setpoints(message_type, mode, accepts):
    state = message_type('mavros_msgs/msg/State')(connected=True, armed=False, mode=mode)
    status = mavros_status(state)
    assert (status.connected, status.armed, status.mode) == (True, False, mode)
    assert status.accepts_setpoints is accepts


@pytest.mark.parametrize(('mode', 'mask'), [('GUIDED', 0), ('OFFBOARD', 3)])
def test_attitudes_go_out_as_the_autopilot_takes_them(output, field, mode, mask):
    connect(field, mode)
    adapter = make_adapter('mavros_attitude')
    output.send(adapter.convert(Command(2_000_000_007, 0.0, 0.0, 0.0, 0.25), NORTH))
    (sent,) = field.published[ATTITUDE]
    assert (sent.type_mask, sent.thrust) == (mask, pytest.approx(0.5))
    assert messages.to_nanoseconds(sent.header.stamp) == 2_000_000_007
    assert not field.published[VELOCITY]


def test_a_standstill_without_odometry_goes_out_as_a_velocity(output, field):
    connect(field)
    adapter = make_adapter('mavros_attitude')
    output.send(adapter.convert(Command(2_000_000_007, 0.0, 0.0, 0.0, 0.0), None))
    (sent,) = field.published[VELOCITY]
    assert messages.to_nanoseconds(sent.header.stamp) == 2_000_000_007
    assert sent.header.frame_id == 'map'
    linear = sent.twist.linear
    assert (linear.x, linear.y, linear.z, sent.twist.angular.z) == (0.0,) * 4
    assert not field.published[ATTITUDE]


def test_velocities_need_no_second_topic(message_type, field):
    message_type('mavros_msgs/msg/State')
    output = MavrosOutput(field, attitude=False)
    output.send(make_adapter('mavros').convert(Command(1, 1.0, 0.0, 0.0, 0.0), NORTH))
    assert set(field.published) == {VELOCITY}
    assert field.published[VELOCITY][0].twist.linear.y == pytest.approx(1.0)


@pytest.mark.parametrize(
    ('landed_state', 'airborne'), [(0, None), (1, False), (2, True), (3, False), (4, False)]
)
def test_whether_it_flies_is_its_landed_state(output, field, landed_state, airborne):
    assert output.status.connected is False
    connect(field)
    assert (output.status.connected, output.status.airborne) == (True, None)
    field.hear('mavros/extended_state', landed_state=landed_state)
    assert output.status.airborne is airborne
    assert (output.status.mode, output.status.armed) == ('GUIDED', True)


def test_a_landed_state_that_no_longer_comes_is_not_known(output, field):
    connect(field)
    field.hear('mavros/extended_state', landed_state=2)
    field.now_s += 2.9
    connect(field)
    assert output.status.airborne is True
    field.now_s += 0.2
    assert (output.status.connected, output.status.airborne) == (True, None)


def test_the_landed_state_is_asked_for_while_it_is_missing(output, field):
    output.on_decision()
    assert not field.requests, 'there is no autopilot yet'
    connect(field)
    output.on_decision()
    assert len(field.requests) == 1, 'not at the first opportunity'
    for _ in range(400):
        field.now_s += 0.05
        connect(field)
        output.on_decision()
    ((name, request), *others) = field.requests
    assert name == 'mavros/set_message_interval'
    assert (request.message_id, request.message_rate) == (245, 2.0)
    assert 3 <= len(others) <= 4  # Once in five seconds.
    field.requests.clear()
    for _ in range(400):
        field.now_s += 0.05
        connect(field)
        field.hear('mavros/extended_state', landed_state=2)
        output.on_decision()
    assert not field.requests
    for _ in range(400):
        field.now_s += 0.05
        connect(field)
        output.on_decision()
    assert field.requests


def test_nobody_is_asked_where_mavros_has_no_such_service(output, field):
    field.service_runs = False
    for _ in range(400):
        field.now_s += 0.05
        connect(field)
        output.on_decision()
    assert not field.requests


def test_both_topics_are_flushed(output, field):
    output.flush(10**8)
    assert {topic for topic, _ in field.acknowledged} == {ATTITUDE, VELOCITY}


def not_installed(name):
    raise LiquidPilotError(f'{name} is not installed')


def test_a_guard_without_mavros_msgs_says_once_what_it_cannot_see(field, monkeypatch):
    monkeypatch.setattr(
        'liquid_pilot.nodes.outputs.autopilots.import_message_type',
        not_installed,
    )
    output = MavrosOutput(field, attitude=False)
    assert output.status is None
    output.on_decision()
    (line,) = field.lines
    assert 'mavros_msgs is not installed' in line
