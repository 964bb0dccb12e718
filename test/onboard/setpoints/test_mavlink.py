"""A MAVLink link against a peer on the loopback: content, frames, losses, reordering, modes."""

import math
import random
import time

import pytest
from free_ports import free_port
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mavlink_peer import (
    GUIDED,
    LOITER,
    PX4_OFFBOARD,
    PX4_POSCTL,
    Peer,
    mavlink,
)

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.mavlink import HEARTBEAT_TIMEOUT_S, MavlinkLink
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

ARDUPILOT = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA


@pytest.fixture
def ends():
    port = free_port()
    link, peer = MavlinkLink.open(f'udpin:127.0.0.1:{port}'), Peer(port)
    yield link, peer
    link.close()
    peer.close()


def heard(link, now_s=0.0):
    """What has come by now; the loopback needs a moment."""
    time.sleep(0.02)
    return link.poll(now_s)


def answers(peer, kind):
    time.sleep(0.02)
    return [message for message in peer.received() if message.get_type() == kind]


def test_imu_and_pose_come_in_ros_frames(ends):
    link, peer = ends
    half = math.sqrt(0.5)
    # Facing east (FRD to NED), a metre north and two east of the origin, three up, flying north.
    peer.send(peer.heartbeat(), peer.imu(), peer.attitude((half, 0.0, 0.0, half)), peer.place())
    got = heard(link)
    (sample,) = got.imu
    assert sample.angular_velocity_flu_rad_s == pytest.approx((0.1, -0.2, -0.3))
    assert sample.specific_force_flu_m_s2 == pytest.approx((0.0, 0.0, 9.81))
    assert got.state.position_enu_m == pytest.approx((2.0, 1.0, 3.0))
    assert got.state.orientation_wxyz == pytest.approx((1.0, 0.0, 0.0, 0.0), abs=1e-6)
    # North is to the left of who faces east.
    assert got.state.velocity_flu_m_s == pytest.approx((0.0, 0.5, 0.1), abs=1e-6)
    assert got.state.angular_velocity_flu_rad_s == pytest.approx((0.01, -0.02, -0.03))


def test_raw_imu_is_of_milli_g_and_milli_radians_and_yields_to_the_better_one(ends):
    link, peer = ends
    peer.send(peer.heartbeat(LOITER, autopilot=ARDUPILOT), peer.raw_imu())
    (sample,) = heard(link).imu
    assert sample.angular_velocity_flu_rad_s == pytest.approx((0.1, -0.2, -0.3))
    assert sample.specific_force_flu_m_s2 == pytest.approx((0.0, 0.0, 9.80665))
    peer.send(peer.imu(), peer.raw_imu())
    assert len(heard(link).imu) == 1


def test_streams_that_end_are_a_lost_link_before_a_heartbeat_is_missed(ends):
    """A rover's adapter needs no odometry, so that nothing else would notice a cut downlink."""
    link, peer = ends
    peer.send(peer.heartbeat())
    heard(link)
    # Streams that have not begun yet, or never will, tell nothing.
    assert link.status(2.9).connected
    peer.send(peer.attitude(), peer.raw_imu())
    heard(link, 2.0)
    assert link.status(2.9).connected
    assert not link.status(3.0 + 1e-3).connected
    peer.send(peer.place())
    heard(link, 2.5)
    assert link.status(2.95).connected


def test_nothing_is_a_state_until_both_halves_have_come(ends):
    link, peer = ends
    peer.send(peer.heartbeat(), peer.attitude())
    assert heard(link).state is None
    peer.send(peer.place())
    assert heard(link).state is not None
    assert heard(link).state is None


