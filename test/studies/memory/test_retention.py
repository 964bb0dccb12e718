"""The retention study: its arms, its recordings, its claims, and the whole of it in small."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from study_runs import run_script

from liquid_pilot import pilot_file
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from studies import common, retention
from studies.outcomes import missing
from studies.retention import arms, offline, page, report
from studies.retention.recording import Recording, record
from studies.retention.study import Study, StudyCell

SCRIPT = 'studies/retention/run.py'
FOLDER = Path(retention.__file__).parent
SHORT = MissionRules(time_limit_s=3.2)
HELD = parse('glimpse=3.5+held=2')
RULE = 'retention=16/0.6/0.5'


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(FOLDER, runs=tmp_path))


@pytest.fixture(scope='module')
def forest():
    with Simulation() as simulation:
        yield pilot_file.load(pilot_file.resolve('forest-ltc')), simulation


def path(forest, arm, conditions=HELD):
    pilot = arms.make_pilot(*forest, 'cmd_vel', arms.mode_of(arm))
    first, again = (
        fly_mission(7, forest[1], pilot, SHORT, conditions=conditions) for _ in range(2)
    )
    assert first.path == again.path
    return first.path, np.array(pilot._state.core)


def test_arms_differ_from_the_pilot_as_trained_where_they_slow_the_core(forest):
    plan = common.read_plan(FOLDER).plan
    planned = {arm['arm'] for arm in plan['arms'].values()} - {'trained'}
    as_trained = path(forest, 'trained')
    for arm in planned:
        found = path(forest, arm)
        # The vehicle is held all the time, so that nothing but the core can differ.
        assert found[0] == as_trained[0], arm
        assert (found[1] != as_trained[1]).any(), arm


def test_without_a_hold_the_rule_flies_as_trained_to_the_bit(forest):
    assert path(forest, RULE, ())[0] == path(forest, 'trained', ())[0]
    assert path(forest, 'held=1000', ())[0] == path(forest, 'trained', ())[0]
    assert path(forest, 'always=16', ())[0] != path(forest, 'trained', ())[0]


def test_the_arm_is_the_setting_of_the_package_with_the_constants_of_the_plan(forest):
    plan = common.read_plan(FOLDER).plan
    assert plan['arms']['retention']['arm'] == plan['arms']['gru_retention']['arm'] == RULE
    assert RULE in plan['candidates']
    defaults = replace(FrontendSettings(), slow_core_while_held=True)
    assert arms.settings_of(16, 0.6, 0.5) == defaults
    frontend = replace(
        defaults,
        photometric=False,
        temporal_filter=False,
        reject_novel_frames=False,
        slow_core_on_novelty=False,
        slowdown_on_blindness=False,
    )
    settings = AdaptationSettings(frontend, LearnerSettings(learn_temporal_filter=False))
    pilot = InProcessPilot(*forest, adapting=settings)
    fly_mission(7, forest[1], pilot, SHORT, conditions=HELD)
    np.testing.assert_array_equal(np.array(pilot._state.core), path(forest, RULE)[1])


@pytest.mark.parametrize('mode', ['adapt', 'study:', 'study:always', 'study:retention=16', ''])
def test_an_arm_that_is_none_is_refused(forest, mode):
    with pytest.raises(ValueError, match='no arm'):
        arms.make_pilot(*forest, 'cmd_vel', mode)


def test_the_event_clock_follows_the_change_of_the_features(forest):
    statistics = forest[0].training_statistics
    deviation = np.sqrt(
        np.linalg.inv((w := statistics.feature_whitening.astype(float)).T @ w).diagonal()
    )
    clock, state = arms.EventClock(statistics), None
    found = []
    for k in range(400):
        # One second of change as in the demonstrations, then next to none.
        size = arms.EVENT_BASE if k < 20 else 0.001
        features = (size * deviation * (k % 2)).astype(np.float32)
        scale, state = clock.process(features, state, 0.05, True)
        found.append(scale)
    assert found[:21] == [0.0] * 21
    assert found[-1] == pytest.approx(math.log(arms.EVENT_MAX_FACTOR))


def test_a_recording_knows_who_has_the_vehicle_and_where_it_is_decided(forest, tmp_path):
    # In this seed the vehicle is steered at random at the decision.
    recording = record(forest[0], 14800009, ('glimpse=2.5+held=4',), 0.65)
    ticks = len(recording.dt_s)
    assert recording.features.shape == (ticks, 32) and recording.imu.shape == (ticks, 6)
    handover = round((2.4 + 4 * 0.1) / 0.05)
    assert recording.decision == handover == np.flatnonzero(recording.authority)[0]
    assert recording.authority[handover:].all() and abs(recording.turn) > 0.3
    recording.save(tmp_path / 'one' / 'recording.npz')
    again = Recording.load(tmp_path / 'one' / 'recording.npz')
    assert again.condition == recording.condition and again.course == 'glimpse'
    np.testing.assert_array_equal(again.features, recording.features)
    scores = [
        offline.score(forest[0], arm, [again])[recording.condition]
        for arm in ('trained', 'held=1000')
    ]
    assert [row['slowed'] for row in scores] == [0.0, 1.0]
    assert all(row['decisions'] == 1 and row['right'] in (0, 1) for row in scores)
    undecided = replace(again, decision=-1)
    assert offline.score(forest[0], 'trained', [undecided]) == {}


def outcomes(study, rate_of):
    """Return missions of all cells, of which a share succeeds."""
    found = {}
    for cell in study.cells:
        keys = [(seed, cell.course, f) for seed in study.seeds for f in study.forests(seed)]
        wins = round(rate_of(cell) * len(keys))
        found[cell] = {key: number < wins for number, key in enumerate(keys)}
    return found


def rate_of(cell):
    """A world in which the rule mends long holds, except on one course, where it harms."""
    if cell.arm == 'retention' and cell.course == 'glimpse:3':
        return 0.6
    if cell.held >= 4:
        return {'retention': 0.95, 'event_clock': 0.95}.get(cell.arm, 0.8)
    return 0.9


def test_what_is_won_and_lost_beyond_chance_is_said(study, monkeypatch):
    found = outcomes(study, rate_of)
    monkeypatch.setattr(report, 'collect_outcomes', lambda study: (found, {'1-abc'}))
    content = report.summarise(study)
    json.dumps(content, allow_nan=False)
    assert missing(content) == 0
    won = {(t['first'], t['held'], t['course']) for t in report.significant(content, 'retention')}
    lost = {
        (t['first'], t['held'], t['course'])
        for t in report.significant(content, 'retention', better=False)
    }
    assert ('trained', 8, 'hidden:3') in won and ('trained', 8, 'glimpse:3') in lost
    assert not any(course == 'hidden:3' for _, held, course in won if held == 1)
    # A comparison of what the plan does not fly is none, and leaves a dash.
    compared = {(t['other'], t['first'], t['held']) for t in content['tests']}
    assert ('retention', 'always', 8) in compared and ('retention', 'always', 2) not in compared
    text = ' '.join(page.markdown(study, content).split())
    assert 'All missions are flown.' in text and '`trained` held 8 x (hidden:3)' in text
    assert '| `gru_retention` | - | - | - | 80 |' in text
    assert len(page.pictures(content)[page.PICTURE]) > 1000
    # Nothing is flown yet: dashes, and no claim.
    empty = {cell: {} for cell in study.cells}
    monkeypatch.setattr(report, 'collect_outcomes', lambda study: (empty, set()))
    content = report.summarise(study)
    assert 'Unfinished' in page.markdown(study, content) and page.pictures(content) == {}
    assert report.significant(content, 'retention') == []


def test_the_plan_pairs_all_arms_in_forests_of_its_own(study):
    plan, cells = study.plan, study.cells
    assert len(set(cells)) == len(cells) == (2 * 4 + 4 * 2 + 2 * 1) * 3
    # The rule and the pilot as trained fly at every factor, the GRUs with it at the longest hold.
    assert all(set(study.arms(held)) >= {'trained', 'retention'} for held in study.held)
    assert [held for held in study.held if 'gru_retention' in study.arms(held)] == [8]
    assert StudyCell('gru', 8, 'hidden:3').condition == 'hidden:3+held=8'
    assert len({forest for seed in study.seeds for forest in study.forests(seed)}) == 201
    for judged, controls in plan['compared'].items():
        assert study.kind(judged) == study.kind(controls[0])
        assert plan['arms'][controls[0]]['arm'] == 'trained'
        assert {judged, *controls} <= set(plan['arms'])
    tuned, judged = (plan['recordings'][f'first_{part}_seed'] for part in ('tuning', 'judged'))
    assert tuned + plan['recordings']['episodes'] <= judged


@pytest.mark.slow
def test_the_study_is_made_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script(SCRIPT, *arguments)
    assert (closing['flown'], closing['missing']) == (18, 0)
    work = tmp_path / 'retention-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert set(content['offline']) == {'tuning', 'judged'}
    assert set(content['offline']['tuning']) == {'trained', RULE}
    text = ' '.join((work / 'README.md').read_text().split())
    assert 'All missions are flown.' in text and '## What may be claimed' in text
    assert (work / 'success.png').stat().st_size > 1000
    again = run_script(SCRIPT, *arguments)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('flown', 'missing', 'page')},
    }
