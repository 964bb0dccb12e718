"""The world clock study: its arms, its controls, its claims, and the whole of it in small."""

import json
import math
from dataclasses import replace
from pathlib import Path

import clock_pilots
import numpy as np
import pytest
from study_runs import run_script

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.adaptation.time_scales import CoreScales, TimeScales
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from studies import common, world_clock
from studies.outcomes import missing
from studies.world_clock import arms, page, report
from studies.world_clock.bank_core import BankCore
from studies.world_clock.picture_clock import PictureClockLearner
from studies.world_clock.study import HINDSIGHT, Study, StudyCell

SCRIPT = 'studies/world_clock/run.py'
SHORT = MissionRules(time_limit_s=0.5)
PERIOD_NS = 50_000_000


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(Path(world_clock.__file__).parent, runs=tmp_path))


@pytest.fixture(scope='module')
def forest():
    with Simulation() as simulation:
        yield pilot_file.load(pilot_file.resolve('forest-ltc')), simulation


def planned_arms():
    plan = common.read_plan(Path(world_clock.__file__).parent).plan
    found = {arm['arm'] for arm in plan['arms'].values() if arm['pilot'] == 'ltc'}
    return sorted(found - {*arms.POOLED})


@pytest.mark.parametrize('arm', [*planned_arms(), 'constant=2'])
def test_an_arm_flies_and_leaves_nothing_to_the_next_mission(forest, arm):
    file, simulation = forest
    pilot = arms.make_pilot(file, simulation, 'cmd_vel', arms.mode_of(0.25, arm))
    first, again = (fly_mission(7, simulation, pilot, SHORT) for _ in range(2))
    assert first.path == again.path and first.outcome == 'timeout'


def test_who_is_told_the_truth_flies_as_trained_to_the_bit(forest):
    file, simulation = forest
    told = arms.make_pilot(file, simulation, 'cmd_vel', arms.mode_of(1.0, 'trained'))
    plain = InProcessPilot(file, simulation)
    paths = [fly_mission(7, simulation, pilot, SHORT).path for pilot in (told, plain)]
    assert paths[0] == paths[1]


@pytest.mark.parametrize('arm', arms.POOLED)
def test_a_pooled_arm_begins_with_the_same_evidence_whatever_was_flown(forest, monkeypatch, arm):
    file, simulation = forest
    monkeypatch.setattr(arms, 'WARM_UP_MISSIONS', 2)
    monkeypatch.setattr(arms, 'WARM_UP_COURSES', ('clear',))
    real = fly_mission

    def short(seed, simulation, pilot, rules=None, conditions=None):
        return real(seed, simulation, pilot, MissionRules(time_limit_s=2.0), None, conditions)

    monkeypatch.setattr(arms, 'fly_mission', short)
    pilot = arms.make_pilot(file, simulation, 'cmd_vel', arms.mode_of(4.0, arm))
    nothing = pilot.learner.snapshot(file.digest)
    pilot.warm_up()
    pilot.reset()
    evidence = pilot.learner.snapshot(file.digest)
    assert evidence != nothing
    first, again = (real(7, simulation, pilot, SHORT) for _ in range(2))
    assert first.path == again.path
    pilot.reset()
    assert pilot.learner.snapshot(file.digest) == evidence


@pytest.mark.parametrize('mode', ['study:0.25', 'study:0.25:nothing', 'adapt', 'study:bank'])
def test_an_arm_that_is_none_is_refused(forest, mode):
    with pytest.raises(ValueError, match='no arm'):
        arms.make_pilot(*forest, 'cmd_vel', mode)


