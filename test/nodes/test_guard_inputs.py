"""What the guard takes over DDS: one publisher of commands, and odometry of the present.

The guard is a node in this process, with its own executor; pilot, intruder and autopilot are
publishers of this test.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.task import Future

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.common.message_types import import_message_type
from liquid_pilot.nodes.common.publishers import endpoints
from liquid_pilot.nodes.common.publishers.endpoints import publishers_of
from liquid_pilot.nodes.guard import GuardNode
from liquid_pilot.nodes.outputs.guard_parameters import GuardParameters
from liquid_pilot.nodes.recorder import RecorderParameters
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.utils.settings import setting, setting_from

SAFE = (0.0, 0.0, 0.0, 0.0)
PERIOD_S = 0.02


@dataclass(frozen=True)
class FreeParameters(GuardParameters):
    preflight: bool = setting(False, 'for tests')


@dataclass(frozen=True)
class FencedParameters(FreeParameters):
    geofence_radius_m: float = setting_from(Geofence, 'radius_m', default=50.0)


@dataclass(frozen=True)
class MavrosParameters(FreeParameters):
    adapter: str = setting('mavros', 'for tests')


@dataclass(frozen=True)
class FencedForeignClockParameters(FencedParameters):
    check_stamp_age: bool = setting(False, 'for tests')


class Pilot(node_base.LiquidNode):
    """A node that is called `pilot`, and reports or not."""

    parameters = RecorderParameters

    def __init__(self, reports=True):
        super().__init__('pilot')
        self.publisher, self.identifier = endpoints.create_publisher(
            TwistStamped, 'pilot/command', qos.COMMAND, node=self
        )
        self.reports, self.instance = reports, f'{id(self)}'
        self.diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS)

    def send(self, forward):
        stamp_ns = self.get_clock().now().nanoseconds
        self.publisher.publish(messages.pack_command(Command(stamp_ns, forward, 0.0, 0.0, 0.0)))

    def report(self, age_s=0.0):
        values = {
            'state': 'flying',
            'instance': self.instance,
            'command_publisher': self.identifier,
        }
        status = messages.NodeStatus('pilot', 0, 'flying', values, '/pilot')
        stamp_ns = self.get_clock().now().nanoseconds - round(1e9 * age_s)
        self.diagnostics.publish(messages.pack_diagnostics(status, stamp_ns))


class Rig:
    """A guard, what it sends, and an autopilot that reports odometry."""

    def __init__(self, parameters):
        guard_class = type('ChangedGuardNode', (GuardNode,), {'parameters': parameters})
        self.guard = guard_class()
        self.executor = node_base._executor()
        self.vehicle = rclpy.create_node('vehicle')
        self.outputs = []
        for topic in ('cmd_vel', 'mavros/setpoint_velocity/cmd_vel'):
            self.vehicle.create_subscription(TwistStamped, topic, self._on_output, qos.COMMAND)
        self.odometry = self.vehicle.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
        self.states = []
        if find_spec('mavros_msgs') is not None:
            # With these types installed, an autopilot that reports no state is not connected.
            kind = import_message_type('mavros_msgs/msg/State')
            state = kind(connected=True, armed=True, mode='GUIDED')
            publisher = self.vehicle.create_publisher(kind, 'mavros/state', qos.LATCHED)
            self.states.append(lambda: publisher.publish(state))
        self.nodes = [self.guard, self.vehicle]
        self.reported_s = 0.0
        for node in self.nodes:
            self.executor.add_node(node)

    def _on_output(self, message):
        self.outputs.append(messages.unpack_command(message).values)

    def pilot(self, reports=True):
        self.nodes.append(Pilot(reports))
        return self.nodes[-1]

    def remove(self, node):
        self.nodes.remove(node)
        node.destroy_node()

    def spin(self, seconds=PERIOD_S):
        self.executor.spin_until_future_complete(
            Future(executor=self.executor), timeout_sec=seconds
        )

    def send_odometry(self, stamp_ns):
        state = VehicleState(stamp_ns, (0.0,) * 3, (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
        self.odometry.publish(messages.pack_odometry(state))

    def now_ns(self):
        return self.vehicle.get_clock().now().nanoseconds

    def until(self, condition, step, limit_s=40.0):
        """Do `step` again and again until the condition holds."""
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, (self.guard._guard.reason, self.problems)
            step()
            if time.monotonic() - self.reported_s > 0.5:
                self.reported_s = time.monotonic()
                for publish in self.states:
                    publish()
                for node in self.nodes:
                    if isinstance(node, Pilot) and node.reports:
                        node.report()
            self.spin()

    def engage(self, step):
        self.until(lambda: self.guard._engage()[0], step)
        self.outputs.clear()
        self.until(lambda: self.flies, step)

    @property
    def flies(self):
        return bool(self.outputs) and self.outputs[-1][0] > 0.5

    @property
    def problems(self):
        return ' | '.join(text for _, text in self.guard._reporter.health.problems)

    def close(self):
        self.guard.close()
        self.executor.shutdown()
        for node in self.nodes:
            node.destroy_node()


@pytest.fixture
def rig(ros, request):
    made = Rig(getattr(request, 'param', FreeParameters))
    yield made
    made.close()


@pytest.mark.parametrize('reports', [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_second_publisher_whose_node_is_called_pilot_too_sends_nothing_to_the_vehicle(
    rig, reports
):
    pilot = rig.pilot(reports)
    rig.engage(lambda: pilot.send(1.0))
    intruder = rig.pilot(reports=False)

    def both():
        pilot.send(1.0)
        intruder.send(-2.0)

    rig.until(lambda: rig.guard._guard.state == 'safe' and rig.outputs[-1] == SAFE, both)
    rig.outputs.clear()
    began_s = time.monotonic()
    rig.until(lambda: time.monotonic() - began_s > 3.0, both)
    assert set(rig.outputs) == {SAFE}
    text = 'two publishers of /pilot/command (/pilot, /pilot); end all but one'
    assert rig.guard._guard.reason == f'{text}: safe command'
    assert text in rig.problems
    rig.guard._guard.disengage(rig.guard.steady_s())
    refused, why = rig.guard._engage()
    assert not refused and text in why
    rig.remove(intruder)
    rig.engage(lambda: pilot.send(1.0))


def test_not_one_command_of_the_second_publisher_leaves(rig):
    """It is found before its first command is answered, not at the next look at the graph."""
    pilot = rig.pilot()
    rig.engage(lambda: pilot.send(1.0))
    for timer in list(rig.guard.timers):
        if timer.timer_period_ns == 250_000_000:
            timer.cancel()
    rig.outputs.clear()
    intruder = rig.pilot(reports=False)
    rig.until(lambda: rig.guard._guard.state == 'safe', lambda: intruder.send(-2.0))
    assert min(forward for forward, *_ in rig.outputs) >= 0.0


PREDECESSOR = """
import sys
import rclpy
sys.path.insert(0, sys.argv[1])
from test_guard_inputs import Pilot
rclpy.init()
pilot = Pilot()
pilot.report()
print(pilot.identifier, flush=True)
pilot.create_timer(0.5, pilot.report)
pilot.create_timer(0.02, lambda: pilot.send(1.0))
rclpy.spin(pilot)
"""


@pytest.mark.slow
def test_a_pilot_that_was_killed_is_listed_and_its_successor_takes_over(rig):
    folder = str(Path(__file__).parent)
    dead = subprocess.Popen(
        [sys.executable, '-c', PREDECESSOR, folder], stdout=subprocess.PIPE, text=True
    )
    try:
        identifier = dead.stdout.readline().strip()
        rig.engage(lambda: None)
        live = rig.guard._monitors._live
        rig.until(lambda: identifier in live._reported_s, lambda: None)
    finally:
        dead.kill()
        dead.wait()
        dead.stdout.close()
    successor = rig.pilot()
    rig.outputs.clear()
    rig.until(
        lambda: rig.flies and not rig.guard._duplicates, lambda: successor.send(1.0), limit_s=12.0
    )
    listed = [each.identifier for each in publishers_of(rig.guard, '/pilot/command')]
    assert identifier in listed and successor.identifier in listed, 'it has been forgotten already'
    # And with the dead one still listed, a third one that lives is found.
    intruder = rig.pilot(reports=False)
    rig.until(lambda: rig.guard._guard.state == 'safe', lambda: intruder.send(-2.0))


@pytest.mark.parametrize('rig', [FencedParameters], indirect=True)
@pytest.mark.parametrize(
    ('age_s', 'words'),
    [
        (100.0, 'it is stamped 10'),
        (-5.0, 's in the future by the ROS clock; synchronise the clocks'),
        (None, 'it carries no time stamp; see what publishes it'),
    ],
)
def test_the_fence_takes_no_odometry_with_another_stamp(rig, age_s, words):
    pilot = rig.pilot()

    def good():
        pilot.send(1.0)
        rig.send_odometry(rig.now_ns())

    def wrong():
        pilot.send(1.0)
        rig.send_odometry(0 if age_s is None else rig.now_ns() - round(1e9 * age_s))

    def refused():
        return rig.outputs[-1] == SAFE and words in rig.problems

    rig.engage(good)
    rig.until(refused, wrong)
    assert 'no recent odometry on /odom: ' in rig.problems
    assert rig.guard._guard.state == 'safe'
    rig.guard._guard.disengage(rig.guard.steady_s())
    assert words in rig.guard._engage()[1]
    rig.engage(good)
    rig.until(lambda: 'no recent odometry' not in rig.problems, good)


@pytest.mark.parametrize('rig', [FencedForeignClockParameters], indirect=True)
def test_stamps_of_another_clock_must_advance(rig):
    """With `check_stamp_age: false`, and a device that repeats its last message for ever."""
    pilot, offset_ns = rig.pilot(), 10**15

    def good():
        pilot.send(1.0)
        rig.send_odometry(rig.now_ns() - offset_ns)

    rig.engage(good)
    frozen_ns = rig.now_ns() - offset_ns

    def frozen():
        pilot.send(1.0)
        rig.send_odometry(frozen_ns)

    rig.until(lambda: 'the stamp is the same for' in rig.problems, frozen)
    assert rig.outputs[-1] == SAFE
    rig.engage(good)


@pytest.mark.parametrize('rig', [FencedParameters], indirect=True)
def test_of_two_odometries_none_is_flown_on(rig):
    pilot = rig.pilot()

    def good():
        pilot.send(1.0)
        rig.send_odometry(rig.now_ns())

    rig.engage(good)
    other = rclpy.create_node('vehicle')
    rig.nodes.append(other)
    first, second = rig.odometry, other.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)

    def both():
        for rig.odometry in (first, second):
            rig.send_odometry(rig.now_ns())
        pilot.send(1.0)

    words = 'odometry: two publishers of /odom (/vehicle, /vehicle); end all but one'
    rig.until(lambda: words in rig.problems and rig.outputs[-1] == SAFE, both)
    rig.guard._guard.disengage(rig.guard.steady_s())
    assert words in rig.guard._engage()[1]


@pytest.mark.parametrize('rig', [MavrosParameters], indirect=True)
def test_without_odometry_the_vehicle_is_told_to_stand_still(rig):
    """Other commands need the heading in the world, and slew from standstill once it is known."""
    pilot = rig.pilot()

    def seeing():
        pilot.send(1.0)
        rig.send_odometry(rig.now_ns())

    rig.engage(seeing)
    rig.until(lambda: rig.outputs[-1] == SAFE, lambda: pilot.send(1.0))
    rig.outputs.clear()
    rig.until(lambda: len(rig.outputs) > 10, lambda: pilot.send(1.0))
    assert set(rig.outputs) == {SAFE}
    # The check of what goes to the log, after a while of its own, says for how long.
    said = 'no recent odometry on /odom: none for '
    rig.until(lambda: said in rig.problems, lambda: pilot.send(1.0))
    assert rig.guard._guard.reason == 'no recent odometry on /odom: safe command'
    # A stop holds it, without odometry as well.
    rig.guard._guard.stop(rig.guard.steady_s())
    rig.outputs.clear()
    rig.until(lambda: len(rig.outputs) > 2, rig.spin)
    assert set(rig.outputs) == {SAFE}
    assert rig.guard._engage()[1].count('odometry') == 1
    rig.outputs.clear()
    rig.engage(seeing)
    first = next(forward for forward, *_ in rig.outputs if forward)
    assert first < 1.0


def test_old_reports_of_the_pilot_are_no_reports(rig):
    """A recording that is played back may hold /diagnostics of a flight long ago."""
    pilot = rig.pilot(reports=False)
    monitors = rig.guard._monitors
    rig.until(lambda: monitors.stale_reports, lambda: pilot.report(age_s=100.0))
    assert monitors.readiness is None
    assert 'the reports of the pilot on /diagnostics are stamped 10' in monitors.stale_reports
    rig.until(lambda: monitors.readiness is not None, lambda: pilot.report())
    assert not monitors.stale_reports


@pytest.mark.parametrize(
    ('mode', 'armed', 'accepts', 'resets'),
    [('LOITER', True, False, 1), ('GUIDED', False, True, 1), ('GUIDED', True, True, 0)],
)
def test_an_adapter_with_a_state_begins_anew_while_the_autopilot_does_not_follow(
    rig, mode, armed, accepts, resets
):
    counted = []
    rig.guard._stateful = SimpleNamespace(reset=lambda: counted.append(mode))
    rig.guard._output = SimpleNamespace(status=VehicleStatus(True, armed, mode, accepts, '', True))
    rig.guard._update_trust()
    assert len(counted) == resets
