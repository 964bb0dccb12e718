"""Adaptation over ROS: the pilot's side, the adaptation node, and both in a whole flight."""

import dataclasses
import importlib.util
import json
import math
import time

import numpy as np
import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import Float32MultiArray, Float64MultiArray
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.evaluation.missions import InProcessPilot, fly_one
from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample, Observation
from liquid_pilot.nodes import labelled, messages, qos
from liquid_pilot.nodes.adapting import FrontParameters
from liquid_pilot.onboard.adaptation import Adaptation, LearnerSettings
from liquid_pilot.onboard.adapting import Adapting
from liquid_pilot.onboard.cores import CoreScales
from liquid_pilot.onboard.engine import Engine
from liquid_pilot.onboard.front import FrontSettings
from liquid_pilot.onboard.surprise import GateSettings
from liquid_pilot.onboard.time_scales import CORE_RANGE, RECEPTOR_RANGE, Proposal, TimeScales
from liquid_pilot.simulation.conditions import parse
from liquid_pilot.simulation.mission import MissionRules
from liquid_pilot.simulation.world import Simulation, SimulationSettings

CAMERA = CameraGeometry.from_vertical_fov(128, 72, math.radians(52.0))
STEP_NS = 50_000_000
TIMEOUT_S = 0.3
BLOCKS = 8


def buffer(pixels):
    return ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8')


def strange(seed):
    """Nothing that the pilot knows: blocks of strong colours."""
    colours = np.random.default_rng(seed).choice(np.uint8((0, 255)), (9, 16, 3))
    return np.ascontiguousarray(colours.repeat(8, axis=0).repeat(8, axis=1))


def imu(stamp_ns):
    return tuple(ImuSample(stamp_ns - k * 10_000_000, (0.1 * k, 0.02, 0.6), (0.0, 0.1 * k, 9.8))
                 for k in (4, 3, 2, 1, 0))


class Rig:
    """A node of this test, with ears, in a namespace."""

    def __init__(self, namespace, eventually):
        self.node = rclpy.create_node('rig', namespace=namespace)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self._eventually = eventually
        self._clients, self.said = {}, {}
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS)

    def _on_diagnostics(self, message):
        for status in messages.unpack_diagnostics(message):
            name = status.hardware_id.rpartition('/')[2]
            self.said[name] = f'{self.said.get(name, "")} | {status.name} {status.message}'

    def spin(self, seconds=0.02):
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=left_s)

    def until(self, condition, limit_s=10.0):
        self._eventually(condition, limit_s,
                         step=lambda: self.executor.spin_once(timeout_sec=0.05))

    def result(self, ask, limit_s=20.0):
        """Of a request that may be repeated: an answer is lost while its way is discovered."""
        futures = []

        def done():
            if not futures or time.monotonic() > futures[-1][0] + 2.0:
                futures.append((time.monotonic(), ask()))
            return any(future.done() for _, future in futures)

        self.until(done, limit_s)
        return next(future.result() for _, future in futures if future.done())

    def call(self, service, **request):
        kind = SetBool if request else Trigger
        client = self._clients.setdefault(
            service, self._clients.get(service) or self.node.create_client(kind, service))
        self.until(client.service_is_ready, 20.0)
        return self.result(lambda: client.call_async(kind.Request(**request)))

    def set(self, name, **values):
        """Set parameters of a node of this namespace; what it says of each."""
        client = self._clients.setdefault(name, self._clients.get(name) or AsyncParameterClient(
            self.node, f'{self.node.get_namespace()}/{name}'))
        self.until(client.services_are_ready, 20.0)
        given = [Parameter(name, value=value) for name, value in values.items()]
        return [(result.successful, result.reason)
                for result in self.result(lambda: client.set_parameters(given)).results]

    def again_until(self, do, condition, limit_s=20.0):
        """Do it again and again, until the nodes have found each other."""
        def tried():
            do()
            self.spin(0.1)
            return condition()

        self.until(tried, limit_s)

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()


# The pilot


