"""`engage`, `stop` and `status` against real guards, over DDS."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Bool

from liquid_pilot.cli import main
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.process_runner import command_line

pytestmark = pytest.mark.slow
TIMEOUT_S = 3.0
PARAMETERS = {'preflight': False, 'command_timeout_s': TIMEOUT_S}
"""Those of the guards; a machine that is busy for a second is no reason for the safe command."""


class Robot:
    """A guard as a process; this process is its pilot, and the human with the switch."""

    def __init__(self, namespace, node, log):
        self.namespace = namespace
        self._file = open(log, 'wb')  # noqa: SIM115
        self.process = subprocess.Popen(
            command_line(NodeSpec('guard', 'guard', namespace, PARAMETERS)),
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.steers, self.human = False, None
        self._node = node
        self._commands = node.create_publisher(
            TwistStamped, f'/{namespace}/pilot/command', qos.COMMAND
        )
        self._override = node.create_publisher(Bool, f'/{namespace}/guard/override', qos.COMMAND)
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS)

    def publish(self, tick):
        if tick % 10 == 0:
            values = {'state': 'flying', 'instance': 'x'}
            status = messages.NodeStatus('pilot', 0, '', values, f'/{self.namespace}/pilot')
            self._diagnostics.publish(messages.pack_diagnostics(status, 0))
        if self.steers:
            message = TwistStamped()
            message.header.stamp = self._node.get_clock().now().to_msg()
            message.twist.linear.x = 0.5
            self._commands.publish(message)
        if self.human is not None:
            self._override.publish(Bool(data=self.human))

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0
        self._file.close()


@pytest.fixture(scope='module')
def fleet(tmp_path_factory):
    """Two robots, whose commands are published by a thread."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('rig', context=context)
    folder = tmp_path_factory.mktemp('guards')
    robots = [Robot(name, node, folder / f'{name}.log') for name in ('drone1', 'drone2')]
    ends = threading.Event()

    def publish():
        tick = 0
        while not ends.wait(0.03):
            tick += 1
            for robot in robots:
                robot.publish(tick)

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    for robot in robots:
        # Until a guard is up it is not found.
        robot.steers = True
        assert call('engage', '--namespace', robot.namespace, '--timeout', '30') in (0, 1)
    yield robots
    ends.set()
    thread.join()
    for robot in robots:
        robot.end()
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def robots(fleet):
    """The robots, disengaged, with a pilot that steers."""
    for robot in fleet:
        robot.steers, robot.human = True, None
    for robot in fleet:
        # From a stop, too, the way to be disengaged is through engaged.
        assert call('engage', '--namespace', robot.namespace) == 0
        assert call('stop', '--disengage', '--namespace', robot.namespace) == 0
    return fleet


def call(*words):
    """Exit code of a command in this process."""
    return main.main(list(words))


def states():
    """State of each guard, as `status` says it."""
    done = subprocess.run(
        [sys.executable, '-m', 'liquid_pilot.cli', 'status', '--json'],
        capture_output=True,
        text=True,
        timeout=120,
    )
    data = json.loads(done.stdout)
    return {one['namespace']: one['nodes']['guard']['state'] for one in data['robots']}


def until(condition, limit_s=30.0):
    """Wait until a condition holds."""
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, 'did not come true in time'


def test_engage_stop_and_engage_again(robots, capsys):
    capsys.readouterr()
    assert call('engage', '--namespace', 'drone1') == 0
    assert capsys.readouterr().out == '/drone1/guard: engaged\n'
    assert states() == {'drone1': 'engaged', 'drone2': 'disengaged'}
    assert call('stop', '--namespace', '/drone1/') == 0
    assert states() == {'drone1': 'stopped', 'drone2': 'disengaged'}
    assert call('engage', '--namespace', 'drone1') == 0
    assert states()['drone1'] == 'engaged'


def test_without_a_namespace_all_are_stopped_and_none_is_engaged(robots, capsys):
    capsys.readouterr()
    assert call('engage') == 3
    said = capsys.readouterr().err
    assert '--namespace drone1, --namespace drone2' in said
    assert call('stop') == 0
    said = capsys.readouterr().out
    assert '/drone1/guard: stopped' in said and '/drone2/guard: stopped' in said
    assert states() == {'drone1': 'stopped', 'drone2': 'stopped'}


def test_a_refusal_names_each_reason(robots, capsys):
    robots[0].steers = False
    time.sleep(TIMEOUT_S + 0.3)
    capsys.readouterr()
    assert call('engage', '--namespace', 'drone1') == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == 'liquid-pilot engage: error: /drone1/guard is not engaged:'
    assert said[1].startswith('  - no command on /drone1/pilot/command in the last 3 s')


def test_while_a_human_has_the_vehicle_both_are_refused(robots, capsys):
    robots[0].human = True
    until(lambda: states()['drone1'] == 'overridden')
    capsys.readouterr()
    assert call('engage', '--namespace', 'drone1') == 1
    assert 'a human has the vehicle' in capsys.readouterr().err
    assert call('stop', '--namespace', 'drone1') == 1
    assert 'nothing to stop: a human has the vehicle' in capsys.readouterr().err
    robots[0].human = False
    until(lambda: states()['drone1'] == 'disengaged')
    assert call('engage', '--namespace', 'drone1') == 0


def test_a_guard_that_is_frozen_is_not_found_and_the_other_one_stops(robots, capsys):
    """A process that hangs makes itself known to nobody who comes later."""
    robots[1].process.send_signal(signal.SIGSTOP)
    try:
        capsys.readouterr()
        assert call('stop') == 0
        assert capsys.readouterr().out.startswith('/drone1/guard: stopped')
        assert call('stop', '--namespace', 'drone2', '--timeout', '2') == 3
        assert 'or it hangs' in capsys.readouterr().err
    finally:
        robots[1].process.send_signal(signal.SIGCONT)
    assert call('stop', '--namespace', 'drone2') == 0


@pytest.mark.parametrize('words', [('stop',), ('engage',), ('status',)])
def test_a_namespace_without_a_guard(robots, capsys, words):
    capsys.readouterr()
    assert call(*words, '--namespace', 'drone7', '--timeout', '2') == 3
    said = capsys.readouterr().err
    assert '--namespace drone1, --namespace drone2' in said and 'drone7' in said


@pytest.mark.parametrize('form', [[], ['--json']])
def test_watching_ends_by_ctrl_c_without_a_traceback(robots, form):
    watching = subprocess.Popen(
        [sys.executable, '-m', 'liquid_pilot.cli', 'status', '--watch', *form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # How soon all is seen is a matter of the machine: Ctrl-C comes when it is, or after a minute.
    shown, deadline_s = '', time.monotonic() + 60.0
    wanted = '"drone2"' if form else 'guard'
    while (wanted not in shown or shown.count('\n') < 2) and time.monotonic() < deadline_s:
        shown += watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    rest, errors = watching.communicate(timeout=60)
    shown += rest
    assert errors == ''
    assert watching.returncode == 0
    if form:
        lines = [json.loads(line) for line in shown.splitlines()]
        assert len(lines) > 1
        assert [one['namespace'] for one in lines[-1]['robots']] == ['drone1', 'drone2']
    else:
        assert 'guard' in shown and '\x1b' not in shown
