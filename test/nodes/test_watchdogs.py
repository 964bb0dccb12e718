"""Each node of a running simulation is killed and frozen in turn: the vehicle ends up safe.

The real graph with the shipped pilot, on the wall clock, as processes over DDS. Whichever watchdog
is left has to act: the guard's when pilot or camera fall silent, the vehicle's own when the guard
does. When the adaptation node falls silent nothing has to: the pilot flies on.
"""

import contextlib
import math
import os
import signal
import time

import pytest
import rclpy
import ros_domain
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor

from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.onboard.inference import kernels
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits

LIMITS = get_vehicle_limits('quadrotor')
SAFE = LIMITS.safe_command
LATE_S = 0.4
"""Time that a busy machine may add to a time-out, s."""
BRAKING_S = 1.5
"""A vehicle that hovers has stopped after this long, at the latest."""
STILL_M_S = 0.35
FLYING_M_S = 1.0
FAR_M = 7.0
"""A vehicle that is this far from its target flies on for some seconds."""
NEEDED = ('guard', 'pilot', 'simulator')
"""Nodes without which nothing flies."""

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


class Run:
    """A flight as `liquid-pilot fly --realtime --adapt` starts it, and ears."""

    def __init__(self, folder, start_spec, domain):
        self.folder, self._start_spec = folder, start_spec
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        options = FlyOptions(
            missions=100,
            seed=7_100_000,
            adapt=True,
            realtime=True,
            headless=True,
            out=str(folder / 'run'),
        )
        self.specs = {spec.name: spec for spec in flight_graph.nodes(options)}
        assert set(self.specs) == {'guard', 'pilot', 'adaptation', 'simulator'}
        self.processes = {}
        self.struck = ''
        self.broken = False
        # The command does this before it starts a node, and it may take minutes.
        kernels.compile_all()
        for name in self.specs:
            self.start(name)
        self.node = rclpy.create_node('ears', context=self._context)
        self.executor = SingleThreadedExecutor(context=self._context)
        self.executor.add_node(self.node)
        self.commands, self.outputs, self.speeds = [], [], []
        hear = self.node.create_subscription
        hear(TwistStamped, 'pilot/command', lambda m: self._command(self.commands, m), qos.COMMAND)
        hear(TwistStamped, 'cmd_vel', lambda m: self._command(self.outputs, m), qos.COMMAND)
        hear(Odometry, 'odom', self._odometry, qos.SENSOR_RELIABLE)
        hear(DiagnosticArray, '/diagnostics', self._diagnostics, qos.DIAGNOSTICS)
        self.target_m = 0.0

    def start(self, name):
        self.processes[name] = self._start_spec(self.specs[name], self.folder / f'{name}.log')

    def _command(self, where, message):
        where.append((time.monotonic(), messages.unpack_command(message).values))

    def _odometry(self, message):
        state = messages.unpack_odometry(message)
        self.speeds.append((time.monotonic(), math.hypot(*state.velocity_flu_m_s)))

    def _diagnostics(self, message):
        for status in messages.unpack_diagnostics(message):
            self.target_m = float(status.values.get('target_distance_m', self.target_m))

    def spin(self, seconds):
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=left_s)

    def fly(self, limit_s=90.0):
        """Wait until it flies fast by commands of the pilot, and will for some seconds more.

        How often commands come is a matter of the machine: it flies if the last ones are live.
        """
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s and not self.ended():
            self.forget()
            self.spin(0.3)
            if len(self.outputs) < 4:
                self.spin(0.7)
            live = [values != SAFE for _, values in self.outputs[-4:]]
            fast = bool(self.speeds) and self.speeds[-1][1] > FLYING_M_S
            if len(live) == 4 and all(live) and fast and self.target_m > FAR_M:
                return
        self.broken = True
        raise AssertionError(self.why_it_does_not_fly())

    def ended(self):
        """What is said of the processes without which nothing flies, and which have ended."""
        codes = {name: self.processes[name].popen.poll() for name in NEEDED}
        return [f'the {name} ended with {code}' for name, code in codes.items() if code is not None]

    def why_it_does_not_fly(self):
        """One line of what is known, and below it the end of the log of every node."""
        safe = sum(values == SAFE for _, values in self.outputs)
        speed = f'{self.speeds[-1][1]:.2f} m/s' if self.speeds else 'no odometry'
        heard = (
            f'in the last second {len(self.commands)} commands of the pilot, {len(self.outputs)} '
            f'of the guard ({safe} of them safe), {speed}, {self.target_m:.1f} m to the target'
        )
        happened = f'after {self.struck}' if self.struck else 'from the start'
        lines = [f'it does not fly {happened}: {"; ".join([*self.ended(), heard])}']
        return '\n'.join([*lines, *(process.state() for process in self.processes.values())])

    def forget(self):
        """Forget what was heard."""
        for heard in (self.commands, self.outputs, self.speeds):
            heard.clear()

    def strike(self, name, number, seconds):
        """Send a signal while it flies, and listen; everything heard is of afterwards."""
        self.fly()
        self.struck = f'the {name} got {number.name}'
        self.processes[name].popen.send_signal(number)
        self.struck_s = time.monotonic()
        self.forget()
        self.spin(seconds)

    def after(self, what, seconds):
        return [value for at, value in what if at - self.struck_s > seconds]

    def end(self):
        for process in self.processes.values():
            if process.popen.poll() is None:
                os.kill(process.popen.pid, signal.SIGCONT)
        for name in ('simulator', 'adaptation', 'pilot', 'guard'):
            self.processes[name].end(limit_s=30.0)
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


