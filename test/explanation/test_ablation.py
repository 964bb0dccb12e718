"""Clamped neurons, cut synapses and differences of cores, liquid ones and graphs."""

import dataclasses

import numpy as np
import pytest
from gru_pilots import NEURONS
from lrc_pilots import with_lrc_core

from liquid_pilot.explanation import ablation
from liquid_pilot.explanation.core_memory import memory
from liquid_pilot.explanation.core_paths import CorePaths, CoreTick
from liquid_pilot.explanation.other_cores import DifferencedCore
from liquid_pilot.explanation.wrapped_core import ClampedCore, RecordedCore, linear_readout
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.recurrent_cores import make_core


@dataclasses.dataclass
class Steps:
    """What an ablation needs of a flight."""

    ticks: list
    after: np.ndarray


def flown(pilot, ticks=60, seed=0):
    """Step the core of a pilot with smooth random inputs."""
    rng = np.random.default_rng(seed)
    core = RecordedCore(make_core(pilot))
    state, x = core.initial_state(), np.zeros(core.inputs, np.float32)
    for _ in range(ticks):
        x = (0.9 * x + 0.4 * rng.normal(size=core.inputs)).astype(np.float32)
        state, _ = core.step(state, x, 0.05)
    steps = core.steps
    return Steps(
        [CoreTick(step.inputs, step.dt_s) for step in steps],
        np.array([step.after for step in steps]),
    )


@pytest.fixture(params=['ltc', 'lrc', 'gru'])
def any_pilot(request, pilot, gru_pilot):
    return {'ltc': pilot, 'lrc': with_lrc_core(pilot), 'gru': gru_pilot}[request.param]


def test_without_a_clamped_neuron_the_core_is_the_same_to_the_bit(any_pilot):
    flight = flown(any_pilot, 10)
    whole = ablation.replay(any_pilot, make_core(any_pilot), [flight])
    clamped = ablation.replay(any_pilot, ClampedCore(make_core(any_pilot), {}), [flight])
    assert (whole == clamped).all()


def test_a_clamped_neuron_keeps_its_value_and_the_others_see_it(any_pilot):
    flight = flown(any_pilot)
    core = RecordedCore(ClampedCore(make_core(any_pilot), {5: 0.3}))
    ablation.replay(any_pilot, core, [flight])
    states = np.array([step.after for step in core.steps])
    assert (states[:, 5] == np.float32(0.3)).all()
    others = np.delete(np.arange(core.neurons), 5)
    assert np.abs(states[:, others] - flight.after[:, others]).max() > 1e-3


def test_a_clamp_holds_through_the_unfolds_of_a_tick(pilot):
    """With a neuron's capacity without bound the others see its value in every unfold."""
    core = ClampedCore(make_core(pilot), {12: 0.7})
    state, _ = core.step(core.initial_state(), np.ones(core.inputs, np.float32), 0.05)
    tick = CorePaths(pilot).tick
    start = np.zeros(pilot.parameters.neurons)
    start[12] = 0.7
    log_cm = np.zeros(len(start))
    log_cm[12] = 60.0
    expected = tick.run(start, np.ones(core.inputs), 0.05, log_cm).potentials[-1]
    assert state == pytest.approx(expected, abs=1e-5)


def test_the_outputs_of_a_graph_are_those_of_the_clamped_state(gru_pilot):
    core = make_core(gru_pilot)
    weights = linear_readout(core)
    assert weights.shape == (4, NEURONS)
    x = np.full(core.inputs, 0.4, np.float32)
    after, output = core.step(core.initial_state(), x, 0.05)
    _, clamped = ClampedCore(core, {2: 0.9}).step(core.initial_state(), x, 0.05)
    # A unit that the state after has and the state before has not changes by the read-out alone.
    state = core.initial_state()
    state[2] = 0.9
    free, direct = core.step(state, x, 0.05)
    assert clamped == pytest.approx(direct + weights[:, 2] * (0.9 - free[2]), abs=1e-5)
    assert np.abs(clamped - output).max() > 1e-3
    assert after[2] != 0.9


