"""The ROS side of autopilots: what is sent, by genuine types over DDS where they can be had.

px4_msgs, mavros_msgs, ardupilot_msgs, ackermann_msgs and crazyflie_interfaces are on no package
index. Where they are installed the tests run over them too; everywhere they run over stand-ins with
the same fields (`message_type` in conftest.py).
"""

import importlib.util
import math
import time
from types import SimpleNamespace

import pytest
import rclpy
import service_calls
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Imu
from std_srvs.srv import SetBool

from liquid_pilot.interfaces import Command, ImuSample, VehicleState
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.common.message_types import import_message_type
from liquid_pilot.nodes.outputs import autopilots, px4
from liquid_pilot.nodes.outputs.registry import OUTPUT_FACTORIES
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, make_adapter

NORTH = VehicleState(
    0, (0.0, 0.0, 2.0), (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)), (0.0,) * 3, (0.0,) * 3
)
NEEDED = {
    'mavros_attitude': 'mavros_msgs',
    'px4': 'px4_msgs',
    'px4_attitude': 'px4_msgs',
    'ackermann': 'ackermann_msgs',
    'crazyflie': 'crazyflie_interfaces',
}
SETPOINTS = {
    'mavros_attitude': 'mavros/setpoint_raw/attitude',
    'px4': 'fmu/in/trajectory_setpoint',
    'px4_attitude': 'fmu/in/offboard_control_mode',
    'ackermann': 'drive',
    'crazyflie': 'cmd_hover',
}
"""A topic that the output of an adapter publishes."""


def test_every_adapter_has_an_output():
    assert set(OUTPUT_FACTORIES) == set(ADAPTERS)


def test_a_stand_in_has_no_field_that_the_genuine_type_has_not(stand_ins):
    for name, fields in stand_ins.items():
        if importlib.util.find_spec(name.partition('/')[0]) is not None:
            genuine = import_message_type(name)
            assert fields <= set(genuine.get_fields_and_field_types()), name


@pytest.mark.parametrize(('adapter', 'package'), NEEDED.items())
def test_what_is_not_installed_is_named(ros, start_node, tmp_path, eventually, adapter, package):
    """Where it is installed, the guard starts, and ends when it is asked to."""
    namespace = f'needed_{adapter}'
    guard = start_node('guard', tmp_path / 'guard.log', namespace, adapter=adapter)
    if importlib.util.find_spec(package) is not None:
        node = rclpy.create_node('field', namespace=namespace)
        eventually(lambda: node.count_publishers(SETPOINTS[adapter]) == 1)
        node.destroy_node()
        assert guard.end() == 0
        return
    assert guard.popen.wait(60) == 1
    assert f'{package}/msg/' in guard.output and 'is not installed' in guard.output
    from_source = package in ('px4_msgs', 'crazyflie_interfaces', 'ardupilot_msgs')
    assert ('clone https://' if from_source else 'apt install') in guard.output
    assert 'Traceback' not in guard.output


def status_reports(node):
    """Function that reports a vehicle in the air, by the types that are installed.

    A guard whose autopilot can report and does not is right to send nothing.
    """
    reports = []

    def add(name, topic, profile, **fields):
        if importlib.util.find_spec(name.partition('/')[0]) is not None:
            kind = import_message_type(name)
            reports.append((node.create_publisher(kind, topic, profile), kind(**fields)))

    flying = {'armed': True, 'mode': 4, 'vehicle_type': 2, 'flying': True}
    add('ardupilot_msgs/msg/Status', 'ap/v1/status', qos.MISSION, **flying)
    guided = {'connected': True, 'armed': True, 'mode': 'GUIDED'}
    add('mavros_msgs/msg/State', 'mavros/state', qos.LATCHED, **guided)
    add('mavros_msgs/msg/ExtendedState', 'mavros/extended_state', qos.LATCHED, landed_state=2)
    return lambda: [publisher.publish(message) for publisher, message in reports]


