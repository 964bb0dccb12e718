"""A training as a whole: its curves, every core, the encoder of another run, and fine-tuning."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from small_trainings import quiet, small

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import CORES, TrainingSettings
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.models import warm_start
from liquid_pilot.learning.models.factory import make_core, parameter_budget, parameter_count
from liquid_pilot.learning.training.plan import Initialisation
from liquid_pilot.learning.training.stage import Stage, StageOptions, run_stage
from liquid_pilot.learning.training.train import train
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.recurrent_cores import make_core as flying_core


def test_curves_hold_both_losses_and_the_card_says_what_was_tried(trained, episodes):
    out, pilot = trained
    curves = json.loads((out / 'curves.json').read_text())
    assert list(curves) == ['encoder', 'core', 'joint']
    for one in curves.values():
        steps, training, validation = np.array(one['curve']).T
        assert (np.diff(steps) > 0).all() and np.isfinite([training, validation]).all()
        assert one['best'] == validation.min()
    card = pilot.specification.card
    assert card['tuning'] == 'not stated' and card['episodes'] == episodes.name
    assert pilot.specification.camera == dataset_index.read(episodes).camera


def test_a_stage_stops_when_validation_grows_worse_and_keeps_the_best_weights(tmp_path):
    """The validation loss is what the one weight, which only grows, is away from 0.05."""
    module = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.zero_()
    stage = Stage(
        'toy',
        {'toy': module},
        1000,
        0.01,
        lambda step: -module.weight.sum(),
        lambda: abs(module.weight.item() - 0.05),
        1,
        'key',
    )
    steps = []
    history = run_stage(
        stage,
        tmp_path / 'toy.ckpt',
        StageOptions(patience=7),
        lambda *row: steps.append(row[1]),
    )
    assert len(steps) == history.best_step + 7 < 200
    assert module.weight.item() == pytest.approx(0.05, abs=0.01)
    assert abs(module.weight.item() - 0.05) == history.best


@pytest.mark.parametrize(
    'core',
    [
        'ltc dense',
        pytest.param('lrc dense', marks=pytest.mark.slow),
        *(pytest.param(core, marks=pytest.mark.slow) for core in ('cfc', 'gru_dt', 'feedforward')),
    ],
)
def test_every_core_is_trained_by_the_encoder_of_another_run_and_flies(
    trained, episodes, tmp_path, core
):
    run, _ = trained
    name, _, wiring = core.partition(' ')
    settings = small(core=name, wiring=wiring or 'ncp', joint_steps=0, tuning='defaults')
    seen = []
    pilot = train(
        settings,
        tmp_path,
        lambda stage, *row: seen.append(stage),
        threads=1,
        data=dataset_index.read(episodes),
        initialisation=Initialisation(encoder_source=run),
    )
    assert {'encoder', 'features'} & set(seen) == set(), 'the other run has both'
    flying = flying_core(pilot)
    _, output = flying.step(flying.initial_state(), np.zeros(14, np.float32), 0.05)
    assert output.shape == (4,) and np.isfinite(output).all()
    card = pilot.specification.card
    assert card['tuning'] == 'defaults' and card['encoder_of'] == run.name
    assert 0.8 < card['parameters']['core'] / parameter_budget(settings) < 1.2


def test_a_core_is_trained_by_the_encoder_of_a_pilot(trained, episodes, tmp_path):
    _, lender = trained
    pilot = train(
        small(core='gru', joint_steps=0),
        tmp_path,
        quiet,
        threads=1,
        data=dataset_index.read(episodes),
        initialisation=Initialisation(encoder_source=lender.path),
    )
    camera = pilot.specification.camera
    image = np.random.default_rng(0).random((1, 3, camera.height, camera.width), np.float32)
    lent, used = (
        Encoder(each.encoder, camera.height, camera.width, 8)(image) for each in (lender, pilot)
    )
    np.testing.assert_allclose(lent, used, atol=1e-5)
    assert pilot.specification.core['type'] == 'gru'


def test_all_cores_of_the_default_settings_have_about_as_many_parameters():
    wanted = parameter_budget(TrainingSettings())
    for core in CORES:
        # An ncp-wired lrc has the synapses of the ltc, and more parameters.
        for wiring in {'ltc': ('ncp', 'dense'), 'lrc': ('dense',)}.get(core, ('ncp',)):
            made = make_core(TrainingSettings(core=core, wiring=wiring), 20.0)
            assert abs(parameter_count(made) / wanted - 1) < 0.08, (core, wiring)


@pytest.mark.slow
def test_without_a_gpu_cuda_is_refused_and_the_path_without_numba_learns_the_same(
    trained, episodes, tmp_path
):
    run, _ = trained
    if not torch.cuda.is_available():
        with pytest.raises(LiquidPilotError, match='finds no CUDA GPU here; use --device cpu'):
            train(
                small(), tmp_path / 'gpu', quiet, data=dataset_index.read(episodes), device='cuda'
            )
    losses = [
        train(
            small(backend=backend, joint_steps=0),
            tmp_path / backend,
            quiet,
            threads=1,
            data=dataset_index.read(episodes),
            initialisation=Initialisation(encoder_source=run),
        ).specification.card['validation_loss']
        for backend in ('numba', 'torch')
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_fine_tuning_starts_where_the_pilot_was(trained, episodes, tmp_path):
    _, pilot = trained
    seen = []
    still = train(
        small(core_rate=0.0, joint_rate=0.0, joint_steps=1),
        tmp_path / 'still',
        lambda stage, *row: seen.append(stage),
        threads=1,
        data=dataset_index.read(episodes),
        initialisation=Initialisation(pilot=pilot),
    )
    assert 'encoder' not in seen and 'joint' in seen
    for name, tensor in pilot.parameters.to_tensors().items():
        np.testing.assert_allclose(
            still.parameters.to_tensors()[name], tensor, rtol=1e-5, atol=1e-6
        )
    moved = train(
        small(core_epochs=8, encoder_frozen=True),
        tmp_path / 'moved',
        quiet,
        threads=1,
        data=dataset_index.read(episodes),
        initialisation=Initialisation(pilot=pilot),
    )
    card = moved.specification.card
    assert card['validation_loss'] < pilot.specification.card['validation_loss']
    assert card['started_from'] == {'pilot': 'pilot', 'digest': pilot.digest}
    assert 'joint' not in card['stages']
    assert moved.encoder == pilot.encoder


def test_the_shipped_encoder_is_read_back_and_a_foreign_one_refused(trained):
    shipped = pilot_file.load(pilot_file.resolve('forest-ltc'))
    encoder = warm_start.load_encoder(shipped)
    assert sum(p.numel() for p in encoder.parameters()) == 24024
    core = warm_start.load_core(shipped, 'numba')
    for name, tensor in core.export().to_tensors().items():
        np.testing.assert_allclose(
            tensor, shipped.parameters.to_tensors()[name], rtol=2e-5, atol=1e-7
        )
    model = onnx.load_from_string(shipped.encoder)
    for node in model.graph.node:
        if node.op_type == 'Relu' and node.output[0] == 'relu_3':
            node.op_type = 'Abs'  # the same weights, another network
    foreign = pilot_file.PilotFile(**{**vars(shipped), 'encoder': model.SerializeToString()})
    with pytest.raises(LiquidPilotError, match='is not an encoder that'):
        warm_start.load_encoder(foreign)
    del model.graph.initializer[0]
    foreign = pilot_file.PilotFile(**{**vars(shipped), 'encoder': model.SerializeToString()})
    with pytest.raises(LiquidPilotError, match='is not an encoder that'):
        warm_start.load_encoder(foreign)
