"""Faults of learners from other packages: one line that names the learner, never a traceback.

A learner is called while a vehicle flies. Whatever it raises must end neither the node that hosts
it nor an evaluation without words; the pilot flies on with the trained time constants.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import DEFAULT_LEARNER, Learner
from liquid_pilot.onboard.adaptation.learner_messages import TimeScaleUpdate
from liquid_pilot.onboard.adaptation.learner_registry import LEARNERS
from liquid_pilot.utils.entry_points import describe_error


class LearnerFaultError(LiquidPilotError):
    """A learner failed in a way that its protocol does not allow."""


@contextmanager
def contained_faults(name: str, call: str) -> Iterator[None]:
    """Turn whatever a learner raises into an error of one line; a LiquidPilotError passes.

    >>> with contained_faults('my_rule', 'describe'):
    ...     raise ValueError('no reason')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    liquid_pilot...LearnerFaultError: the learner 'my_rule' failed in describe() (ValueError: ...

    Args:
        name: name of the learner.
        call: method of the learner that is called.

    Raises:
        LearnerFaultError: the learner failed; the message names it and its package.
    """
    try:
        yield
    except LiquidPilotError:
        raise
    # A learner may raise anything, and one that calls sys.exit must not end this program.
    except (Exception, SystemExit) as error:
        extension = LEARNERS.extension(name)
        package = f' of the package {extension}' if extension is not None else ''
        raise LearnerFaultError(
            f'the learner {name!r}{package} failed in {call}() ({describe_error(error)}); repair '
            f'it, or fly with the rule {DEFAULT_LEARNER}'
        ) from error


def checked_update(update: object) -> TimeScaleUpdate:
    """Return what a learner's `update` returned; TypeError if it is something else."""
    if not isinstance(update, TimeScaleUpdate):
        raise TypeError(f'it returned an object of type {type(update).__name__}')
    return update


def checked_description(learner: Learner) -> tuple[str, str]:
    """Return state and reason of a learner; TypeError if they are something else than two texts."""
    state, reason = learner.describe()
    if not isinstance(state, str) or not isinstance(reason, str):
        raise TypeError(f'it returned {(state, reason)!r:.100} in place of two texts')
    return state, reason
