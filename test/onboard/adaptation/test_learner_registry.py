"""The learners by name: the shipped one, and one of another package."""

import importlib
import sys

import numpy as np
import page_package
import pytest
from statistics_makers import make_statistics

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation import learner_registry
from liquid_pilot.onboard.adaptation.learner import (
    ConfigurableLearner,
    LearnerSettings,
    PersistentLearner,
    TimeScaleLearner,
)
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, trained_time_scales

GRID, NEURONS = (2, 3), 5
STATISTICS = make_statistics(8, NEURONS, GRID)
PACKAGE = '''
from liquid_pilot.onboard.adaptation.learner_messages import trained_time_scales


class Still:
    """A learner that keeps the trained time scales."""

    def __init__(self, statistics, neurons, settings):
        self.shape, self.neurons = statistics.filter_tau_s.shape, neurons

    def reset(self):
        pass

    def update(self, learner_input):
        return trained_time_scales(learner_input.sequence, self.shape, self.neurons)

    def describe(self):
        return 'still', 'nothing is learned'
'''


@pytest.fixture
def extension(tmp_path, monkeypatch):
    """What an installed package with a learner leaves behind, on the path."""
    (tmp_path / 'still_learner.py').write_text(PACKAGE)
    entries = {'liquid_pilot.learners': {'still': 'still_learner:Still'}}
    page_package.write_metadata(tmp_path, 'still_learner', entries)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop('still_learner', None)


def test_the_shipped_learner_is_made_by_its_name():
    settings = LearnerSettings(filter_learning_rate=2.0)
    made = learner_registry.make_learner('temporal_filter', STATISTICS, NEURONS, settings)
    assert isinstance(made, TimeScaleLearner)
    assert made.settings == settings


def test_a_learner_of_another_package_is_made_by_its_name(extension):
    made = learner_registry.make_learner('still', STATISTICS, NEURONS, LearnerSettings())
    assert not isinstance(made, ConfigurableLearner)
    assert not isinstance(made, PersistentLearner)
    seen = LearnerInput(3, 0.05, np.ones(GRID), np.ones(GRID), False)
    for ours, theirs in zip(made.update(seen), trained_time_scales(3, GRID, NEURONS), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_factory_that_asks_for_the_pilot_file_gets_it(extension, tmp_path, pilot):
    (tmp_path / 'still_learner.py').write_text(
        PACKAGE
        + """
    @classmethod
    def for_pilot(cls, pilot, settings):
        made = cls(STATISTICS, 0, settings)
        made.pilot = pilot
        return made
"""
    )
    importlib.import_module('still_learner').STATISTICS = STATISTICS
    settings = LearnerSettings()
    made = learner_registry.make_learner('still', STATISTICS, NEURONS, settings, pilot)
    assert made.pilot is pilot
    # Where the pilot file is not known, it is made as any other.
    assert not hasattr(learner_registry.make_learner('still', STATISTICS, 5, settings), 'pilot')


def test_an_unknown_name_is_refused_with_the_known_ones(extension):
    with pytest.raises(LiquidPilotError, match="'no'; known: still, temporal_filter"):
        learner_registry.make_learner('no', STATISTICS, NEURONS, LearnerSettings())


def test_an_extension_that_ends_the_program_is_an_error_that_names_its_package(extension, tmp_path):
    (tmp_path / 'still_learner.py').write_text('import sys; sys.exit(3)')
    said = (
        "'still' of the package still_learner 1.0 cannot be used.*SystemExit: 3, at .*:1.; repair"
    )
    with pytest.raises(LiquidPilotError, match=said):
        learner_registry.check_learner_name('still')
    learner_registry.check_learner_name('temporal_filter')


def test_what_is_no_learner_is_refused_with_what_it_lacks(extension, tmp_path):
    source = PACKAGE.replace('def reset', 'def forget').replace('def describe', 'def say')
    (tmp_path / 'still_learner.py').write_text(source)
    with pytest.raises(
        LiquidPilotError, match="the Still that it makes has no 'reset', 'describe'"
    ):
        learner_registry.make_learner('still', STATISTICS, NEURONS, LearnerSettings())
