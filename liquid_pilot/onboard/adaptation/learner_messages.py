"""What a pilot and its learner tell each other, tick by tick: plain arrays, from either process."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class LearnerInput(NamedTuple):
    """What the learner takes from one tick."""

    sequence: int
    elapsed_s: float
    """Since the last frame that was believed: what the receptors were stepped by."""
    error: np.ndarray
    """(R, C) or (R*C,): of the receptors, see `onboard.adaptation.temporal_filter`; zero for a refused frame."""
    gradient: np.ndarray
    novel: bool
    core_gradient: np.ndarray
    """(2, N) or (2*N,) by log(cm) and log(gleak), see `onboard.adaptation.next_input_predictor`; empty without."""


class TimeScaleUpdate(NamedTuple):
    """What the learner proposes, in answer to a tick."""

    sequence: int
    """Of the tick that it answers."""
    receptors: np.ndarray
    """(R, C) or (R*C,)."""
    log_cm: np.ndarray
    """(N,), or empty: the core is as trained."""
    log_gleak: np.ndarray
    """Likewise."""