class Cockpit(Rig):
    """Simulator and adaptation node of a pilot in lock-step."""

    def __init__(self, namespace, eventually):
        super().__init__(namespace, eventually)
        publish, hear = self.node.create_publisher, self.node.create_subscription
        self._images = publish(Image, 'camera/image_raw', qos.IMAGE)
        self._infos = publish(CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE)
        self._imus = publish(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self.constants = publish(Float32MultiArray, 'adaptation/time_constants', qos.TRACE)
        self.commands, self.traces, self.stamp_ns = {}, [], 0
        hear(TwistStamped, 'pilot/command', self._on_command, qos.COMMAND)
        hear(Float64MultiArray, 'pilot/trace',
             lambda m: self.traces.append(labelled.unpack_trace(m)), qos.TRACE)

    def _on_command(self, message):
        command = messages.unpack_command(message)
        self.commands[command.stamp_ns] = command

    def connected(self, pilot, adapting):
        """Wait until all topics are; the network then has to start anew."""
        def look():
            assert pilot.popen.poll() is None, pilot.output
            if adapting:
                self.constants.publish(Float32MultiArray())
            self.send(np.zeros((72, 128, 3), np.uint8))

        self.again_until(look, lambda: (
            self.commands and self.traces
            and (not adapting or 'got nothing' in self.said.get('pilot', ''))), 60.0)
        self.spin(0.2)

    def send(self, pixels):
        """A frame; its stamp."""
        self.stamp_ns += STEP_NS
        self._infos.publish(messages.pack_camera_info(CAMERA, self.stamp_ns))
        for sample in imu(self.stamp_ns):
            self._imus.publish(messages.pack_imu(sample))
        self._images.publish(messages.pack_image(buffer(pixels), self.stamp_ns))
        return self.stamp_ns

    def answer(self, stamp_ns):
        """The command to the frame of that stamp, and the trace of its tick."""
        self.until(lambda: stamp_ns in self.commands and self.traces
                   and self.traces[-1].stamp_ns == stamp_ns)
        return self.commands[stamp_ns], self.traces[-1]

    def settle(self):
        """Wait until the pilot has taken what was proposed: it takes this after it."""
        self.said.clear()
        self.constants.publish(Float32MultiArray())
        self.until(lambda: 'got nothing' in self.said.get('pilot', ''))

    def fly(self, pixels):
        return self.answer(self.send(pixels))

    def propose(self, receptors=0.0, log_cm=0.0, log_gleak=0.0, **labels):
        """Time constants in answer to the last tick, or as `labels` have it."""
        last = self.traces[-1]
        sizes = BLOCKS, last.state.size, last.state.size
        values = [np.full(size, value, np.float32) if np.isscalar(value) else value
                  for size, value in zip(sizes, (receptors, log_cm, log_gleak), strict=True)]
        self.constants.publish(labelled.pack_time_constants(
            Proposal(labels.get('sequence', last.sequence), *values),
            labels.get('digest', last.digest), labels.get('flight', last.flight)))


class Mirror:
    """The pilot's engine in this process, and scales given by hand."""

    def __init__(self, pilot, front=FrontSettings()):  # noqa: B008
        self.engine = Engine(pilot, source_camera=CAMERA, front=front)
        self.state = self.engine.initial_state()

    def look(self, cockpit, pixels, scales=None):
        """The tick that answers the cockpit's last frame, without taking its state."""
        stamp_ns = cockpit.stamp_ns
        return self.engine.tick(
            self.state, Observation(stamp_ns, buffer(pixels), imu(stamp_ns)), scales)

    def fly(self, cockpit, pixels, scales=None):
        tick = self.look(cockpit, pixels, scales)
        self.state = tick.state
        return tick


def scales(pilot, receptors=0.0, log_cm=0.0, log_gleak=0.0):
    neurons = pilot.wiring.neurons
    return TimeScales(
        np.full(pilot.familiar.receptor_tau_s.shape, receptors, np.float32),
        CoreScales(*(np.full(neurons, value, np.float32) for value in (log_cm, log_gleak))))


@pytest.fixture(scope='module')
def flown(ros, start_node, adaptive_pilot, eventually, tmp_path_factory):
    made = Cockpit('flown', eventually)
    made.pilot = start_node(
        'pilot', tmp_path_factory.mktemp('flown') / 'pilot.log', 'flown',
        pilot=str(adaptive_pilot.path), lockstep=True, adaptation=True,
        adaptation_timeout_s=TIMEOUT_S)
    made.connected(made.pilot, adapting=True)
    yield made
    assert made.pilot.popen.poll() is None
    assert 'Traceback' not in made.pilot.output
    made.close()


@pytest.fixture
def cockpit(flown):
    """A pilot that adapts, before its first frame, with default parameters."""
    live = {field.name: field.default for field in dataclasses.fields(FrontParameters)
            if field.metadata['live']}
    live['adaptation_timeout_s'] = TIMEOUT_S
    assert all(done for done, _ in flown.set('pilot', **live))
    assert flown.call('pilot/reset').success
    flown.said.clear()
    return flown


def test_without_an_answer_it_flies_on_as_trained_and_follows_again(
        cockpit, adaptive_pilot, walk):
    mirror = Mirror(adaptive_pilot)
    assert cockpit.fly(walk(0))[0] == mirror.fly(cockpit, walk(0)).command
    stamp_ns = cockpit.send(walk(1))
    cockpit.spin(0.5 * TIMEOUT_S)
    assert stamp_ns not in cockpit.commands
    command, _ = cockpit.answer(stamp_ns)
    assert command == mirror.fly(cockpit, walk(1)).command
    assert 'the adaptation node does not answer' in cockpit.said['pilot']
    # From now on it waits for nobody.
    cockpit.set('pilot', adaptation_timeout_s=30.0)
    for step in range(2, 5):
        assert cockpit.fly(walk(step))[0] == mirror.fly(cockpit, walk(step)).command

    flown = scales(adaptive_pilot, 1.5, 0.2, -0.2)
    cockpit.propose(1.5, 0.2, -0.2)
    cockpit.settle()
    command, trace = cockpit.fly(walk(5))
    as_trained = mirror.look(cockpit, walk(5))
    tick = mirror.fly(cockpit, walk(5), flown)
    assert command == tick.command != as_trained.command
    assert np.array_equal(trace.tau, mirror.engine.time_constants(tick, flown))
    # And it waits again, until it is answered.
    stamp_ns = cockpit.send(walk(6))
    cockpit.spin(2 * TIMEOUT_S)
    assert stamp_ns not in cockpit.commands
    cockpit.propose(0.5)
    command, _ = cockpit.answer(stamp_ns)
    assert command == mirror.fly(
        cockpit, walk(6), scales(adaptive_pilot, 0.5)._replace(core=None)).command


def test_waiting_for_the_adaptation_node_is_not_blamed_on_the_imu(cockpit, walk):
    cockpit.set('pilot', adaptation_timeout_s=1.4)
    cockpit.fly(walk(0))
    cockpit.fly(walk(1))
    assert 'the adaptation node does not answer' in cockpit.said['pilot']
    assert 'imu' not in cockpit.said['pilot']


def test_what_it_flies_without_stays_in_the_diagnostics(cockpit, walk):
    for step in range(3):
        cockpit.fly(walk(step))
    cockpit.said.clear()
    cockpit.until(lambda: 'pilot' in cockpit.said)
    assert 'the adaptation node does not answer' in cockpit.said['pilot']


GARBAGE = {
    'NaN': ({'receptors': math.nan}, 'some are not finite'),
    'infinite': ({'log_gleak': -math.inf}, 'some are not finite'),
    'too few blocks': ({'receptors': np.zeros(3)}, 'of 3 receptor blocks, the pilot has 8'),
    'too many neurons': ({'log_cm': np.zeros(99)}, 'of 99 and'),
    'no receptors': ({'receptors': np.empty(0)}, 'of 0 receptor blocks'),
    'other pilot': ({'receptors': 1.0, 'digest': 'cd' * 32}, 'load the same pilot file'),
    'from the future': ({'receptors': 1.0, 'sequence': 1000}, 'they answer tick 1000'),
}


def test_garbage_for_time_constants_changes_no_command(cockpit, adaptive_pilot, walk):
    mirror = Mirror(adaptive_pilot)
    for step in range(2):
        assert cockpit.fly(walk(step))[0] == mirror.fly(cockpit, walk(step)).command
    for step, (garbage, words) in enumerate(GARBAGE.values(), 2):
        cockpit.said.clear()
        # Of an earlier flight, however right, it is nothing to speak of.
        cockpit.propose(1.0, flight='1-1')
        cockpit.propose(**garbage)
        cockpit.until(lambda words=words: words in cockpit.said.get('pilot', ''))
        command, trace = cockpit.fly(walk(step))
        tick = mirror.fly(cockpit, walk(step))
        assert command == tick.command
        assert np.array_equal(trace.tau, mirror.engine.time_constants(tick))
    cockpit.settle()


def test_huge_time_constants_are_flown_within_the_trust_region(cockpit, adaptive_pilot, walk):
    cockpit.set('pilot', adaptation_timeout_s=30.0)
    mirror = Mirror(adaptive_pilot)
    cockpit.fly(walk(0))
    mirror.fly(cockpit, walk(0))
    ends = ((1e30, 1e30, -1e30), (-1e30, -1e30, 1e30))
    bounds = ((RECEPTOR_RANGE[1], *CORE_RANGE[::-1]), (RECEPTOR_RANGE[0], *CORE_RANGE))
    for step, (told, bound) in enumerate(zip(ends, bounds, strict=True), 1):
        cockpit.propose(*told)
        command, trace = cockpit.fly(walk(step))
        limit = scales(adaptive_pilot, *bound)
        assert command != mirror.look(cockpit, walk(step)).command
        tick = mirror.fly(cockpit, walk(step), limit)
        assert command == tick.command
        assert np.array_equal(trace.tau, mirror.engine.time_constants(tick, limit))


@pytest.mark.parametrize(('switch', 'light', 'surprise'), [
    ('receptors', 1.0, False), ('follow_rotation', 1.0, False), ('photometric', 0.6, False),
    ('hold_frames', 1.0, True), ('stretch_core', 1.0, True)])
def test_a_part_switched_off_in_flight_acts_no_more(
        switch, light, surprise, cockpit, adaptive_pilot, walk):
    mirror = Mirror(adaptive_pilot)
    for step in range(3):
        pixels = walk(step, light)
        assert cockpit.fly(pixels)[0] == mirror.fly(cockpit, pixels).command
    assert cockpit.set('pilot', **{switch: False}) == [(True, '')]
    pixels = strange(1) if surprise else walk(3, light)
    command, _ = cockpit.fly(pixels)
    before = mirror.look(cockpit, pixels)
    assert before.sight.surprised == surprise
    mirror.engine.front.configure(FrontSettings(**{switch: False}))
    assert command == mirror.fly(cockpit, pixels).command != before.command
    # And on again.
    assert cockpit.set('pilot', **{switch: True}) == [(True, '')]
    mirror.engine.front.configure(FrontSettings())
    assert cockpit.fly(walk(4))[0] == mirror.fly(cockpit, walk(4)).command


def test_a_wrong_value_in_flight_is_refused_and_changes_nothing(cockpit, adaptive_pilot, walk):
    mirror = Mirror(adaptive_pilot)
    cockpit.fly(walk(0))
    mirror.fly(cockpit, walk(0))
    for given, words in (({'stretch': 0.5}, 'out of range'), ({'receptors': 1}, ''),
                         ({'hold_limit_s': math.nan}, ''), ({'adaptation': False}, 'read-only')):
        [(done, reason)] = cockpit.set('pilot', **given)
        assert not done and words in reason, reason
    assert cockpit.fly(walk(1))[0] == mirror.fly(cockpit, walk(1)).command


def test_switched_off_it_is_the_pilot_that_was_trained(
        ros, start_node, pilot, adaptive_pilot, eventually, walk, tmp_path):
    cockpit = Cockpit('plain', eventually)
    try:
        cockpit.connected(start_node(
            'pilot', tmp_path / 'pilot.log', 'plain', lockstep=True,
            pilot=str(adaptive_pilot.path)), adapting=False)
        assert cockpit.call('pilot/reset').success
        mirror = Mirror(pilot, front=None)
        for step, pixels in enumerate((walk(0), walk(1, 0.1), strange(1), walk(3)), 1):
            command, trace = cockpit.fly(pixels)
            tick = mirror.fly(cockpit, pixels)
            assert command == tick.command
            assert np.array_equal(trace.state, tick.state.core)
            assert (trace.sequence, trace.gate.size, trace.receptor_error.size) == (step, 0, 0)
        assert cockpit.constants.get_subscription_count() == 0
    finally:
        cockpit.close()


def test_a_pilot_without_statistics_cannot_adapt_and_says_what_to_do(
        start_node, pilot, tmp_path):
    started = [
        start_node('pilot', tmp_path / 'pilot.log', pilot=str(pilot.path), adaptation=True),
        start_node('adaptation', tmp_path / 'adaptation.log', pilot=str(pilot.path))]
    for process in started:
        assert process.popen.wait(20) == 1
        assert f'{pilot.path} holds no statistics of its training' in process.output
        assert '`liquid-pilot familiarise`' in process.output
        assert process.output.count('\n') == 1


# The adaptation node


class Source(Rig):
    """A pilot's traces, and what is proposed to it."""

    def __init__(self, namespace, eventually, pilot):
        super().__init__(namespace, eventually)
        self.pilot = pilot
        self.traces = self.node.create_publisher(Float64MultiArray, 'pilot/trace', qos.TRACE)
        self.proposals = []
        self.node.create_subscription(
            Float32MultiArray, 'adaptation/time_constants', lambda m: self.proposals.append(
                labelled.unpack_time_constants(m, pilot.digest)), qos.TRACE)
        self.sequence, self.flight = 0, 'first'
        self.learner = Adaptation(pilot.familiar, pilot.wiring.neurons)

    def connected(self, process):
        def say():
            assert process.popen.poll() is None, process.output
            # Of a tick that was surprised: nothing is learned from it.
            self.traces.publish(labelled.pack_trace(self.trace(
                flight=f'hello-{len(tries)}', gate=np.array([1, 0.05, 0, 0, 0, 0, 0, 0, 0.0]))))
            tries.append(len(self.proposals))

        tries, count = [], len(self.proposals)
        self.again_until(say, lambda: len(self.proposals) > count, 30.0)
        last = f'hello-{len(tries) - 1}'
        self.until(lambda: self.proposals[-1][0] == last)

    def trace(self, elapsed_s=0.05, **changes):
        """Of a tick that saw flicker."""
        error = 9.0 * self.pilot.familiar.receptor_error
        zeros = np.zeros(self.pilot.wiring.neurons)
        return labelled.Trace(
            self.pilot.digest, self.flight, self.sequence * STEP_NS, self.sequence, 0.05,
            np.zeros(8), np.zeros(6), zeros, zeros, np.zeros(4), receptor_error=error,
            receptor_gradient=-0.02 * error, receptor_tau=self.pilot.familiar.receptor_tau_s,
            gate=np.array([0.0, elapsed_s, 0, 0, 0, 0, 0, 0, 0]))._replace(**changes)

    def send(self, **changes):
        """The next trace."""
        self.sequence += 1
        trace = self.trace(**changes)
        self.traces.publish(labelled.pack_trace(trace))
        return trace

    def ask(self):
        """The proposal that answers the next trace, and the one that the learner here makes."""
        count = len(self.proposals)
        trace = self.send()
        self.until(lambda: len(self.proposals) > count)
        [(flight, proposal)] = self.proposals[count:]
        assert (flight, proposal.sequence) == (trace.flight, trace.sequence)
        return proposal, self.learner.add(labelled.evidence_in(trace))

    def learn(self, ticks):
        """So many traces, each of them answered as the learner here does."""
        for _ in range(ticks):
            proposal, expected = self.ask()
            assert np.array_equal(proposal.receptors, expected.receptors.ravel())
            assert np.array_equal(proposal.log_cm, expected.log_cm)
        return proposal.receptors.min()


@pytest.fixture(scope='module')
def learning(ros, start_node, adaptive_pilot, eventually, tmp_path_factory):
    made = Source('learning', eventually, adaptive_pilot)
    folder = tmp_path_factory.mktemp('learning')
    made.file = folder / 'learned.json'

    def start():
        made.process = start_node(
            'adaptation', folder / 'adaptation.log', 'learning', pilot=str(adaptive_pilot.path),
            snapshot=str(made.file), snapshot_period_s=3600.0)
        made.connected(made.process)

    made.start = start
    made.start()
    yield made
    made.close()


@pytest.fixture
def source(learning):
    """A node that learned nothing yet, and a flight of its own."""
    if learning.process.popen.poll() is not None:
        learning.start()
    assert learning.call('adaptation/reset').success
    learning.learner = Adaptation(learning.pilot.familiar, learning.pilot.wiring.neurons)
    learning.flight, learning.sequence = f'flight-{time.monotonic_ns()}', 0
    learning.said.clear()
    yield learning
    assert learning.process.popen.poll() is None, learning.process.output


def test_each_trace_is_answered_by_what_the_learner_proposes(source):
    assert source.learn(12) > 0.2
    source.said.clear()
    source.until(lambda: 'adaptation: slowing' in source.said.get('adaptation', ''))


def test_garbage_for_a_trace_is_refused_and_not_learned_from(source):
    source.learn(3)
    error = source.trace().receptor_error
    for changes, words in (
            ({'digest': 'cd' * 32}, 'load the same pilot file'),
            ({'receptor_error': error * math.nan}, 'not finite'),
            ({'receptor_gradient': error + math.inf}, 'not finite'),
            ({'receptor_error': error + 1e30}, 'absurd'), ({'elapsed_s': math.nan}, 'elapsed time'),
            ({'elapsed_s': -1.0}, 'elapsed time'), ({'receptor_error': np.zeros(3)}, 'not 3'),
            ({'core_gradient': np.zeros(5)}, 'do not fit'), ({'gate': ()}, 'does not adapt')):
        source.said.clear()
        source.send(**changes)
        source.until(lambda words=words: words in source.said.get('adaptation', ''))
        source.learn(1)
    short = labelled.pack_trace(source.trace())
    short.data = short.data[:-1]
    source.traces.publish(short)
    source.until(lambda: 'is cut short' in source.said['adaptation'])
    source.learn(3)


def test_garbage_of_another_flight_does_not_end_the_one_that_flies(source):
    source.learn(2)
    source.send(receptor_error=np.full(BLOCKS, math.nan), flight='nobody')
    source.until(lambda: 'not finite' in source.said.get('adaptation', ''))
    source.learn(2)


def test_a_late_trace_of_a_flight_that_has_ended_is_ignored(source):
    kept = source.learn(5)
    ended, source.flight, source.sequence = source.trace(), 'another', 0
    # What was learned goes along into the next flight.
    assert source.learn(1) > kept > 0.0
    count = len(source.proposals)
    source.traces.publish(labelled.pack_trace(ended))
    source.learn(2)
    assert [flight for flight, _ in source.proposals[count:]] == ['another'] * 2


def test_it_forgets_at_the_start_of_a_flight_when_told_to(source):
    source.learn(5)
    assert source.set('adaptation', keep_over_restarts=False) == [(True, '')]
    source.flight, source.sequence = 'anew', 0
    source.learner.reset()
    source.learn(2)
    assert source.set('adaptation', keep_over_restarts=True) == [(True, '')]


def test_services(source):
    learned = source.learn(6)
    text = source.learner.snapshot(source.pilot.digest)
    answer = source.call('adaptation/snapshot')
    assert answer.success and str(source.file) in answer.message
    assert json.loads(source.file.read_text()) == json.loads(text)
    assert source.call('adaptation/reset').success
    source.learner.reset()
    assert source.learn(1) < learned
    assert source.call('adaptation/restore').success
    source.learner.restore(text, source.pilot.digest)
    assert source.learn(1) > learned

    assert source.call('adaptation/enable', data=False).success
    proposal, _ = source.ask()
    assert not proposal.receptors.any()
    source.said.clear()
    source.until(lambda: 'adaptation: disabled' in source.said.get('adaptation', ''))
    assert source.call('adaptation/enable', data=True).success
    assert [source.ask()[0] for _ in range(4)][-1].receptors.all()


@pytest.mark.parametrize('content', [b'{}', b'\xff\xfe', b'[1', None])
def test_a_snapshot_that_cannot_be_read_is_refused_and_changes_nothing(source, content):
    source.learn(3)
    source.file.unlink(missing_ok=True)
    if content is not None:
        source.file.write_bytes(content)
    answer = source.call('adaptation/restore')
    source.file.unlink(missing_ok=True)
    assert not answer.success and answer.message
    source.learn(1)


def test_a_node_that_cannot_read_its_snapshot_ends_with_one_line(
        start_node, adaptive_pilot, tmp_path):
    (tmp_path / 'text').write_text('{}')
    (tmp_path / 'bytes').write_bytes(b'\xff\xfe')
    (tmp_path / 'folder').mkdir()
    started = [start_node('adaptation', tmp_path / f'{name}.log', f'reads_{name}',
                          pilot=str(adaptive_pilot.path), snapshot=str(tmp_path / name))
               for name in ('text', 'bytes', 'folder')]
    for process in started:
        assert process.popen.wait(20) == 1
        assert process.output.count('\n') == 1, process.output


def test_live_parameters_of_the_learner(source):
    learned = source.learn(4)
    assert source.set('adaptation', learn_receptors=False, leak_s=1.0) == [(True, '')] * 2
    source.learner.settings = LearnerSettings(learn_receptors=False, leak_s=1.0)
    assert source.learn(2) < learned
    assert source.set('adaptation', enabled=False) == [(True, '')]
    assert not source.ask()[0].receptors.any()
    for given, words in (({'learn_core': 'all'}, 'must be one of off, cm, cm_gleak'),
                         ({'receptor_rate': -1.0}, ''), ({'snapshot': '/x'}, 'read-only')):
        [(done, reason)] = source.set('adaptation', **given)
        assert not done and words in reason, reason
    defaults = {'learn_receptors': True, 'leak_s': LearnerSettings().leak_s, 'enabled': True}
    assert all(done for done, _ in source.set('adaptation', **defaults))


def test_while_it_is_disabled_nothing_is_learned(source):
    """What is flown then has not the time constants that the learner takes it to have."""
    learned = source.learn(4)
    source.call('adaptation/enable', data=False)
    for _ in range(5):
        source.ask()
    source.call('adaptation/enable', data=True)
    assert source.ask()[0].receptors.min() < learned + 0.1


def test_killed_and_started_again_it_proposes_what_it_had(source):
    learned = source.learn(8)
    assert source.call('adaptation/snapshot').success
    source.process.popen.kill()
    source.process.popen.wait()
    source.flight = 'goes-on'
    source.start()
    text = source.file.read_text()
    source.learner = Adaptation(source.pilot.familiar, source.pilot.wiring.neurons)
    source.learner.restore(text, source.pilot.digest)
    assert source.learn(1) > learned


def test_two_pilots_with_the_same_process_id_fly_different_flights():
    """In containers the ids of processes are the same after every start."""
    names = []
    for _ in range(2):
        spec = importlib.util.find_spec('liquid_pilot.nodes.adapting')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        names.append(module.new_flight())
    assert names[0] != names[1]


# Both


def test_a_mission_with_adaptation_flies_as_in_one_process(
        adaptive_pilot, run_cli, tmp_path):
    limit_s, seeds = 2.5, (11, 12)
    parameters = tmp_path / 'parameters.yaml'
    parameters.write_text(yaml.safe_dump({
        f'/**/{node}': {'ros__parameters': values} for node, values in {
            'simulator': {'time_limit_s': limit_s},
            'pilot': {'foresee': True, 'hold_limit_s': 0.3, 'adaptation_timeout_s': 5.0},
            'adaptation': {'learn_core': 'cm_gleak'}}.items()}))
    process = run_cli('fly', '--adapt', '--pilot', adaptive_pilot.path, '--missions', 2, '--seed',
                      seeds[0], '--headless', '--condition', 'noise:5', '--out', tmp_path / 'run',
                      '--params-file', parameters)
    adapting = Adapting(FrontSettings(foresee=True, gate=GateSettings(hold_limit_s=0.3)),
                        LearnerSettings(learn_core='cm_gleak'))
    rules = MissionRules(time_limit_s=limit_s)
    with Simulation(SimulationSettings(conditions=parse('noise:5'))) as simulation:
        flier = InProcessPilot(adaptive_pilot, simulation, adapting=adapting)
        results = [fly_one(seed, simulation, flier, rules) for seed in seeds]
        proposal = flier.learner.proposal
        trained = InProcessPilot(adaptive_pilot, simulation)
        plain = fly_one(seeds[0], simulation, trained, rules)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    flown = np.load(tmp_path / 'run' / 'paths.npz')
    for result in results:
        assert np.array_equal(flown[f'seed_{result.seed}'][:, 1:], np.array(result.path)[:, 1:])
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['missions'] == [result.to_json() for result in results]
    # Adaptation took part.
    tau_s = np.load(tmp_path / 'run' / 'adaptation.npz')['seed_11/receptor_tau_s'][:, 1]
    assert tau_s[0] == pytest.approx(0.0125) and tau_s[-1] > 1.1 * 0.0125
    assert proposal.receptors.min() > 0.1 and proposal.log_cm.any()
    assert not np.array_equal(np.array(plain.path)[-1], np.array(results[0].path)[-1])
