"""The network as JointState: the values are those of the trace, by the names of the neurons."""

import math

import numpy as np
import pytest
from lrc_pilots import with_lrc_core

from liquid_pilot import pilot_file
from liquid_pilot.explanation.core_paths import CorePaths, core_inputs
from liquid_pilot.interfaces import ImuSample, Observation
from liquid_pilot.nodes.common import messages, trace_messages
from liquid_pilot.nodes.views.network import NetworkMessages, joint_names
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, make_trace


def flown(pilot, ticks=3, adaptation=None):
    """The last trace of some ticks, as it arrives by a message, and its tick."""
    engine = Engine(pilot, adaptation=adaptation)
    camera, state = pilot.specification.camera, engine.initial_state()
    rng = np.random.default_rng(5)
    for number in range(1, ticks + 1):
        pixels = rng.integers(0, 255, (camera.height, camera.width, 3), np.uint8)
        image = messages.unpack_image(
            messages.pack_image(
                messages.ImageBuffer(
                    pixels.tobytes(), camera.width, camera.height, 3 * camera.width, 'rgb8'
                ),
                0,
            )
        )[1]
        imu = ImuSample(0, (0.1, 0.2, -0.3), (0.4, -0.5, 9.7))
        tick = engine.tick(state, Observation(50_000_000 * number, image, (imu,)))
        state = tick.state
    trace = make_trace(engine, tick, 'f', ticks, None)
    return trace_messages.unpack_trace(trace_messages.pack_trace(trace)), tick


@pytest.fixture(scope='module')
def adapting():
    pilot = pilot_file.load(pilot_file.resolve('forest-ltc'))
    return pilot, *flown(pilot, adaptation=AdaptationSettings())


def test_potentials_and_time_constants_are_those_of_the_trace(adapting):
    pilot, trace, _ = adapting
    made = NetworkMessages(pilot).neurons(trace)
    assert messages.to_nanoseconds(made.header.stamp) == trace.stamp_ns == 150_000_000
    assert list(made.position) == trace.state.tolist()
    assert list(made.velocity) == trace.tau.tolist()
    assert len(made.name) == len(set(made.name)) == len(made.effort) == 34
    assert made.name[:5] == [
        'motor_forward',
        'motor_left',
        'motor_up',
        'motor_yaw_rate',
        'command_4',
    ]
    assert made.name[-1] == 'inter_33' and not any(' ' in name for name in made.name)


def test_the_effort_is_the_sum_of_the_synaptic_currents(adapting):
    pilot, trace, tick = adapting
    p, v = pilot.parameters, trace.state
    mapped = p.input_w * tick.core_inputs + p.input_b

    def currents(sources, w, sigma, mu, erev):
        open_share = 1.0 / (1.0 + np.exp(-sigma * (sources[:, None] - mu)))
        return (w * open_share * (erev - v)).sum(axis=0)

    expected = currents(v, p.w, p.sigma, p.mu, p.erev)
    expected += currents(mapped, p.sensory_w, p.sensory_sigma, p.sensory_mu, p.sensory_erev)
    np.testing.assert_allclose(NetworkMessages(pilot).neurons(trace).effort, expected, atol=1e-4)


def test_the_temporal_filter_has_a_name_for_each_block(adapting):
    pilot, trace, _ = adapting
    made = NetworkMessages(pilot).time_constants(trace)
    rows, columns = pilot.training_statistics.filter_tau_s.shape
    assert made.name == [f'filter_{r}_{c}' for r in range(rows) for c in range(columns)]
    assert list(made.velocity) == trace.filter_tau.tolist()
    assert list(made.position) == trace.filter_error.tolist()
    assert list(made.effort) == trace.filter_gradient.tolist()
    assert messages.to_nanoseconds(made.header.stamp) == trace.stamp_ns


def test_the_gate_is_shown_by_the_names_of_its_fields(adapting):
    pilot, trace, tick = adapting
    made = NetworkMessages(pilot).signals(trace)
    assert dict(zip(made.name, made.position, strict=True)) == {
        **dict(zip(GATE_FIELDS, trace.gate.tolist(), strict=True)),
        'core_time_scale': pytest.approx(math.exp(tick.frontend_output.log_core_time_scale)),
    }
    slippery = NetworkMessages(pilot).signals(trace._replace(friction=np.array([0.4])))
    assert (slippery.name[-1], slippery.position[-1]) == ('friction', 0.4)
    own = trace._replace(filter_gain=np.array([0.4, 0.6]), filter_noise=np.array([3.0, 5.0]))
    estimated = NetworkMessages(pilot).signals(own)
    assert estimated.name[-2:] == ['filter_gain', 'filter_noise']
    assert estimated.position[-2:] == pytest.approx([0.5, math.sqrt(17.0)])
    # PlotJuggler reads three numbers for each name, whatever the lengths are.
    for message in (made, slippery, estimated):
        assert len(message.name) == len(message.velocity) == len(message.effort)
        assert all(map(math.isnan, [*message.velocity, *message.effort]))


@pytest.mark.parametrize('factor', [0.125, 1.0, 4.0])
def test_a_factor_on_the_capacitances_is_shown(adapting, factor):
    pilot, trace, _ = adapting
    trained = CorePaths(pilot).tick.time_constants(trace.state, core_inputs(pilot, trace))
    made = NetworkMessages(pilot).signals(trace._replace(tau=factor * trained))
    assert made.position[made.name.index('core_time_scale')] == pytest.approx(factor)
    # A core that is not known, or has no time constants, has no such signal.
    assert 'core_time_scale' not in NetworkMessages(None).signals(trace).name


def test_a_pilot_that_flies_as_trained_has_no_filter(adapting):
    pilot, trace, _ = adapting
    plain = trace._replace(
        **dict.fromkeys(('gate', 'filter_tau', 'filter_error', 'filter_gradient'), np.empty(0))
    )
    network = NetworkMessages(pilot)
    assert network.signals(plain) is None and network.time_constants(plain) is None


def test_a_network_that_is_not_known_has_numbers_for_names(adapting):
    _, trace, _ = adapting
    network = NetworkMessages(None)
    assert network.digest is None
    made = network.neurons(trace)
    assert made.name[:2] == ['unit_0', 'unit_1'] and list(made.position) == trace.state.tolist()
    assert all(map(math.isnan, made.effort))
    assert joint_names(adapting[0], 7) == [f'unit_{k}' for k in range(7)]


def test_an_lrc_core_has_names_and_time_constants_and_no_currents():
    pilot = with_lrc_core(pilot_file.load(pilot_file.resolve('forest-ltc')))
    trace, _ = flown(pilot)
    made = NetworkMessages(pilot).neurons(trace)
    assert made.name[:2] == ['motor_forward', 'motor_left'] and len(made.name) == 34
    assert list(made.velocity) == trace.tau.tolist() and np.isfinite(trace.tau).all()
    assert all(map(math.isnan, made.effort))


def test_a_factor_on_the_capacitances_of_an_lrc_core_is_shown():
    pilot = with_lrc_core(pilot_file.load(pilot_file.resolve('forest-ltc')))
    trace, tick = flown(pilot, adaptation=AdaptationSettings())
    for factor in (1.0, 4.0):
        made = NetworkMessages(pilot).signals(trace._replace(tau=factor * trace.tau))
        expected = factor * math.exp(tick.frontend_output.log_core_time_scale)
        assert made.position[made.name.index('core_time_scale')] == pytest.approx(expected)
