"""Who a MAVLink link listens to: strangers on its port, forged heartbeats, signed messages."""

import hashlib
import math
import random
import struct
import time

import pytest
from free_ports import free_port
from mavlink_peer import PX4_OFFBOARD, PX4_POSCTL, Peer, mavlink

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.setpoints.mavlink import HEARTBEAT_TIMEOUT_S, MavlinkLink
from liquid_pilot.onboard.setpoints.mavlink_signing import read_key
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

PASSPHRASE = 'correct horse'
KEY = hashlib.sha256(PASSPHRASE.encode()).digest()
SETPOINT = VelocityNed(1, (1.0, 0.0, 0.0), 0.0)


class Ends:
    """A link and as many senders on its port as a test makes."""

    def __init__(self):
        self.opened = []

    def link(self, scheme='udpin', port=None, **options):
        self.port = port or free_port()
        return self.keep(MavlinkLink.open(f'{scheme}:127.0.0.1:{self.port}', **options))

    def peer(self, system=1, component=1):
        made = self.keep(Peer(self.port, system))
        made.mav.srcComponent = component
        return made

    def keep(self, opened):
        self.opened.append(opened)
        return opened


@pytest.fixture
def ends():
    made = Ends()
    yield made
    for opened in made.opened:
        opened.close()


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / 'key'
    file.write_text(PASSPHRASE + '\n')
    file.chmod(0o600)
    return str(file)


def heard(link, now_s=0.0):
    time.sleep(0.02)
    return link.poll(now_s)


def kinds(peer):
    time.sleep(0.02)
    return {message.get_type() for message in peer.received()}


def sign(peer, key=KEY, behind_s=0.0):
    """Sign what a peer sends from now on, and check nothing of what it receives."""
    signing = peer.mav.signing
    signing.secret_key, signing.sign_outgoing = key, True
    signing.timestamp = int((time.time() - 1_420_070_400 - behind_s) * 100_000)


def send_all(link):
    link.heartbeat()
    link.send_velocity(SETPOINT)


def test_a_strangers_garbage_makes_no_receiver_of_it(ends):
    link = ends.link()
    peer, stranger = ends.peer(), ends.peer()
    stranger.socket.sendto(b'x', stranger.address)
    heard(link)
    send_all(link)
    assert not kinds(stranger)
    peer.send(peer.heartbeat())
    heard(link)
    stranger.socket.sendto(b'x', stranger.address)
    heard(link)
    send_all(link)
    assert 'SET_POSITION_TARGET_LOCAL_NED' in kinds(peer)
    assert not kinds(stranger)
    assert link.ignored_sender == stranger.socket.getsockname()
    assert link.peer == f'system 1, component 1 at 127.0.0.1:{peer.socket.getsockname()[1]}'


@pytest.mark.parametrize('scheme', ['udpin', 'udp', 'udpout'])
@pytest.mark.parametrize(
    ('system', 'component', 'same_address'),
    [(1, 1, False), (1, 100, True), (2, 1, True), (1, 100, False), (2, 1, False)],
)
def test_a_forged_heartbeat_changes_nothing(ends, scheme, system, component, same_address):
    link = ends.link(scheme)
    if scheme == 'udpout':
        # The link speaks first, and the peer is where it sends to.
        peer = ends.keep(Peer(0, own_port=ends.port))
        link.heartbeat()
        peer.address = peer.socket.recvfrom(1000)[1]
        ends.port = peer.address[1]
    else:
        peer = ends.peer()
    peer.send(peer.heartbeat(PX4_POSCTL))
    heard(link)
    forger = ends.peer(system, component)
    if same_address:
        forger.socket.close()
        forger.socket = peer.socket
    forger.send(
        forger.heartbeat(PX4_OFFBOARD, armed=True),
        forger.imu(),
        forger.attitude(),
        forger.place(),
        forger.estimate(0),
    )
    got = heard(link)
    assert (got.imu, got.state) == ([], None)
    status = link.status(0.0)
    assert (status.mode, status.armed, status.estimator) == ('POSCTL', False, None)
    send_all(link)
    assert 'SET_POSITION_TARGET_LOCAL_NED' in kinds(peer)
    if not same_address:
        assert not kinds(forger)


def test_an_autopilot_that_starts_again_is_found_on_its_new_port(ends):
    link = ends.link()
    before, after, other = ends.peer(), ends.peer(), ends.peer(system=2)
    before.send(before.heartbeat())
    heard(link, 0.0)
    silent_s = HEARTBEAT_TIMEOUT_S + 0.1
    after.send(after.heartbeat())
    heard(link, HEARTBEAT_TIMEOUT_S - 0.1)
    assert str(before.socket.getsockname()[1]) in link.peer
    # Another vehicle never takes its place, nor does what is no heartbeat.
    other.send(other.heartbeat())
    after.send(after.imu())
    assert not heard(link, silent_s).imu
    assert not link.status(silent_s).connected
    after.send(after.heartbeat(), after.imu())
    assert len(heard(link, silent_s).imu) == 1
    send_all(link)
    assert 'SET_POSITION_TARGET_LOCAL_NED' in kinds(after)
    assert not kinds(before) - {'COMMAND_LONG'}


