"""What each output of the guard sends is read back as the pilot commanded it."""

import math
from types import SimpleNamespace

import pytest

from liquid_pilot.dashboard.events import Status
from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.guard_output import OTHERS, OUTPUTS, Sent, read_sent
from liquid_pilot.dashboard.history import History
from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.nodes.common import messages
from liquid_pilot.nodes.outputs.autopilots import pack_hover
from liquid_pilot.nodes.outputs.mavros import pack_mavros_attitude
from liquid_pilot.nodes.outputs.px4 import pack_attitude, pack_velocity
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, AdapterSettings, make_adapter

STAMP_NS = 5_000_000_007
COMMAND = Command(STAMP_NS, 1.2, -0.4, 0.3, -0.6)
# Heading 60 degrees to the left of east, nose 10 degrees down.
_YAW, _PITCH = math.radians(60.0), math.radians(10.0)
ATTITUDE = (
    math.cos(_YAW / 2) * math.cos(_PITCH / 2),
    -math.sin(_YAW / 2) * math.sin(_PITCH / 2),
    math.cos(_YAW / 2) * math.sin(_PITCH / 2),
    math.sin(_YAW / 2) * math.cos(_PITCH / 2),
)
STATE = VehicleState(STAMP_NS, (1.0, 2.0, 3.0), ATTITUDE, (1.2, -0.4, 0.3), (0.0, 0.0, 0.0))
TWIST, PX4 = 'geometry_msgs/msg/TwistStamped', 'px4_msgs/msg/'


class Made(SimpleNamespace):
    """A message of a package that is not installed."""

    def __init__(self, **fields):
        super().__init__(header=SimpleNamespace(), body_rate=SimpleNamespace(), **fields)


def world_twist(setpoint):
    velocity = setpoint.velocity_enu_m_s
    return messages.pack_world_twist(setpoint.stamp_ns, velocity, setpoint.yaw_rate_rad_s)


def drive(setpoint):
    made = Made(drive=SimpleNamespace(speed=setpoint.speed_m_s))
    made.drive.steering_angle = setpoint.steering_rad
    made.header.stamp = messages.to_time(setpoint.stamp_ns)
    return made


MESSAGES = {
    'cmd_vel': (TWIST, messages.pack_command),
    'gazebo': (TWIST, messages.pack_command),
    'attitude_thrust': (
        'trajectory_msgs/msg/MultiDOFJointTrajectory',
        messages.pack_attitude_thrust,
    ),
    'mavros': (TWIST, world_twist),
    'mavros_attitude': (
        'mavros_msgs/msg/AttitudeTarget',
        lambda setpoint: pack_mavros_attitude(Made, setpoint, False),
    ),
    'ardupilot': (TWIST, world_twist),
    'px4': (f'{PX4}TrajectorySetpoint', lambda setpoint: pack_velocity(Made, setpoint, 1)),
    'px4_attitude': (
        f'{PX4}VehicleAttitudeSetpoint',
        lambda setpoint: pack_attitude(Made, setpoint, 1),
    ),
    'ackermann': ('ackermann_msgs/msg/AckermannDriveStamped', drive),
    'crazyflie': (
        'crazyflie_interfaces/msg/Hover',
        lambda setpoint: pack_hover(Made, setpoint, True),
    ),
}
WITHOUT_TOPIC = {name for name in ADAPTERS.built_in if name.startswith('mavlink')}


def sent_by(adapter):
    """What is read of the message that an adapter makes of the command."""
    settings = AdapterSettings(hover_thrust=0.5, wheelbase_m=0.3)
    kind, pack = MESSAGES[adapter]
    message = pack(make_adapter(adapter, settings).convert(COMMAND, STATE))
    return read_sent(adapter, kind, message, ATTITUDE)


def test_every_output_is_told_in_words_and_read_where_it_is_a_topic():
    assert set(OUTPUTS) == set(ADAPTERS.built_in)
    assert set(MESSAGES) | WITHOUT_TOPIC == set(OUTPUTS)
    assert all(OUTPUTS[name].words for name in OUTPUTS)
    assert not any(OUTPUTS[name].readers for name in WITHOUT_TOPIC)
    assert len(Sent(0).others) == len(OTHERS)


@pytest.mark.parametrize('adapter', ['cmd_vel', 'gazebo', 'mavros', 'ardupilot', 'px4'])
def test_a_velocity_is_read_as_it_was_commanded(adapter):
    sent = sent_by(adapter)
    assert sent.values == pytest.approx(COMMAND.values, abs=1e-6)
    assert all(map(math.isnan, sent.others))
    # PX4 has its own stamps.
    assert sent.stamp_ns == (0 if adapter == 'px4' else STAMP_NS)