@pytest.mark.parametrize(
    ('adapter', 'topic', 'expected'),
    [
        # North is where it faces, and the axes are the world's.
        ('mavros', 'mavros/setpoint_velocity/cmd_vel', ('map', (-0.5, 1.0, 0.25), 0.5)),
        pytest.param(
            'ardupilot',
            'ap/v1/cmd_vel',
            ('map', (-0.5, 1.0, 0.25), 0.5),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_twists_arrive_over_dds(ros, start_node, tmp_path, adapter, topic, expected):
    guard = start_node(
        'guard',
        tmp_path / 'guard.log',
        f'twists_{adapter}',
        adapter=adapter,
        preflight=False,
        ardupilot_prefix='ap/v1',
    )
    node = rclpy.create_node('field', namespace=f'twists_{adapter}')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    got = []
    node.create_subscription(TwistStamped, topic, got.append, qos.COMMAND)
    steer = node.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
    odometry = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
    poses = node.create_publisher(PoseStamped, 'ap/v1/pose/filtered', qos.SENSOR)
    twists = node.create_publisher(TwistStamped, 'ap/v1/twist/filtered', qos.SENSOR)
    imus, heard = node.create_publisher(Imu, 'ap/v1/imu/experimental/data', qos.SENSOR), []
    node.create_subscription(Imu, 'imu/data', heard.append, qos.SENSOR)
    report = status_reports(node)
    engage = node.create_client(SetBool, 'guard/engage')
    assert engage.wait_for_service(30.0), guard.output
    engaged, again_s, deadline = None, 0.0, time.monotonic() + 60.0
    while time.monotonic() < deadline and not any(
        max(m.twist.linear.x, m.twist.linear.y) > 0.999 for m in got[-1:]
    ):  # It slews.
        now_ns = node.get_clock().now().nanoseconds
        if adapter == 'mavros':
            odometry.publish(messages.pack_odometry(NORTH._replace(stamp_ns=now_ns)))
        else:
            pose = PoseStamped()
            pose.pose.orientation = messages.pack_quaternion(NORTH.orientation_wxyz)
            twists.publish(TwistStamped())
            poses.publish(pose)
            imus.publish(messages.pack_imu(ImuSample(now_ns, (0.1, 0.2, 0.3), (0.0, 0.0, -9.8))))
        report()
        steer.publish(messages.pack_command(Command(now_ns, 1.0, 0.5, 0.25, 0.5)))
        executor.spin_once(timeout_sec=0.05)
        refused = engaged is not None and engaged.done() and not engaged.result().success
        if refused or time.monotonic() > again_s:
            engaged = engage.call_async(SetBool.Request(data=True))
            again_s = time.monotonic() + service_calls.ASK_AGAIN_S
        time.sleep(0.02)
    frame, linear, yaw_rate = expected
    assert got, guard.output
    assert got[-1].header.frame_id == frame
    twist = got[-1].twist
    assert (twist.linear.x, twist.linear.y, twist.linear.z) == pytest.approx(linear, abs=1e-6)
    assert twist.angular.z == pytest.approx(yaw_rate)
    if adapter == 'ardupilot':
        # Its IMU is FRD; the pilot's is FLU.
        sample = messages.unpack_imu(heard[-1])
        assert sample.angular_velocity_flu_rad_s == pytest.approx((0.1, -0.2, -0.3))
        assert sample.specific_force_flu_m_s2 == pytest.approx((0.0, 0.0, 9.8))
    assert guard.end() == 0
    executor.shutdown()
    node.destroy_node()


@pytest.mark.parametrize(('clockwise', 'yaw_rate'), [(False, 0.5), (True, -0.5)])
def test_a_crazyflie_gets_a_height_and_a_yaw_rate_of_its_own_sign(
    message_type, field, clockwise, yaw_rate
):
    message_type('crazyflie_interfaces/msg/Hover')
    setpoint = make_adapter('crazyflie').convert(Command(3_000_000_007, 1.0, 0.25, 0.5, 0.5), NORTH)
    autopilots.HoverOutput(field, clockwise).send(setpoint)
    (packed,) = field.published['cmd_hover']
    assert (packed.vx, packed.vy, packed.yaw_rate, packed.z_distance) == (1.0, 0.25, yaw_rate, 2.25)
    assert messages.to_nanoseconds(packed.header.stamp) == 3_000_000_007


def test_a_car_gets_a_speed_and_a_steering_angle(message_type, field):
    message_type('ackermann_msgs/msg/AckermannDriveStamped')
    setpoint = make_adapter('ackermann').convert(Command(3_000_000_007, 1.5, 0.0, 0.0, 0.5), None)
    autopilots.AckermannOutput(field).send(setpoint)
    (sent,) = field.published['drive']
    assert messages.to_nanoseconds(sent.header.stamp) == 3_000_000_007
    assert sent.header.frame_id == 'base_link'
    assert sent.drive.speed == 1.5
    # Curvature 1/3 per metre with axles 0.33 m apart.
    assert sent.drive.steering_angle == pytest.approx(math.atan(0.33 / 3.0))


def test_odometry_of_ardupilot_comes_in_ros_frames():
    pose, twist = PoseStamped(), TwistStamped()
    pose.pose.orientation = messages.pack_quaternion(NORTH.orientation_wxyz)
    pose.pose.position.x, pose.pose.position.z = 3.0, 2.0
    twist.twist.linear.y, twist.twist.angular.z = 1.5, 0.25
    state = autopilots.ardupilot_state(pose, twist, 9)
    assert state.position_enu_m == (3.0, 0.0, 2.0)
    # Northwards at 1.5 m/s is forward for who faces north.
    assert state.velocity_flu_m_s == pytest.approx((1.5, 0.0, 0.0), abs=1e-9)
    assert state.angular_velocity_flu_rad_s == (0.0, 0.0, 0.25)


def test_px4_gets_velocity_and_nothing_else_to_control(message_type):
    setpoint = make_adapter('px4').convert(Command(1, 1.0, 0.0, 0.5, 0.25), NORTH)
    kind = message_type('px4_msgs/msg/TrajectorySetpoint')
    packed = px4.pack_velocity(kind, setpoint, 77)
    assert packed.velocity == pytest.approx([1.0, 0.0, -0.5])
    assert (packed.timestamp, packed.yawspeed) == (77, -0.25)
    for name in ('position', 'acceleration', 'jerk'):
        assert all(map(math.isnan, getattr(packed, name)))
    assert math.isnan(packed.yaw)


def test_px4_gets_thrust_along_its_body_z_which_points_down(message_type):
    setpoint = make_adapter('px4_attitude').convert(Command(1, 0.0, 0.0, 0.0, 0.25), NORTH)
    kind = message_type('px4_msgs/msg/VehicleAttitudeSetpoint')
    packed = px4.pack_attitude(kind, setpoint, 77)
    assert packed.q_d == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-9)
    assert packed.thrust_body == pytest.approx([0.0, 0.0, -0.5])
    assert packed.yaw_sp_move_rate == -0.25


@pytest.fixture
def odometry_of_px4(message_type):
    kind, half = message_type('px4_msgs/msg/VehicleOdometry'), math.sqrt(0.5)

    def make(**changes):
        return kind(
            **{
                'pose_frame': 1,
                'velocity_frame': 1,
                'q': [half, 0.0, 0.0, half],  # Facing east.
                'position': [1.0, 2.0, -3.0],
                'velocity': [0.0, 2.0, -0.5],
                'angular_velocity': [0.125, 0.25, 0.375],
                **changes,
            }
        )

    return make


def test_odometry_of_px4_comes_in_ros_frames(odometry_of_px4):
    state = px4.px4_state(odometry_of_px4(), 9)
    assert state.position_enu_m == (2.0, 1.0, 3.0)
    # PX4's numbers have 24 bits.
    assert state.orientation_wxyz == pytest.approx((1, 0, 0, 0), abs=1e-7)
    # Eastwards at 2 m/s is forward for who faces east.
    assert state.velocity_flu_m_s == pytest.approx((2.0, 0.0, 0.5), abs=1e-6)
    assert state.angular_velocity_flu_rad_s == (0.125, -0.25, -0.375)
    body = px4.px4_state(odometry_of_px4(velocity_frame=3, velocity=[2.0, 0.0, -0.5]), 9)
    assert body.velocity_flu_m_s == pytest.approx(state.velocity_flu_m_s, abs=1e-6)


@pytest.mark.parametrize(
    'changes',
    [{'pose_frame': 2}, {'velocity_frame': 2}, {'q': [math.nan] * 4}, {'velocity': [math.nan] * 3}],
)
def test_odometry_of_px4_that_is_not_of_the_world_is_none(odometry_of_px4, changes):
    assert px4.px4_state(odometry_of_px4(**changes), 9) is None


def test_modes_of_px4_that_accept_setpoints():
    offboard = px4.px4_status(SimpleNamespace(nav_state=14, arming_state=2, failsafe=False))
    assert (offboard.accepts_setpoints, offboard.armed, offboard.estimator) == (True, True, '')
    posctl = px4.px4_status(SimpleNamespace(nav_state=2, arming_state=1, failsafe=True))
    assert (posctl.accepts_setpoints, posctl.armed, posctl.estimator) == (
        False,
        False,
        'in failsafe',
    )


@pytest.mark.parametrize(
    ('kind', 'mode', 'accepts'),
    [(2, 4, True), (1, 15, True), (13, 4, True), (2, 15, False), (1, 4, False), (3, 4, False)],
)
def test_modes_of_ardupilot_that_accept_setpoints(message_type, kind, mode, accepts):
    status = message_type('ardupilot_msgs/msg/Status')(vehicle_type=kind, mode=mode, armed=True)
    assert autopilots.ardupilot_status(status).accepts_setpoints is accepts


def test_an_ardupilot_that_is_not_of_this_year_says_nothing_of_flying():
    old = SimpleNamespace(vehicle_type=2, mode=4, armed=True, failsafe=[])
    assert autopilots.ardupilot_status(old).airborne is None


@pytest.fixture
def ardupilot(message_type, field):
    """The output over DDS, and a function that lets the vehicle report for some seconds."""
    message_type('ardupilot_msgs/msg/Status')
    output = autopilots.ArduPilotOutput(field, 'ap')

    def report(seconds=0.1, climb_m_s=0.0, vehicle_type=2, flying=True, failsafe=()):
        for _ in range(round(10 * seconds)):
            field.now_s += 0.1
            field.hear(
                'ap/status',
                vehicle_type=vehicle_type,
                mode={1: 15}.get(vehicle_type, 4),
                armed=True,
                flying=flying,
                failsafe=list(failsafe),
            )
            twist = TwistStamped().twist
            twist.linear.z = climb_m_s
            field.hear('ap/twist/filtered', twist=twist)
            field.hear('ap/pose/filtered')
        return output.status

    return report


def test_ardupilot_flies_when_it_is_off_the_ground_and_its_take_off_is_over(ardupilot):
    assert ardupilot(flying=False).airborne is False
    # Lifting off, and climbing by itself: a setpoint would end the take-off.
    assert ardupilot(0.5).airborne is False
    assert ardupilot(3.0, climb_m_s=1.0).airborne is False
    assert ardupilot(2.5).airborne is True
    # In flight a climb is a command's.
    assert ardupilot(3.0, climb_m_s=1.0).airborne is True
    assert ardupilot(flying=False).airborne is False


def test_a_rover_does_not_fly(ardupilot):
    for flying in (True, False):
        status = ardupilot(vehicle_type=1, flying=flying)
        assert (status.airborne, status.accepts_setpoints) == (None, True)


def test_a_failsafe_of_ardupilot_is_named(ardupilot):
    assert ardupilot().estimator == ''
    assert ardupilot(failsafe=[22]).estimator == 'in failsafe'


def test_topics_carry_the_version_of_their_message_as_px4_names_them():
    assert px4.versioned('fmu/out/vehicle_status', SimpleNamespace()) == 'fmu/out/vehicle_status'
    for version, name in ((0, 'fmu/out/x'), (1, 'fmu/out/x_v1'), (3, 'fmu/out/x_v3')):
        assert px4.versioned('fmu/out/x', SimpleNamespace(MESSAGE_VERSION=version)) == name
