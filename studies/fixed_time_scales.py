"""A control of several studies: time scales that stay as they are."""

from __future__ import annotations

import numpy as np

from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate


class FixedTimeScales:
    """A learner whose time scales never change.

    Args:
        filter_log_scales: (R, C), logarithms over the trained time constants of the temporal
            filter.
        neurons: number of neurons of the core, whose time constants stay as trained.
    """

    def __init__(self, filter_log_scales: np.ndarray, neurons: int) -> None:
        self._filter = filter_log_scales.astype(np.float32)
        self._core = np.zeros((2, neurons), np.float32)

    def reset(self) -> None:
        """Do nothing: there is nothing to forget."""

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        """Return the same time scales for every tick."""
        return TimeScaleUpdate(learner_input.sequence, self._filter, *self._core)

    def describe(self) -> tuple[str, str]:
        """Return the state in one word, and the reason in one sentence."""
        return 'fixed', 'the time scales of this control never change'
