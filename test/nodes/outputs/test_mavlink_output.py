"""What the MAVLink output says of its peer, of strangers, and of messages without a signature."""

import time
import types

import pytest
from free_ports import free_port
from mavlink_peer import Peer

from liquid_pilot.nodes.outputs.mavlink import MavlinkOutput


class Node:
    """The parts of the guard node that the output uses."""

    def __init__(self):
        self.lines, self.poll = [], None

    def create_publisher(self, *_):
        return types.SimpleNamespace(publish=lambda message: None)

    def create_steady_timer(self, period_s, callback):
        self.poll = callback

    def get_logger(self):
        def log(text, once=False, throttle_duration_sec=0.0):
            if not (once and text in self.lines):
                self.lines.append(text)

        return types.SimpleNamespace(info=log, warning=log)

    def get_clock(self):
        return types.SimpleNamespace(now=lambda: types.SimpleNamespace(nanoseconds=0))

    def steady_s(self):
        return time.monotonic()

    def heard(self):
        time.sleep(0.02)
        self.poll()
        said, self.lines = self.lines, []
        return said


@pytest.fixture
def made(tmp_path):
    opened = []

    def make(key=''):
        port, node = free_port(), Node()
        file = tmp_path / 'key'
        if key:
            file.write_text(key)
            file.chmod(0o600)
        output = MavlinkOutput(node, f'udpin:127.0.0.1:{port}', 9600, str(file) if key else '')
        peers = [Peer(port), Peer(port)]
        opened.extend([output._link, *peers])
        return node, *peers

    yield make
    for each in opened:
        each.close()


def test_the_peer_and_the_first_stranger_are_named(made):
    node, peer, stranger = made()
    peer.send(peer.heartbeat())
    port = peer.socket.getsockname()[1]
    assert node.heard() == [f'the autopilot is system 1, component 1 at 127.0.0.1:{port}']
    peer.send(peer.heartbeat())
    assert node.heard() == []
    stranger.send(stranger.heartbeat())
    (line,) = node.heard()
    assert f'{stranger.socket.getsockname()[1]} are ignored' in line and 'restart' in line


def test_messages_without_a_signature_are_counted_with_what_to_do(made):
    node, peer, _ = made('secret')
    peer.send(peer.heartbeat(), peer.imu())
    (line,) = node.heard()
    assert line.startswith('2 MAVLink messages were ignored') and 'set up signing' in line
