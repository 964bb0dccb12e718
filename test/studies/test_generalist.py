"""The generalist study in small, and its figures."""

import itertools
import json
from pathlib import Path

import pytest
from study_runs import run_script

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies import common, generalist
from studies.generalist import page, report
from studies.generalist.study import Study

SCRIPT = 'studies/generalist/run.py'


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(Path(generalist.__file__).parent, runs=tmp_path))


@pytest.mark.slow
def test_the_study_is_made_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script(SCRIPT, *arguments)
    assert (closing['flown'], closing['missing']) == (4, 0)
    work = tmp_path / 'generalist-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert closing['chosen'] in ('ltc', 'gru_dt')
    assert [row['name'] for row in content['comparisons']] == ['clear', 'dynamics']
    assert {row['name'] for row in content['candidates']} == {'ltc', 'gru_dt'}
    text = ' '.join((work / 'README.md').read_text().split())
    assert 'All missions are flown.' in text and f'{closing["chosen"]} (chosen)' in text
    assert (work / 'success.png').stat().st_size > 1000
    again = run_script(SCRIPT, *arguments)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('flown', 'missing', 'chosen', 'page')},
    }


def test_what_is_judged_is_not_flown_in_development_and_forests_are_apart(study):
    plan = study.plan
    sealed = {label.split(':')[0] for label in plan['flights']['parts']['sealed']}
    shown = [
        part['conditions'] for step in ('demonstrations', 'dagger') for part in plan[step].values()
    ]
    seen = {
        each.split(':')[0].split('=')[0]
        for labels in (*(text.split(',') for text in shown), study.conditions('development'))
        for label in labels
        for each in label.split('+')
    }
    assert len(sealed) == 6 and not sealed & seen
    ranges = [study.forests(step) for step in ('development', 'flights')]
    ranges += [
        range(part['first_seed'], part['first_seed'] + part['episodes'])
        for step in ('demonstrations', 'dagger')
        for part in plan[step].values()
    ]
    ends = sorted((one.start, one.stop) for one in ranges)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(ends))


def test_the_settings_and_conditions_of_the_plan_are_known(study):
    for candidate in study.plan['candidates'].values():
        TrainingSettings.from_mapping({**study.plan['training'], **candidate}, 'study.yaml')
    for step in ('development', 'flights'):
        assert expand_conditions(','.join(study.conditions(step))) == study.conditions(step)


def test_a_candidate_that_has_not_flown_all_of_development_is_not_chosen(study, monkeypatch):
    outcomes = {
        (arm, label): dict.fromkeys(study.forests('development'), arm == 'gru_dt')
        for arm in study.candidates
        for label in study.conditions('development')
    }
    monkeypatch.setattr(report, 'collect_outcomes', lambda *_: (outcomes, set()))
    assert report.chosen_candidate(study) == 'gru_dt'
    outcomes['ltc', 'clear'].popitem()
    with pytest.raises(LiquidPilotError, match='ltc has flown 239 of 240'):
        report.chosen_candidate(study)


def test_a_difference_is_that_of_the_generalist_over_the_shipped_pilot():
    pairs = [(False, True)] * 30 + [(True, False)] * 5 + [(True, True)] * 65
    found = report._difference(pairs)
    assert (found['pairs'], found['points']) == (100, 25.0)
    assert found['interval_95'][0] > 10 and found['p'] < 0.001


def test_a_page_of_unfinished_flights_says_so(study):
    content = {
        'planned': 200,
        'chosen': 'ltc',
        'flight_versions': ['x'],
        'cells': [
            {
                'arm': arm,
                'condition': label,
                'successes': 30 if arm == 'ltc' else 20,
                'missions': 40,
                'missing': 160,
                'wilson_95': [0.4, 0.8],
            }
            for arm in ('shipped', 'ltc')
            for label in study.conditions('flights')
        ],
        'comparisons': [
            {
                'part': 'sealed',
                'name': name,
                'pairs': 40,
                'points': 25.0,
                'interval_95': [10.0, 40.0],
                'p': 0.001,
                'p_holm': 0.002,
            }
            for name in ('sealed', 'rain:5')
        ],
        'candidates': [
            {
                'name': 'ltc',
                'parameters': 33000,
                'successes': dict.fromkeys(study.conditions('development'), 29),
                'missions': 30,
            }
        ],
    }
    text = page.markdown(study, content)
    assert '**Unfinished: ' in text and '20 of 40 (40 to 80 %)' in ' '.join(text.split())
    assert '| sealed' in text and '+15' in text
    assert page.pictures(study, content)[page.PICTURE].startswith(b'\x89PNG')
