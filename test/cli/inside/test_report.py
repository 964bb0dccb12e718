"""`liquid-pilot report`: the page of a run, once more, and that of a recording."""

import shutil

import pytest
from made_runs import make_run, record, result
from trace_bags import recorded  # noqa: F401

from liquid_pilot.cli.inside.recorded_report import subject_of
from liquid_pilot.cli.main import main


def test_it_writes_the_page_and_prints_its_path(tmp_path, capsys):
    make_run(tmp_path, [result(4), result(5, 'crash', 'hit tree_3')])
    assert main(['report', str(tmp_path)]) == 0
    assert capsys.readouterr().out == f'{tmp_path / "report.html"}\n'
    assert '1 of 2 succeeded' in (tmp_path / 'report.html').read_text()


@pytest.mark.parametrize(('name', 'said'), [('', 'holds no run'), ('x', 'there is no ')])
def test_what_is_no_run_is_refused(tmp_path, capsys, name, said):
    assert main(['report', str(tmp_path / name)]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_recording_has_a_page_beside_it(recorded, pilot, capsys):  # noqa: F811
    """Of a pilot that is not shipped nothing is explained unless it is named."""
    bag, _ = recorded
    assert main(['report', str(bag)]) == 0
    page = bag.parent / 'flight_report.html'
    assert capsys.readouterr().out == f'{page}\n'
    content = page.read_text()
    assert '2 flights of unknown pilot, from a recording' in content
    assert '<b>Flight 2</b>' in content and 'name its folder by --pilot' in content
    assert 'does not say in which weather' in content
    assert 'the guard let through is not shown' in content
    words = ['--pilot', str(pilot.path), '--out', str(page)]
    assert main(['report', str(bag), *words]) == 0
    capsys.readouterr()
    assert '2 flights of small, from a recording' in page.read_text()
    assert 'strongest paths' in page.read_text()
    assert main(['report', str(bag), '--pilot', 'road-ltc']) == 1
    assert 'name the one that flew by --pilot' in capsys.readouterr().err


def test_what_was_kept_during_the_flight_comes_first(recorded, tmp_path, capsys):  # noqa: F811
    folder = tmp_path / 'run'
    make_run(folder, [result(4)], [record(4, 'f' * 64)])
    (folder / 'recording').mkdir()
    shutil.copy(recorded[0], folder / 'recording' / 'recording_0.mcap')
    bag = folder / 'recording'
    for given in (folder, bag, bag / 'recording_0.mcap'):
        subject = subject_of(given)
        assert (subject.run, subject.bag, subject.page) == (folder, None, folder / 'report.html')
    assert main(['report', str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f'{folder / "report.html"}\n'
    assert 'was kept during the flight and is shown' in captured.err
    assert 'made by a test' in (folder / 'report.html').read_text()
    shutil.rmtree(folder / 'flights')
    assert main(['report', str(folder)]) == 0
    assert 'the flights are read from' in capsys.readouterr().err


def test_a_file_that_is_no_recording_is_refused(tmp_path, capsys):
    (tmp_path / 'flight.mcap').write_text('nothing')
    assert main(['report', str(tmp_path / 'flight.mcap')]) == 1
    assert 'flight.mcap holds no flight: ' in capsys.readouterr().err
    (tmp_path / 'x.txt').touch()
    assert main(['report', str(tmp_path / 'x.txt')]) == 2
    assert 'is no bag' in capsys.readouterr().err
