"""The scales that a pilot flies by: taken from outside, trusted within bounds only.

Whatever arrives, what the engine gets is finite, of the right size and within the trust region;
when nothing arrives any more, the scales ease back to none, the trained time constants.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import TimeScaleUpdate

FILTER_LOG_SCALE_RANGE = (0.0, 2.2)
"""Of log(tau) minus the trained one: receptors may become slower than trained, by a factor of 9, at
20 frames/s from a gain of 0.98 to one of 0.36."""
CORE_LOG_SCALE_RANGE = (-math.log(2.0), math.log(2.0))
"""Of log(cm) and log(gleak)."""


class TimeScales(NamedTuple):
    """Logarithms of factors on the trained time constants; None: none."""

    receptors: np.ndarray | None = None
    """(R, C) float32, of the receptors' blocks."""
    core: CoreScales | None = None


class TimeScaleStore:
    """Holds the accepted scales of one flight.

    Args:
        grid: rows and columns of receptor blocks.
        neurons: N of a liquid core, 0 of another.
        timeout_ticks: so many ticks without an answer are no silence yet.
        decay_s: time constant of the way back to the trained values, in silence.
    """

    def __init__(
        self, grid: tuple[int, int], neurons: int, timeout_ticks: int = 20, decay_s: float = 3.0
    ) -> None:
        self._grid, self._neurons = grid, neurons
        self._timeout_ticks, self._decay_s = timeout_ticks, decay_s
        self.reset()

    def reset(self) -> None:
        """As trained, and nothing heard yet."""
        self._receptors = np.zeros(self._grid, np.float32)
        self._core = np.zeros((2, self._neurons), np.float32)
        self.answered = -1
        """Sequence of the newest tick that was answered."""

    def accept(self, proposal: TimeScaleUpdate, newest: int) -> None:
        """Take a proposal; `newest` is the sequence of the last tick.

        LiquidPilotError, and nothing changes, when it does not fit the pilot, is not finite, older
        than one that was taken, or answers a tick that has not been.
        """
        if not self.answered < proposal.sequence <= newest:
            raise LiquidPilotError(
                f'time constants: they answer tick {proposal.sequence}, expected one after '
                f'{self.answered} and up to {newest}'
            )
        receptors = np.asarray(proposal.receptors, np.float32)
        if receptors.size != self._receptors.size:
            raise LiquidPilotError(
                f'time constants: of {receptors.size} receptor blocks, the '
                f'pilot has {self._receptors.size}'
            )
        core = [
            np.asarray(part, np.float32).ravel() for part in (proposal.log_cm, proposal.log_gleak)
        ]
        if any(part.size not in (0, self._neurons) for part in core):
            raise LiquidPilotError(
                f'time constants: of {core[0].size} and {core[1].size} neurons, '
                f'the pilot has {self._neurons}'
            )
        if not all(np.isfinite(part).all() for part in (receptors, *core)):
            raise LiquidPilotError('time constants: some are not finite')
        self._receptors = np.clip(receptors.reshape(self._grid), *FILTER_LOG_SCALE_RANGE)
        for row, part in zip(self._core, core, strict=True):
            row[:] = np.clip(part, *CORE_LOG_SCALE_RANGE) if part.size else 0.0
        self.answered = proposal.sequence

    def scales(self, newest: int, dt_s: float) -> TimeScales:
        """For the next tick; `newest` is the sequence of the last one, `dt_s` seconds ago."""
        if self.answered >= 0 and newest - self.answered > self._timeout_ticks:
            keep = np.float32(math.exp(-dt_s / self._decay_s))
            self._receptors = self._receptors * keep
            self._core *= keep
        core = CoreScales(*self._core.copy()) if self._core.any() else None
        return TimeScales(self._receptors, core)


class CoreScales(NamedTuple):
    """What adaptation moves: natural logarithms of factors on the trained time constants."""

    log_cm: np.ndarray
    """(N,) float32, scales the capacitance."""
    log_gleak: np.ndarray
    """(N,) float32, scales the leak conductance."""
