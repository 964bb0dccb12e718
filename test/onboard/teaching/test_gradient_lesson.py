"""Lessons that move parameters of a core, or a read-out of its state, come closer to the hand."""

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.recurrent_learning.columns import Columns
from liquid_pilot.liquid.recurrent_learning.groups import GROUPS
from liquid_pilot.onboard.inference.correction import TrustRegion
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.teaching.lesson import LessonTick
from liquid_pilot.onboard.teaching.registry import make_lesson
from liquid_pilot.onboard.teaching.settings import (
    LESSONS,
    GradientSettings,
    ReadoutSettings,
    TeachingSettings,
)

LEARNED = ('readout', 'leak', 'synapses', 'input_map', 'output_map', 'all')


def ticks(pilot, count, seed=0, hand=True):
    """Ticks of a pilot as trained, whose hand steers more sharply and lower."""
    core, rng = make_core(pilot), np.random.default_rng(seed)
    state, inputs = core.initial_state(), np.zeros(core.inputs)
    for _ in range(count):
        inputs = 0.9 * inputs + rng.normal(0.0, 0.2, core.inputs)
        read = inputs.astype(np.float32)
        state, output = core.step(state, read, 0.05)
        wanted = 1.2 * np.array(output) - (0.0, 0.0, 0.1, 0.0) if hand else None
        yield LessonTick(0.05, read, core.neuron_states(state), output, wanted)


def error(pilot, lesson, seed):
    """Root mean square difference of a taught pilot from the hand."""
    correction, columns = lesson.correction, None
    core = make_core(pilot)
    state, errors = core.initial_state(), []
    if correction.groups:
        from liquid_pilot.onboard.inference.recurrent_cores import make_liquid_core

        columns = Columns.of(pilot.parameters, correction.groups)
        changed = columns.changed(pilot.parameters, correction.change)
        core = make_liquid_core(changed, pilot.specification.unfolds)
    for tick in ticks(pilot, 200, seed):
        state, output = core.step(state, tick.core_inputs, tick.dt_s)
        added = correction.readout @ np.append(core.neuron_states(state), 1.0)
        errors.append(output + added - tick.hand)
    return float(np.sqrt(np.mean(np.square(errors))))


def make(pilot, name):
    return make_lesson(
        pilot,
        TeachingSettings(
            lesson=name,
            readout=ReadoutSettings(replay_weight=0.05),
            gradient=GradientSettings(replay_weight=0.05),
        ),
    )


@pytest.mark.parametrize('name', LEARNED)
def test_it_comes_closer_to_the_hand(adaptive_pilot, name):
    lesson = make(adaptive_pilot, name)
    before = error(adaptive_pilot, lesson, seed=1)
    for tick in ticks(adaptive_pilot, 300):
        lesson.observe(tick)
    assert error(adaptive_pilot, lesson, seed=1) < 0.75 * before
    assert lesson.taught_s == pytest.approx(15.0)


@pytest.mark.parametrize('name', sorted(set(LESSONS) - {'aim', 'calibration'}))
def test_only_its_own_parameters_move_within_the_bounds(adaptive_pilot, name):
    lesson = make(adaptive_pilot, name)
    for tick in ticks(adaptive_pilot, 60):
        lesson.observe(tick)
    correction = lesson.correction
    assert not correction.is_none
    assert bool(correction.readout.any()) == (name == 'readout')
    assert correction.groups == (
        () if name == 'readout' else tuple(GROUPS) if name == 'all' else (name,)
    )
    bounded = TrustRegion(max_taught_change=0.01).bounded(correction)
    assert np.abs(bounded.change).max(initial=0.0) <= 0.01


@pytest.mark.parametrize('name', ['readout', 'all'])
def test_it_goes_on_where_it_was_saved(adaptive_pilot, name):
    lesson, again = make(adaptive_pilot, name), make(adaptive_pilot, name)
    flown = list(ticks(adaptive_pilot, 60))
    for tick in flown[:30]:
        lesson.observe(tick)
    saved = lesson.save()
    again.restore(saved)
    assert again.correction.equals(lesson.correction)
    before = lesson.save()
    for tick in ticks(adaptive_pilot, 20, hand=False):
        lesson.observe(tick)
    assert all(np.array_equal(before[key], lesson.save()[key]) for key in before)
    lesson.reset()
    assert lesson.correction.is_none and lesson.taught_s == 0.0


def test_what_does_not_fit_is_refused(adaptive_pilot, gru_pilot):
    with pytest.raises(LiquidPilotError, match="no lesson 'luck'; there are aim, cal"):
        make_lesson(adaptive_pilot, TeachingSettings(lesson='luck'))
    with pytest.raises(LiquidPilotError, match='teach its read-out'):
        make_lesson(gru_pilot, TeachingSettings(lesson='leak'))
