"""The other cores: the graph that flies is the module that was trained, and CfC is ncps' CfC."""

import math

import ncps.torch
import numpy as np
import pytest
import torch

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.features import Sequences
from liquid_pilot.learning.models.baselines import CFC_MODES, Cfc, FeedForward, Gru, Lstm
from liquid_pilot.learning.models.encoder import Encoder
from liquid_pilot.learning.models.factory import parameter_count
from liquid_pilot.learning.models.mixed_memory import MixedMemory
from liquid_pilot.learning.training import imitation
from liquid_pilot.learning.training.stage import StageOptions, run_stage
from liquid_pilot.onboard.adaptation.time_scales import CoreScales, TimeScales
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.recurrent_cores import OnnxCore
from liquid_pilot.pilot_file import summary

INPUTS, NEURONS, MOTORS = 14, 12, 4
MAKERS = {
    'cfc': lambda: Cfc(INPUTS, NEURONS, MOTORS, backbone_units=16),
    'cfc no_gate': lambda: Cfc(INPUTS, NEURONS, MOTORS, 'no_gate', 16, 2),
    'cfc pure': lambda: Cfc(INPUTS, NEURONS, MOTORS, 'pure', backbone_layers=0),
    'gru': lambda: Gru(INPUTS, NEURONS, MOTORS),
    'gru with dt': lambda: Gru(INPUTS, NEURONS, MOTORS, rate_hz=20.0),
    'lstm': lambda: Lstm(INPUTS, NEURONS, MOTORS),
    'mixed_memory': lambda: MixedMemory(INPUTS, NEURONS, MOTORS, 3, seed=1),
    'feedforward': lambda: FeedForward(INPUTS, NEURONS, MOTORS),
}


@pytest.fixture(scope='module')
def cores():
    torch.manual_seed(5)
    made = {name: maker() for name, maker in MAKERS.items()}
    for core in made.values():
        with torch.no_grad():
            core.input_w.uniform_(0.5, 1.5)
            core.input_b.uniform_(-0.2, 0.2)
    return made


@pytest.fixture(scope='module')
def graphs(cores):
    return {name: core.to_onnx() for name, core in cores.items()}


def drive(seed, steps):
    """Irregular: from a hundredth of a second to ten, and inputs of unit variance."""
    rng = np.random.default_rng(seed)
    dt_s = np.exp(rng.uniform(math.log(0.01), math.log(10.0), steps)).astype(np.float32)
    return rng.normal(size=(steps, INPUTS)).astype(np.float32), dt_s


def flown(core, x, dt_s):
    state, outputs = core.initial_state(), []
    for row, dt in zip(x, dt_s, strict=True):
        state, output = core.step(state, row, float(dt))
        outputs.append(output)
    return np.array(outputs), state


