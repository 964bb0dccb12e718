"""A training as a whole: killed and resumed, stopped early, of every core, fine-tuned, refused."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import CORES, TrainingSettings
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.models import warm_start
from liquid_pilot.learning.models.factory import make_core, parameter_budget, parameter_count
from liquid_pilot.learning.training.plan import Initialisation
from liquid_pilot.learning.training.stage import Stage, StageOptions, load_checkpoint, run_stage
from liquid_pilot.learning.training.train import train
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.recurrent_cores import make_core as flying_core

REPOSITORY = Path(__file__).resolve().parents[3]
SMALL = {
    'features': 8,
    'inter': 8,
    'command': 6,
    'sensory_fanout': 4,
    'inter_fanout': 3,
    'recurrent_command_synapses': 4,
    'motor_fanin': 3,
    'unfolds': 3,
    'sequence_length': 16,
    'encoder_batch': 16,
    'core_batch': 4,
    'joint_batch': 2,
    'encoder_epochs': 1,
    'core_epochs': 2,
    'joint_steps': 4,
}


def quiet(*report):
    pass


def small(**changes):
    return TrainingSettings.from_mapping({**SMALL, **changes}, 'test')


@pytest.fixture(scope='module')
def trained(episodes, tmp_path_factory):
    """A run of all stages, and its pilot."""
    out = tmp_path_factory.mktemp('run')
    return out, train(small(), out, quiet, threads=1, data=dataset_index.read(episodes))


# One process trains under a ROS-free Python, prints each step, and can be killed between any two.
CHILD = """
import sys
from pathlib import Path
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.training.train import train
import json
def report_progress(stage, done, of, loss):
    print(stage, done, flush=True)
settings = TrainingSettings.from_mapping(json.loads(sys.argv[3]), 'test')
train(settings, Path(sys.argv[2]), report_progress, threads=1,
      data=dataset_index.read(Path(sys.argv[1])))
