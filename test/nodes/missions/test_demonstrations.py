"""The expert flies over ROS and is recorded; what is made of the recording is what was flown."""

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.data.expert_rollouts import (
    CollectionSettings,
    ExpertCollector,
    stored_camera,
)
from liquid_pilot.learning.rosbag.dataset import prepare

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_demonstrations_over_ros_become_the_episodes_that_training_collects(run_cli, tmp_path):
    parameters = tmp_path / 'fly.yaml'
    # Undisturbed, and the guard's limits do not bind much: then the flights are nearly the same.
    parameters.write_text(
        (REPOSITORY / 'config' / 'fly.yaml')
        .read_text()
        .replace('disturbance: 1.3', 'disturbance: 0.0')
        .replace('time_limit_s: 0.0', 'time_limit_s: 3.0')
    )
    folder = tmp_path / 'run'
    process = run_cli(
        'fly',
        '--demonstrate',
        '--missions',
        2,
        '--seed',
        1_000_000,
        '--headless',
        '--out',
        folder,
        '--params-file',
        parameters,
    )
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    dataset = prepare(
        REPOSITORY / 'config' / 'dataset.yaml',
        [folder / 'recording'],
        tmp_path / 'dataset',
        (128, 72),
    )
    # Every frame that was answered, of both missions: the last of each is not.
    ticks = json.loads((folder / 'report.json').read_text())['run']['ticks']
    assert dataset.report['frames'] == ticks - 2
    assert dataset.report['bags'][0]['dropped'] == {}
    assert [group.split()[-1] for group in dataset.report['groups']] == ['1000000', '1000001']
    assert (len(dataset.training), len(dataset.validation)) == (1, 1)
    for path in dataset.training + dataset.validation:
        episode = Episode.load(path)
        expected = ExpertCollector(CollectionSettings()).fly(1_000_000 + episode.seed)
        assert episode.dt_s == pytest.approx(expected.dt_s[: len(episode.dt_s)])
        # The first frame is the same to the last bit.
        assert np.array_equal(episode.images[0], expected.images[0])
        assert np.array_equal(episode.imu[0], expected.imu[0])
        assert episode.commands[0] == pytest.approx(expected.commands[0])
    camera = stored_camera(CollectionSettings())
    assert astuple(dataset.camera) == pytest.approx(astuple(camera))