@pytest.mark.slow
@pytest.mark.parametrize('name', MAKERS)
def test_the_graph_that_flies_gives_what_the_module_gives(cores, graphs, name):
    core = cores[name]
    onboard = OnnxCore(graphs[name], INPUTS, core.state_size, MOTORS)
    x, dt_s = drive(1, 100)
    outputs, state = flown(onboard, x, dt_s)
    with torch.no_grad():
        wanted, states = core(torch.from_numpy(x)[None], torch.from_numpy(dt_s)[None])
    np.testing.assert_allclose(outputs, wanted[0].numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(state, states[0, -1].numpy(), rtol=1e-5, atol=1e-5)
    again, _ = flown(onboard, x, dt_s)
    np.testing.assert_array_equal(again, outputs)


@pytest.mark.parametrize('mode', CFC_MODES)
def test_a_cfc_conforms_to_ncps(mode):
    for seed, (units, layers) in enumerate([(32, 1), (16, 2), (0, 0)]):
        torch.manual_seed(seed)
        theirs = ncps.torch.CfC(
            INPUTS,
            NEURONS,
            proj_size=MOTORS,
            mode=mode,
            backbone_units=units,
            backbone_layers=layers,
        )
        with torch.no_grad():
            for parameter in theirs.parameters():
                # ncps starts its time constants at zero, where a mistake would not show.
                parameter.add_(0.1 * torch.randn_like(parameter))
        ours = Cfc(INPUTS, NEURONS, MOTORS, mode, units, layers)
        ours.load_ncps(theirs.state_dict())
        x, dt_s = drive(seed, 200)
        with torch.no_grad():
            wanted, _ = theirs(torch.from_numpy(x)[None], timespans=torch.from_numpy(dt_s)[None])
            outputs, _ = ours(torch.from_numpy(x)[None], torch.from_numpy(dt_s)[None])
        np.testing.assert_allclose(outputs[0].numpy(), wanted[0].numpy(), rtol=1e-5, atol=1e-5)
        if layers != 1:
            continue
        outputs, _ = flown(OnnxCore(ours.to_onnx(), INPUTS, NEURONS, MOTORS), x, dt_s)
        np.testing.assert_allclose(outputs, wanted[0].numpy(), rtol=1e-5, atol=1e-5)


def test_a_mixed_memory_conforms_to_ncps():
    torch.manual_seed(3)
    core = MixedMemory(INPUTS, NEURONS, MOTORS, 6, seed=2)
    wired = ncps.wirings.FullyConnected(NEURONS, MOTORS)
    theirs = ncps.torch.LTC(
        INPUTS, wired, mixed_memory=True, implicit_param_constraints=True, ode_unfolds=6
    )
    cell, lstm, gates = theirs.rnn_cell._params, theirs.lstm, NEURONS
    with torch.no_grad():
        for name, parameter in core.liquid.named_parameters():
            cell[name].copy_(parameter)
        cell['sparsity_mask'].copy_(core.liquid.mask)
        cell['sensory_sparsity_mask'].copy_(core.liquid.sensory_mask)
        # torch has the gates in the order i, f, g, o; ncps g, i, f, o, and opens f by 1.
        order = [2, 0, 1, 3]
        rows = torch.cat([torch.arange(gates) + gates * k for k in order])
        bias = core.lstm.bias_ih + core.lstm.bias_hh
        bias[gates : 2 * gates] -= 1.0
        lstm.input_map.weight.copy_(core.lstm.weight_ih[rows])
        lstm.input_map.bias.copy_(bias[rows])
        lstm.recurrent_map.weight.copy_(core.lstm.weight_hh[rows])
        x = torch.randn(3, 20, INPUTS)
        # Elapsed time 1 for all, because ncps crashes on batched times.
        _, (potentials, cells) = theirs(x)
        _, states = core(x, torch.ones(3, 20))
    wanted = torch.cat([potentials, cells], 1)
    torch.testing.assert_close(states[:, -1], wanted, rtol=1e-5, atol=1e-5)


def test_a_mixed_memory_is_counted_without_what_is_not_trained():
    core = MAKERS['mixed_memory']()
    wanted = MixedMemory.count_parameters(INPUTS, NEURONS, MOTORS)
    assert parameter_count(core) == wanted
    assert wanted < sum(each.numel() for each in core.parameters())


def test_a_gru_and_an_lstm_are_torchs(cores):
    x, dt_s = (torch.from_numpy(a) for a in drive(3, 30))
    for name, layer in (('gru', torch.nn.GRU), ('lstm', torch.nn.LSTM)):
        core, theirs = cores[name], layer(INPUTS, NEURONS, batch_first=True)
        theirs.load_state_dict(
            {f'{key}_l0': value for key, value in core.cell.state_dict().items()}
        )
        with torch.no_grad():
            hidden, _ = theirs((x * core.input_w + core.input_b)[None])
            torch.testing.assert_close(core(x[None], dt_s[None])[0], core.fc(hidden))


def test_only_cores_that_take_elapsed_time_depend_on_it(cores, graphs):
    timed = {'cfc', 'cfc no_gate', 'cfc pure', 'gru with dt', 'mixed_memory'}
    x, dt_s = drive(4, 20)
    for name, core in cores.items():
        onboard = OnnxCore(graphs[name], INPUTS, core.state_size, MOTORS)
        slow, _ = flown(onboard, x, 2 * dt_s)
        assert (np.abs(slow - flown(onboard, x, dt_s)[0]).max() > 1e-3) == (name in timed), name


def test_a_feedforward_core_has_no_memory(cores, graphs):
    core = OnnxCore(graphs['feedforward'], INPUTS, NEURONS, MOTORS)
    x, _ = drive(6, 1)
    outputs = {
        core.step(np.full(NEURONS, fill, np.float32), x[0], 0.05)[1].tobytes()
        for fill in (-3.0, 0.0, 5.0)
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    'name',
    [
        'cfc',
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ('gru with dt', 'lstm', 'mixed_memory', 'feedforward')
        ),
    ],
)
def test_a_core_learns_by_the_training_of_the_liquid_one(name, tmp_path):
    torch.manual_seed(7)
    core = MAKERS[name]()
    rng = np.random.default_rng(0)
    frames = 640
    inputs = rng.normal(3.0, 2.0, (frames, INPUTS)).astype(np.float32)
    wanted = np.tanh(inputs[:, :MOTORS] - 3.0).astype(np.float32)
    data = Sequences(inputs, np.full(frames, 0.05, np.float32), wanted, np.array([0, 320, 640]))
    imitation.fit_input_scale(core, inputs)
    settings = TrainingSettings(
        core_epochs=30, core_batch=8, core_rate=0.01, sequence_length=16, patience=100
    )
    factory = imitation.StageFactory(settings, None, None, 'cpu')
    losses = []
    run_stage(
        factory.core_stage(core, data, data, 'key'),
        tmp_path / 'core.ckpt',
        StageOptions(),
        lambda *row: losses.append(row[-1]),
    )
    assert losses[-1] < 0.7 * losses[0]