def test_modes_and_arming_are_watched(ends):
    link, peer = ends
    assert link.status(0.0).connected is False
    for message, mode, obeys, armed in (
        (peer.heartbeat(PX4_POSCTL), 'POSCTL', False, False),
        (peer.heartbeat(PX4_OFFBOARD, armed=True), 'OFFBOARD', True, True),
        (peer.heartbeat(GUIDED, True, ARDUPILOT), 'GUIDED', True, True),
        (peer.heartbeat(LOITER, True, ARDUPILOT), 'LOITER', False, True),
    ):
        peer.send(message)
        heard(link)
        status = link.status(0.0)
        assert (status.connected, status.mode, status.accepts_setpoints, status.armed) == (
            True,
            mode,
            obeys,
            armed,
        )
    silent = link.status(HEARTBEAT_TIMEOUT_S + 0.1)
    assert (silent.connected, silent.accepts_setpoints, silent.armed) == (False, False, False)


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (None, None),
        (7, ''),
        (6, 'attitude'),
        (1, 'velocity'),
        (0, 'attitude and velocity'),
        (7 | 128, 'velocity'),
    ],
)
def test_the_estimator_has_its_say(ends, flags, said):
    link, peer = ends
    peer.send(peer.heartbeat(), *([] if flags is None else [peer.estimate(flags)]))
    heard(link)
    found = link.status(0.0).estimator
    assert found == said or (said and said in found)


def test_setpoints_say_what_is_meant_and_what_is_ignored(ends):
    link, peer = ends
    peer.send(peer.heartbeat())
    heard(link)
    link.send_velocity(VelocityNed(5_000_000_000, (1.0, -2.0, 0.5), -0.25))
    (sent,) = answers(peer, 'SET_POSITION_TARGET_LOCAL_NED')
    ignored = sum(
        getattr(mavlink, f'POSITION_TARGET_TYPEMASK_{name}_IGNORE')
        for name in ('X', 'Y', 'Z', 'AX', 'AY', 'AZ', 'YAW')
    )
    assert (sent.type_mask, sent.coordinate_frame, sent.time_boot_ms) == (
        ignored,
        mavlink.MAV_FRAME_LOCAL_NED,
        5000,
    )
    assert (sent.vx, sent.vy, sent.vz, sent.yaw_rate) == (1.0, -2.0, 0.5, -0.25)
    assert (sent.target_system, sent.get_srcComponent()) == (
        1,
        mavlink.MAV_COMP_ID_ONBOARD_COMPUTER,
    )
    link.send_attitude(AttitudeTarget(1, (0, 1, 0, 0), (1.0, 0.0, 0.0, 0.0), 0.5, 0.75))
    (sent,) = answers(peer, 'SET_ATTITUDE_TARGET')
    assert (
        sent.type_mask
        == mavlink.ATTITUDE_TARGET_TYPEMASK_BODY_ROLL_RATE_IGNORE
        | mavlink.ATTITUDE_TARGET_TYPEMASK_BODY_PITCH_RATE_IGNORE
    )
    assert (list(sent.q), sent.body_yaw_rate, sent.thrust) == ([1.0, 0.0, 0.0, 0.0], -0.5, 0.75)
    # ArduCopter stops when only some of the rates are ignored.
    peer.send(peer.heartbeat(GUIDED, True, ARDUPILOT))
    heard(link)
    link.send_attitude(AttitudeTarget(1, (0, 1, 0, 0), (1.0, 0.0, 0.0, 0.0), 0.5, 0.75))
    (sent,) = answers(peer, 'SET_ATTITUDE_TARGET')
    assert sent.type_mask == 0
    assert (sent.body_roll_rate, sent.body_pitch_rate, sent.body_yaw_rate) == (0.0, 0.0, -0.5)
    link.heartbeat()
    (sent,) = answers(peer, 'HEARTBEAT')
    assert (sent.type, sent.autopilot) == (
        mavlink.MAV_TYPE_ONBOARD_CONTROLLER,
        mavlink.MAV_AUTOPILOT_INVALID,
    )


def test_it_speaks_of_itself_only_to_ask_for_a_message(ends):
    link, peer = ends
    for now_s in (0.0, 0.5, 1.0):
        link.poll(now_s)
    peer.send(peer.heartbeat())
    heard(link, 2.0)
    assert not peer.received()
    heard(link, 3.1)
    (asked,) = peer.received()
    assert (asked.get_type(), asked.command) == (
        'COMMAND_LONG',
        mavlink.MAV_CMD_SET_MESSAGE_INTERVAL,
    )
    assert (asked.target_system, asked.target_component) == (1, 1)
    assert (asked.param1, asked.param2) == (105, 10_000)


