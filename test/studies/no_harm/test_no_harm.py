"""The no-harm study: its families, its control, and every step of it in small."""

import json

import numpy as np
import pytest
from study_runs import run_script

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition import CONDITIONS, FAMILIES, parse
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import fly_mission
from liquid_pilot.simulation.simulator import Simulation
from studies import common
from studies.no_harm import arms, page, report
from studies.no_harm.calibrate import bisect
from studies.no_harm.study import HERE, WEATHER, Study

SCRIPT = 'studies/no_harm/run.py'
TEXTURE_TAKERS = ('defocus', 'drops', 'grease')


STUDY = Study(common.read_plan(HERE))


@pytest.fixture
def weather(monkeypatch):
    monkeypatch.syspath_prepend(str(WEATHER))
    return {name: CONDITIONS[name] for name in STUDY.plan['families']}


def picture(simulation, condition, seed=13090000):
    """Return the first picture of a flight (H, W, 3)."""
    image = simulation.reset(seed, conditions=parse(condition)).observation.image
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3).astype(float)


def test_the_families_are_new_and_their_severity_is_that_of_the_calibration(weather):
    assert len(weather) == 5 and not set(weather) & set(FAMILIES)
    calibration = json.loads((HERE / 'calibration.json').read_text())
    low, high = (share * calibration['forests'] for share in STUDY.plan['calibration']['success'])
    for family, spec in weather.items():
        found = calibration['families'][family]
        assert spec.severities[STUDY.plan['severity'] - 1] == found['strength']
        assert found['probes'][-1][0] == found['strength']
        assert low <= found['probes'][-1][1] <= high
    pilot = pilot_file.load(pilot_file.resolve(STUDY.plan['pilot']))
    assert calibration['pilot'] == pilot.digest, 'another pilot needs another calibration'


def test_no_forest_of_the_plan_serves_two_purposes():
    smoke = Study(common.read_plan(HERE, smoke=True))
    ranges = STUDY.forests, STUDY.calibration_forests, smoke.forests
    assert len({seed for each in ranges for seed in each}) == sum(map(len, ranges))


def test_the_smoke_study_lets_no_adapting_pilot_fly_a_sealed_family():
    smoke = Study(common.read_plan(HERE, smoke=True))
    assert not {each.partition(':')[0] for each in smoke.conditions} & set(STUDY.plan['families'])


def test_each_family_changes_the_picture_by_its_seed_and_its_strength(weather):
    with Simulation() as simulation:
        clear = picture(simulation, 'clear')
        for family, spec in weather.items():
            shown = [picture(simulation, f'{family}:{severity}') for severity in (1, 3, 5)]
            assert (picture(simulation, f'{family}:3') == shown[1]).all(), 'a seed, a picture'
            changes = [np.abs(each - clear).mean() for each in shown]
            assert 1.0 < changes[0] < changes[1] < changes[2]
            harmless = picture(simulation, f'{family}={spec.strength_range[0]:g}')
            # A greasy film of no mean thickness still has its streaks.
            assert np.abs(harmless - clear).mean() < (3.0 if family == 'grease' else 0.5)
            if family in TEXTURE_TAKERS:
                # The light is nearly as it was, and the fine texture is not.
                assert shown[1].mean() == pytest.approx(clear.mean(), rel=0.15)
                fine = [np.abs(np.diff(each, axis=1)).mean() for each in (clear, shown[1])]
                assert fine[1] < (1.2 if family == 'drops' else 0.7) * fine[0]


def test_flicker_rolls(weather):
    with Simulation() as simulation:
        simulation.reset(13090000, conditions=parse('flicker:5'))
        rows = []
        for _ in range(2):
            image = simulation.advance(None).observation.image
            pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, -1)
            rows.append(pixels.mean(1))
    assert np.abs(rows[1] - rows[0]).max() > 5.0


def test_bisection_ends_at_a_wanted_success_or_says_all_that_it_tried():
    def fly(strength):
        return round(20 / (1 + (strength / 0.2) ** 4))

    probes = bisect(fly, (0.0, 1.0), (11, 15), 8)
    assert 11 <= probes[-1][1] <= 15
    assert all(not 11 <= successes <= 15 for _, successes in probes[:-1])
    assert len(bisect(lambda strength: 20, (0.0, 1.0), (11, 15), 4)) == 4


def test_the_control_flies_and_is_not_the_match_of_the_package_by_name_alone():
    file = pilot_file.load(pilot_file.resolve('forest-ltc'))
    with Simulation() as simulation:
        pilot = arms.make_pilot(file, simulation, 'cmd_vel', arms.MATCH_BEFORE)
        rules, night = MissionRules(time_limit_s=0.5), parse('night:4')
        first, again = (
            fly_mission(7, simulation, pilot, rules, conditions=night) for _ in range(2)
        )
    assert first.path == again.path
    assert pilot.tick.frontend_output.gain > 1.5
    assert isinstance(pilot.engine.stages.frontend._photometric, arms.MatchBefore)


def test_a_loss_is_found_and_corrected_for_the_five_families():
    forests = range(200)
    outcomes = {
        (arm, condition): {
            forest: 'success'
            if forest >= (30 if (arm, condition) == ('adapting', 'drops:3') else 10)
            else 'crash'
            for forest in forests
        }
        for arm in STUDY.arms
        for condition in STUDY.conditions
    }
    tests = report._compare(outcomes, STUDY.conditions, *STUDY.plan['comparisons'][page.CLAIM])
    assert report.losses(tests) == ['drops:3']
    lost = next(test for test in tests if test['condition'] == 'drops:3')
    assert (lost['only_first'], lost['only_other'], lost['difference']) == (20, 0, -0.1)
    assert lost['p_holm'] == pytest.approx(5 * lost['p'], abs=1e-6)
    assert lost['interval_95'][0] < -0.1 < lost['interval_95'][1] < 0.0


def test_a_calibration_that_is_missing_is_named(tmp_path):
    files = common.StudyFiles({}, tmp_path, tmp_path, tmp_path)
    with pytest.raises(LiquidPilotError, match='do the step `calibrate` first'):
        Study(files).calibration  # noqa: B018


def test_the_weather_is_what_an_installed_package_would_be(weather):
    assert {str(CONDITIONS.extension(family)) for family in weather} == {'no_harm_weather 1.0'}


@pytest.mark.slow
def test_the_study_is_made_from_nothing_and_a_second_start_flies_nothing_again(tmp_path):
    closing = run_script(SCRIPT, '--smoke', '--runs', tmp_path)
    assert (closing['flown'], closing['missing']) == (8, 0)
    assert set(closing['strengths']) == set(STUDY.plan['families'])
    work = tmp_path / 'no_harm-smoke'
    text = ' '.join((work / 'README.md').read_text().split())
    assert 'All missions are flown.' in text and '| `defocus` |' in text
    content = json.loads((work / 'results.json').read_text())
    assert {cell['missions'] for cell in content['cells']} == {1}
    assert (work / 'success.png').stat().st_size > 1000

    again = run_script(SCRIPT, '--smoke', '--runs', tmp_path)
    assert again == {**closing, 'throughput': {}}
