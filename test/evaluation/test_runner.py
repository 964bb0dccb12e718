"""Missions of an evaluation: flown once, stored line by line, whatever happens to a worker."""

import gzip
import json
import multiprocessing
import os
import shutil

import pytest
from reference_missions import fly_reference

from liquid_pilot import pilot_file
from liquid_pilot.evaluation import flight_version, results_store, runner
from liquid_pilot.evaluation.results_store import (
    GZIP_RESULTS_FILE,
    RESULTS_FILE,
    ResultsStore,
    RunKey,
)
from liquid_pilot.evaluation.runner import evaluate
from liquid_pilot.evaluation.workers import Job, RunConfig, fly_all
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base import condition as weather
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.tasks import registry
from liquid_pilot.simulation.tasks.registry import expand_conditions

SHORT = MissionRules(time_limit_s=1.0)


@pytest.fixture(scope='module')
def pilot():
    return pilot_file.load(pilot_file.resolve('forest-ltc'))


@pytest.fixture(scope='module')
def twin(pilot, tmp_path_factory):
    """The same network by another name, and so with another digest."""
    folder = tmp_path_factory.mktemp('pilots') / 'twin'
    shutil.copytree(pilot.path, folder)
    settings = folder / 'pilot.json'
    settings.write_text(settings.read_text().replace('"forest-ltc"', '"twin"', 1))
    return pilot_file.load(folder)


@pytest.fixture
def families(monkeypatch):
    monkeypatch.setattr(weather, 'FAMILIES', {'snow': 'white', 'wind': 'air'})
    for module in (weather, registry):
        monkeypatch.setattr(module, 'ALL_FAMILIES', ('snow', 'wind'))


@pytest.mark.parametrize(
    ('text', 'labels'),
    [
        ('clear', ['clear']),
        ('clear, snow:3 ,wind:4@3s', ['clear', 'snow:3', 'wind:4@3s']),
        ('snow:2-4', ['snow:2', 'snow:3', 'snow:4']),
        ('all:3', ['snow:3', 'wind:3']),
        ('all:1-2@2.5s', ['snow:1@2.5s', 'snow:2@2.5s', 'wind:1@2.5s', 'wind:2@2.5s']),
        ('snow:4@3s+wind:2,snow:4@3+wind:2,clear,clear', ['snow:4@3s+wind:2', 'clear']),
    ],
)
def test_lists_of_conditions(families, text, labels):
    assert expand_conditions(text) == labels


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('hail:3', "no condition named 'hail'"),
        ('snow', 'is not a condition'),
        ('snow:4-2', 'LOW-HIGH'),
        ('snow:1-9', 'LOW-HIGH'),
        ('snow:5-6', 'severity is 1 to 5'),
        ('all:7', 'severity is 1 to 5'),
        ('snow:1-2+wind:3', 'is not a condition'),
    ],
)
def test_conditions_that_there_are_not(families, text, words):
    with pytest.raises(LiquidPilotError, match=words):
        expand_conditions(text)


def flown(pilots, seeds, **more):
    seen = []
    results = evaluate(
        pilots,
        ['clear'],
        seeds,
        rules=SHORT,
        workers=more.pop('workers', 1),
        on_progress=lambda d, t, cell, f, s: seen.append((d, t, cell)),
        **more,
    )
    return results, seen


def test_what_is_known_is_not_flown_again(pilot, twin, tmp_path):
    first, seen = flown([pilot], [7, 8], out=tmp_path)
    assert [(done, total, cell.seed) for done, total, cell in seen] == [(1, 2, 7), (2, 2, 8)]
    again, seen = flown([pilot], [7, 8], out=tmp_path)
    assert (seen, again.new_flights, again.flights) == ([], 0, first.flights)
    more, seen = flown([pilot, twin], [8, 9], out=tmp_path)
    assert [(cell.seed, cell.pilot == twin.digest) for *_, cell in seen] == [
        (8, True),
        (9, False),
        (9, True),
    ], 'pairs are flown one after the other'
    assert more.flights_by_seed('forest-ltc', 'clear') == more.flights_by_seed('twin', 'clear'), (
        'the same network'
    )
    assert set(more.flights_by_seed('twin', 'clear')) == {8, 9}
    assert len((tmp_path / RESULTS_FILE).read_text().splitlines()) == 5
    assert 'path' not in json.loads((tmp_path / RESULTS_FILE).read_text().splitlines()[0])