def test_another_vehicle_and_a_ground_station_are_not_ours(ends):
    link, peer = ends
    other, station = Peer(peer.address[1], system=7), Peer(peer.address[1], system=255)
    peer.send(peer.heartbeat(PX4_POSCTL))
    heard(link)
    other.send(
        other.heartbeat(PX4_OFFBOARD, armed=True), other.imu(), other.attitude(), other.place()
    )
    station.send(mavlink.MAVLink_heartbeat_message(6, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, 4, 3))
    got = heard(link)
    assert (got.imu, got.state) == ([], None)
    assert (link.status(0.0).mode, link.status(0.0).armed) == ('POSCTL', False)
    other.close()
    station.close()


def test_odometry_ends_when_one_of_its_two_streams_does(ends):
    """Attitude and position are two messages; either alone would be passed off as new."""
    link, peer = ends
    peer.send(peer.heartbeat())
    heard(link)
    peer.send(peer.attitude(), peer.place())
    assert heard(link, 10.0).state is not None
    for going, back in ((peer.attitude, peer.place), (peer.place, peer.attitude)):
        peer.send(going(), back())
        assert heard(link, 20.0).state is not None
        peer.send(going())
        assert heard(link, 20.9).state is not None
        peer.send(going())
        assert heard(link, 21.1).state is None
        peer.send(back())
        assert heard(link, 21.2).state is not None


def test_losses_reordering_and_noise_leave_a_true_picture(ends):
    link, peer = ends
    rng = random.Random(4)
    peer.send(peer.heartbeat())
    heard(link)
    for round_ in range(30):
        packets = [
            peer.pack(message)
            for message in (peer.heartbeat(PX4_OFFBOARD), peer.imu(), peer.attitude(), peer.place())
        ]
        packets = [packet for packet in packets if rng.random() > 0.3]
        packets += [rng.randbytes(rng.randrange(1, 40)) for _ in range(2)]
        # One that is cut short, and one with a bit flipped.
        flipped = bytearray(peer.pack(peer.heartbeat(PX4_POSCTL)))
        flipped[12] ^= 4
        packets += [peer.pack(peer.imu())[:-2], bytes(flipped)]
        rng.shuffle(packets)
        for packet in packets:
            peer.socket.sendto(packet, peer.address)
        got = heard(link, 0.1 * round_)
        for sample in got.imu:
            assert sample.specific_force_flu_m_s2 == pytest.approx((0.0, 0.0, 9.81))
        if got.state is not None:
            assert got.state.position_enu_m == pytest.approx((2.0, 1.0, 3.0))
    assert link.status(3.0).mode == 'OFFBOARD'


# Shrinking takes minutes here, and says little.
@settings(max_examples=30, deadline=None, phases=[Phase.generate])
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20))
def test_no_bytes_bring_it_down(packets):
    port = free_port()
    link, peer = MavlinkLink.open(f'udpin:127.0.0.1:{port}'), Peer(port)
    try:
        for packet in packets:
            peer.socket.sendto(packet, peer.address)
        peer.send(peer.heartbeat(PX4_OFFBOARD))
        deadline = time.monotonic() + 1.0
        while not link.status(0.0).connected and time.monotonic() < deadline:
            # A length byte in the noise may swallow what follows it; a real autopilot goes on.
            peer.send(peer.heartbeat(PX4_OFFBOARD))
            heard(link)
        assert link.status(0.0).accepts_setpoints
    finally:
        link.close()
        peer.close()


@pytest.mark.parametrize('url', ['/dev/no_such_port', 'udpin:256.0.0.1:1', 'udpin:127.0.0.1'])
def test_what_cannot_be_opened_is_said(url):
    with pytest.raises(LiquidPilotError, match='cannot be opened'):
        MavlinkLink.open(url)
