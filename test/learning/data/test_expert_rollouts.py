"""`liquid-pilot demonstrate`: what it writes, how it stops and goes on, and what it refuses."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot.cli import main
from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.data.expert_rollouts import CollectionSettings, ExpertCollector
from liquid_pilot.simulation.base.action_noise import ActionNoiseSettings

REPOSITORY = Path(__file__).resolve().parents[3]
CAMERA = CameraGeometry.from_vertical_fov(128, 72, 0.9)


@pytest.mark.slow
def test_ctrl_c_leaves_whole_episodes_and_the_same_command_goes_on(tmp_path, capsys):
    command = [
        'demonstrate',
        '--out',
        str(tmp_path / 'd'),
        '--workers',
        '1',
        '--disturbance',
        '0.5',
    ]
    child = subprocess.Popen(
        [sys.executable, '-m', 'liquid_pilot.cli', *command, '--episodes', '500'],
        cwd=REPOSITORY,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / 'd').glob('*.npz')) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=180)
    assert child.returncode == 130 and 'Traceback' not in errors, errors
    assert 'run the same command again to resume from' in ' '.join(errors.split())
    left = {path.name for path in (tmp_path / 'd').iterdir()}
    before = sorted(name for name in left if name.endswith('.npz'))
    assert left == {*before, 'dataset.json'} and before
    count = len(before) + 1
    assert main.main([*command, '--episodes', str(count)]) == 0
    assert 'flown now: 1 ' in ' '.join(capsys.readouterr().err.split())
    found = dataset_index.read(tmp_path / 'd')
    assert len(found.training) + len(found.validation) == count
    assert (found.camera.width, found.rate_hz, found.vehicle) == (128, 20.0, 'quadrotor')
    assert Episode.load(found.training[0]).images.shape[1:] == (72, 128, 3)
    assert main.main([*command[:-1], '1.3', '--episodes', '9']) == 2
    assert 'other settings' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--episodes', '1'], 'at least 2'),
        (['--disturbance', 'nan'], 'in [0, 10]'),
        (['--image-size', '128'], 'WxH'),
        (['--image-size', '4x4'], 'WxH'),
        (['--workers', '0'], 'at least 1'),
        (['--conditions', 'hail:3'], "no condition named 'hail'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, capsys, words, said):
    assert main.main(['demonstrate', '--out', str(tmp_path / 'd'), *words]) == 2
    captured = capsys.readouterr().err
    assert said in captured and captured.count('\n') == 1
    assert not (tmp_path / 'd').exists()


@pytest.mark.slow
def test_weather_is_flown_in_turn_and_frames_that_do_not_come_are_no_rows(tmp_path):
    words = ['--workers', '1', '--episodes', '3', '--seed', '6', '--disturbance', '0']
    for name, weather in (('fair', 'clear'), ('both', 'clear,night:4,rate:2')):
        assert (
            main.main(
                ['demonstrate', '--out', str(tmp_path / name), *words, '--conditions', weather]
            )
            == 0
        )
    fair, both = (
        [Episode.load(path) for path in sorted((tmp_path / name).glob('*.npz'))]
        for name in ('fair', 'both')
    )
    # Forest 6 is the first of the three conditions' turn.
    assert (fair[0].images == both[0].images).all()
    assert both[1].images[:20].mean() < 0.6 * fair[1].images[:20].mean()
    assert both[2].dt_s[1:].min() > 0.19 and fair[2].dt_s.max() < 0.06
    assert abs(both[2].dt_s.sum() - fair[2].dt_s.sum()) < 0.3


@pytest.mark.slow
def test_an_expert_that_corrects_its_drift_labels_so_and_dagger_goes_on_so(tmp_path):
    words = ['--workers', '1', '--episodes', '2', '--seed', '15000001', '--disturbance', '0']
    plain, corrected = tmp_path / 'plain', tmp_path / 'corrected'
    wind = [*words, '--conditions', 'wind:3']
    assert main.main(['demonstrate', '--out', str(plain), *wind]) == 0
    assert main.main(['demonstrate', '--out', str(corrected), *wind, '--correct-drift']) == 0
    # The same forest and wind: with the correction the flight to the chair is a shorter one.
    frames = [
        len(Episode.load(folder / 'episode_15000001.npz').dt_s) for folder in (plain, corrected)
    ]
    assert frames[1] < 0.8 * frames[0]
    source = dataset_index.read(corrected)
    assert source.correct_drift and not dataset_index.read(plain).correct_drift
    joined = dataset_index.join([dataset_index.read(plain), source])
    assert joined.correct_drift and joined.conditions == ('wind:3', 'wind:3')
    again = ['demonstrate', '--out', str(corrected), *wind]
    assert main.main(again) == 2


@pytest.mark.slow
def test_an_expert_that_corrects_its_drift_knows_that_the_vehicle_is_held():
    words = {'disturbance': ActionNoiseSettings(level=0.0), 'conditions': ('glimpse:3',)}
    plain, corrected = (
        ExpertCollector(CollectionSettings(**words, correct_drift=flag)).fly(15000001)
        for flag in (False, True)
    )
    held = slice(0, 60)  # 3 s of the 4 until the vehicle is handed over
    assert np.abs(corrected.commands[held] - plain.commands[held]).max() < 0.3


def test_conditions_of_joined_folders_are_flown_by_dagger_too():
    one = dataset_index.DataSource(
        [Path('a')], [Path('b')], CAMERA, 20.0, 'quadrotor', 'one', simulated=True
    )
    other = dataclasses.replace(
        one, training=[Path('c')], validation=[Path('d')], conditions=('wind:2', 'mass:3')
    )
    assert dataset_index.join([one, other]).conditions == ('clear', 'wind:2', 'mass:3')
    assert dataset_index.join([one, dataclasses.replace(other, conditions=())]).conditions == ()


def test_a_rover_has_no_drift_to_correct(tmp_path, capsys):
    words = ['demonstrate', '--out', str(tmp_path / 'd'), '--vehicle', 'rover', '--correct-drift']
    assert main.main(words) == 2
    assert 'only the expert of a quadrotor' in capsys.readouterr().err


@pytest.mark.slow
def test_a_pilot_steers_while_the_expert_labels_and_both_folders_are_learned_from(tmp_path):
    words = ['--workers', '1', '--episodes', '2', '--seed', '6', '--disturbance', '0']
    shown, steered = tmp_path / 'shown', tmp_path / 'steered'
    assert main.main(['demonstrate', '--out', str(shown), *words]) == 0
    assert main.main(['demonstrate', '--out', str(steered), *words, '--pilot', 'forest-ltc']) == 0
    one, other = (Episode.load(folder / 'episode_00000006.npz') for folder in (shown, steered))
    assert (one.images[0] == other.images[0]).all()
    # Steered otherwise, other places are seen.
    assert len(one.dt_s) != len(other.dt_s) or (one.images != other.images).any()
    joined = dataset_index.join([dataset_index.read(shown), dataset_index.read(steered)])
    assert len(joined.training) == len(joined.validation) == 2
    assert joined.name.endswith('shown+steered')
    with pytest.raises(LiquidPilotError, match='vehicle'):
        dataset_index.join([joined, dataclasses.replace(joined, vehicle='rover')])