@pytest.mark.parametrize('adapter', ['attitude_thrust', 'mavros_attitude', 'px4_attitude'])
def test_an_attitude_is_shown_as_pitch_roll_and_thrust(adapter):
    """The vehicle has the commanded velocity, so that it is to stay level and hold its weight."""
    sent = sent_by(adapter)
    assert sent.values[:3] == pytest.approx([math.nan] * 3, nan_ok=True)
    assert sent.values[3] == pytest.approx(COMMAND.yaw_rate_rad_s)
    # In the heading frame the velocity of the tilted body is another one, by a little.
    assert abs(sent.nose_down) < 15.0 and abs(sent.lean_right) < 15.0
    assert (sent.thrust if adapter == 'attitude_thrust' else sent.thrust_share) == pytest.approx(
        9.81 if adapter == 'attitude_thrust' else 50.0, rel=0.2
    )


def test_the_signs_of_an_attitude_are_those_of_the_words():
    for pitch, roll in ((0.2, 0.0), (0.0, -0.3)):
        half = (0.5 * roll, 0.5 * pitch)
        turn = (math.cos(sum(half)), math.sin(half[0]), math.sin(half[1]), 0.0)
        made = Made(orientation=messages.pack_quaternion(turn), thrust=0.4)
        made.header.stamp, made.body_rate.z = messages.to_time(STAMP_NS), 0.1
        sent = read_sent('mavros_attitude', 'mavros_msgs/msg/AttitudeTarget', made)
        # FLU: a positive turn about the axis to the left lowers the nose.
        assert sent.nose_down == pytest.approx(math.degrees(pitch), abs=1e-6)
        assert sent.lean_right == pytest.approx(math.degrees(roll), abs=1e-6)
        assert sent.thrust_share == pytest.approx(40.0)


def test_cars_and_crazyflies_show_what_they_are_sent():
    sent = sent_by('ackermann')
    assert sent.values[0] == COMMAND.forward_m_s
    assert sent.steering_left == pytest.approx(math.degrees(math.atan(0.3 * -0.6 / 1.2)))
    sent = sent_by('crazyflie')
    assert sent.values[:2] == COMMAND.values[:2] and sent.height == pytest.approx(3.3, abs=0.2)


def test_without_odometry_a_velocity_of_the_world_is_not_guessed():
    message = messages.pack_world_twist(STAMP_NS, (1.0, 2.0, 0.3), 0.1)
    for attitude in (None, (0.0, 0.0, 0.0, 0.0), (math.nan,) * 4):
        sent = read_sent('mavros', TWIST, message, attitude)
        assert math.isnan(sent.values[0]) and sent.values[2:] == (0.3, 0.1)
    standstill = messages.pack_world_twist(STAMP_NS, (0.0, 0.0, 0.3), 0.1)
    assert read_sent('mavros', TWIST, standstill).values == (0.0, 0.0, 0.3, 0.1)


def test_a_bare_twist_and_broken_messages():
    twist = messages.pack_twist(COMMAND)
    assert read_sent('cmd_vel', 'geometry_msgs/msg/Twist', twist) == Sent(0, COMMAND.values)
    empty = SimpleNamespace(points=[])
    kind = 'trajectory_msgs/msg/MultiDOFJointTrajectory'
    assert read_sent('attitude_thrust', kind, empty) is None
    assert read_sent('cmd_vel', kind, empty) is None and read_sent('theirs', TWIST, twist) is None


@pytest.mark.parametrize('adapter', ['attitude_thrust', 'px4_attitude', 'mavros'])
def test_it_is_recorded_beside_the_command_of_the_pilot(adapter, flight):
    state = FlightState(History(100.0, 10.0))
    state.on_status(0.0, 'guard', Status(0, 'engaged', {'state': 'engaged', 'adapter': adapter}))
    trace = flight[0].trace
    state.on_trace(1.0, trace)
    state.on_odometry(1.0, STATE)
    kind, pack = MESSAGES[adapter]
    command = COMMAND._replace(stamp_ns=trace.stamp_ns)
    settings = AdapterSettings(hover_thrust=0.5)
    state.on_output(1.0, kind, pack(make_adapter(adapter, settings).convert(command, STATE)))
    # It is told apart from an older one by its stamp, where it has that of the frame.
    assert state.is_complete(1.0) == (adapter != 'px4_attitude')
    row = state.record(1.0)[0].row
    sent, others = (state.view.layout.read(row, name) for name in ('sent', 'setpoint'))
    assert sent[3] == pytest.approx(COMMAND.yaw_rate_rad_s)
    assert math.isfinite(others[0]) == (adapter != 'mavros') == math.isnan(sent[0])
    output = state.about()['outputs'][adapter]
    assert output['words'] and output['is_rotated'] == (adapter != 'attitude_thrust')