def test_noise_of_strangers_never_completes_or_swallows_a_message(ends):
    link, peer = ends.link(), ends.peer()
    strangers = [ends.peer() for _ in range(12)]
    rng = random.Random(2)
    for _ in range(20):
        for stranger in strangers:
            # The start of a long message, which would take in what comes next.
            stranger.socket.sendto(b'\xfd\xff' + rng.randbytes(20), stranger.address)
    peer.send(peer.heartbeat(PX4_OFFBOARD))
    heard(link)
    assert link.status(0.0).accepts_setpoints


def test_only_signed_messages_count_where_there_is_a_key(ends, key_file):
    link = ends.link(key_file=key_file)
    peer, unsigned, wrong = ends.peer(), ends.peer(), ends.peer()
    sign(peer)
    sign(wrong, bytes(32))
    for other in (unsigned, wrong):
        other.send(other.heartbeat(PX4_OFFBOARD, armed=True))
    heard(link)
    assert not link.status(0.0).connected and link.refused_signatures == 2
    peer.send(peer.heartbeat(PX4_POSCTL), peer.imu())
    assert len(heard(link).imu) == 1
    # Forged from the very address of the peer.
    for other in (unsigned, wrong):
        other.socket.close()
        other.socket = peer.socket
        other.send(other.heartbeat(PX4_OFFBOARD, armed=True))
    heard(link)
    assert (link.status(0.0).mode, link.refused_signatures) == ('POSCTL', 4)
    peer.parser.signing.secret_key = KEY
    send_all(link)
    time.sleep(0.02)
    answers = peer.received()
    assert {message.get_type() for message in answers} >= {
        'HEARTBEAT',
        'SET_POSITION_TARGET_LOCAL_NED',
    }
    assert all(message.get_signed() for message in answers)


def test_a_recording_of_signed_messages_is_not_flown_again(ends, key_file):
    link, peer = ends.link(key_file=key_file), ends.peer()
    sign(peer)
    old = peer.pack(peer.heartbeat(PX4_OFFBOARD, armed=True))
    peer.socket.sendto(old, peer.address)
    peer.send(peer.heartbeat(PX4_POSCTL))
    heard(link)
    peer.socket.sendto(old, peer.address)
    heard(link)
    assert (link.status(0.0).mode, link.refused_signatures) == ('POSCTL', 1)


def test_a_forged_stamp_of_the_future_does_not_shut_the_true_peer_out(ends, key_file):
    link, peer, forger = ends.link(key_file=key_file), ends.peer(), ends.peer()
    sign(peer)
    sign(forger, bytes(32), behind_s=-1e6)
    forger.send(forger.heartbeat())
    heard(link)
    peer.send(peer.heartbeat(PX4_OFFBOARD))
    heard(link)
    assert link.status(0.0).accepts_setpoints


def test_a_peer_whose_clock_is_behind_is_sent_a_heartbeat_and_no_setpoint(ends, key_file):
    link, peer = ends.link(key_file=key_file), ends.peer()
    sign(peer, behind_s=3600.0)
    peer.send(peer.heartbeat(PX4_OFFBOARD))
    heard(link)
    assert not link.status(0.0).connected
    send_all(link)
    assert kinds(peer) == {'HEARTBEAT'}


@pytest.mark.parametrize('text', ['00ff' * 16, '00FF' * 16 + '\n'])
def test_a_key_is_64_digits_or_the_sha_256_of_a_passphrase(tmp_path, key_file, text):
    file = tmp_path / 'hex'
    file.write_text(text)
    file.chmod(0o600)
    assert read_key(str(file)) == bytes.fromhex('00ff' * 16)
    assert read_key(key_file) == KEY
    assert read_key('') is None


@pytest.mark.parametrize(
    ('content', 'mode', 'said'),
    [
        (None, 0o600, 'cannot be read'),
        (b'', 0o600, 'holds no key'),
        (b'one\ntwo', 0o600, 'holds no key'),
        (b'\xff\xfe', 0o600, 'holds no key'),
        pytest.param(b'x' * 5000, 0o600, 'holds no key', id='long'),
        (b'secret', 0o644, 'chmod 600'),
    ],
)
def test_a_file_without_a_key_is_refused(tmp_path, content, mode, said):
    file = tmp_path / 'key'
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    with pytest.raises(LiquidPilotError, match=said):
        MavlinkLink.open('udpin:127.0.0.1:0', key_file=str(file))


def test_whole_messages_of_random_numbers_bring_nothing_down(ends):
    link, peer = ends.link(), ends.peer()
    peer.send(peer.heartbeat())
    heard(link)
    rng = random.Random(1)
    numbers = [math.nan, math.inf, -math.inf, 0.0, 1e30, -1e-30]
    known = (mavlink.MAVLink_highres_imu_message, mavlink.MAVLink_attitude_quaternion_message)
    known += (mavlink.MAVLink_local_position_ned_message, mavlink.MAVLink_heartbeat_message)
    others = sorted(mavlink.mavlink_map.values(), key=lambda kind: kind.id)
    for number in range(600):
        kind = known[number % 4] if number % 2 else rng.choice(others)
        size = kind.unpacker.size
        payload = b''.join(struct.pack('<f', rng.choice(numbers)) for _ in range(size // 4 + 1))
        message = kind.__new__(kind)
        mavlink.MAVLink_message.__init__(message, kind.id, kind.msgname)
        peer.socket.sendto(message._pack(peer.mav, kind.crc_extra, payload[:size]), peer.address)
        if number % 50 == 49:
            heard(link)
    peer.send(peer.heartbeat(PX4_OFFBOARD))
    heard(link)
    assert link.status(0.0).accepts_setpoints
