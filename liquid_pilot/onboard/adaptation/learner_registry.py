"""The learners by name: the shipped one, and those that other packages bring.

Another package adds a learner by an entry point of the group `liquid_pilot.learners`. It names a
`LearnerFactory`, such as a class whose constructor takes the same arguments
(docs/how_to/own_adaptation_rule.md).
"""

from __future__ import annotations

from typing import Protocol

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import (
    DEFAULT_LEARNER,
    Learner,
    LearnerSettings,
    TimeScaleLearner,
)
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.entry_points import ExtensionRegistry, is_callable


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


LEARNERS: ExtensionRegistry[LearnerFactory] = ExtensionRegistry(
    'liquid_pilot.learners',
    'learner',
    'docs/how_to/own_adaptation_rule.md',
    {DEFAULT_LEARNER: TimeScaleLearner},
    is_callable,
)
"""Functions that make a learner, by its name."""
_MEMBERS = ('reset', 'update', 'describe')


def check_learner_name(name: str) -> None:
    """Check that a learner can be used.

    Raises:
        LiquidPilotError: the name is not known, and the message lists the known ones; or the
            learner of another package is broken, and the message names the package.
    """
    if name not in LEARNERS:
        raise LiquidPilotError(f'unknown learner {name!r}; known: {", ".join(sorted(LEARNERS))}')
    LEARNERS[name]  # Loaded here, and so checked.


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
        LiquidPilotError: see `check_learner_name`; or what another package makes is no learner.
    """
    check_learner_name(name)
    learner: Learner = LEARNERS.make(name, _MEMBERS, LEARNERS[name], statistics, neurons, settings)
    return learner