def test_other_rules_and_other_paths_are_other_missions(pilot, tmp_path):
    flown([pilot], [7], out=tmp_path)
    _, seen = flown([pilot], [7], out=tmp_path, adapter='attitude_thrust')
    assert len(seen) == 1
    kept, seen = flown([pilot], [7], out=tmp_path, keep_paths=True)
    assert len(seen) == 1
    (reference,) = fly_reference([7], pilot, rules=SHORT)
    again, seen = flown([pilot], [7], out=tmp_path, keep_paths=True)
    assert seen == []
    for results in (kept, again):
        flight = results.flights_by_seed('forest-ltc', 'clear')[7]
        assert [tuple(row) for row in flight.path] == reference.path
        assert flight.headings_rad == pytest.approx(reference.headings_rad, abs=1e-4)


def test_a_torn_line_costs_one_mission(pilot, tmp_path):
    first, _ = flown([pilot], [7, 8], out=tmp_path)
    file = tmp_path / RESULTS_FILE
    file.write_bytes(file.read_bytes()[:-40])
    again, seen = flown([pilot], [7, 8], out=tmp_path)
    assert [cell.seed for *_, cell in seen] == [8]
    assert again.flights == first.flights
    last, seen = flown([pilot], [7, 8], out=tmp_path)
    assert (seen, last.flights) == ([], first.flights), 'the line after the torn one reads well'


def test_a_packed_file_is_read_and_left_as_it_is(pilot, tmp_path):
    first, _ = flown([pilot], [7, 8], out=tmp_path)
    packed = tmp_path / GZIP_RESULTS_FILE
    packed.write_bytes(gzip.compress((tmp_path / RESULTS_FILE).read_bytes()))
    (tmp_path / RESULTS_FILE).unlink()
    before = packed.read_bytes()
    again, seen = flown([pilot], [7, 8, 9], out=tmp_path)
    assert [cell.seed for *_, cell in seen] == [9]
    assert first.flights.items() <= again.flights.items()
    assert len((tmp_path / RESULTS_FILE).read_text().splitlines()) == 1
    assert packed.read_bytes() == before
    assert results_store.read_results(tmp_path) == again.flights
    assert results_store.read_results(tmp_path / 'nothing') == {}
    for broken in (before[:-20], b'no gzip', before[:30] + b'no deflate' + before[40:]):
        packed.write_bytes(broken)
        for reader in (results_store.read_results, ResultsStore):
            with pytest.raises(LiquidPilotError, match='cannot be read'):
                reader(tmp_path)


def test_two_runs_do_not_write_to_one_file(tmp_path):
    with ResultsStore(tmp_path), pytest.raises(LiquidPilotError, match='another evaluation'):
        ResultsStore(tmp_path)
    ResultsStore(tmp_path).close()
    (tmp_path / 'file').write_text('')
    with pytest.raises(LiquidPilotError, match='cannot be written'):
        ResultsStore(tmp_path / 'file' / 'below')


def test_missions_of_another_version_are_flown_again_and_left_as_they_are(
    pilot, tmp_path, monkeypatch
):
    first, _ = flown([pilot], [7], out=tmp_path)
    monkeypatch.setattr(flight_version, 'FLIGHT_VERSION', flight_version.FLIGHT_VERSION + 1)
    again, seen = flown([pilot], [7], out=tmp_path)
    assert len(seen) == 1 and again.version != first.version
    assert list(again.flights.values()) == list(first.flights.values())
    old, new = (json.loads(line) for line in (tmp_path / RESULTS_FILE).read_text().splitlines())
    assert (old['version'], new['version']) == (first.version, again.version)
    # Lines of a format before this one, by `code`, are passed over.
    old['code'] = old.pop('version')
    (tmp_path / RESULTS_FILE).write_text(json.dumps(old) + '\n')
    assert results_store.read_results(tmp_path) == {}


