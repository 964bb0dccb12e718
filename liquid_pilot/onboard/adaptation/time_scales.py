"""Time scales: logarithms of factors on the trained time constants, bounded for flight.

Whatever a learner proposes, the engine gets values that are finite, of the right size and within
the trust region. When no update arrives any more, the scales decay to zero, which is as trained.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import TimeScaleUpdate
from liquid_pilot.pilot_file import PilotSpecification

FILTER_LOG_SCALE_RANGE = (0.0, 2.2)
"""Bounds of the log-scale of the temporal filter. It may become slower than trained by a factor of
9, which at 20 frames/s is from a gain of 0.98 to one of 0.36."""
CORE_LOG_SCALE_RANGE = (-math.log(2.0), math.log(2.0))
"""Bounds of the log-scales of the core's leak conductances, and of its capacitances unless the
pilot file gives others (`capacitance_log_range`)."""


def filter_gain(ratio: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the gain a of the temporal filter, and da/dlog(tau), at a ratio dt/tau."""
    decay = np.exp(-ratio)
    return 1 - decay, -ratio * decay


def capacitance_log_range(specification: PilotSpecification) -> tuple[float, float]:
    """Return the bounds of the log-scales of the core's capacitances: the pilot's trust region.

    Those of the leak conductances are CORE_LOG_SCALE_RANGE for every pilot: a capacitance changes
    how fast a neuron answers, a leak conductance also where it settles.
    """
    low, high = specification.capacitance_scale_range
    return math.log(low), math.log(high)


class CoreScales(NamedTuple):
    """Log-scales of the core: natural logarithms of factors on trained values."""

    log_cm: npt.NDArray[np.float32]
    """(N,) log-scales of the capacitances."""
    log_gleak: npt.NDArray[np.float32]
    """(N,) log-scales of the leak conductances."""


class TimeScales(NamedTuple):
    """Log-scales of one tick; None: as trained."""

    temporal_filter: npt.NDArray[np.float32] | None = None
    """(R, C) log-scales of the blocks of the temporal filter."""
    core: CoreScales | None = None
    """Log-scales of the core."""


class TimeScaleStore:
    """The accepted time scales of one flight.

    Args:
        grid: rows and columns of the temporal filter's blocks.
        neurons: number of neurons N of a liquid core; 0 for another core.
        timeout_ticks: number of ticks without an update after which the scales decay.
        decay_s: time constant of that decay, s.
        log_cm_range: bounds of the log-scales of the capacitances, see `capacitance_log_range`.
    """

    def __init__(
        self,
        grid: tuple[int, ...],
        neurons: int,
        timeout_ticks: int = 20,
        decay_s: float = 3.0,
        log_cm_range: tuple[float, float] = CORE_LOG_SCALE_RANGE,
    ) -> None:
        self._grid, self._neurons = grid, neurons
        self._core_ranges = log_cm_range, CORE_LOG_SCALE_RANGE
        self._timeout_ticks, self._decay_s = timeout_ticks, decay_s
        self.reset()

    def reset(self) -> None:
        """Return to trained time constants, before the first update."""
        self._filter_log_scale: npt.NDArray[np.float32] = np.zeros(self._grid, np.float32)
        self._core_log_scale: npt.NDArray[np.float32] = np.zeros((2, self._neurons), np.float32)
        self.last_sequence = -1
        """The sequence of the newest tick that was answered; -1 before the first."""

    def restart_sequence(self) -> None:
        """Count ticks from 1 again, as after a reset of the network, and keep the scales."""
        self.last_sequence = -1

    def accept(self, update: TimeScaleUpdate, last_tick_sequence: int) -> None:
        """Take over an update, clipped to the trust region.

        Args:
            update: the update.
            last_tick_sequence: sequence of the last tick.

        Raises:
            LiquidPilotError: the update does not fit the pilot, is not finite, is older than one
                that was accepted, or answers a tick that has not been flown; nothing has changed.
        """
        if not self.last_sequence < update.sequence <= last_tick_sequence:
            raise LiquidPilotError(
                f'time scales: they answer tick {update.sequence}, expected one after '
                f'{self.last_sequence} and up to {last_tick_sequence}'
            )
        log_scale = np.asarray(update.temporal_filter, np.float32)
        if log_scale.size != self._filter_log_scale.size:
            raise LiquidPilotError(
                f'time scales: they are of {log_scale.size} blocks of the temporal filter, the '
                f'pilot has {self._filter_log_scale.size}'
            )
        core = [np.asarray(part, np.float32).ravel() for part in (update.log_cm, update.log_gleak)]
        if any(part.size not in (0, self._neurons) for part in core):
            raise LiquidPilotError(
                f'time scales: they are of {core[0].size} and {core[1].size} neurons, '
                f'the pilot has {self._neurons}'
            )
        if not all(np.isfinite(part).all() for part in (log_scale, *core)):
            raise LiquidPilotError('time scales: some are not finite')
        self._filter_log_scale = np.clip(log_scale.reshape(self._grid), *FILTER_LOG_SCALE_RANGE)
        for row, part, bounds in zip(self._core_log_scale, core, self._core_ranges, strict=True):
            row[:] = np.clip(part, *bounds) if part.size else 0.0
        self.last_sequence = update.sequence

    def scales(self, last_tick_sequence: int, dt_s: float) -> TimeScales:
        """Return the time scales of the next tick.

        Args:
            last_tick_sequence: sequence of the last tick.
            dt_s: elapsed time of the last tick, by which scales without updates decay, s.
        """
        if (
            self.last_sequence >= 0
            and last_tick_sequence - self.last_sequence > self._timeout_ticks
        ):
            keep = np.float32(math.exp(-dt_s / self._decay_s))
            self._filter_log_scale = self._filter_log_scale * keep
            self._core_log_scale *= keep
        log_scale = self._core_log_scale
        core = CoreScales(*log_scale.copy()) if log_scale.any() else None
        return TimeScales(self._filter_log_scale, core)
