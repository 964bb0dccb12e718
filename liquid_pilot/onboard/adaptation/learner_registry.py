"""The learners by name: those of this package, and those that other packages bring.

Another package adds a learner by an entry point of the group `liquid_pilot.learners`. It names a
`LearnerFactory`, such as a class whose constructor takes the same arguments
(docs/how_to/own_adaptation_rule.md).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import (
    DEFAULT_LEARNER,
    Learner,
    LearnerSettings,
    TimeScaleLearner,
)
from liquid_pilot.pilot_file import PilotFile
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


@runtime_checkable
class PilotLearnerFactory(Protocol):
    """The type of a `LearnerFactory` whose learner needs more than the training statistics."""

    def for_pilot(self, pilot: PilotFile, settings: LearnerSettings) -> Learner:
        """Return a new learner, in place of calling the factory.

        Args:
            pilot: the pilot file.
            settings: settings of the shipped learner; another learner uses those that it can.

        Raises:
            LiquidPilotError: the learner cannot serve the pilot.
        """
        ...


class WorldClockFactory:
    """The factory of `world_clock`, which needs the pilot file and, unlike others, the compiler."""

    def __call__(
        self, statistics: TrainingStatistics, neurons: int, settings: LearnerSettings
    ) -> Learner:
        """Raise LiquidPilotError: the statistics are not enough."""
        raise LiquidPilotError(f'the rule {WORLD_CLOCK} needs the pilot file')

    def for_pilot(self, pilot: PilotFile, settings: LearnerSettings) -> Learner:
        """Return a new learner; see `PilotLearnerFactory.for_pilot`."""
        # Imported here, so that a node of another rule does not load the compiler.
        from liquid_pilot.onboard.adaptation.world_clock.learner import WorldClockLearner

        return WorldClockLearner(pilot, settings)


WORLD_CLOCK = 'world_clock'
"""Name of the learner that finds by which factor stamps lie."""
LEARNERS: ExtensionRegistry[LearnerFactory] = ExtensionRegistry(
    'liquid_pilot.learners',
    'learner',
    'docs/how_to/own_adaptation_rule.md',
    {DEFAULT_LEARNER: TimeScaleLearner, WORLD_CLOCK: WorldClockFactory()},
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
    name: str,
    statistics: TrainingStatistics,
    neurons: int,
    settings: LearnerSettings,
    pilot: PilotFile | None = None,
) -> Learner:
    """Return a new learner for one pilot.

    Args:
        name: the name of a learner.
        statistics: training statistics of the pilot.
        neurons: number of neurons N of a liquid core; 0 for another core.
        settings: settings of the shipped learner.
        pilot: the pilot file, for a `PilotLearnerFactory`; None: only its statistics are known.

    Raises:
        LiquidPilotError: see `check_learner_name`; the learner cannot serve the pilot; or what
            another package makes is no learner.
    """
    check_learner_name(name)
    factory = LEARNERS[name]
    learner: Learner
    if pilot is not None and isinstance(factory, PilotLearnerFactory):
        learner = LEARNERS.make(name, _MEMBERS, factory.for_pilot, pilot, settings)
    else:
        learner = LEARNERS.make(name, _MEMBERS, factory, statistics, neurons, settings)
    return learner
