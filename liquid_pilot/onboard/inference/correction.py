"""Corrections: what a lesson has changed about a pilot, bounded for flight.

A correction has three parts. Its aim says how the camera is turned. Its read-out is a linear map of
the core's state that is added to the outputs, for a core of any kind. Its change moves parameters
of an LTC core (`liquid.recurrent_learning.columns`). A correction of zeros is the pilot as trained,
to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.utils.settings import setting

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
    aim: CameraMount = STRAIGHT
    """How the camera is turned against the one of training; its pictures are turned back."""

    @property
    def is_none(self) -> bool:
        """Whether the pilot flies as trained."""
        return not (self.readout.any() or self.change.any()) and self.aim.is_straight

    def equals(self, other: Correction) -> bool:
        """Return whether another correction is the same."""
        return (
            self.aim == other.aim
            and self.groups == other.groups
            and np.array_equal(self.readout, other.readout)
            and np.array_equal(self.change, other.change)
        )


@dataclass(frozen=True)
class TrustRegion:
    """How far a correction may move a pilot."""

    max_taught_output: float = setting(
        0.5,
        'largest number that a lesson adds to an output; outputs of one are full speed or turn',
        low=0.0,
        high=1.0,
    )
    max_taught_change: float = setting(
        1.0,
        'largest change of a parameter by a lesson; of a positive one, of its logarithm',
        low=0.0,
        high=3.0,
    )
    max_taught_aim_deg: float = setting(
        30.0, 'largest angle by which a lesson turns pictures', 'deg', low=0.0, high=45.0
    )

    def bounded(self, correction: Correction) -> Correction:
        """Return a correction within the bounds; the read-out is bounded where it acts.

        Args:
            correction: the correction, of anybody.

        Raises:
            LiquidPilotError: a number of it is not finite.
        """
        angles = np.array(correction.aim, np.float64)
        if not np.isfinite(angles).all():
            raise LiquidPilotError('correction: an angle of its aim is not finite')
        readout = np.array(correction.readout, np.float32)
        if not readout[:, :-1].any():
            # What is added does not depend on the state, and can be bounded here.
            readout = np.clip(readout, -self.max_taught_output, self.max_taught_output)
        change = np.asarray(correction.change, np.float32)
        if not (np.isfinite(readout).all() and np.isfinite(change).all()):
            raise LiquidPilotError('correction: some of its numbers are not finite')
        largest = math.radians(self.max_taught_aim_deg)
        yaw, pitch, roll = np.clip(angles, -largest, largest).tolist()
        return correction._replace(
            readout=readout,
            change=np.clip(change, -self.max_taught_change, self.max_taught_change),
            aim=CameraMount(yaw, pitch, roll),
        )


def check_fits(correction: Correction, neurons: int, motors: int, count: int) -> None:
    """Check that a correction fits a core.

    Args:
        correction: the correction.
        neurons: number of neurons N of the core.
        motors: number of outputs M of the core.
        count: number of changes K that the groups of the correction have in this core.

    Raises:
        LiquidPilotError: it does not.
    """
    if correction.readout.shape != (motors, neurons + 1):
        raise LiquidPilotError(
            f'correction: its read-out has the shape {correction.readout.shape}, this pilot needs '
            f'{(motors, neurons + 1)}'
        )
    if correction.change.shape != (count,):
        raise LiquidPilotError(
            f'correction: it changes {correction.change.size} parameters, this pilot has {count} '
            'of them'
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
        trim: (M,) what the pilot file adds to the outputs.
    """

    def __init__(self, readout: Float32Array, max_output: float, trim: Float32Array) -> None:
        self._trim = trim
        self._of_state = np.ascontiguousarray(readout[:, :-1])
        self._constant = readout[:, -1].copy()
        self._max_output = max_output

    def correct(self, state: Float32Array, output: Float32Array) -> Float32Array:
        """Return the corrected outputs; NaN in the state stays NaN."""
        added = self._of_state @ state + self._constant
        bounded = np.clip(added, -self._max_output, self._max_output)
        corrected: Float32Array = output + self._trim + bounded
        return corrected


def make_correction_stage(
    correction: Correction, trust_region: TrustRegion, trim: Sequence[float]
) -> CorrectionStage:
    """Return the stage of a correction, or the null stage where nothing is added.

    Args:
        correction: the correction.
        trust_region: its bounds.
        trim: what the pilot file adds to the outputs.
    """
    if not (correction.readout.any() or any(trim)):
        return NoCorrection()
    return ReadoutCorrection(
        correction.readout, trust_region.max_taught_output, np.array(trim, np.float32)
    )
