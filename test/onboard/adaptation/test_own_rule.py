"""The adaptation rule of docs/how_to/own_adaptation_rule.md, from an installed package."""

import json

import numpy as np
import page_package
import pytest
import yaml
from statistics_makers import make_statistics

import liquid_pilot as lp
from liquid_pilot.cli.main import main
from liquid_pilot.evaluation.runner import evaluate
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.adaptation.learner_registry import make_learner
from liquid_pilot.onboard.adaptation.settings import parse_mode

FILES = page_package.files_of('own_adaptation_rule.md')
MODE = 'adapt:rule=flicker'
GRID, NEURONS = (2, 3), 5
STATISTICS = make_statistics(8, NEURONS, GRID)


@pytest.fixture
def rules(tmp_path):
    with page_package.installed(FILES, tmp_path / 'installed'):
        yield


def test_it_slows_the_filter_where_frames_flicker(rules):
    assert parse_mode(MODE).rule == 'flicker'
    rule = make_learner('flicker', STATISTICS, NEURONS, LearnerSettings())
    error = 4.0 * STATISTICS.filter_error
    error[0, 1] *= 10.0
    for sequence in range(200):
        update = rule.update(LearnerInput(sequence, 0.05, error, np.zeros(GRID), False))
    expected = np.zeros(GRID)
    expected[0, 1] = np.log(10.0)
    np.testing.assert_allclose(update.temporal_filter, expected, atol=1e-3)
    assert update.sequence == 199 and update.log_cm.shape == update.log_gleak.shape == (NEURONS,)
    assert rule.describe() == ('following', 'log-scales up to 2.30')
    rule.reset()
    assert rule.describe()[1].endswith('0.00')


def test_a_pilot_flies_by_it_and_otherwise_than_by_the_shipped_one(rules):
    noise = lp.SimulationSettings(conditions=lp.parse_conditions('noise:4'))
    pilot, ends = lp.load_pilot('forest-ltc'), {}
    with lp.Simulation(noise) as simulation:
        for mode in ('adapt', MODE):
            adapting = parse_mode(mode)
            flier = lp.InProcessPilot(pilot, simulation, adapting=adapting)
            result = lp.fly_mission(3, simulation, flier, lp.MissionRules(time_limit_s=1.5))
            ends[mode] = result.distance_flown_m
            assert type(flier.learner).__name__ in ('TimeScaleLearner', 'SlowWhereItFlickers')
    assert type(flier.learner).__name__ == 'SlowWhereItFlickers'
    assert flier.learner.log_scale.max() > 0.1
    assert ends['adapt'] != ends[MODE]


def test_stored_missions_are_of_the_version_of_the_package(rules):
    pilot = lp.load_pilot('forest-ltc')
    rules_of_a_moment = lp.MissionRules(time_limit_s=0.2)
    results = evaluate(
        [pilot, pilot], ['clear'], [3], workers=1, rules=rules_of_a_moment, modes=['adapt', MODE]
    )
    assert {key.mode: key.version.partition('+')[2] for key in results.flights} == {
        'adapt': '',
        MODE: 'my_rules-1.0',
    }


def test_an_unknown_rule_is_answered_with_the_known_ones(rules):
    with pytest.raises(lp.LiquidPilotError, match="unknown learner 'flickr'; known: flicker, temp"):
        parse_mode('adapt:rule=flickr')


def test_a_broken_rule_is_refused_with_its_package(tmp_path):
    source = FILES['my_rules.py'].replace('import numpy', 'import numpi')
    with page_package.installed({**FILES, 'my_rules.py': source}, tmp_path):
        with pytest.raises(lp.LiquidPilotError, match="'flicker' of the package my_rules "):
            parse_mode(MODE)
        assert parse_mode('adapt').rule == 'temporal_filter'


@pytest.mark.slow
def test_it_is_evaluated_by_worker_processes_and_flown_through_ros(rules, tmp_path):
    out = tmp_path / 'evaluated'
    pilots = ['forest-ltc+adapt', f'forest-ltc+{MODE}']
    words = ['--conditions', 'noise:4', '--missions', '2', '--workers', '2', '--out', str(out)]
    assert main(['evaluate', *pilots, *words]) == 0
    modes = [json.loads(line)['mode'] for line in (out / 'missions.jsonl').read_text().splitlines()]
    assert sorted(modes) == ['adapt', 'adapt', MODE, MODE]
    pytest.importorskip('rclpy')
    parameters, run = tmp_path / 'flicker.yaml', tmp_path / 'flown'
    chosen = yaml.safe_load(FILES['flicker.yaml'])
    chosen['/**/simulator'] = {'ros__parameters': {'time_limit_s': 2.0}}
    parameters.write_text(yaml.safe_dump(chosen))
    words = ['--condition', 'noise:4', '--missions', '1', '--headless', '--seed', '3']
    assert main(['fly', *words, '--params-file', str(parameters), '--out', str(run)]) == 0
    assert (run / 'report.json').is_file()
