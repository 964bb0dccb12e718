"""The decomposition of a liquid core's commands against its own equations and finite differences.

The equations are written down once more here, in float64 and without a loop over synapses.
"""

import dataclasses
from functools import partial

import numpy as np
import pytest
from random_parameters import random_parameters
from saved_pilots import SPECIFICATION

from liquid_pilot import pilot_file
from liquid_pilot.explanation.core_memory import memory
from liquid_pilot.explanation.core_paths import CorePaths, CoreTick, core_inputs, trace_tick
from liquid_pilot.explanation.strongest_paths import path_text, strongest_paths
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.onboard.inference.trace import Trace
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.pilot_file import PilotFile

DT_S = 0.05


def made_pilot(wired, seed, steering='yaw_rate'):
    """Return a pilot of a wiring with random parameters, which is on no disk."""
    specification = dataclasses.replace(
        SPECIFICATION,
        core={'type': 'ltc', 'unfolds': 6, 'wiring': wired.to_dict()},
        features=wired.inputs - 6,
        steering=steering,
    )
    parameters = random_parameters(wired, seed)
    return PilotFile('made', specification, wired, parameters, b'', 'd' * 64)


PILOTS = {
    'forest': lambda: pilot_file.load(pilot_file.resolve('forest-ltc')),
    'road': lambda: pilot_file.load(pilot_file.resolve('road-ltc')),
    'dense': lambda: made_pilot(wiring.dense(14, 12, 4, seed=3), 1),
    'dense-34': lambda: made_pilot(wiring.dense(38, 34, 4, seed=5), 2, 'curvature'),
}


@pytest.fixture(scope='module', params=PILOTS)
def pilot(request):
    return PILOTS[request.param]()


def step(p, v, x, dt_s, log_cm=None, log_gleak=None):
    """Return the state after a tick, as the equations of `liquid.dynamics` say."""
    p = {name: tensor.astype(float) for name, tensor in p.to_tensors().items()}
    cm = p['cm'] * np.exp(0.0 if log_cm is None else log_cm)
    gleak = p['gleak'] * np.exp(0.0 if log_gleak is None else log_gleak)

    def opened(sigma, mu, source):
        return 1.0 / (1.0 + np.exp(-sigma * (source[:, None] - mu)))

    sensed = p['sensory_w'] * opened(
        p['sensory_sigma'], p['sensory_mu'], p['input_w'] * x + p['input_b']
    )
    for _ in range(6):
        felt = p['w'] * opened(p['sigma'], p['mu'], v)
        numerator = cm * 6 / dt_s * v + gleak * p['vleak']
        numerator += (felt * p['erev']).sum(0) + (sensed * p['sensory_erev']).sum(0)
        v = numerator / (cm * 6 / dt_s + gleak + felt.sum(0) + sensed.sum(0) + 1e-8)
    return v


def command_of(pilot, v):
    p, specification = pilot.parameters, pilot.specification
    outputs = v[:4] * p.output_w.astype(float) + p.output_b
    scaling = ActionScaling(tuple(specification.command_scale), specification.steering)
    return np.array(scaling.to_command(outputs.tolist()))


def moments(pilot, count, seed=0):
    """Yield random states, inputs, elapsed times and scales; every second one without scales."""
    rng = np.random.default_rng(seed)
    p = pilot.parameters
    for number in range(count):
        scales = rng.normal(0.0, 0.4, (2, p.neurons)) if number % 2 else (None, None)
        v, x = rng.normal(0.0, 0.6, p.neurons), rng.normal(0.0, 1.0, p.inputs)
        yield v, x, float(np.exp(rng.uniform(np.log(0.005), np.log(0.5)))), *scales


def difference(function, x, number, half=1e-5):
    low, high = x.copy(), x.copy()
    low[number] -= half
    high[number] += half
    return (function(high) - function(low)) / (2.0 * half)


def _swapped(function, second, first):
    return function(first, second)


