"""Adaptation over ROS: the pilot's side."""

import dataclasses
import math

import numpy as np
import pytest
from adaptation_rig import BLOCKS, CAMERA, STEP_NS, TIMEOUT_S, Rig, buffer, imu, strange
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import Float32MultiArray, Float64MultiArray

from liquid_pilot.interfaces import Observation
from liquid_pilot.nodes.common import messages, qos, trace_messages
from liquid_pilot.nodes.common.pilot_parameters import FrontendParameters
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner_messages import TimeScaleUpdate
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import (
    CORE_LOG_SCALE_RANGE,
    FILTER_LOG_SCALE_RANGE,
    CoreScales,
    TimeScales,
)
from liquid_pilot.onboard.inference.engine import Engine


class Cockpit(Rig):
    """Simulator and adaptation node of a pilot in lock-step."""

    def __init__(self, namespace, eventually):
        super().__init__(namespace, eventually)
        publish, hear = self.node.create_publisher, self.node.create_subscription
        self._images = publish(Image, 'camera/image_raw', qos.IMAGE)
        self._infos = publish(CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE)
        self._imus = publish(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self.constants = publish(Float32MultiArray, 'adaptation/time_scales', qos.TRACE)
        self.commands, self.traces, self.stamp_ns = {}, [], 0
        hear(TwistStamped, 'pilot/command', self._on_command, qos.COMMAND)
        hear(
            Float64MultiArray,
            'pilot/trace',
            lambda m: self.traces.append(trace_messages.unpack_trace(m)),
            qos.TRACE,
        )

    def _on_command(self, message):
        command = messages.unpack_command(message)
        self.commands[command.stamp_ns] = command

    def connected(self, pilot, adapting):
        """Wait until all topics are; the network then has to start again."""

        def look():
            assert pilot.popen.poll() is None, pilot.output
            if adapting:
                self.constants.publish(Float32MultiArray())
            self.send(np.zeros((72, 128, 3), np.uint8))

        self.again_until(
            look,
            lambda: (
                self.commands
                and self.traces
                and (not adapting or 'got nothing' in self.said.get('pilot', ''))
            ),
            60.0,
        )
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
        self.until(
            lambda: (
                stamp_ns in self.commands and self.traces and self.traces[-1].stamp_ns == stamp_ns
            )
        )
        return self.commands[stamp_ns], self.traces[-1]

    def settle(self):
        """Wait until the pilot has taken what was proposed: it takes this after it."""
        self.forget()
        self.constants.publish(Float32MultiArray())
        self.until(lambda: 'got nothing' in self.said.get('pilot', ''))

    def fly(self, pixels):
        return self.answer(self.send(pixels))

    def propose(self, temporal_filter=0.0, log_cm=0.0, log_gleak=0.0, **labels):
        """Time constants in answer to the last tick, or as `labels` have it."""
        last = self.traces[-1]
        sizes = BLOCKS, last.state.size, last.state.size
        values = [
            np.full(size, value, np.float32) if np.isscalar(value) else value
            for size, value in zip(sizes, (temporal_filter, log_cm, log_gleak), strict=True)
        ]
        self.constants.publish(
            trace_messages.pack_time_scales(
                TimeScaleUpdate(labels.get('sequence', last.sequence), *values),
                labels.get('digest', last.digest),
                labels.get('flight', last.flight),
            )
        )


class Mirror:
    """The pilot's engine in this process, and scales given by hand."""

    def __init__(self, pilot, adaptation=AdaptationSettings()):  # noqa: B008
        self.engine = Engine(pilot, source_camera=CAMERA, adaptation=adaptation)
        self.state = self.engine.initial_state()

    def look(self, cockpit, pixels, scales=None):
        """The tick that answers the cockpit's last frame, without taking its state."""
        stamp_ns = cockpit.stamp_ns
        return self.engine.tick(
            self.state, Observation(stamp_ns, buffer(pixels), imu(stamp_ns)), scales
        )

    def fly(self, cockpit, pixels, scales=None):
        tick = self.look(cockpit, pixels, scales)
        self.state = tick.state
        return tick


def scales(pilot, temporal_filter=0.0, log_cm=0.0, log_gleak=0.0):
    neurons = pilot.wiring.neurons
    return TimeScales(
        np.full(pilot.training_statistics.filter_tau_s.shape, temporal_filter, np.float32),
        CoreScales(*(np.full(neurons, value, np.float32) for value in (log_cm, log_gleak))),
    )


@pytest.fixture(scope='module')
def flown(ros, start_node, adaptive_pilot, eventually, tmp_path_factory):
    made = Cockpit('flown', eventually)
    made.pilot = start_node(
        'pilot',
        tmp_path_factory.mktemp('flown') / 'pilot.log',
        'flown',
        pilot=str(adaptive_pilot.path),
        lockstep=True,
        adaptation=True,
        adaptation_timeout_s=TIMEOUT_S,
    )
    made.connected(made.pilot, adapting=True)
    yield made
    assert made.pilot.popen.poll() is None
    assert 'Traceback' not in made.pilot.output
    made.close()


@pytest.fixture
def cockpit(flown):
    """A pilot that adapts, before its first frame, with default parameters."""
    live = {
        field.name: field.default
        for field in dataclasses.fields(FrontendParameters)
        if field.metadata['live']
    }
    live['adaptation_timeout_s'] = TIMEOUT_S
    assert all(done for done, _ in flown.set('pilot', **live))
    assert flown.call('pilot/reset').success
    flown.forget()
    return flown


def test_without_an_answer_it_flies_on_as_trained_and_follows_again(cockpit, adaptive_pilot, walk):
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
    assert (
        command
        == mirror.fly(cockpit, walk(6), scales(adaptive_pilot, 0.5)._replace(core=None)).command
    )


def test_waiting_for_the_adaptation_node_is_not_blamed_on_the_imu(cockpit, walk):
    cockpit.set('pilot', adaptation_timeout_s=1.4)
    cockpit.fly(walk(0))
    cockpit.fly(walk(1))
    assert 'the adaptation node does not answer' in cockpit.said['pilot']
    assert 'imu' not in cockpit.said['pilot']


def test_what_it_flies_without_stays_in_the_diagnostics(cockpit, walk):
    for step in range(3):
        cockpit.fly(walk(step))
    words = 'the adaptation node does not answer'
    cockpit.until(lambda: words in cockpit.said.get('pilot', ''))
    cockpit.forget()
    cockpit.until(lambda: 'pilot' in cockpit.said)
    assert words in cockpit.said['pilot']


GARBAGE = {
    'NaN': ({'temporal_filter': math.nan}, 'some are not finite'),
    'infinite': ({'log_gleak': -math.inf}, 'some are not finite'),
    'too few blocks': (
        {'temporal_filter': np.zeros(3)},
        'of 3 blocks of the temporal filter, the pilot has 8',
    ),
    'too many neurons': ({'log_cm': np.zeros(99)}, 'of 99 and'),
    'no blocks': ({'temporal_filter': np.empty(0)}, 'of 0 blocks of the temporal filter'),
    'other pilot': ({'temporal_filter': 1.0, 'digest': 'cd' * 32}, 'load the same pilot file'),
    'from the future': ({'temporal_filter': 1.0, 'sequence': 1000}, 'they answer tick 1000'),
}


@pytest.mark.slow
def test_garbage_for_time_constants_changes_no_command(cockpit, adaptive_pilot, walk):
    mirror = Mirror(adaptive_pilot)
    for step in range(2):
        assert cockpit.fly(walk(step))[0] == mirror.fly(cockpit, walk(step)).command
    for step, (garbage, words) in enumerate(GARBAGE.values(), 2):
        cockpit.forget()
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
    bounds = (
        (FILTER_LOG_SCALE_RANGE[1], *CORE_LOG_SCALE_RANGE[::-1]),
        (FILTER_LOG_SCALE_RANGE[0], *CORE_LOG_SCALE_RANGE),
    )
    for step, (proposed, bound) in enumerate(zip(ends, bounds, strict=True), 1):
        cockpit.propose(*proposed)
        command, trace = cockpit.fly(walk(step))
        limit = scales(adaptive_pilot, *bound)
        assert command != mirror.look(cockpit, walk(step)).command
        tick = mirror.fly(cockpit, walk(step), limit)
        assert command == tick.command
        assert np.array_equal(trace.tau, mirror.engine.time_constants(tick, limit))


@pytest.mark.parametrize(
    ('switch', 'light', 'novel'),
    [
        ('temporal_filter', 1.0, False),
        ('compensate_rotation', 1.0, False),
        ('photometric', 0.6, False),
        ('reject_novel_frames', 1.0, True),
        ('slow_core_on_novelty', 1.0, True),
    ],
)
def test_a_part_switched_off_in_flight_acts_no_more(
    switch, light, novel, cockpit, adaptive_pilot, walk
):
    mirror = Mirror(adaptive_pilot)
    for step in range(3):
        pixels = walk(step, light)
        assert cockpit.fly(pixels)[0] == mirror.fly(cockpit, pixels).command
    assert cockpit.set('pilot', **{switch: False}) == [(True, '')]
    pixels = strange(1) if novel else walk(3, light)
    command, _ = cockpit.fly(pixels)
    before = mirror.look(cockpit, pixels)
    assert before.frontend_output.novel == novel
    mirror.engine.configure(AdaptationSettings(FrontendSettings(**{switch: False})))
    assert command == mirror.fly(cockpit, pixels).command != before.command
    # And on again.
    assert cockpit.set('pilot', **{switch: True}) == [(True, '')]
    mirror.engine.configure(AdaptationSettings())
    assert cockpit.fly(walk(4))[0] == mirror.fly(cockpit, walk(4)).command


def test_a_wrong_value_in_flight_is_refused_and_changes_nothing(cockpit, adaptive_pilot, walk):
    mirror = Mirror(adaptive_pilot)
    cockpit.fly(walk(0))
    mirror.fly(cockpit, walk(0))
    for given, words in (
        ({'core_time_scale_on_novelty': 0.5}, 'out of range'),
        ({'temporal_filter': 1}, ''),
        ({'max_rejection_s': math.nan}, ''),
        ({'adaptation': False}, 'read-only'),
    ):
        [(done, reason)] = cockpit.set('pilot', **given)
        assert not done and words in reason, reason
    assert cockpit.fly(walk(1))[0] == mirror.fly(cockpit, walk(1)).command


def test_switched_off_it_is_the_pilot_that_was_trained(
    ros, start_node, pilot, adaptive_pilot, eventually, walk, tmp_path
):
    cockpit = Cockpit('plain', eventually)
    try:
        cockpit.connected(
            start_node(
                'pilot',
                tmp_path / 'pilot.log',
                'plain',
                lockstep=True,
                pilot=str(adaptive_pilot.path),
            ),
            adapting=False,
        )
        assert cockpit.call('pilot/reset').success
        mirror = Mirror(pilot, adaptation=None)
        for step, pixels in enumerate((walk(0), walk(1, 0.1), strange(1), walk(3)), 1):
            command, trace = cockpit.fly(pixels)
            tick = mirror.fly(cockpit, pixels)
            assert command == tick.command
            assert np.array_equal(trace.state, tick.state.core)
            assert (trace.sequence, trace.gate.size, trace.filter_error.size) == (step, 0, 0)
        assert cockpit.constants.get_subscription_count() == 0
    finally:
        cockpit.close()


def test_a_pilot_without_statistics_cannot_adapt_and_says_what_to_do(start_node, pilot, tmp_path):
    started = [
        start_node('pilot', tmp_path / 'pilot.log', pilot=str(pilot.path), adaptation=True),
        start_node('adaptation', tmp_path / 'adaptation.log', pilot=str(pilot.path)),
    ]
    for process in started:
        assert process.popen.wait(60) == 1
        assert f'{pilot.path} holds no statistics of its training' in process.output
        assert '`liquid-pilot fit-statistics`' in process.output
        assert process.output.count('\n') == 1
