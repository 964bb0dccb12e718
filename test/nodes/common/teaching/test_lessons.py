"""A hand takes over in a simulated flight through ROS: it flies, it teaches, and gives back."""

import math
import subprocess
import sys
import time

import pytest
import ros_domain
from diagnostic_msgs.msg import DiagnosticArray
from fault_graph import SAFE_VALUES, Graph
from geometry_msgs.msg import TwistStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Joy
from std_msgs.msg import Float32MultiArray

from liquid_pilot import load_pilot, pilot_file
from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.teaching import lesson_messages
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.onboard.inference import kernels

BUTTONS, AXES = 8, 6
TAKE_OVER, TURN = 5, 0


class TaughtFlight(Graph):
    """A flight with a turned camera, and a joystick beside it."""

    def __init__(self, folder, domain, lesson='aim'):
        kernels.compile_all()
        self.folder = folder / 'run'
        options = FlyOptions(
            missions=100,
            seed=17_800_000,
            realtime=True,
            headless=True,
            lesson=lesson,
            condition='camera_left:4',
            out=str(self.folder),
        )
        specs = {spec.name: spec for spec in flight_graph.nodes(options)}
        specs['hand'] = flight_graph.NodeSpec('hand', 'hand', parameters={'use_sim_time': True})
        self.sim_ns, self.lesson, self.states = 0, None, {}
        self.pilot = load_pilot('forest-ltc')
        super().__init__(folder, domain, specs, ('',))
        hear = self.node.create_subscription
        self.expert = []
        hear(
            TwistStamped,
            topics.EXPERT_COMMAND,
            lambda message: self.expert.append(messages.unpack_command(message).values),
            qos.SENSOR_RELIABLE,
        )
        hear(Clock, '/clock', self._on_clock, qos.CLOCK)
        hear(Float32MultiArray, topics.LESSON_CORRECTION, self._on_lesson, qos.LATCHED)
        hear(DiagnosticArray, '/diagnostics', self._on_status, qos.DIAGNOSTICS)
        self._joy = self.node.create_publisher(Joy, topics.JOY, qos.SENSOR)

    def _on_clock(self, message):
        self.sim_ns = messages.to_nanoseconds(message.clock)

    def now_ns(self):
        """Time of the simulator's clock."""
        return self.sim_ns

    def _on_lesson(self, message):
        self.lesson = lesson_messages.unpack_lesson_state(message, self.pilot.digest, 4)

    def _on_status(self, message):
        for status in messages.unpack_diagnostics(message):
            self.states[status.hardware_id.strip('/')] = status.values

    def hold(self, seconds, turn):
        """Hold the button of the joystick and turn its stick."""
        buttons, axes = [0] * BUTTONS, [0.0] * AXES
        buttons[TAKE_OVER], axes[TURN] = 1, turn
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._joy.publish(Joy(axes=axes, buttons=buttons))
            self.spin(0.05)

    def command(self, verb):
        """Run `liquid-pilot teach`."""
        words = [sys.executable, '-m', 'liquid_pilot.cli', 'teach', verb]
        return subprocess.run(
            words, env=self._environment, capture_output=True, text=True, timeout=60
        )

    def let_go(self):
        """Let the button go."""
        self._joy.publish(Joy(axes=[0.0] * AXES, buttons=[0] * BUTTONS))

    def wait(self, condition, limit_s=15.0):
        """Return whether a condition holds within a time."""
        end_s = time.monotonic() + limit_s
        while not condition() and time.monotonic() < end_s:
            self.spin(0.05)
        return condition()


@pytest.fixture(scope='module')
def flight(tmp_path_factory):
    domain = ros_domain.reserve()
    made = TaughtFlight(tmp_path_factory.mktemp('lesson'), domain)
    yield made
    made.close()
    ros_domain.release(domain)


def answer(flight, verb):
    found = flight.call(f'lesson/{verb}')
    assert found is not None, f'lesson/{verb} does not answer'
    return found.success, found.message


