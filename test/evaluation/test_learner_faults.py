"""A learner of another package that fails ends an evaluation with one line that names it."""

import fragile_learner_package
import pytest

from liquid_pilot.cli import main


@pytest.fixture
def broken_learner(tmp_path, monkeypatch):
    """An installed learner `fragile` whose update fails, in the workers too."""
    faults = "{'update': ZeroDivisionError('no samples')}"
    with fragile_learner_package.installed(tmp_path / 'packages', monkeypatch, faults):
        yield


@pytest.mark.parametrize('workers', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_evaluate_names_the_learner_in_one_line(broken_learner, tmp_path, capfd, workers):
    words = ['evaluate', 'forest-ltc+adapt:rule=fragile', '--missions', '2', '--seed', '21']
    code = main.main([*words, '--workers', str(workers), '--out', str(tmp_path / 'run')])
    assert code == 1
    text = capfd.readouterr().err
    assert 'Traceback' not in text
    [line] = [line for line in text.splitlines() if 'error' in line]
    assert "the learner 'fragile' of the package fragile_learner 1.0 failed in update()" in line
    assert 'ZeroDivisionError: no samples, at ' in line
    assert f'fragile_learner.py:{fragile_learner_package.RAISES}' in line