def test_the_derivatives_are_those_of_finite_differences(pilot):
    paths = CorePaths(pilot)
    for v, x, dt_s, *scales in moments(pilot, 3):
        found = paths.decompose(v, x, dt_s, *scales)

        def after(u, y, rest=(dt_s, *scales)):
            return command_of(pilot, step(pilot.parameters, u, y, *rest))

        by_input = [difference(partial(after, v), x, k) for k in range(len(x))]
        by_state = [difference(partial(_swapped, after, x), v, k) for k in range(len(v))]
        assert np.abs(found.by_input - np.array(by_input).T).max() < 1e-6
        assert np.abs(found.by_state - np.array(by_state).T).max() < 1e-6
        assert np.abs(found.by_input).max() > 1e-3


def test_the_parts_add_up_to_the_change_of_the_command(pilot):
    paths = CorePaths(pilot)
    dynamics = LtcDynamics(pilot.parameters, 6)
    for v, x, dt_s, *scales in moments(pilot, 4, seed=1):
        found = paths.decompose(v, x, dt_s, *scales)
        flown = dynamics.step(v.astype('f4'), x.astype('f4'), dt_s, *scales)
        assert found.command == pytest.approx(command_of(pilot, flown), abs=1e-4)
        rest = paths.rest(scales[1])
        after = step(pilot.parameters, rest, paths.reference_inputs, dt_s, *scales)
        assert after == pytest.approx(rest, abs=1e-9), 'the reference is at rest'
        assert found.reference_command == pytest.approx(command_of(pilot, after), abs=1e-9)
        whole = found.from_inputs.sum(axis=(0, 2)) + found.from_state.sum(axis=1)
        assert whole == pytest.approx(found.change, abs=1e-9)
        assert found.sensory.sum(axis=2) == pytest.approx(found.from_inputs[0], abs=1e-9)
        assert np.abs(found.change).max() > 0.01


def test_a_window_of_irregular_ticks_adds_up_too(pilot):
    paths = CorePaths(pilot)
    ticks = [CoreTick(x, dt_s, *scales) for _, x, dt_s, *scales in moments(pilot, 12, seed=2)]
    first = np.random.default_rng(3).normal(0.0, 0.6, pilot.parameters.neurons)
    found = paths.decompose_window(first, ticks)
    v = first
    for tick in ticks:
        v = step(pilot.parameters, v, *tick)
    assert found.command == pytest.approx(command_of(pilot, v), abs=1e-9)
    whole = found.from_inputs.sum(axis=(0, 2)) + found.from_state.sum(axis=1)
    assert whole == pytest.approx(found.change, abs=1e-9)
    for command in (0, 3):
        parts = strongest_paths(paths, found, command, 5)
        assert parts.total == pytest.approx(found.change[command], abs=1e-9)
        assert len(parts.paths) == 5
    by_age = paths.sensitivity_by_age(first, ticks)
    assert by_age[-1] == pytest.approx(found.by_input, abs=1e-12)

    def command_for(x, at):
        v = first
        for number, tick in enumerate(ticks):
            v = step(pilot.parameters, v, x if number == at else tick.inputs, *tick[1:])
        return command_of(pilot, v)

    for at in (6, 10):
        expected = difference(lambda x, at=at: command_for(x, at), ticks[at].inputs, 4)
        assert by_age[at, :, 4] == pytest.approx(expected, abs=1e-6)


def test_in_a_layered_wiring_all_paths_have_three_synapses():
    pilot = made_pilot(wiring.ncp(14, 6, 5, 4, 3, 2, 0, 2, seed=11), 4)
    paths = CorePaths(pilot)
    ((_, x, dt_s, *_),) = moments(pilot, 1)
    found = paths.decompose(paths.rest(), x, dt_s)
    parts = strongest_paths(paths, found, 3, 10_000)
    assert {len(path.neurons) for path in parts.paths} == {3}
    assert parts.longer == pytest.approx(0.0, abs=1e-12)
    assert parts.others == pytest.approx(0.0, abs=1e-12)
    source, *neurons = path_text(paths, parts.paths[0]).split(' -> ')
    assert source in paths.input_names
    assert [name.split()[0] for name in neurons] == ['inter', 'command', 'motor']
    # All that a synapse carries is carried by the paths through it.
    for source, target in {(path.neurons[1], path.neurons[2]) for path in parts.paths}:
        through = sum(p.part for p in parts.paths if p.neurons[1:] == (source, target))
        assert found.between[3, source, target] == pytest.approx(through, abs=1e-12)
    sensed = {path.source for path in parts.paths}
    for number in sensed:
        total = sum(path.part for path in parts.paths if path.source == number)
        assert total == pytest.approx(found.from_inputs[0, 3, number], abs=1e-12)


