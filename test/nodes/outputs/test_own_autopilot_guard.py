"""A real guard commands the autopilot of docs/how_to/own_autopilot.md over UDP."""

import socket
import time

import page_package
import pytest
import rclpy
import service_calls
from geometry_msgs.msg import TwistStamped
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool

from liquid_pilot.interfaces import Command
from liquid_pilot.nodes.common import messages, qos

FILES = page_package.files_of('own_autopilot.md')

pytestmark = pytest.mark.slow


class Field:
    """The Mule's socket, a pilot's commands, and the guard between them."""

    def __init__(self, start_node, folder, namespace, monkeypatch):
        self.mule = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.mule.bind(('127.0.0.1', 0))
        self.mule.setblocking(False)
        monkeypatch.setenv('MULE_ADDRESS', f'127.0.0.1:{self.mule.getsockname()[1]}')
        self.guard = start_node(
            'guard',
            folder / 'guard.log',
            namespace,
            adapter='mule',
            preflight=False,
            command_timeout_s=0.3,
        )
        self.node = rclpy.create_node('field', namespace=namespace)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.commands = self.node.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
        self.engage = self.node.create_client(SetBool, 'guard/engage')
        self.lines = []

    def run(self, until, commands=True, limit_s=30.0):
        """Send commands at 20 Hz and engage until a condition holds; return whether it does."""
        end_s, again_s, asked = time.monotonic() + limit_s, 0.0, None
        while time.monotonic() < end_s and not until():
            if commands:
                stamp_ns = self.node.get_clock().now().nanoseconds
                self.commands.publish(messages.pack_command(Command(stamp_ns, 1.0, 0.0, 0.0, 0.4)))
                refused = asked is not None and asked.done() and not asked.result().success
                if asked is None or refused or time.monotonic() > again_s:
                    asked = self.engage.call_async(SetBool.Request(data=True))
                    again_s = time.monotonic() + service_calls.ASK_AGAIN_S
            self.executor.spin_once(timeout_sec=0.05)
            while True:
                try:
                    self.lines.append(self.mule.recv(100).decode())
                except BlockingIOError:
                    break
        return until()

    def end(self):
        self.executor.shutdown()
        self.node.destroy_node()
        self.mule.close()


@pytest.fixture
def field(ros, start_node, tmp_path, monkeypatch):
    """Function (files of a package) -> Field with a guard that has it installed."""
    fields = []

    def make(files, namespace):
        with page_package.installed(files, tmp_path / 'installed'):
            fields.append(Field(start_node, tmp_path, namespace, monkeypatch))
        return fields[-1]

    yield make
    for each in fields:
        each.end()


def test_the_mule_gets_its_track_speeds_and_stops_with_the_pilot(field):
    mule = field(FILES, 'mule')
    assert mule.run(lambda: '0.880 1.120\n' in mule.lines), (mule.lines[-5:], mule.guard.output)
    mule.lines.clear()
    assert mule.run(lambda: '0.000 0.000\n' in mule.lines, commands=False), mule.lines[-5:]
    assert mule.guard.end() == 0


def test_the_guard_outlives_an_output_that_fails(field):
    source = FILES['my_bases.py'].replace('self.socket.send(f', 'self.cable.send(f')
    mule = field({**FILES, 'my_bases.py': source}, 'broken_mule')
    said = "send of the adapter 'mule' of the package my_bases 1.0 failed: AttributeError"
    assert mule.run(lambda: said in mule.guard.output), mule.guard.output
    assert mule.lines == []
    assert mule.guard.popen.poll() is None
    assert mule.guard.end() == 0
