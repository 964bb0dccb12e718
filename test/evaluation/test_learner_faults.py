"""A learner of another package that fails ends an evaluation with one line that names it."""

import sys

import page_package
import pytest

from liquid_pilot.cli import main

LEARNER = """
class Broken:
    def __init__(self, statistics, neurons, settings):
        pass

    def reset(self):
        pass

    def update(self, learner_input):
        raise ZeroDivisionError('no samples')

    def describe(self):
        return 'broken', ''
"""


@pytest.fixture
def broken_learner(tmp_path, monkeypatch):
    """An installed package with a learner `broken`."""
    folder = tmp_path / 'packages'
    folder.mkdir()
    (folder / 'broken_learner.py').write_text(LEARNER)
    entries = {'liquid_pilot.learners': {'broken': 'broken_learner:Broken'}}
    page_package.write_metadata(folder, 'broken_learner', entries)
    monkeypatch.syspath_prepend(folder)
    yield
    sys.modules.pop('broken_learner', None)


@pytest.mark.parametrize('workers', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_evaluate_names_the_learner_in_one_line(broken_learner, tmp_path, capfd, workers):
    words = ['evaluate', 'forest-ltc+adapt:rule=broken', '--missions', '2', '--seed', '21']
    code = main.main([*words, '--workers', str(workers), '--out', str(tmp_path / 'run')])
    assert code == 1
    text = capfd.readouterr().err
    assert 'Traceback' not in text
    [line] = [line for line in text.splitlines() if 'error' in line]
    assert "the learner 'broken' of the package broken_learner 1.0 failed in update()" in line
    assert 'ZeroDivisionError: no samples, at ' in line and 'broken_learner.py:10' in line
