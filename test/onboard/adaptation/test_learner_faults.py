"""What a learner raises becomes an error of one line, which also crosses processes."""

import pickle

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_faults import (
    LearnerFaultError,
    checked_update,
    contained_faults,
)
from liquid_pilot.onboard.adaptation.learner_messages import TimeScaleUpdate


@pytest.mark.parametrize('fault', [ValueError('two\nlines'), SystemExit(3), AssertionError()])
def test_any_fault_is_one_line_with_its_cause(fault):
    with pytest.raises(LearnerFaultError) as raised, contained_faults('my_rule', 'update'):
        raise fault
    text = str(raised.value)
    assert text.startswith("the learner 'my_rule' failed in update() (")
    assert type(fault).__name__ in text and __file__ in text and '\n' not in text
    assert raised.value.__cause__ is fault
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is LearnerFaultError and str(again) == text


def test_what_the_protocol_allows_passes():
    error = LiquidPilotError('trace: nothing can be learned')
    with pytest.raises(LiquidPilotError) as raised, contained_faults('my_rule', 'update'):
        raise error
    assert raised.value is error


@pytest.mark.parametrize('fault', [KeyboardInterrupt, GeneratorExit])
def test_what_ends_a_program_on_purpose_passes(fault):
    with pytest.raises(fault), contained_faults('my_rule', 'update'):
        raise fault


def test_only_an_update_is_an_update():
    update = TimeScaleUpdate(1, np.zeros(2), np.empty(0), np.empty(0))
    assert checked_update(update) is update
    for other in (None, tuple(update), 7):
        with pytest.raises(TypeError, match='it returned an object of type'):
            checked_update(other)
