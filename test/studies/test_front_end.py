"""The front-end study in small, its list of missions, its controls and its figures."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from study_runs import run_script

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies import common, front_end
from studies.front_end import arms, page, report
from studies.front_end.study import Study

SCRIPT = 'studies/front_end/run.py'
SHORT = MissionRules(time_limit_s=1.5)


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(Path(front_end.__file__).parent, runs=tmp_path))


@pytest.fixture(scope='module')
def forest():
    with Simulation() as simulation:
        yield pilot_file.load(pilot_file.resolve('forest-ltc')), simulation


@pytest.mark.slow
def test_the_study_is_flown_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script(SCRIPT, *arguments)
    assert (closing['flown'], closing['missing']) == (8, 0)
    assert set(closing['worth']) == {'estimated', 'learned'}
    work = tmp_path / 'front_end-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert {row['missions'] for row in content['arms']} == {2}
    text = ' '.join((work / 'README.md').read_text().split())
    assert 'All missions are flown.' in text and '`estimated` minus the others' in text
    assert (work / 'differences.png').stat().st_size > 1000
    again = run_script(SCRIPT, *arguments)
    assert again == {'throughput': {}, **{key: closing[key] for key in list(closing)[1:]}}


def test_the_list_mixes_parts_and_pilots_evenly_in_one_order(study):
    missions = study.missions
    assert len(missions) == 13 * 4 * study.plan['rounds'] >= 200
    assert [mission.forest for mission in missions] == list(
        range(study.plan['first_forest'], study.plan['first_forest'] + len(missions))
    )
    counts = {}
    for mission in missions:
        key = mission.part, mission.pilot
        counts[key] = counts.get(key, 0) + 1
    assert set(counts.values()) == {study.plan['rounds']} and len(counts) == 52
    # Drawn, not sorted: hardly two missions in a row are of the same part.
    follow = sum(a.part == b.part for a, b in itertools.pairwise(missions))
    assert follow < len(missions) / 6
    assert missions == Study(study.files).missions
    # A test of the study flies none of the forests that it is judged in.
    smoke = Study(common.read_plan(Path(front_end.__file__).parent, smoke=True))
    assert not {each.forest for each in missions} & {each.forest for each in smoke.missions}


def test_every_arm_and_every_part_can_be_flown(study):
    for part in study.parts:
        assert expand_conditions(study.conditions(part))
        for arm in study.arms:
            mode = study.mode(arm, part)
            assert mode.startswith('study:turns(') == (part == 'fast turns')
            if not mode.startswith('study:'):
                parse_mode(mode)
    gains = [parse_mode(mode) for mode in study.plan['arms'].values() if mode != arms.RANDOM]
    factors = [one.frontend.constant_filter_factor for one in gains if one]
    assert np.log(sorted(set(factors))) == pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2.2], abs=0.02)
    assert set(study.plan['against']) | set(study.plan['judged']) < set(study.arms)


def test_a_pilot_that_is_missing_is_named(study):
    with pytest.raises(LiquidPilotError, match=r'ltc-1 does not exist.*adaptation/README'):
        study.pilot('ltc-1')


@pytest.mark.parametrize('mode', [arms.RANDOM, 'study:turns(2,0.3,0.2,0.4):adapt'])
def test_a_control_flies_the_same_mission_again(forest, mode):
    file, simulation = forest
    pilot = arms.make_pilot(file, simulation, 'cmd_vel', mode)
    plain = arms.make_pilot(file, simulation, 'cmd_vel', 'adapt')
    first, again, other = (
        fly_mission(7, simulation, each, SHORT) for each in (pilot, pilot, plain)
    )
    assert first.path == again.path != other.path


def test_random_constants_are_one_for_all_blocks_and_another_in_each_forest(forest):
    _, simulation = forest
    control = arms.RandomConstant((4, 8), 3, simulation)
    drawn = []
    for seed in (1, 2, 1):
        simulation.reset(seed)
        control.reset()
        update = control.update(type('Tick', (), {'sequence': 1}))
        assert np.ptp(update.temporal_filter) == 0.0 and not update.log_cm.any()
        drawn.append(float(update.temporal_filter[0, 0]))
    assert drawn[0] == drawn[2] != drawn[1]
    assert min(drawn) >= 0.0 and max(drawn) <= 2.2


def test_turns_end_where_they_began_and_the_pilot_does_not_command_them(forest):
    file, simulation = forest

    def fly(mode):
        pilot = arms.make_pilot(file, simulation, 'cmd_vel', mode)
        packet = simulation.reset(3)
        pilot.reset()
        added = []
        for _ in range(60):
            setpoint = pilot.setpoint(packet)
            added.append(setpoint.yaw_rate_rad_s - pilot.command.yaw_rate_rad_s)
            packet = simulation.advance(setpoint)
        return np.array(added)

    added = fly('study:turns(1.5,0.25,0.5,0.5):adapt')
    assert np.abs(added).max() == pytest.approx(1.5)
    begin = int(np.flatnonzero(added)[0])
    assert begin == 10
    turn = added[begin : begin + 10]
    assert (np.sign(turn) == np.sign(turn[0]) * np.repeat([1, -1], 5)).all()
    assert not added[begin + 10 : begin + 19].any() and added[begin + 20 :].any()
    assert not fly('adapt').any()


def flight(outcome, turn=1.0):
    return FlightMetrics(outcome, '', 8.0, 12.0, 0.5, 1.1, 0.4, 2.0, turn)


def test_the_figures_pair_missions_and_the_rule_looks_at_every_constant(study, monkeypatch):
    missions = study.missions
    won = {
        'estimated': lambda k: k % 20 != 0,
        'constant 5': lambda k: k % 10 != 0,
        'learned': lambda k: k % 20 != 1,
    }
    found = {
        arm: {
            mission: flight('success' if won.get(arm, lambda k: k % 4 != 0)(k) else 'crash')
            for k, mission in enumerate(missions)
        }
        for arm in study.arms
    }
    monkeypatch.setattr(report, 'collect_flights', lambda study: (found, {'1-abc'}))
    content = report.summarise(study)
    assert content['best_constant'] == 'constant 5' and report.missing(content) == 0
    row = page._comparison(content, 'estimated', 'constant 5')
    only = sum(k % 20 == 10 for k in range(len(missions)))
    assert (row['only_arm'], row['only_other'], row['pairs']) == (only, 0, len(missions))
    assert row['difference'] == pytest.approx(only / len(missions), abs=1e-4)
    assert row['interval'][0] < row['difference'] < row['interval'][1]
    assert content['worth'] == {'estimated': True, 'learned': True}
    text = page.markdown(study, content)
    assert '`estimated` beats each of the constants' in ' '.join(text.split())
    # One constant that does as well is enough.
    found['constant 9'] = dict(found['estimated'])
    content = report.summarise(study)
    assert content['worth'] == {'estimated': False, 'learned': False}
    assert content['best_constant'] == 'constant 9'
    assert '`estimated` does not beat each' in ' '.join(page.markdown(study, content).split())
    assert page.pictures(study, content)['differences.png'][:4] == b'\x89PNG'


def test_only_missions_that_all_arms_have_flown_count(tmp_path):
    files = common.read_plan(Path(front_end.__file__).parent, smoke=True, runs=tmp_path)
    study = Study(dataclasses.replace(files))
    content = report.summarise(study)
    assert report.missing(content) == 2 * len(study.arms)
    assert {row['missions'] for row in content['arms']} == {0}
    assert content['worth'] == {'estimated': False, 'learned': False}
    assert 'Unfinished: 8 of 8' in ' '.join(page.markdown(study, content).split())
    assert all(math.isfinite(row['p_holm']) for row in content['comparisons'])
