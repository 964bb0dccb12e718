"""A learner of another package may fail in any of its methods: the adaptation node goes on."""

import fragile_learner_package
import numpy as np
import pytest
from std_srvs.srv import Trigger

from liquid_pilot.nodes import adaptation
from liquid_pilot.nodes.common import node_base, trace_messages
from liquid_pilot.nodes.common.parameters import Settings


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """Faults of an installed learner `fragile`, by its methods."""
    with fragile_learner_package.installed(tmp_path / 'packages', monkeypatch) as found:
        yield found


@pytest.fixture
def node(ros, faults, adaptive_pilot, tmp_path, monkeypatch):
    """The adaptation node in this process, without a pilot."""
    parameters = adaptation.AdaptationParameters(
        pilot=str(adaptive_pilot.path),
        rule='fragile',
        snapshot=str(tmp_path / 'learned.json'),
        keep_on_pilot_reset=False,
    )
    monkeypatch.setattr(node_base, 'declare', lambda node, owner: Settings(parameters))
    made = adaptation.AdaptationNode()
    made.answers = []
    monkeypatch.setattr(made._output, 'publish', made.answers.append)
    yield made
    made.destroy_node()


def trace(pilot, sequence, flight='first'):
    """The message of one tick."""
    statistics, zeros = pilot.training_statistics, np.zeros(pilot.wiring.neurons)
    return trace_messages.pack_trace(
        trace_messages.Trace(
            pilot.digest,
            flight,
            sequence * 50_000_000,
            sequence,
            0.05,
            np.zeros(8),
            np.zeros(6),
            zeros,
            zeros,
            np.zeros(4),
            filter_error=statistics.filter_error,
            filter_gradient=0.0 * statistics.filter_error,
            filter_tau=statistics.filter_tau_s,
            gate=np.array([0.0, 0.05, 0, 0, 0, 0, 0, 0, 0]),
        )
    )


def problem(node):
    """The only problem that the node reports."""
    [(_, text)] = node._reporter.health.problems
    return text


@pytest.mark.parametrize('call', ['update', 'configure', 'reset'])
@pytest.mark.parametrize('fault', [ZeroDivisionError('no samples\nat all'), SystemExit(3)])
def test_a_tick_that_cannot_be_learned_from_is_not_answered(
    node, faults, adaptive_pilot, call, fault
):
    """The pilot then flies on with the trained time constants."""
    faults[call] = fault
    for sequence in (1, 2):
        node._on_trace(trace(adaptive_pilot, sequence))
        assert node.answers == []
        text = problem(node)
        assert f"the learner 'fragile' of the package fragile_learner 1.0 failed in {call}" in text
        assert type(fault).__name__ in text and 'repair it' in text and '\n' not in text
    faults.clear()
    node._on_trace(trace(adaptive_pilot, 3))
    assert len(node.answers) == 1 and node._reporter.health.problems == []


@pytest.mark.parametrize('nonsense', [None, 7, ('a', 'b', 'c', 'd')])
def test_an_answer_that_is_no_update_is_a_fault_as_well(node, faults, adaptive_pilot, nonsense):
    faults['update'] = nonsense
    node._on_trace(trace(adaptive_pilot, 1))
    assert node.answers == [] and 'failed in update()' in problem(node)


def test_numbers_that_are_none_are_a_fault_as_well(node, faults, adaptive_pilot):
    from liquid_pilot.onboard.adaptation.learner_messages import TimeScaleUpdate

    faults['update'] = TimeScaleUpdate(1, np.array(['x']), np.empty(0), np.empty(0))
    node._on_trace(trace(adaptive_pilot, 1))
    assert node.answers == [] and 'failed in update()' in problem(node)


def test_what_was_learned_in_another_flight_is_not_proposed_when_the_reset_fails(
    node, faults, adaptive_pilot
):
    node._on_trace(trace(adaptive_pilot, 1))
    faults['reset'] = RuntimeError('stuck')
    for sequence in (1, 2, 3):
        node._on_trace(trace(adaptive_pilot, sequence, 'second'))
    assert len(node.answers) == 1 and 'failed in reset()' in problem(node)
    faults.clear()
    node._on_trace(trace(adaptive_pilot, 4, 'second'))
    node._on_trace(trace(adaptive_pilot, 9, 'first'))
    assert len(node.answers) == 2, 'the first flight has ended'


@pytest.mark.parametrize('fault', [KeyError('state'), None, ('word',), (1, 'number'), 7])
def test_a_state_that_cannot_be_described_is_reported_and_the_node_learns_on(
    node, faults, adaptive_pilot, fault
):
    faults['describe'] = fault
    node._log_state_change()
    state, values = node._describe()
    assert state == 'failed' and 'failed in describe()' in values['reason']
    assert 'failed in describe()' in problem(node)
    node._on_trace(trace(adaptive_pilot, 1))
    assert len(node.answers) == 1
    faults.clear()
    node._log_state_change()
    assert node._describe() == ('fragile', {'reason': 'it works'})
    assert node._reporter.health.problems == []


@pytest.mark.parametrize('fault', [OverflowError('too much'), None, 7])
def test_a_snapshot_that_fails_is_reported_and_leaves_the_old_file(node, faults, tmp_path, fault):
    node._save_periodically()
    assert (tmp_path / 'learned.json').read_text() == '{}'
    faults['snapshot'] = fault
    node._save_periodically()
    assert 'failed in snapshot()' in problem(node)
    node.close()
    assert (tmp_path / 'learned.json').read_text() == '{}'
    assert list(tmp_path.glob('*.json*')) == [tmp_path / 'learned.json']


@pytest.mark.parametrize(
    ('service', 'call'), [('_reset', 'reset'), ('_save', 'snapshot'), ('_restore', 'restore')]
)
def test_a_service_that_meets_a_fault_answers_with_it(node, faults, service, call):
    node._save()
    faults[call] = AttributeError('none')
    handle = node._trigger_handler(getattr(node, service))
    answer = handle(Trigger.Request(), Trigger.Response())
    assert not answer.success and f'failed in {call}()' in answer.message