@pytest.mark.slow
@pytest.mark.realtime
def test_a_hand_flies_teaches_and_gives_back(flight):
    assert flight.settle('', 60.0), flight.log()
    assert answer(flight, 'save')[0] is False
    heard = flight.outputs['']
    # For a hand that follows it, the simulation says what an expert would command.
    assert flight.wait(lambda: len(flight.expert) > 10)
    assert all(0.0 <= values[0] <= 3.0 for values in flight.expert)

    # The stick flies the vehicle, within its limits.
    began_s = time.monotonic()
    flight.hold(6.0, turn=0.4)
    assert flight.wait(lambda: flight.states['guard'].get('state') == 'overridden', 5.0)
    flight.hold(2.0, turn=0.4)
    late = [values for *_, values in heard.since(time.monotonic() - 1.0)]
    assert late and all(values == pytest.approx((0.0, 0.0, 0.0, 0.6), abs=1e-5) for values in late)
    # The pilot, which sees the target too far to the right, is taught to turn to the left.
    assert flight.wait(lambda: flight.lesson and not flight.lesson.tried.is_none)
    assert flight.lesson.accepted.is_none
    taught = flight.lesson.tried
    assert math.degrees(taught.aim.yaw_rad) > 1.0 or taught.readout[3, -1] > 0.02, taught
    assert float(flight.states['adaptation']['lesson_taught_s']) > 1.0

    # A hand that is silent leaves the safe command.
    flight.spin(1.5)
    assert heard.since(began_s)[-1][2] == SAFE_VALUES

    # It gives the vehicle back: the pilot flies, as trained.
    flight.let_go()
    assert flight.settle('', 20.0), flight.log()
    assert flight.lesson.accepted.is_none
    done, text = answer(flight, 'accept')
    assert done and 'camera turned by' in text
    assert flight.wait(lambda: not flight.lesson.accepted.is_none)
    assert flight.lesson.accepted.equals(flight.lesson.tried)
    assert answer(flight, 'accept')[0] is False
    assert flight.settle('', 20.0), flight.log()

    done, text = answer(flight, 'save')
    assert done, text
    saved = pilot_file.load(flight.folder / 'taught')
    assert any(saved.specification.camera_aim_deg) or any(saved.specification.output_trim)
    assert 'taught in flight' in saved.specification.card['taught']

    done = flight.command('undo')
    assert done.returncode == 0 and 'taken back' in done.stdout, done.stderr
    assert flight.wait(lambda: flight.lesson.accepted.is_none)
    done = flight.command('undo')
    assert done.returncode == 1 and 'nothing was accepted' in done.stderr, done.stderr
    assert answer(flight, 'reset') == (
        True,
        'the pilot flies as trained; all lessons are forgotten',
    )
    assert 'Traceback' not in ''.join(flight.log().values())


@pytest.mark.slow
@pytest.mark.realtime
def test_a_turned_camera_is_found_without_a_teacher(tmp_path):
    domain = ros_domain.reserve()
    alone = TaughtFlight(tmp_path, domain, 'calibration')
    try:
        assert alone.settle('', 60.0), alone.log()
        # The camera is turned to the left by 20 degrees.
        found = alone.wait(
            lambda: alone.lesson and math.degrees(alone.lesson.accepted.aim.yaw_rad) > 12.0, 60.0
        )
        assert found, (alone.lesson, alone.log())
        aim_deg = [math.degrees(angle) for angle in alone.lesson.accepted.aim]
        assert max(map(abs, aim_deg[1:])) < 6.0 and aim_deg[0] < 26.0
        # Nobody has the vehicle but the pilot, and nobody has accepted anything.
        assert alone.states['guard'].get('state') != 'overridden'
        assert alone.states['adaptation']['lesson_accepted'] == '0'
        assert 'camera turned by' in alone.states['adaptation']['lesson_flies']
    finally:
        alone.close()
        ros_domain.release(domain)
