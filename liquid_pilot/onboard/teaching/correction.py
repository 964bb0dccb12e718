"""Corrections: what a lesson has changed about a pilot, bounded for flight.

A correction has two parts. Its read-out is a linear map of the core's state that is added to the
outputs, for a core of any kind. Its change moves parameters of an LTC core
(`liquid.recurrent_learning.columns`). A correction of zeros is the pilot as trained, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

Float32Array = npt.NDArray[np.float32]
_NO_CHANGE = np.zeros(0, np.float32)


class Correction(NamedTuple):
    """What is added to a pilot; N neurons, M outputs."""

    readout: Float32Array
    """(M, N + 1) map from the state of the core, with a one appended, to what is added to its
    outputs."""
    groups: tuple[str, ...] = ()
    """Groups of the parameters that are changed, see `Columns`; empty: none."""
    change: Float32Array = _NO_CHANGE
    """(K,) their changes; empty: none."""

    @property
    def is_none(self) -> bool:
        """Whether the pilot flies as trained."""
        return not (self.readout.any() or self.change.any())


@dataclass(frozen=True)
class TrustRegion:
    """How far a correction may move a pilot."""

    max_output: float = 0.6
    """Largest number that the read-out adds to an output; outputs of one are full speed or turn."""
    max_change: float = 1.0
    """Largest change of a parameter, see `Columns`."""

    def bounded(self, correction: Correction, neurons: int, motors: int, count: int) -> Correction:
        """Return a correction within the bounds; the read-out is bounded where it acts.

        Args:
            correction: the correction, of anybody.
            neurons: number of neurons N of the core.
            motors: number of outputs M of the core.
            count: number of changes K that the groups of the correction have in this core.

        Raises:
            LiquidPilotError: it does not fit the core, or is not finite.
        """
        readout = np.asarray(correction.readout, np.float32)
        change = np.asarray(correction.change, np.float32)
        if readout.shape != (motors, neurons + 1):
            raise LiquidPilotError(
                f'correction: its read-out has the shape {readout.shape}, this pilot needs '
                f'{(motors, neurons + 1)}'
            )
        if change.shape != (count,):
            raise LiquidPilotError(
                f'correction: it changes {change.size} parameters, this pilot has {count} of them'
            )
        if not (np.isfinite(readout).all() and np.isfinite(change).all()):
            raise LiquidPilotError('correction: some of its numbers are not finite')
        return correction._replace(
            readout=readout, change=np.clip(change, -self.max_change, self.max_change)
        )


def no_correction(neurons: int, motors: int) -> Correction:
    """Return the correction that leaves a pilot as trained.

    Args:
        neurons: number of neurons N of the core.
        motors: number of outputs M of the core.
    """
    return Correction(np.zeros((motors, neurons + 1), np.float32))


class CorrectionStage(Protocol):
    """The stage that adds what a lesson has taught to the outputs of the core."""

    def correct(self, state: Float32Array, output: Float32Array) -> Float32Array:
        """Return the corrected outputs.

        Args:
            state: (N,) state of the core after the tick.
            output: (M,) outputs of the core.
        """
        ...


class NoCorrection:
    """The stage of a pilot that was taught nothing: outputs pass through."""

    def correct(self, state: Float32Array, output: Float32Array) -> Float32Array:
        """Return the outputs as they are."""
        return output


class ReadoutCorrection:
    """Adds a bounded linear map of the state to the outputs.

    Args:
        readout: see `Correction`.
        max_output: see `TrustRegion`.
    """

    def __init__(self, readout: Float32Array, max_output: float) -> None:
        self._of_state = np.ascontiguousarray(readout[:, :-1])
        self._constant = readout[:, -1].copy()
        self._max_output = max_output

    def correct(self, state: Float32Array, output: Float32Array) -> Float32Array:
        """Return the corrected outputs; NaN in the state stays NaN."""
        added = self._of_state @ state + self._constant
        corrected: Float32Array = output + np.clip(added, -self._max_output, self._max_output)
        return corrected


def make_correction_stage(correction: Correction, trust_region: TrustRegion) -> CorrectionStage:
    """Return the stage of a correction, or the null stage where it adds nothing.

    Args:
        correction: the correction.
        trust_region: its bounds.
    """
    if not correction.readout.any():
        return NoCorrection()
    return ReadoutCorrection(correction.readout, trust_region.max_output)
