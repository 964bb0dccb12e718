"""`liquid-pilot explain`, of a pilot, a run and a recording, and what it refuses."""

import json
import re
import sys

import numpy as np
import pytest
from gru_pilots import gru_pilot  # noqa: F401
from trace_bags import recorded  # noqa: F401

from liquid_pilot.cli import main

FILES = {'answer.txt', 'explain.json', 'film_strip.png', 'neurons.md', 'wiring.png'}


def refusal(capsys, *words):
    """Return the line by which the command refuses, and check that it did nothing else."""
    assert main.main(['explain', *map(str, words)]) == main.REFUSED
    captured = capsys.readouterr()
    assert captured.out == '' and captured.err.count('\n') == 1, captured
    return captured.err


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_folder(folder, **changes):
    """Write the report of a run of two missions, of which one was aborted."""
    folder.mkdir()
    meta = {'pilot': 'forest-ltc', 'vehicle': 'quadrotor', 'mode': 'lockstep', **changes}
    missions = [
        {'seed': seed, 'outcome': outcome, 'reason': '', 'duration_s': 5.0}
        for seed, outcome in ((11, 'success'), (12, 'aborted'))
    ]
    content = {'missions': missions, 'summary': {}, 'run': meta}
    (folder / 'report.json').write_text(json.dumps(content))
    return folder


def test_it_says_what_it_can_explain(capsys, place):
    (place / 'empty').mkdir()
    shipped = 'neither a shipped pilot (forest-ltc, memory-gru, road-ltc), nor'
    assert f'there is no nope: {shipped}' in refusal(capsys, 'nope')
    assert 'holds no bag; name a folder with an .mcap' in refusal(capsys, 'empty')
    assert 'leave it out' in refusal(capsys, 'forest-ltc', '--pilot', 'road-ltc')
    assert 'a rover does not take it' in refusal(capsys, 'road-ltc', '--command', 'up')
    assert 'no condition named' in refusal(capsys, 'forest-ltc', '--condition', 'hail:3')
    assert '--out: /proc/nowhere cannot be' in refusal(
        capsys, 'forest-ltc', '--out', '/proc/nowhere'
    )


def test_it_refuses_runs_that_cannot_be_flown_again(capsys, place):
    realtime = run_folder(place / 'realtime', mode='realtime')
    assert 'flown in real time' in refusal(capsys, realtime)
    lockstep = run_folder(place / 'lockstep')
    assert '--seed 12: ' in refusal(capsys, lockstep, '--seed', 12)
    assert '--condition is for a pilot' in refusal(capsys, lockstep, '--condition', 'snow:3')
    unknown = run_folder(place / 'unknown', pilot='mine')
    assert "the pilot 'mine', which is not found; name its folder by --pilot" in refusal(
        capsys, unknown
    )
    (place / 'bag').mkdir()
    (place / 'bag' / 'x.mcap').touch()
    assert '--missions is for missions that are flown here' in refusal(
        capsys, 'bag', '--missions', 3
    )


@pytest.mark.parametrize('missing', ['mujoco', 'sklearn'])
def test_it_says_how_to_install_what_is_missing(missing, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    from liquid_pilot.utils import extras

    found = extras.find_spec
    monkeypatch.setattr(extras, 'find_spec', lambda name: None if name == missing else found(name))
    assert f'explaining flights needs {missing}, which is not installed; ' in refusal(
        capsys, 'forest-ltc'
    )


def test_a_recording_is_explained_by_the_pilot_that_flew(recorded, pilot, place, capsys):  # noqa: F811
    bag, flights = recorded
    assert main.main(['explain', str(bag), '--out', 'bag']) == main.FAILED
    assert 'which is not a shipped one; name its folder by --pilot' in capsys.readouterr().err
    words = ['explain', bag, '--out', 'bag', '--pilot', pilot.path]
    assert main.main([*map(str, words), '--at', '0.2']) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith('small, flight 1, 0.20 s: it turned ')
    assert 'Where it was' not in captured.out
    assert 'were not simulated here' in captured.err
    assert {path.name for path in (place / 'bag').iterdir()} == FILES
    content = json.loads((place / 'bag' / 'explain.json').read_text())
    _, traces = flights[0]
    assert content['moment']['value'] == pytest.approx(traces[4].command[3])
    assert [flight['ticks'] for flight in content['flights']] == [8, 8]


@pytest.mark.slow
def test_a_shipped_pilot_is_explained_and_its_run_too(place, capsys):
    """The run is flown again, and has the same strongest turn."""
    words = ['explain', 'forest-ltc', '--missions', '2', '--seed', '7', '--out', 'whole']
    assert main.main(words) == 0
    whole = capsys.readouterr()
    assert {path.name for path in (place / 'whole').iterdir()} == FILES
    assert re.match(r'forest-ltc, seed [78], \d\.\d\d s: it turned (left|right), ', whole.out)
    content = json.loads((place / 'whole' / 'explain.json').read_text())
    assert [flight['outcome'] for flight in content['flights']] == ['success', 'success']
    assert content['neurons'][13]['meaning']['r2'] is not None
    assert 0.0 < content['disentanglement']['modularity'] < 1.0

    flown = ['evaluate', 'forest-ltc', '--missions', '2', '--seed', '7', '--out', 'run']
    assert main.main([*flown, '--workers', '1']) == 0
    capsys.readouterr()
    assert main.main(['explain', 'run', '--json', '--out', 'again', '--closed-loop', '1']) == 0
    again = capsys.readouterr()
    repeated = json.loads(again.out)
    assert repeated['moment'] == content['moment']
    assert 'took the same times and ended alike' in again.err
    assert len(repeated['closed_loop']) == 1 + 34 + 4
    assert repeated['closed_loop'][0]['missions'] == 1
    assert 'missions without it' in (place / 'again' / 'neurons.md').read_text()


@pytest.mark.slow
def test_a_gru_is_explained(gru_pilot, place, capsys):  # noqa: F811
    words = ['explain', gru_pilot.path, '--missions', 1, '--command', 'forward', '--at', 1.0]
    assert main.main([*map(str, words), '--out', 'gru']) == 0
    text = capsys.readouterr().out
    assert text.startswith('small-gru, seed 0, 1.00 s: it flew ')
    assert 'Its core (gru) has no paths of synapses' in text
    assert {path.name for path in (place / 'gru').iterdir()} == FILES - {'wiring.png'}
    content = json.loads((place / 'gru' / 'explain.json').read_text())
    assert [neuron['name'] for neuron in content['neurons']] == [f'unit {i}' for i in range(6)]
    assert np.isfinite(content['moment']['value'])
