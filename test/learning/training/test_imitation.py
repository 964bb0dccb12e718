"""From demonstrations to a pilot file that loads and ticks: the whole road, made short."""

import json
import math

import numpy as np
import pytest
import torch

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import expert_rollouts
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.data.features import Sequences
from liquid_pilot.learning.data.frames import MIRROR_COMMAND, MIRROR_IMU, Frames, windows
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.learning.training import imitation, train
from liquid_pilot.learning.training.stage import StageOptions, run_stage
from liquid_pilot.liquid import wiring


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('training')


@pytest.fixture(scope='module')
def trained(folder):
    settings = TrainingSettings(
        name='tiny',
        episodes=2,
        validation_episodes=1,
        encoder_epochs=1,
        core_epochs=2,
        sequence_length=32,
        features=8,
        inter=8,
        command=6,
        sensory_fanout=4,
        inter_fanout=3,
        recurrent_command_synapses=4,
        motor_fanin=3,
        unfolds=3,
        joint_steps=2,
        first_seed=4242,
    )
    stages = []
    pilot = train.train(settings, folder, lambda *report: stages.append(report), workers=1)
    return pilot, stages


@pytest.mark.slow
def test_training_ends_in_a_pilot_file_that_loads(trained, folder):
    pilot, stages = trained
    again = pilot_file.load(folder / 'pilot')
    assert again.digest == pilot.digest
    card = again.specification.card
    assert card['settings']['name'] == 'tiny' and card['validation_loss'] > 0
    assert card['parameters']['total'] == sum(
        card['parameters'][part] for part in ('encoder', 'core')
    )
    assert (folder / 'curves.png').stat().st_size > 1000
    assert list(dict.fromkeys(stage for stage, *_ in stages)) == [
        'demonstrations',
        'validation',
        'reading',
        'encoder',
        'features',
        'core',
        'joint',
        'statistics',
    ]
    assert again.training_statistics is not None and again.training_statistics.has_predictor


@pytest.mark.slow
def test_the_pilot_flies_what_torch_computes(trained, folder):
    """Engine (ONNX, numba) against encoder and core as trained, on a demonstration's frames."""
    from liquid_pilot.simulation.rollout import InProcessPilot
    from liquid_pilot.simulation.simulator import Simulation

    pilot, _ = trained
    with Simulation() as simulation:
        flier = InProcessPilot(pilot, simulation)
        packet, state = simulation.reset(4242), flier.engine.initial_state()
        ticks = []
        for _ in range(12):
            tick = flier.engine.tick(state, packet.observation)
            ticks.append(tick)
            state, packet = tick.state, simulation.advance(tick.command)
    core = LiquidCore(pilot.wiring, pilot.specification.unfolds, backend='torch')
    inputs = torch.from_numpy(np.stack([t.core_inputs for t in ticks]))[None]
    dt_s = torch.tensor([[t.dt_s for t in ticks]], dtype=torch.float32)
    with torch.no_grad():
        for name, value in pilot.parameters.to_tensors().items():
            raw = torch.from_numpy(np.array(value))
            if name in ('gleak', 'cm', 'w', 'sensory_w'):
                raw = raw + torch.log(-torch.expm1(-raw))  # what softplus undoes
            getattr(core, name).copy_(torch.nan_to_num(raw, neginf=-100.0))
        outputs = core(inputs, dt_s)[0][0].numpy() * np.float32(pilot.specification.command_scale)
    np.testing.assert_allclose([t.command.values for t in ticks], outputs, atol=2e-4)


@pytest.mark.slow
def test_collection_resumes_and_refuses_other_settings(trained, folder):
    before = {p.name: p.stat().st_mtime_ns for p in (folder / 'demonstrations').glob('*.npz')}
    settings = expert_rollouts.CollectionSettings()
    expert_rollouts.collect(range(4242, 4244), folder / 'demonstrations', settings, workers=1)
    after = {p.name: p.stat().st_mtime_ns for p in (folder / 'demonstrations').glob('*.npz')}
    assert before == after and len(after) == 2
    with pytest.raises(LiquidPilotError, match='other settings'):
        train.train(
            TrainingSettings(disturbance=0.2, episodes=1), folder, lambda *report: None, workers=1
        )


def test_a_broken_episode_is_named(tmp_path):
    path = tmp_path / 'episode_00000001.npz'
    path.write_bytes(b'PK\x03\x04 not really')
    with pytest.raises(LiquidPilotError, match='episode_00000001'):
        Episode.load(path)


@pytest.mark.slow
def test_action_noise_changes_only_what_is_executed(folder, trained):
    episode = Episode.load(sorted((folder / 'demonstrations').glob('*.npz'))[0])
    assert episode.images.dtype == np.uint8 and episode.images.shape[1:] == (72, 128, 3)
    assert np.abs(episode.commands).max(axis=0) == pytest.approx(
        np.minimum(np.abs(episode.commands).max(axis=0), [1.81, 1.81, 0.61, 1.01])
    )
    assert np.allclose(episode.dt_s, 0.05)


