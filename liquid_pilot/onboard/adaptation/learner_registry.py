"""The learners by name: the shipped one, and those that other packages bring.

Another package adds a learner by an entry point of the group `liquid_pilot.learners`. It names a
`LearnerFactory`, such as a class whose constructor takes the same arguments
(docs/explanation/adaptation.md).
"""

from __future__ import annotations

import functools
from typing import Protocol

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import (
    DEFAULT_LEARNER,
    Learner,
    LearnerSettings,
    TimeScaleLearner,
)
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.entry_points import load_extensions

ENTRY_POINT_GROUP = 'liquid_pilot.learners'
"""Entry-point group by which another package brings a learner."""


class LearnerFactory(Protocol):
    """The type of a function or class that makes a learner for one pilot."""

    def __call__(
        self, statistics: TrainingStatistics, neurons: int, settings: LearnerSettings
    ) -> Learner:
        """Return a new learner.

        Args:
            statistics: training statistics of the pilot.
            neurons: number of neurons N of a liquid core; 0 for another core.
            settings: settings of the shipped learner; another learner uses those that it can.
        """
        ...


_BUILT_IN: dict[str, LearnerFactory] = {DEFAULT_LEARNER: TimeScaleLearner}


@functools.cache
def learners() -> dict[str, LearnerFactory]:
    """Return all learners by name; those of other packages are loaded by the first call."""
    return {**_BUILT_IN, **load_extensions(ENTRY_POINT_GROUP, 'learner', None, _BUILT_IN)}


def check_learner_name(name: str) -> None:
    """Raise LiquidPilotError, which lists the known names, for the name of no learner."""
    # The shipped learner needs no look at other packages.
    if name not in _BUILT_IN and name not in learners():
        raise LiquidPilotError(f'unknown learner {name!r}; known: {", ".join(sorted(learners()))}')


def make_learner(
    name: str, statistics: TrainingStatistics, neurons: int, settings: LearnerSettings
) -> Learner:
    """Return a new learner for one pilot.

    Args:
        name: the name of a learner.
        statistics: training statistics of the pilot.
        neurons: number of neurons N of a liquid core; 0 for another core.
        settings: settings of the shipped learner.

    Raises:
        LiquidPilotError: the name is not known; the message lists the known ones.
    """
    check_learner_name(name)
    factory = _BUILT_IN.get(name) or learners()[name]
    return factory(statistics, neurons, settings)
