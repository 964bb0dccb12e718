"""The cores study in small, its offline scores, and its figures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from study_runs import run_script

from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.features import Sequences
from liquid_pilot.learning.models.factory import make_core
from studies import common, cores
from studies.cores import offline, report
from studies.cores.study import Study

SCRIPT = 'studies/cores/run.py'


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(Path(cores.__file__).parent, runs=tmp_path))


@pytest.mark.slow
def test_the_study_is_made_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script(SCRIPT, *arguments)
    assert (closing['flown'], closing['missing']) == (8, 0)
    work = tmp_path / 'cores-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert {(cell['arm'], cell['rate']) for cell in content['cells']} == {
        (f'{core}-{frames}', rate)
        for core in ('ltc_dense', 'gru_dt')
        for frames in ('regular', 'irregular')
        for rate in ('20 Hz', '2 Hz')
    }
    assert set(content['chosen']) == {'liquid', 'gru'} and all(content['chosen'].values())
    assert content['comparisons'][0]['pairs'] == 1
    text = ' '.join((work / 'README.md').read_text().split())
    assert 'All missions are flown.' in text and '## The aims' in text
    assert (work / 'success.png').stat().st_size > 1000
    # One encoder serves all cores.
    encoders = {path.read_bytes() for path in (work / 'pilots').glob('*/encoder.onnx')}
    assert len(list((work / 'pilots').iterdir())) == 4 and len(encoders) == 1
    again = run_script(SCRIPT, *arguments)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('flown', 'missing', 'page')},
    }


def test_every_core_is_searched_with_as_many_settings(study):
    counts = {core: len(study.candidates(core)) for core in study.plan['cores']}
    assert set(counts.values()) == {12}, counts


def test_the_settings_of_the_plan_are_those_of_a_training(study):
    for core in study.plan['cores']:
        for candidate in study.candidates(core):
            for changes in study.plan['frames'].values():
                TrainingSettings.from_mapping({**candidate.settings, **changes}, 'study.yaml')


def test_kept_frames_are_at_the_rate_that_their_name_says():
    for rate, frames in (('20 Hz', 400), ('5 Hz', 100), ('2 Hz', 40)):
        kept = offline.kept_frames(400, rate)
        assert kept[0] == 0 and len(kept) == frames and len(set(np.diff(kept))) == 1
    kept = offline.kept_frames(4000, offline.IRREGULAR)
    assert kept[0] == 0 and 0.17 < len(kept) / 4000 < 0.23 and len(set(np.diff(kept))) > 5


def test_the_loss_at_a_rate_is_that_of_a_core_that_gets_these_frames_alone():
    """Against a loop over one episode after the other, without padding."""
    rng = np.random.default_rng(0)
    lengths, features = (37, 52), 3
    frames = sum(lengths)
    data = Sequences(
        rng.normal(size=(frames, features + 6)).astype(np.float32),
        rng.uniform(0.04, 0.06, frames).astype(np.float32),
        rng.normal(size=(frames, 4)).astype(np.float32),
        np.array([0, lengths[0], frames]),
    )
    core = make_core(TrainingSettings(core='gru_dt', core_size=5, features=features), 20.0)
    found = offline.losses_of(core, data)
    for rate in offline.STRIDES:
        losses = []
        for begin, length in zip(data.starts, lengths, strict=False):
            kept = offline.kept_frames(length, rate)
            state, errors, last = torch.zeros(1, 5), [], -1
            for k in kept:
                span = slice(begin + last + 1, begin + k + 1)
                row = data.inputs[begin + k].copy()
                row[features:] = data.inputs[span, features:].mean(0)
                dt_s = torch.tensor([[float(data.dt_s[span].sum())]])
                with torch.no_grad():
                    state, output = core.step(state, torch.from_numpy(row)[None], dt_s)
                errors.append(((output[0].numpy() - data.commands[begin + k]) ** 2).mean())
                last = k
            losses.append(np.mean(errors))
        assert found[rate] == pytest.approx(np.mean(losses), abs=2e-5), rate


def test_the_best_arm_of_a_kind_is_that_of_the_lowest_mean_loss(study):
    def row(arm, *losses):
        return {'arm': arm, 'losses': dict(zip(offline.STRIDES, losses, strict=True))}

    trainings = [
        row('ltc_dense-regular', 0.3, 0.3, 0.3),
        row('ltc_dense-regular', 0.1, 0.1, 0.1),
        row('lrc-irregular', 0.19, 0.19, 0.19),
        row('gru_dt-regular', 0.01, 0.01, 0.01),
    ]
    assert report._best_arm(study, trainings, 'liquid') == 'lrc-irregular'
    assert report._best_arm(study, trainings, 'gru') == 'gru_dt-regular'
    assert report._best_arm(study, [], 'gru') == ''


def test_a_difference_is_in_points_and_its_intervals_hold_it():
    pairs = {(seed, forest, 0): (forest % 2 == 0, True) for seed in (1, 2) for forest in range(50)}
    found = report._difference(pairs)
    assert found['points'] == 50.0 and found['pairs'] == 100
    for interval in (found['over_missions'], found['over_seeds']):
        assert 35.0 < interval[0] < 50.0 < interval[1] < 65.0
    assert found['p'] < 1e-6
    # Two seeds that differ say less than one interval over missions does.
    uneven = {key: (key[0] == 1, True) for key in pairs}
    found = report._difference(uneven)
    assert found['points'] == 50.0 and found['over_seeds'] == [0.0, 100.0]
