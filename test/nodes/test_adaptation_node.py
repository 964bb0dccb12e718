"""The adaptation node: it answers traces, refuses garbage, and keeps what it has learned."""

import json
import math
import os
import time

import numpy as np
import page_package
import pytest
from adaptation_rig import BLOCKS, STEP_NS, Rig
from std_msgs.msg import Float32MultiArray, Float64MultiArray

from liquid_pilot.nodes.common import qos, trace_messages
from liquid_pilot.onboard.adaptation.learner import LearnerSettings, TimeScaleLearner


class Source(Rig):
    """Publishes the traces of a pilot and records the proposals that it gets."""

    def __init__(self, namespace, eventually, pilot):
        super().__init__(namespace, eventually)
        self.pilot = pilot
        self.traces = self.node.create_publisher(Float64MultiArray, 'pilot/trace', qos.TRACE)
        self.proposals = []
        self.node.create_subscription(
            Float32MultiArray,
            'adaptation/time_scales',
            lambda m: self.proposals.append(trace_messages.unpack_time_scales(m, pilot.digest)),
            qos.TRACE,
        )
        self.sequence, self.flight = 0, 'first'
        self.learner = TimeScaleLearner(pilot.training_statistics, pilot.wiring.neurons)

    def connected(self, process):
        def say():
            assert process.popen.poll() is None, process.output
            # Of a tick that was novel: nothing is learned from it.
            self.traces.publish(
                trace_messages.pack_trace(
                    self.trace(
                        flight=f'hello-{len(tries)}',
                        gate=np.array([1, 0.05, 0, 0, 0, 0, 0, 0, 0.0]),
                    )
                )
            )
            tries.append(len(self.proposals))

        tries, count = [], len(self.proposals)
        self.again_until(say, lambda: len(self.proposals) > count, 30.0)
        last = f'hello-{len(tries) - 1}'
        self.until(lambda: self.proposals[-1][0] == last)

    def trace(self, elapsed_s=0.05, **changes):
        """Return the trace of a tick that saw flicker."""
        error = 9.0 * self.pilot.training_statistics.filter_error
        zeros = np.zeros(self.pilot.wiring.neurons)
        return trace_messages.Trace(
            self.pilot.digest,
            self.flight,
            self.sequence * STEP_NS,
            self.sequence,
            0.05,
            np.zeros(8),
            np.zeros(6),
            zeros,
            zeros,
            np.zeros(4),
            filter_error=error,
            filter_gradient=-0.02 * error,
            filter_tau=self.pilot.training_statistics.filter_tau_s,
            gate=np.array([0.0, elapsed_s, 0, 0, 0, 0, 0, 0, 0]),
        )._replace(**changes)

    def send(self, **changes):
        """Send the next trace."""
        self.sequence += 1
        trace = self.trace(**changes)
        self.traces.publish(trace_messages.pack_trace(trace))
        return trace

    def ask(self):
        """Return the answer to the next trace, and that of the learner here."""
        count = len(self.proposals)
        trace = self.send()
        self.until(lambda: len(self.proposals) > count)
        [(flight, proposal)] = self.proposals[count:]
        assert (flight, proposal.sequence) == (trace.flight, trace.sequence)
        return proposal, self.learner.update(trace_messages.learner_input_from(trace))

    def learn(self, ticks):
        """Send a number of traces; each must be answered as the learner here answers it."""
        for _ in range(ticks):
            proposal, expected = self.ask()
            assert np.array_equal(proposal.temporal_filter, expected.temporal_filter.ravel())
            assert np.array_equal(proposal.log_cm, expected.log_cm)
        return proposal.temporal_filter.min()


@pytest.fixture(scope='module')
def learning(ros, start_node, adaptive_pilot, eventually, tmp_path_factory):
    made = Source('learning', eventually, adaptive_pilot)
    folder = tmp_path_factory.mktemp('learning')
    made.file = folder / 'learned.json'

    def start():
        made.process = start_node(
            'adaptation',
            folder / 'adaptation.log',
            'learning',
            pilot=str(adaptive_pilot.path),
            snapshot=str(made.file),
            snapshot_period_s=3600.0,
        )
        made.connected(made.process)

    made.start = start
    made.start()
    yield made
    made.close()


@pytest.fixture
def source(learning):
    """A node that has learned nothing yet, in a flight of its own."""
    if learning.process.popen.poll() is not None:
        learning.start()
    assert learning.call('adaptation/reset').success
    learning.learner = TimeScaleLearner(
        learning.pilot.training_statistics, learning.pilot.wiring.neurons
    )
    learning.flight, learning.sequence = f'flight-{time.monotonic_ns()}', 0
    learning.forget()
    yield learning
    assert learning.process.popen.poll() is None, learning.process.output


def test_each_trace_is_answered_by_what_the_learner_proposes(source):
    assert source.learn(12) > 0.2
    source.forget()
    source.until(lambda: 'adaptation: slowing' in source.said.get('adaptation', ''))


def test_garbage_for_a_trace_is_refused_and_not_learned_from(source):
    source.learn(3)
    error = source.trace().filter_error
    for changes, words in (
        ({'digest': 'cd' * 32}, 'load the same pilot file'),
        ({'filter_error': error * math.nan}, 'not finite'),
        ({'filter_gradient': error + math.inf}, 'not finite'),
        ({'filter_error': error + 1e30}, 'absurd'),
        ({'elapsed_s': math.nan}, 'elapsed time'),
        ({'elapsed_s': -1.0}, 'elapsed time'),
        ({'filter_error': np.zeros(3)}, 'not 3'),
        ({'gate': ()}, 'does not adapt'),
    ):
        source.forget()
        source.send(**changes)
        source.until(lambda words=words: words in source.said.get('adaptation', ''))
        source.learn(1)
    short = trace_messages.pack_trace(source.trace())
    short.data = short.data[:-1]
    source.traces.publish(short)
    source.until(lambda: 'is cut short' in source.said['adaptation'])
    source.learn(3)