def test_a_pilot_is_named_once_and_distinguished_by_its_digest(pilot, twin, tmp_path):
    with pytest.raises(LiquidPilotError, match='named twice'):
        runner.unique_names([pilot, pilot], ['', ''])
    with pytest.raises(LiquidPilotError, match='at least one'):
        runner.unique_names([], [])
    other = tmp_path / 'same-name'
    shutil.copytree(pilot.path, other)
    with open(other / 'pilot.json', 'a') as file:
        file.write('\n')
    named = runner.unique_names([pilot, pilot_file.load(other), twin, twin], ['', '', '', 'adapt'])
    assert list(named)[2:] == ['twin', 'twin+adapt'] and len(named) == 4
    assert next(iter(named)) == f'forest-ltc-{pilot.digest[:6]}'


def test_a_pilot_flies_as_trained_and_adapting_side_by_side(pilot, tmp_path):
    """Each mode is a run of its own, and the run without adaptation is unchanged."""
    modes = [
        '',
        'adapt',
        'adapt:temporal_filter=false,reject_novel_frames=false,slow_core_on_novelty=false,'
        'slowdown_on_blindness=false,photometric=false,learn_temporal_filter=false',
    ]

    def run():
        return runner.evaluate([pilot] * 3, ['noise:5'], [3], tmp_path, workers=1, modes=modes)

    first = run()
    trained, adapting, nothing = (
        first.flights_by_seed(name, 'noise:5')[3] for name in first.pilots
    )
    assert list(first.modes.values()) == modes
    assert trained == nothing != adapting
    again = run()
    assert again.new_flights == 0 and again.flights == first.flights
    before = runner.evaluate([pilot], ['noise:5'], [3], tmp_path, workers=1)
    assert before.new_flights == 0 and before.flights_by_seed('forest-ltc', 'noise:5')[3] == trained


@pytest.mark.parametrize(
    'mode',
    [
        'adopt',
        'adapt:',
        'adapt:x=1',
        'adapt:core_time_scale_on_novelty=fast',
        'adapt:core_time_scale_on_novelty=8,core_time_scale_on_novelty=9',
        'adapt:slowdown_on_blindness=maybe',
        'adapt:rule=none',
        'adapt:core_time_scale_on_novelty=-1',
    ],
)
def test_a_mode_that_cannot_be_read_is_refused_before_anything_flies(pilot, mode):
    with pytest.raises(LiquidPilotError, match=r'adapt|learner'):
        runner.evaluate([pilot], ['clear'], [3], workers=1, modes=[mode])


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_mission(pilot, tmp_path):
    said, killed = [], []

    def kill_one(done, total, cell, flight, throughput):
        if not killed:
            victim = multiprocessing.active_children()[0]
            killed.append(victim.pid)
            victim.kill()

    results = evaluate(
        [pilot], ['clear'], range(7, 12), tmp_path, 2, kill_one, said.append, rules=SHORT
    )
    assert killed and len(said) == 1 and 'worker process died' in said[0]
    assert set(results.flights_by_seed('forest-ltc', 'clear')) == set(range(7, 12))
    assert results.given_up == []
    alone = evaluate([pilot], ['clear'], range(7, 12), workers=1, rules=SHORT)
    assert alone.flights == results.flights, 'several processes fly what one flies'
    assert multiprocessing.active_children() == []


class Deadly:
    """Kills the process that receives it."""

    def __reduce__(self):
        return os._exit, (9,)


@pytest.mark.slow
def test_a_mission_that_kills_every_worker_is_given_up_and_the_others_fly(pilot):
    def job(seed, conditions=()):
        return Job(RunKey('', pilot.digest, 'clear', 'cmd_vel', seed), str(pilot.path), conditions)

    said, done = [], []
    given_up = fly_all(
        [job(1), job(2, (Deadly(),)), job(3)],
        RunConfig(SHORT),
        2,
        lambda cell, flight, effort: done.append(cell.seed),
        said.append,
    )
    assert [cell.seed for cell in given_up] == [2]
    assert sorted(done) == [1, 3]
    assert len(said) == 3


def test_an_interrupted_run_returns_what_there_is(pilot, tmp_path):
    def stop(done, total, cell, flight, throughput):
        raise KeyboardInterrupt

    results = evaluate([pilot], ['clear'], [7, 8, 9], tmp_path, 1, stop, rules=SHORT)
    assert results.interrupted and set(results.flights_by_seed('forest-ltc', 'clear')) == {7}
    assert len((tmp_path / RESULTS_FILE).read_text().splitlines()) == 1
