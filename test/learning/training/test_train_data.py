"""The data of a training: its division, recorded flights, and whole episodes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from small_trainings import quiet, small

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.training.plan import Initialisation
from liquid_pilot.learning.training.stage import load_checkpoint
from liquid_pilot.learning.training.train import train
from liquid_pilot.onboard.inference.recurrent_cores import make_core as flying_core


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


def test_a_dataset_is_divided_reproducibly_and_names_what_is_wrong(episodes, tmp_path):
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


@pytest.mark.parametrize(
    ('core', 'dropped'),
    [
        ('ltc', 0.0),
        ('lrc', 0.0),
        pytest.param('gru_dt', 0.0, marks=pytest.mark.slow),
        pytest.param('gru_dt', 0.8, marks=pytest.mark.slow),
    ],
)
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
        ({'recall': 0.5, 'sequence_length': 0}, 'collect the demonstrations again'),
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