def test_one_chain_is_one_path_and_carries_everything():
    sensory, between = np.zeros((7, 6), np.int8), np.zeros((6, 6), np.int8)
    sensory[0, 5] = 1  # input 0 -> inter 5 -> command 4 -> motor 3
    between[5, 4] = between[4, 3] = -1
    wired = wiring.explicit(sensory, between, motors=4, command=1)
    paths = CorePaths(made_pilot(wired, 8))
    ticks = [CoreTick(np.full(7, 1.5), DT_S)] * 40
    found = paths.decompose_window(paths.rest(), ticks)
    parts = strongest_paths(paths, found, 3)
    assert [(path.source, path.neurons) for path in parts.paths] == [(0, (5, 4, 3))]
    assert parts.paths[0].part == pytest.approx(found.change[3], abs=1e-12)
    assert abs(found.change[3]) > 1e-3
    assert found.between[3, 5, 4] == pytest.approx(found.change[3], abs=1e-12)
    assert found.between[3, 4, 3] == pytest.approx(found.change[3], abs=1e-12)
    assert found.sensory[3, 0, 5] == pytest.approx(found.change[3], abs=1e-12)


def test_currents_move_the_potentials(pilot):
    paths = CorePaths(pilot)
    for v, x, *_ in moments(pilot, 3, seed=5):
        currents = paths.currents(v, x)
        slope = (step(pilot.parameters, v, x, 1e-9) - v) / 1e-9
        expected = pilot.parameters.cm * slope
        assert currents.total == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert (currents.between != 0.0).sum() <= pilot.wiring.synapses
        tau_s = LtcDynamics(pilot.parameters, 6).time_constants(v, x)
        assert paths.tick.time_constants(v, x) == pytest.approx(tau_s, rel=1e-4)


def test_a_trace_says_what_the_core_was_stepped_with():
    pilot = PILOTS['forest']()
    paths = CorePaths(pilot)
    rng = np.random.default_rng(0)
    imu = np.array([0.1, -0.2, 0.3, 0.5, -0.4, 9.7])
    trace = Trace('d', 'f', 0, 2, DT_S, rng.normal(size=32), imu, rng.normal(size=34), None, None)
    inputs = core_inputs(pilot, trace)
    assert inputs[:32] == pytest.approx(trace.features, rel=1e-6)
    assert inputs[32:] == pytest.approx([0.1, -0.2, 0.3, 0.125, -0.1, -0.0275], abs=1e-6)
    trained = paths.tick.time_constants(trace.state, inputs)
    assert trace_tick(paths.tick, pilot, trace._replace(tau=trained)).log_cm is None
    scaled = trace_tick(paths.tick, pilot, trace._replace(tau=trained * 1.5))
    assert scaled.log_cm == pytest.approx(np.full(34, np.log(1.5)))


def test_it_remembers_longer_with_slower_neurons():
    pilot = PILOTS['forest']()
    paths = CorePaths(pilot)
    x, v = np.ones(38), np.zeros(34)
    spans = []
    for log_cm in (0.0, 1.5):
        ticks = [CoreTick(x, DT_S, np.full(34, log_cm))] * 100
        found = memory(paths.sensitivity_by_age(v, ticks), [DT_S] * 100, 3)
        assert found.share.sum() == pytest.approx(1.0)
        assert found.age_s[-1] == 0.0 and found.age_s[0] == pytest.approx(99 * DT_S)
        spans.append(found.span_s)
    assert spans[1] > 1.5 * spans[0] > 0.0


def test_a_core_without_synapses_is_refused():
    pilot = PILOTS['forest']()
    specification = dataclasses.replace(pilot.specification, core={'type': 'gru', 'state_size': 5})
    other = dataclasses.replace(pilot, specification=specification, parameters=None, wiring=None)
    with pytest.raises(LiquidPilotError, match='finite differences'):
        CorePaths(other)
