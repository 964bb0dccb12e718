"""The teaching study in small: its list of missions, its teachers, its lessons and its figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from study_runs import run_script

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.settings import LESSONS
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies import common, teaching
from studies.teaching import lessons, report
from studies.teaching.lessons import CorrectedPilot, Learned, LessonKey, LivePilot
from studies.teaching.study import OFFLINE, Study, StudyCell
from studies.teaching.teachers import DELAY_S, HOLD_S, make_teacher

SCRIPT = 'studies/teaching/run.py'


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(Path(teaching.__file__).parent, runs=tmp_path))


@pytest.fixture(scope='module')
def forest():
    with Simulation() as simulation:
        yield pilot_file.load(pilot_file.resolve('forest-ltc')), simulation


@pytest.mark.slow
def test_the_study_is_flown_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script(SCRIPT, *arguments)
    assert (closing['flown'], closing['missing']) == (7, 0)
    work = tmp_path / 'teaching-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert {row['arm'] for row in content['regained']} == {'aim', 'leak', 'offline'}
    assert len(content['learned']) == 3 and content['learned'][1]['mean_change'][0] > 0.0
    text = ' '.join((work / 'README.md').read_text().split())
    assert 'All missions are flown.' in text and '`offline`' in text
    assert (work / 'success.png').stat().st_size > 1000
    tuned = pilot_file.load(
        work / 'pilots' / f'ltc-1,{LessonKey(OFFLINE, "trim_left=0.2", 1.5, "expert").name}'
    )
    assert tuned.digest != pilot_file.load(pilot_file.resolve('forest-ltc')).digest
    again = run_script(SCRIPT, *arguments)
    assert again == {'throughput': {}, **{key: closing[key] for key in list(closing)[1:]}}


def test_every_cell_can_be_flown_and_is_compared_with_its_pilot_as_trained(study):
    cells = study.cells
    names = [cell[:3] for cell in cells]
    assert len(set(names)) == len(names)
    flown_as_trained = {
        (cell.arm, cell.condition): cell.forests for cell in cells if cell.lesson is None
    }
    known = {*LESSONS, OFFLINE}
    for cell in cells:
        vehicle = 'rover' if study.kind(cell.arm) == 'rover' else 'quadrotor'
        # Results are kept under the label that the package gives a condition.
        assert expand_conditions(cell.condition, vehicle) == [cell.condition]
        trained = flown_as_trained[study.trained_arm(cell.arm), cell.condition]
        assert trained >= cell.forests
        if cell.lesson is not None:
            assert cell.lesson.lesson in known
            assert expand_conditions(cell.lesson.taught_in, vehicle)
    assert set(study.plan['teachers']) == {
        cell.lesson.teacher for cell in cells if cell.lesson is not None
    }


def test_lessons_and_missions_are_in_forests_of_their_own(study):
    most = max(cell.forests for cell in study.cells)
    taught, flown = [], []
    for seed in study.seeds:
        first = study.lesson_forest(seed)
        taught.append(range(first, first + lessons.MAX_FLIGHTS))
        flown.append(study.forests(seed, most))
    every = [forest for part in (*taught, *flown) for forest in part]
    assert len(set(every)) == len(every)
    smoke = Study(common.read_plan(Path(teaching.__file__).parent, smoke=True))
    assert not {*every} & {smoke.lesson_forest(1), *smoke.forests(1, 1)}


@pytest.mark.slow
@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_the_expert_steers_against_a_trim_that_it_feels(vehicle):
    """Without feeling, the vehicle turns beside its command; with it, hardly."""
    with Simulation(SimulationSettings(vehicle=vehicle)) as simulation:
        beside = {}
        for feels in (False, True):
            packet = simulation.reset(18_980_000, conditions=parse('trim_left=0.2'))
            expert = simulation.task.expert(simulation.layout)
            teacher = make_teacher('expert', simulation, 18_980_000)
            differences = []
            for _ in range(120):
                wish = expert.command(packet.state)
                turn = packet.state.angular_velocity_flu_rad_s[2]
                differences.append(turn - wish.yaw_rate_rad_s)
                packet = simulation.advance(teacher(packet) if feels else wish)
            beside[feels] = abs(float(np.mean(differences[40:])))
    assert beside[True] < 0.5 * beside[False]


def test_bad_teachers_teach_what_is_wrong(forest):
    simulation = forest[1]
    packet = simulation.reset(18_980_001)
    period_s = simulation.control_period_ns / 1e9
    expert = simulation.task.expert(simulation.layout)
    teachers = {
        name: make_teacher(name, simulation, 5) for name in ('random', 'reversed', 'delayed')
    }
    wishes, said = [], {name: [] for name in teachers}
    for _ in range(40):
        wishes.append(expert.command(packet.state))
        for name, teacher in teachers.items():
            said[name].append(teacher(packet))
            assert said[name][-1].stamp_ns == packet.stamp_ns
        packet = simulation.advance(wishes[-1])
    late = round(DELAY_S / period_s)
    assert [each.values for each in said['delayed'][late:]] == [
        each.values for each in wishes[:-late]
    ]
    for each, wish in zip(said['reversed'], wishes, strict=True):
        assert each.values == pytest.approx(np.array([1, -1, 1, -1]) * wish.values)
    random = np.array([each.values for each in said['random']])
    assert len(np.unique(random, axis=0)) == pytest.approx(40 * period_s / HOLD_S, abs=1)
    assert (np.abs(random) <= get_vehicle('quadrotor').limits.maximum).all()
    with pytest.raises(ValueError, match='no teacher'):
        make_teacher('nobody', simulation, 1)


def test_a_correction_is_kept_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    correction = Correction(
        rng.normal(size=(4, 35)).astype(np.float32),
        ('leak', 'synapses'),
        rng.normal(size=7).astype(np.float32),
        CameraMount(0.1, -0.2, 0.3),
    )
    learned = Learned(correction, {'sums': rng.normal(size=(7, 7)), 'taught_s': np.array(3.5)})
    lessons.save(learned, tmp_path / 'new' / 'file.npz')
    found = lessons.load(tmp_path / 'new' / 'file.npz')
    assert found.correction.equals(correction) and set(found.lesson) == set(learned.lesson)
    assert all(np.array_equal(found.lesson[name], learned.lesson[name]) for name in found.lesson)


@pytest.mark.slow
def test_a_taught_pilot_flies_alone_with_what_it_learned(forest, tmp_path):
    file, simulation = forest
    key = LessonKey('aim', 'camera_left=20', 1.0, 'expert')
    learned = lessons.teach(key, file, 18_980_002)
    assert not learned.correction.is_none
    # The same lesson again teaches the same.
    assert lessons.teach(key, file, 18_980_002).correction.equals(learned.correction)
    lessons.save(learned, tmp_path / key.file_name)
    maker = lessons.PilotMaker(tmp_path)
    packet = simulation.reset(18_980_003)
    commands = {}
    for mode in ('', key.mode):
        pilot = maker(file, simulation, 'cmd_vel', mode)
        assert isinstance(pilot, CorrectedPilot) == bool(mode)
        pilot.setpoint(packet)
        commands[mode] = pilot.command.values
    assert commands[''] != commands[key.mode]
    with pytest.raises(ValueError, match='no arm'):
        maker(file, simulation, 'cmd_vel', 'adapt')


@pytest.mark.slow
def test_a_live_pilot_goes_on_learning_and_begins_each_mission_alike(forest, tmp_path):
    file, simulation = forest
    key = LessonKey('calibration', 'clear', 0.0, 'expert', live=True)
    learned = lessons.teach(key, file, 1)
    assert learned.correction.is_none
    lessons.save(learned, tmp_path / key.file_name)
    pilot = lessons.PilotMaker(tmp_path)(file, simulation, 'cmd_vel', key.mode)
    assert isinstance(pilot, LivePilot)
    paths = []
    for _ in range(2):
        packet = simulation.reset(18_980_004, conditions=parse('camera_left=20'))
        pilot.reset()
        assert pilot.engine.aim.is_straight
        commands = []
        for _ in range(100):
            packet = simulation.advance(pilot.setpoint(packet))
            commands.append(pilot.command.values)
        paths.append(commands)
        assert np.degrees(pilot.engine.aim.yaw_rad) > 8.0
    assert paths[0] == paths[1]


def test_a_lesson_that_does_not_end_is_an_error(forest, monkeypatch):
    monkeypatch.setattr(lessons, 'MAX_FLIGHTS', 0)
    key = LessonKey('aim', 'clear', 1.0, 'expert')
    with pytest.raises(LiquidPilotError, match='no end after 0 flights'):
        lessons.fly_lesson(key, forest[1], 1, lambda *_: None, lambda: None)


def _outcomes(successes, count=40):
    return {(1, forest): forest < successes for forest in range(count)}


def test_the_share_that_is_regained_and_its_interval():
    share = report.share_regained(_outcomes(40), _outcomes(20), _outcomes(35))
    assert (share['lost'], share['regained'], share['share']) == (20, 15, 0.75)
    low, high = share['interval_95']
    assert 0.5 < low < 0.75 < high < 0.95
    # A lesson that makes it worse regains less than nothing.
    assert report.share_regained(_outcomes(40), _outcomes(20), _outcomes(10))['share'] == -0.5
    nothing_lost = report.share_regained(_outcomes(30), _outcomes(30), _outcomes(31))
    assert nothing_lost['share'] is None and nothing_lost['regained'] == 1
    assert report.share_regained({}, {}, {})['pairs'] == 0


@pytest.mark.parametrize(
    ('taught', 'clear', 'holds'), [(30, 40, True), (29, 40, False), (40, 39, False)]
)
def test_a_promise_holds_where_enough_is_regained_and_little_is_lost(
    study, monkeypatch, taught, clear, holds
):
    key = LessonKey('aim', 'trim_left=0.2', 20.0, 'expert')
    frozen = [StudyCell('frozen', None, each, 40) for each in ('trim_left=0.2', 'clear')]
    aim = [StudyCell('aim', key, each, 40) for each in ('trim_left=0.2', 'clear')]
    blocks = {'deciding': [frozen[0], aim[0]], 'forgetting': [frozen[1], aim[1]]}
    found = {
        frozen[0][:3]: _outcomes(20),
        frozen[1][:3]: _outcomes(40),
        aim[0][:3]: _outcomes(taught),
        aim[1][:3]: _outcomes(clear),
    }
    monkeypatch.setattr(Study, 'blocks', blocks)
    monkeypatch.setattr(Study, 'lessons', [])
    monkeypatch.setattr(Study, 'seeds', [1])
    monkeypatch.setattr(report, 'collect_outcomes', lambda _: (found, {'1'}))
    content = report.summarise(study)
    assert content['kept']['aim']['holds'] == holds
    assert content['kept']['aim']['least_regained'] == (taught - 20) / 20
    assert [test['difference'] for test in content['tests']['deciding']] == [(taught - 20) / 40]