def test_a_read_out_that_is_not_linear_is_found_out(pilot):
    class Squared(RecordedCore):
        def step(self, *arguments):
            after, output = super().step(*arguments)
            return after, output**2

    assert linear_readout(Squared(make_core(pilot))) is None


def test_every_neuron_and_every_group_is_ablated(pilot, gru_pilot):
    flight = flown(pilot)
    effects = ablation.open_loop(pilot, ablation.all_ablations(pilot, [flight]), [flight])
    names = [effect.name for effect in effects]
    assert names[:5] == ['motor forward', 'motor left', 'motor up', 'motor yaw rate', 'command 4']
    assert names[18:] == [
        'sensory -> inter',
        'inter -> command',
        'command -> command',
        'command -> motor',
    ]
    by_name = dict(zip(names, effects, strict=True))
    whole = ablation.replay(pilot, make_core(pilot), [flight]).std(axis=0)
    for i, name in enumerate(names[:4]):
        # All that a motor neuron held at its mean leaves of its own value is the mean.
        assert by_name[name].rms_change[i] == pytest.approx(whole[i], rel=1e-3)
        assert np.delete(by_name[name].relative, i) == pytest.approx(0.0, abs=1e-6)
    assert all(effect.relative.max() > 0.0 for effect in effects)
    other = flown(gru_pilot)
    effects = ablation.open_loop(gru_pilot, ablation.all_ablations(gru_pilot, [other]), [other])
    assert [effect.name for effect in effects] == [f'unit {i}' for i in range(NEURONS)]


def test_cut_synapses_carry_nothing(pilot, gru_pilot):
    deaf = ablation.cut(pilot, 'sensory', 'inter').apply(make_core(pilot))
    first, second = (
        deaf.step(deaf.initial_state(), np.full(deaf.inputs, x, np.float32), 0.05)[0]
        for x in (-1.0, 2.0)
    )
    assert (first == second).all()
    with pytest.raises(LiquidPilotError, match='ablate its units'):
        ablation.cut(gru_pilot, 'sensory', 'inter')


def test_the_two_states_of_an_lstm_are_one_unit(gru_pilot):
    core = {'type': 'lstm', 'state_size': 8}
    lstm = dataclasses.replace(
        gru_pilot, specification=dataclasses.replace(gru_pilot.specification, core=core)
    )
    assert [unit.places for unit in ablation.units(lstm)] == [(0, 4), (1, 5), (2, 6), (3, 7)]


def test_a_value_that_the_vehicle_does_not_take_counts_for_nothing(rover_pilot):
    flight = flown(rover_pilot, 20)
    (effect,) = ablation.open_loop(
        rover_pilot, [ablation.cut(rover_pilot, 'inter', 'command')], [flight]
    )
    assert effect.relative[0] > 0.0 and effect.relative[3] > 0.0
    assert list(effect.relative[1:3]) == [0.0, 0.0]


def test_differences_agree_with_the_exact_derivatives(pilot):
    flight = flown(pilot, 8)
    exact, differenced = CorePaths(pilot), DifferencedCore(pilot)
    found = exact.decompose(flight.after[6], flight.ticks[7].inputs, 0.05)
    other = differenced.derivatives(flight.after[6], flight.ticks[7].inputs, 0.05)
    assert other.command == pytest.approx(found.command, abs=1e-5)
    assert np.abs(other.by_input - found.by_input).max() < 1e-3
    assert np.abs(other.by_state - found.by_state).max() < 1e-3
    ticks, start = flight.ticks[5:8], flight.after[4]
    by_age = differenced.sensitivity_by_age(start, ticks)
    assert np.abs(by_age - exact.sensitivity_by_age(start, ticks)).max() < 1e-3


def test_a_gru_remembers_too(gru_pilot):
    flight = flown(gru_pilot, 12)
    by_age = DifferencedCore(gru_pilot).sensitivity_by_age(flight.after[0], flight.ticks[1:])
    assert by_age.shape == (11, 4, 14)
    assert memory(by_age, [0.05] * 11, 3).span_s > 0.0