def test_garbage_of_another_flight_does_not_end_the_one_that_flies(source):
    source.learn(2)
    source.send(filter_error=np.full(BLOCKS, math.nan), flight='nobody')
    source.until(lambda: 'not finite' in source.said.get('adaptation', ''))
    source.learn(2)


def test_a_late_trace_of_a_flight_that_has_ended_is_ignored(source):
    kept = source.learn(5)
    ended, source.flight, source.sequence = source.trace(), 'another', 0
    # What was learned goes along into the next flight.
    assert source.learn(1) > kept > 0.0
    count = len(source.proposals)
    source.traces.publish(trace_messages.pack_trace(ended))
    source.learn(2)
    assert [flight for flight, _ in source.proposals[count:]] == ['another'] * 2


def test_it_resets_at_the_start_of_a_flight_when_configured_to(source):
    source.learn(5)
    assert source.set('adaptation', keep_on_pilot_reset=False) == [(True, '')]
    source.flight, source.sequence = 'next', 0
    source.learner.reset()
    source.learn(2)
    assert source.set('adaptation', keep_on_pilot_reset=True) == [(True, '')]


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
    assert not proposal.temporal_filter.any()
    source.forget()
    source.until(lambda: 'adaptation: disabled' in source.said.get('adaptation', ''))
    assert source.call('adaptation/enable', data=True).success
    assert [source.ask()[0] for _ in range(4)][-1].temporal_filter.all()


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
    start_node, adaptive_pilot, tmp_path
):
    (tmp_path / 'text').write_text('{}')
    (tmp_path / 'bytes').write_bytes(b'\xff\xfe')
    (tmp_path / 'folder').mkdir()
    started = [
        start_node(
            'adaptation',
            tmp_path / f'{name}.log',
            f'reads_{name}',
            pilot=str(adaptive_pilot.path),
            snapshot=str(tmp_path / name),
        )
        for name in ('text', 'bytes', 'folder')
    ]
    for process in started:
        assert process.popen.wait(60) == 1
        assert process.output.count('\n') == 1, process.output


def test_live_parameters_of_the_learner(source):
    learned = source.learn(4)
    assert (
        source.set('adaptation', learn_temporal_filter=False, decay_to_trained_s=1.0)
        == [(True, '')] * 2
    )
    source.learner.configure(LearnerSettings(learn_temporal_filter=False, decay_to_trained_s=1.0))
    assert source.learn(2) < learned
    assert source.set('adaptation', enabled=False) == [(True, '')]
    assert not source.ask()[0].temporal_filter.any()
    for given, words in (
        ({'rule': 'other'}, 'read-only'),
        ({'filter_learning_rate': -1.0}, ''),
        ({'snapshot': '/x'}, 'read-only'),
    ):
        [(done, reason)] = source.set('adaptation', **given)
        assert not done and words in reason, reason
    defaults = {
        'learn_temporal_filter': True,
        'decay_to_trained_s': LearnerSettings().decay_to_trained_s,
        'enabled': True,
    }
    assert all(done for done, _ in source.set('adaptation', **defaults))


def test_while_it_is_disabled_nothing_is_learned(source):
    """The flight then has other time constants than those that the learner assumes."""
    learned = source.learn(4)
    source.call('adaptation/enable', data=False)
    for _ in range(5):
        source.ask()
    source.call('adaptation/enable', data=True)
    assert source.ask()[0].temporal_filter.min() < learned + 0.1


def test_killed_and_started_again_it_proposes_what_it_had(source):
    learned = source.learn(8)
    assert source.call('adaptation/snapshot').success
    source.process.popen.kill()
    source.process.popen.wait()
    source.flight = 'goes-on'
    source.start()
    text = source.file.read_text()
    source.learner = TimeScaleLearner(source.pilot.training_statistics, source.pilot.wiring.neurons)
    source.learner.restore(text, source.pilot.digest)
    assert source.learn(1) > learned


LEARNER = '''
class Plain:
    """A learner that cannot be saved, and fails."""

    def __init__(self, statistics, neurons, settings):
        pass

    def reset(self):
        pass

    def update(self, learner_input):
        raise ZeroDivisionError('no samples')

    def describe(self):
        return 'plain', 'nothing'
'''


def test_a_snapshot_of_a_learner_that_cannot_be_saved_is_refused_at_the_start(
    start_node, adaptive_pilot, tmp_path, monkeypatch
):
    (tmp_path / 'plain_learner.py').write_text(LEARNER)
    entries = {'liquid_pilot.learners': {'plain': 'plain_learner:Plain'}}
    page_package.write_metadata(tmp_path, 'plain_learner', entries)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), os.environ['PYTHONPATH']]))
    process = start_node(
        'adaptation',
        tmp_path / 'plain.log',
        'plain',
        pilot=str(adaptive_pilot.path),
        rule='plain',
        snapshot=str(tmp_path / 'snapshot.json'),
    )
    assert process.popen.wait(60) == 1
    assert "the learner 'plain' cannot be saved" in process.output, process.output
    assert process.output.count('\n') == 1, process.output