def frames(n=40, episodes=2):
    rng = np.random.default_rng(1)
    return Frames(
        torch.randint(0, 255, (n, 3, 8, 10), dtype=torch.uint8),
        rng.standard_normal((n, 6)).astype(np.float32),
        np.full(n, 0.05, np.float32),
        rng.standard_normal((n, 4)).astype(np.float32),
        np.linspace(0, n, episodes + 1).astype(int),
        ['success'] * episodes,
    )


def test_mirroring_twice_is_no_mirroring_and_keeps_frames_and_labels_together():
    assert np.array_equal(MIRROR_COMMAND**2, np.ones(4))
    assert np.array_equal(MIRROR_IMU**2, np.ones(6))
    data = frames()
    factory = imitation.StageFactory(TrainingSettings(), lambda: data, lambda: data, 'cpu')
    chosen, coins = np.arange(40)[::-1].copy(), np.arange(40) % 3 == 0
    images, imu, commands = factory._batch(data, chosen, coins)
    for row, (i, mirrored) in enumerate(zip(chosen, coins, strict=True)):
        pixels = (images[row] * 255).round().to(torch.uint8)
        assert torch.equal(pixels, data.images[i].flip(2) if mirrored else data.images[i])
        sign_c, sign_i = (MIRROR_COMMAND, MIRROR_IMU) if mirrored else (1, 1)
        np.testing.assert_allclose(commands[row], data.commands[i] * sign_c, rtol=1e-6)
        np.testing.assert_allclose(
            imu[row], imitation.normalised_imu(data.imu[i] * sign_i), rtol=1e-5, atol=1e-6
        )


def test_windows_stay_within_their_episode():
    starts = np.array([0, 10, 75, 300])
    for seed in range(20):
        first = windows(starts, 32, np.random.default_rng(seed))
        episode = np.searchsorted(starts, first, 'right') - 1
        assert (first + 32 <= starts[episode + 1]).all()
        assert set(episode) == {1, 2}, 'the first is too short, the others must take part'
        assert {10, 75} <= set(first), 'the take-offs'


@pytest.mark.slow
def test_the_core_learns_to_integrate(tmp_path):
    """A task with memory: say how long ago the input last pulsed."""
    rng = np.random.default_rng(0)
    n, length = 64, 40
    pulses = (rng.random((n * length, 1)) < 0.08).astype(np.float32)
    trace, value = np.zeros((n * length, 1), np.float32), 0.0
    for i in range(n * length):
        value = 0.0 if i % length == 0 else value * math.exp(-0.05 / 0.3)
        value = max(value, float(pulses[i, 0]))
        trace[i] = value
    data = Sequences(
        np.concatenate([pulses * 2, np.zeros((n * length, 6), np.float32)], 1),
        np.full(n * length, 0.05, np.float32),
        trace.repeat(4, 1),
        np.arange(0, n * length + 1, length),
    )
    held_out = Sequences(
        data.inputs[: 8 * length],
        data.dt_s[: 8 * length],
        data.commands[: 8 * length],
        data.starts[:9],
    )
    core = LiquidCore(wiring.dense(7, 12, 4, 0), 3, seed=0)
    settings = TrainingSettings(
        core_epochs=60,
        core_batch=16,
        core_rate=3e-2,
        patience=1000,
        sequence_length=length,
        augmentation='none',
    )
    factory = imitation.StageFactory(settings, frames, frames, 'cpu')
    history = run_stage(
        factory.core_stage(core, data, held_out, 'key'),
        tmp_path / 'core.ckpt',
        StageOptions(patience=1000),
        lambda *report: None,
    )
    assert history.best < 0.15 * float(np.var(trace)), history.curve[0]


@pytest.mark.parametrize(
    ('values', 'word'),
    [
        ({'episods': 3}, 'episods'),
        ({'episodes': 'many'}, 'episodes must be a whole number'),
        ({'episodes': -1}, 'episodes must be at least 1'),
        ({'disturbance': float('nan')}, r'disturbance must lie in \[0, 10\]'),
        ({'episodes': True}, 'episodes must be a whole number'),
        (['x'], 'key'),
        ({'core': 'rnn'}, 'ltc, lrc, cfc'),
        ({'held_out_share': 0.9}, r'held_out_share must lie in \[0\.001, 0\.5\]'),
    ],
)
def test_wrong_settings_are_refused_by_name(values, word):
    with pytest.raises(LiquidPilotError, match=word):
        TrainingSettings.from_mapping(values, 'train.yaml')


def test_settings_come_from_yaml(tmp_path):
    path = tmp_path / 'train.yaml'
    path.write_text('episodes: 7\ndisturbance: 1\n')
    settings = TrainingSettings.from_yaml(path)
    assert (settings.episodes, settings.disturbance) == (7, 1.0)
    path.write_text('episodes: [')
    with pytest.raises(LiquidPilotError, match=r'train\.yaml'):
        TrainingSettings.from_yaml(path)
    assert json.dumps(settings.__dict__)