"""


def started(episodes, out, settings):
    return subprocess.Popen(
        [sys.executable, '-c', CHILD, str(episodes), str(out), json.dumps(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'OMP_NUM_THREADS': '1'},
    )


def test_a_training_killed_in_every_stage_ends_with_the_same_bits(episodes, tmp_path):
    """Checkpoints fall every two steps, so that most kills lose a step that is done again."""
    settings = {
        **SMALL,
        'checkpoint_steps': 2,
        'encoder_epochs': 1,
        'joint_steps': 6,
        'augmentation': 'strong',
    }
    whole = train(
        TrainingSettings.from_mapping(settings, 'test'),
        tmp_path / 'whole',
        quiet,
        threads=1,
        data=dataset_index.read(episodes),
    )
    chance = random.Random(time.time_ns())
    killed_at = []
    for stage in ('encoder', 'core', 'joint'):
        target = chance.randint(3, 5)
        child = started(episodes, tmp_path / 'killed', settings)
        for line in child.stdout:
            name, step = line.split()
            if name == stage and int(step) >= target:
                os.kill(child.pid, signal.SIGKILL)
                break
        assert child.wait() == -signal.SIGKILL, child.stderr.read()
        killed_at.append((stage, step))
        checkpoint = load_checkpoint(tmp_path / 'killed' / 'stages' / f'0_{stage}.ckpt')
        assert checkpoint['step'] > 0 and not checkpoint['finished'], killed_at
    again = train(
        TrainingSettings.from_mapping(settings, 'test'),
        tmp_path / 'killed',
        quiet,
        threads=1,
        data=dataset_index.read(episodes),
    )
    assert again.encoder == whole.encoder, killed_at
    for name, tensor in whole.parameters.to_tensors().items():
        assert tensor.tobytes() == again.parameters.to_tensors()[name].tobytes(), (name, killed_at)
    assert again.digest == whole.digest


def test_ctrl_c_keeps_the_step_that_was_done(tmp_path):
    """The signal comes in the middle of step 3, which is ended and saved."""
    module = torch.nn.Linear(1, 1)

    def loss(step):
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return module.weight.sum() ** 2

    stage = Stage('toy', {'toy': module}, 10, 0.01, loss, lambda: 1.0, 100, 'key')
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, tmp_path / 'toy.ckpt', StageOptions(), quiet)
    state = load_checkpoint(tmp_path / 'toy.ckpt', 'key')
    assert (state['step'], state['finished']) == (3, False)
    assert torch.equal(state['modules']['toy']['weight'], module.weight.detach())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_finished_training_is_not_done_again_and_of_other_settings_refused(trained, episodes):
    out, pilot = trained
    seen = []
    again = train(
        small(),
        out,
        lambda *report: seen.append(report),
        threads=1,
        data=dataset_index.read(episodes),
    )
    assert again.digest == pilot.digest and seen == []
    with pytest.raises(LiquidPilotError, match='other settings or other episodes'):
        train(small(core_rate=0.001), out, quiet, threads=1, data=dataset_index.read(episodes))


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


@pytest.mark.parametrize('core', ['ltc dense', 'cfc', 'gru_dt', 'feedforward'])
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
        for wiring in ('ncp', 'dense') if core == 'ltc' else ('ncp',):
            made = make_core(TrainingSettings(core=core, wiring=wiring), 20.0)
            assert abs(parameter_count(made) / wanted - 1) < 0.06, (core, wiring)


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


def test_episodes_of_another_size_are_refused_for_fine_tuning(episodes, tmp_path):
    shipped = pilot_file.load(pilot_file.resolve('forest-ltc'))
    with pytest.raises(LiquidPilotError, match=r'sees 128x72 pixels, .* holds 32x24'):
        train(
            small(),
            tmp_path,
            quiet,
            data=dataset_index.read(episodes),
            initialisation=Initialisation(pilot=shipped),
        )


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04 broken', b'\x80\x04cos\nsystem\n'])
def test_a_broken_checkpoint_is_one_clear_line(trained, episodes, tmp_path, content):
    run, _ = trained
    shutil.copytree(run / 'stages', tmp_path / 'stages')
    (tmp_path / 'stages' / '0_core.ckpt').write_bytes(content)
    with pytest.raises(LiquidPilotError, match=r'0_core\.ckpt: .*; delete it') as raised:
        train(small(), tmp_path, quiet, threads=1, data=dataset_index.read(episodes))
    assert '\n' not in str(raised.value)


def test_a_full_disk_is_one_clear_line_and_loses_nothing(episodes, tmp_path):
    """The limit on the size of files stands for a disk that fills while a checkpoint is written."""

    def fill():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = [
        sys.executable,
        '-m',
        'liquid_pilot.cli',
        'train',
        '--demonstrations',
        str(episodes),
        '--out',
        str(tmp_path),
        '--threads',
        '1',
        *(word for item in SMALL.items() for word in ('--set', '{}={}'.format(*item))),
    ]
    environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY)}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=180,
        cwd=REPOSITORY,
        env=environment,
        preexec_fn=fill,
    )
    assert done.returncode == 1, done.stderr
    last = ' '.join(done.stderr.split()).rpartition('liquid-pilot: ')[2]
    assert '0_encoder.ckpt: cannot be written (File too large; make room' in last
    assert not list(tmp_path.rglob('*.partial'))


def test_a_source_divides_the_same_way_and_names_what_is_wrong(episodes, tmp_path):
    found = dataset_index.read(episodes, 0.25)
    assert found == dataset_index.read(episodes, 0.25)
    assert (len(found.training), len(found.validation)) == (9, 3)
    assert not set(found.training) & set(found.validation)
    with pytest.raises(LiquidPilotError, match='has no dataset'):
        dataset_index.read(tmp_path)
    shutil.copy(episodes / 'dataset.json', tmp_path)
    with pytest.raises(LiquidPilotError, match='no episode to learn from'):
        dataset_index.read(tmp_path)
    for path in found.training[:2]:
        shutil.copy(path, tmp_path)
    two = dataset_index.read(tmp_path)
    before = dataset_index.fingerprint(two.training)
    assert before == dataset_index.fingerprint(two.training)
    two.training[0].write_bytes(found.training[3].read_bytes())
    assert dataset_index.fingerprint(two.training) != before
    two.training[0].write_bytes(b'PK')
    with pytest.raises(LiquidPilotError, match='not an episode'):
        dataset_index.fingerprint(two.training)


def test_recorded_flights_bring_camera_rate_and_division_along(episodes, tmp_path):
    """The folder as `liquid-pilot dataset` lays it out."""
    index = json.loads((episodes / 'dataset.json').read_text())
    (tmp_path / 'episodes').mkdir()
    for path in sorted(episodes.glob('*.npz'))[:4]:
        shutil.copy(path, tmp_path / 'episodes')
    camera = {**index['camera'], 'fx': 30.5, 'cx': 15.0}
    (tmp_path / 'dataset.json').write_text(
        json.dumps(
            {
                'format': 'liquid_pilot/dataset/1',
                'key': 'k',
                'training': [0, 1, 3],
                'validation': [2],
                'camera': camera,
                'rate_hz': 12.5,
                'vehicle': 'quadrotor',
                'report': {},
            }
        )
    )
    data = dataset_index.read(tmp_path)
    assert [path.name for path in data.validation] == ['episode_00000002.npz']
    pilot = train(small(joint_steps=0, mirror=False), tmp_path / 'out', quiet, threads=1, data=data)
    specification = pilot.specification
    assert (specification.rate_hz, specification.camera.fx, specification.camera.cx) == (
        12.5,
        30.5,
        15.0,
    )
    with pytest.raises(LiquidPilotError, match='dagger_rounds must be 0'):
        train(small(dagger_rounds=1), tmp_path / 'other', quiet, data=data)


def with_bearing(folder, place):
    """The same episodes, long and short, that know where the target is."""
    shutil.copytree(folder, place)
    for k, path in enumerate(sorted(place.glob('*.npz'))):
        episode = Episode.load(path)
        angle = np.linspace(0.5, -0.5, len(episode.dt_s))
        episode.bearing = np.float32(np.stack([np.cos(angle), np.sin(angle)], 1))
        if k % 2:
            for name in ('images', 'imu', 'dt_s', 'commands', 'bearing'):
                setattr(episode, name, getattr(episode, name)[:9])
        episode.save(path)
    return dataset_index.read(place)


@pytest.mark.parametrize(('core', 'dropped'), [('ltc', 0.0), ('gru_dt', 0.0), ('gru_dt', 0.8)])
def test_whole_episodes_of_any_length_teach_the_core_to_recall(episodes, tmp_path, core, dropped):
    data = with_bearing(episodes, tmp_path / 'episodes')
    run = tmp_path / 'run'
    pilot = train(
        small(core=core, sequence_length=0, recall=0.5, core_epochs=3, dropped_frames=dropped),
        run,
        quiet,
        threads=1,
        data=data,
    )
    state = load_checkpoint(run / 'stages' / '0_core.ckpt')
    assert state['curve'][-1][1] < state['curve'][0][1]
    assert {'core', 'recall'} == set(state['best_modules'])
    # The read-out that made it remember is not part of what flies.
    assert pilot.specification.card['settings']['recall'] == 0.5
    assert flying_core(pilot).step(
        flying_core(pilot).initial_state(), np.zeros(14, np.float32), 0.05
    )[1].shape == (4,)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'recall': 0.5}, 'recall is for whole episodes'),
        ({'recall': 0.5, 'sequence_length': 0}, 'demonstrate again'),
    ],
)
def test_what_cannot_be_recalled_is_refused(episodes, tmp_path, changes, said):
    place = tmp_path / 'episodes'
    shutil.copytree(episodes, place)
    for path in place.glob('*.npz'):
        episode = Episode.load(path)
        episode.bearing = None
        episode.save(path)
    with pytest.raises(LiquidPilotError, match=said):
        train(small(**changes), tmp_path / 'run', quiet, threads=1, data=dataset_index.read(place))