def observation(k):
    rng = np.random.default_rng(k)
    pixels = rng.integers(0, 255, (72, 128, 3), np.uint8)
    stamp_ns = k * PERIOD_NS
    imu = ImuSample(stamp_ns, (0.1, 0.0, 0.2 * math.sin(k)), (0.0, 0.3, 9.8))
    return Observation(stamp_ns, ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8'), (imu,))


@pytest.mark.parametrize('told', [0.25, 4.0])
def test_the_right_factor_gives_back_what_wrong_stamps_took(told):
    """And the commands keep the true stamps, which the guard reads."""
    file = pilot_file.load(pilot_file.resolve('forest-ltc'))
    engine = Engine(file)
    lied_to = arms.ToldEngine(Engine(file), told)
    neurons = np.zeros(engine.scalable_neurons, np.float32)
    right = TimeScales(core=CoreScales(neurons + np.float32(math.log(told)), neurons))
    wrong = TimeScales()
    states = [engine.initial_state()] * 3
    apart = 0.0
    for k in range(1, 40):
        seen = observation(k)
        true = engine.tick(states[0], seen)
        # The first tick is one period of the training, whatever the stamps are.
        mended = lied_to.tick(states[1], seen, right if k > 1 else None)
        broken = lied_to.tick(states[2], seen, wrong)
        states = [true.state, mended.state, broken.state]
        assert mended.command.stamp_ns == true.command.stamp_ns == seen.stamp_ns
        assert mended.dt_s == pytest.approx(told * PERIOD_NS * 1e-9 if k > 1 else 0.05)
        np.testing.assert_allclose(mended.command.values, true.command.values, atol=2e-5)
        apart = max(apart, np.abs(np.subtract(broken.command[1:], true.command[1:])).max())
    assert apart > 0.01, 'the lie makes no difference'


@pytest.mark.parametrize('told', [0.25, 1.0, 1.3, 4.0])
def test_the_picture_tells_the_factor_of_a_turning_camera(told):
    file = arms.with_trust_region(pilot_file.load(pilot_file.resolve('forest-ltc')))
    learner = PictureClockLearner(file)
    focal_px, grid = file.specification.camera.fx, np.zeros((4, 8))
    scene = np.random.default_rng(0).random((1, 3, 72, 900)).astype(np.float32)
    scene = sum(np.roll(scene, k, axis=3) for k in range(6)) / 6
    at = 400.0
    for k in range(1, 60):
        yaw_rad_s = 1.2 * math.sin(0.2 * k)
        at -= focal_px * yaw_rad_s * 0.05
        left = round(at)
        learner.meter.watch(np.ascontiguousarray(scene[:, :, :, left : left + 128]))
        imu = np.array([0.0, 0.0, yaw_rad_s, 0.0, 0.0, 9.81])
        tick = LearnerInput(k, 0.05 * told, grid, grid, False, dt_s=0.05 * told, imu=imu)
        log_cm = learner.update(tick).log_cm
    # A ratio within the dead band is none.
    expected = 0.0 if told in (1.0, 1.3) else math.log(told)
    assert log_cm[0] == pytest.approx(expected, abs=0.1)
    learner.reset()
    assert not learner.update(tick).log_cm.any()


def test_the_bank_as_a_core_commands_by_the_right_clock(clock_pilot):
    told, ticks = 4.0, 1500
    inputs = clock_pilots.core_inputs(
        clock_pilot, *clock_pilots.readings(clock_pilot, ticks, seed=3)
    )
    bank, core = BankCore(clock_pilot), make_core(clock_pilot)
    mixed, right, lied_to = bank.initial_state(), core.initial_state(), core.initial_state()
    errors = []
    for x in inputs:
        mixed, found = bank.step(mixed, x, told * clock_pilots.PERIOD_S)
        right, expected = core.step(right, x, clock_pilots.PERIOD_S)
        lied_to, wrong = core.step(lied_to, x, told * clock_pilots.PERIOD_S)
        errors.append([np.abs(found - expected).max(), np.abs(wrong - expected).max()])
    late = np.mean(errors[-300:], axis=0)
    assert late[0] < 0.1 * late[1]
    np.testing.assert_allclose(bank.neuron_states(mixed), right, atol=1e-5)
    # The states of a flight are its own: another flight begins with no evidence.
    again, _ = bank.step(bank.initial_state(), inputs[0], told * clock_pilots.PERIOD_S)
    assert not again.log_likelihood.any() and mixed.log_likelihood.any()


def test_an_arm_whose_pilot_has_nothing_to_scale_is_refused(forest):
    file, simulation = forest
    gru = replace(file, parameters=None)
    with pytest.raises(LiquidPilotError, match='choose the rule temporal_filter'):
        arms.make_pilot(gru, simulation, 'cmd_vel', arms.mode_of(1.0, 'bank'))


def outcomes(study, rate_of):
    """Return missions of all cells, of which a share succeeds."""
    found = {}
    for cell in study.cells:
        keys = [(seed, cell.course, f) for seed in study.seeds for f in study.forests(seed)]
        wins = round(rate_of(cell) * len(keys))
        found[cell] = {key: number < wins for number, key in enumerate(keys)}
    return found


def rate_of(cell):
    """A world in which the bank mends all lies, and a picture does so too."""
    if cell.arm in ('bank', 'pooled', 'picture', 'oracle'):
        return 0.9
    return {1: 0.9, 0.5: 0.85, 2: 0.85}.get(cell.told, 0.5)


def test_only_what_is_beaten_beyond_chance_is_claimed(study, monkeypatch):
    found = outcomes(study, rate_of)
    monkeypatch.setattr(report, 'collect_outcomes', lambda study: (found, {'1-abc'}))
    content = report.summarise(study)
    json.dumps(content, allow_nan=False)
    assert content['best_constant'] == 1 and missing(content) == 0
    assert report.beaten(content, 'bank', 1) == []
    far = set(report.beaten(content, 'bank', 4))
    assert {'trained', 'random', 'fixed_dt', 'gru', HINDSIGHT} <= far
    assert 'picture' not in far
    text = ' '.join(page.markdown(study, content).split())
    assert 'All missions are flown.' in text
    assert '| `bank` | 1 x | none |' in text
    assert len(page.pictures(content)[page.PICTURE]) > 1000
    # Nothing is flown yet: dashes, and no claim.
    empty = {cell: {} for cell in study.cells}
    monkeypatch.setattr(report, 'collect_outcomes', lambda study: (empty, set()))
    content = report.summarise(study)
    assert 'Unfinished' in page.markdown(study, content) and page.pictures(content) == {}
    assert report.beaten(content, 'bank', 4) == []


def test_the_best_constant_is_made_of_missions_with_other_stamps(study):
    found = outcomes(study, lambda cell: 0.9 if cell.told <= 0.5 else 0.2)
    # With the factor 2, the core that is told 1 runs as one that is told a half.
    assert report.best_constant(study, found) == 2
    courses = study.plan['courses']
    assert report.pooled(found, 'trained', 1 / 2, courses).keys() == {
        key for course in courses for key in found[StudyCell('trained', 0.5, course)]
    }


def test_every_constant_of_the_plan_is_flown_at_every_factor(study):
    plan, cells = study.plan, set(study.cells)
    assert len(cells) == len(study.cells)
    needed = {told / constant for told in study.told for constant in plan['hindsight']['constants']}
    for told in needed:
        assert {StudyCell('trained', told, course) for course in plan['courses']} <= cells
    assert set(plan['controls']) - {HINDSIGHT} <= set(plan['arms'])


@pytest.mark.slow
def test_the_study_is_made_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script(SCRIPT, *arguments)
    assert (closing['flown'], closing['missing']) == (12, 0)
    work = tmp_path / 'world_clock-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert set(content['offline']['arms']) == {'trained', 'bank', 'gru'}
    assert content['offline']['curves']['ltc-1']['factors'] == [0.125, 0.25, 0.5, 1, 2, 4, 8, 16]
    text = ' '.join((work / 'README.md').read_text().split())
    assert 'All missions are flown.' in text and '## What may be claimed' in text
    assert (work / 'success.png').stat().st_size > 1000
    again = run_script(SCRIPT, *arguments)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('flown', 'missing', 'page')},
    }
