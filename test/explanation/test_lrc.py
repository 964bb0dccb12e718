"""A pilot with an LRC core is explained by differences and ablations, and never decomposed."""

import dataclasses
import json

import numpy as np
import pytest
from lrc_pilots import with_lrc_core
from random_parameters import lrc_parameters
from small_pilots import pilot  # noqa: F401

from liquid_pilot.explanation import ablation
from liquid_pilot.explanation.core_paths import CorePaths, CoreTick, core_inputs, trace_tick
from liquid_pilot.explanation.flights import explanation as explaining
from liquid_pilot.explanation.flights.core_record import CoreRecord
from liquid_pilot.explanation.flights.pictures import wiring_png
from liquid_pilot.explanation.flights.plain_words import answer
from liquid_pilot.explanation.other_cores import DifferencedCore, to_command
from liquid_pilot.explanation.wrapped_core import RecordedCore
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.inference.trace import Trace

TICKS = 40


@pytest.fixture(scope='module')
def lrc(pilot):  # noqa: F811
    return with_lrc_core(pilot)


@pytest.fixture(scope='module')
def flight(lrc):
    """A flight of smooth random inputs, the second half with slower neurons."""
    rng, core = np.random.default_rng(1), RecordedCore(make_core(lrc))
    state, x, tau_s, ticks = core.initial_state(), np.zeros(core.inputs, np.float32), [], []
    for number in range(TICKS):
        x = (0.9 * x + 0.4 * rng.normal(size=core.inputs)).astype(np.float32)
        log_cm = np.full(core.neurons, 0.7, np.float32) if number >= TICKS // 2 else None
        ticks.append(CoreTick(x, 0.05, log_cm))
        state, _ = core.step(state, x, 0.05, ticks[-1].scales)
        tau_s.append(core.time_constants(state, x, ticks[-1].scales))
    steps, scale = core.steps, to_command(lrc)
    return CoreRecord(
        'seed 1',
        np.arange(TICKS) * 0.05,
        ticks,
        np.array([step.before for step in steps]),
        np.array([step.after for step in steps]),
        np.array([scale(step.output) for step in steps]),
        np.array(tau_s),
        [None] * TICKS,
    )


def test_its_equations_are_not_decomposed(lrc):
    with pytest.raises(LiquidPilotError, match="of kind 'lrc', and only the equations of an ltc"):
        CorePaths(lrc)


def test_replayed_with_its_scales_it_gives_the_commands_that_were_flown(lrc, flight):
    assert (ablation.replay(lrc, make_core(lrc), [flight]) == flight.commands).all()


def test_the_scales_of_a_trace_are_those_that_it_flew_with(lrc, flight):
    core, specification = make_core(lrc), lrc.specification
    for number in (5, TICKS - 1):
        tick = flight.ticks[number]
        imu = tick.inputs[8:] * np.array(specification.imu_scale) + specification.imu_mean
        trace = Trace(
            'd', 'f', 0, 2, 0.05, tick.inputs[:8], imu, flight.after[number], None, None
        )._replace(tau=flight.tau_s[number])
        assert core_inputs(lrc, trace) == pytest.approx(tick.inputs, abs=1e-5)
        found = trace_tick(core, lrc, trace).log_cm
        if tick.log_cm is None:
            assert found is None
        else:
            assert found == pytest.approx(tick.log_cm, abs=1e-3)


def test_its_derivatives_are_those_of_the_core_with_its_scales(lrc, flight):
    # Potentials of the size of those of a trained core.
    parameters = lrc_parameters(lrc.wiring, 1)
    parameters = dataclasses.replace(parameters, vleak=10.0 * parameters.vleak)
    differenced = DifferencedCore(dataclasses.replace(lrc, parameters=parameters))
    ticks, state = flight.ticks[-3:], flight.before[-3]
    scaled = differenced.sensitivity_by_age(state, ticks)
    trained = differenced.sensitivity_by_age(state, [t._replace(log_cm=None) for t in ticks])
    # A tick is one step: an input passes inter and command neurons before it moves a motor neuron.
    assert not scaled[1:].any() and scaled[0].any()
    # Three neurons in a row that are twice as slow pass about an eighth in as many ticks.
    assert 0.1 < np.abs(scaled).sum() / np.abs(trained).sum() < 0.4


def test_every_neuron_and_every_group_is_ablated(lrc, flight):
    ablations = ablation.all_ablations(lrc, [flight])
    effects = ablation.open_loop(lrc, ablations, [flight])
    assert [effect.name for effect in effects[:2]] == ['motor forward', 'motor left']
    assert [effect.name for effect in effects[18:]] == [
        'sensory -> inter',
        'inter -> command',
        'command -> command',
        'command -> motor',
    ]
    whole = flight.commands.std(axis=0)
    for i, effect in enumerate(effects[:4]):
        assert effect.rms_change[i] == pytest.approx(whole[i], rel=1e-3)
    assert all(effect.relative.max() > 0.0 for effect in effects)


def test_cut_synapses_carry_nothing_to_the_elastance_either(lrc):
    deaf = ablation.cut(lrc, 'sensory', 'inter').apply(make_core(lrc))
    first, second = (
        deaf.step(deaf.initial_state(), np.full(deaf.inputs, x, np.float32), 0.05)[0]
        for x in (-1.0, 2.0)
    )
    assert (first == second).all()


def test_a_moment_is_told_without_paths(lrc, flight):
    moment = explaining.choose_moment([flight], 3)
    found = explaining.explain_flights(lrc, [flight], moment)
    text = answer(found)
    assert 'The paths through its core (lrc) are not followed' in text and 'command ' in text
    content = json.loads(json.dumps(explaining.to_json(found), allow_nan=False))
    assert 'decomposition' not in content['moment'] and len(content['synapse_groups']) == 4
    low, middle, high = content['neurons'][0]['time_scale']['tau_s']
    assert 0.0 < low <= middle <= high
    assert wiring_png(found) is None