@contextlib.contextmanager
def alone():
    """A ROS domain that no other test uses, for the processes that are started within."""
    domain = ros_domain.reserve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(domain))
        yield domain
    ros_domain.release(domain)


@pytest.fixture(scope='module')
def runs(start_spec, tmp_path_factory):
    """Function () -> a flight: the one that there is, or a new one when that has broken."""
    with contextlib.ExitStack() as stack:
        current = []

        def get():
            if current and (current[0].broken or current[0].ended()):
                stack.close()
                current.clear()
            if not current:
                domain = stack.enter_context(alone())
                current.append(Run(tmp_path_factory.mktemp('watchdogs'), start_spec, domain))
                stack.callback(current[0].end)
            return current[0]

        yield get


@pytest.fixture
def run(runs):
    """A flight that tests share, so that what one of them breaks fails no other."""
    return runs()


def check_guard_gave_the_safe_command(run):
    # How many come in that time is a matter of the machine; that they come is not.
    for _ in range(20):
        if len(after := run.after(run.outputs, LIMITS.command_timeout_s + LATE_S)) > 5:
            break
        run.spin(0.5)
    assert len(after) > 5, run.why_it_does_not_fly()
    assert set(after) == {SAFE}


def check_vehicle_stopped(run):
    # A machine that stands still for seconds brings its odometry later.
    for _ in range(20):
        after = run.after(run.speeds, LIMITS.command_timeout_s + BRAKING_S)
        if after:
            break
        run.spin(0.5)
    assert after, run.why_it_does_not_fly()
    assert max(after) < STILL_M_S


def test_a_frozen_pilot(run):
    run.strike('pilot', signal.SIGSTOP, 3.0)
    run.processes['pilot'].popen.send_signal(signal.SIGCONT)
    check_guard_gave_the_safe_command(run)
    check_vehicle_stopped(run)
    run.fly()


def test_a_frozen_guard_leaves_it_to_the_vehicle(run):
    run.strike('guard', signal.SIGSTOP, 3.0)
    run.processes['guard'].popen.send_signal(signal.SIGCONT)
    assert not run.after(run.outputs, LATE_S), 'a node repeats the commands of a frozen guard'
    assert run.after(run.commands, LATE_S)
    check_vehicle_stopped(run)
    run.fly()


def test_a_frozen_camera_and_vehicle(run):
    run.strike('simulator', signal.SIGSTOP, 2.0)
    run.processes['simulator'].popen.send_signal(signal.SIGCONT)
    assert not run.after(run.commands, LATE_S)
    check_guard_gave_the_safe_command(run)
    run.fly()


@pytest.mark.parametrize('number', [signal.SIGSTOP, signal.SIGKILL])
def test_without_adaptation_the_pilot_flies_on(run, number):
    run.strike('adaptation', number, 1.5)
    # How many commands come in that time is a matter of the machine; that they come is not.
    for _ in range(20):
        if len(after := run.after(run.commands, 0.0)) > 10:
            break
        run.spin(0.5)
    run.processes['adaptation'].popen.send_signal(signal.SIGCONT)
    assert len(after) > 10
    assert all(math.isfinite(value) for values in after for value in values)
    run.fly()


def test_a_killed_pilot_and_one_that_is_started_again(run):
    run.strike('pilot', signal.SIGKILL, 3.0)
    check_guard_gave_the_safe_command(run)
    check_vehicle_stopped(run)
    run.start('pilot')
    run.fly()


def test_an_intruder_costs_a_mission_and_not_the_run(run):
    run.fly()
    intruder = run.node.create_publisher(TwistStamped, 'cmd_vel', qos.COMMAND)
    run.struck = 'a second publisher of cmd_vel came and went'
    run.spin(0.8)
    run.node.destroy_publisher(intruder)
    run.fly()


def test_a_killed_camera_and_vehicle(run):
    run.strike('simulator', signal.SIGKILL, 2.0)
    check_guard_gave_the_safe_command(run)
    assert run.processes['pilot'].popen.poll() is None
    assert run.processes['guard'].popen.poll() is None


@pytest.mark.slow
def test_a_killed_guard_leaves_it_to_the_vehicle(start_spec, tmp_path):
    # What was killed stays listed for a while, and a second guard is refused.
    with alone() as domain:
        run = Run(tmp_path, start_spec, domain)
        try:
            run.strike('guard', signal.SIGKILL, 3.0)
            assert not run.after(run.outputs, LATE_S)
            assert run.after(run.commands, LATE_S)
            check_vehicle_stopped(run)
        finally:
            run.end()