LABELS = {'cfc': 'CfC', 'lstm': 'LSTM', 'mixed_memory': 'mixed-memory'}


@pytest.mark.parametrize('name', LABELS)
def test_the_engine_flies_it_from_a_pilot_file(cores, graphs, tmp_path, name):
    features = INPUTS - 6
    shipped = pilot_file.load(pilot_file.resolve('forest-ltc')).specification
    torch.manual_seed(0)
    encoder = Encoder(features=features)
    changes = {'core': cores[name].specification, 'features': features, 'name': 'other'}
    specification = pilot_file.PilotSpecification(**{**vars(shipped), **changes})
    saved = pilot_file.save(
        tmp_path / 'other', specification, None, None, encoder.to_onnx(), graphs[name]
    )
    assert sorted(path.name for path in saved.path.iterdir()) == [
        'core.onnx',
        'encoder.onnx',
        'pilot.json',
    ]
    shown = summary.summarize(saved.path)
    assert shown['core'] == name and shown['constants']['core'] > 300
    assert f'in the {LABELS[name]} core' in summary.describe(saved.path)
    pilot = pilot_file.load(saved.path)
    engine = Engine(pilot)
    engine.warm_up()
    state = engine.initial_state()
    core_state = torch.zeros(1, cores[name].state_size)
    rng = np.random.default_rng(2)
    for k in range(1, 6):
        pixels = rng.integers(0, 256, (72, 128, 3), dtype=np.uint8)
        imu = ImuSample(k, (0.1, 0.0, 0.0), (0.0, 0.0, 9.8))
        stamp_ns = k * k * 20_000_000
        tick = engine.tick(
            state,
            Observation(stamp_ns, ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8'), (imu,)),
        )
        state = tick.state
        with torch.no_grad():
            core_state, output = cores[name].step(
                core_state, torch.from_numpy(tick.core_inputs)[None], torch.tensor([[tick.dt_s]])
            )
        np.testing.assert_allclose(
            tick.command.values,
            output[0].numpy() * np.array(specification.command_scale),
            rtol=1e-4,
            atol=1e-5,
        )
    assert np.isnan(engine.time_constants(tick)).all()
    nothing = np.zeros(state.core.size, np.float32)
    with pytest.raises(LiquidPilotError, match='only a liquid core has time constants'):
        engine.tick(
            state,
            Observation(10**10, ImageBuffer(bytes(27648), 128, 72, 384, 'rgb8'), (imu,)),
            TimeScales(core=CoreScales(nothing, nothing)),
        )


def test_a_graph_that_does_not_fit_its_pilot_is_refused(graphs):
    with pytest.raises(LiquidPilotError, match=r"its input must be .*'state' of shape \[1, 9\]"):
        OnnxCore(graphs['gru'], INPUTS, 9, MOTORS, 'p/core.onnx')
    with pytest.raises(LiquidPilotError, match=r"its output must be .*'output' of shape \[1, 3\]"):
        OnnxCore(graphs['gru'], INPUTS, NEURONS, 3, 'p/core.onnx')
