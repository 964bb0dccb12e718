"""The adaptation of a mission, tick by tick: recorded and stored."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

_NPZ_KEYS = {'filter_error': 'error', 'filter_tau_s': 'receptor_tau_s', 'friction_ratio': 'grip'}
"""Keys on disk that differ from the names of the fields."""


class AdaptationSample(NamedTuple):
    """The adaptation at one tick of a mission."""

    time_s: float
    """Seconds since the first frame of the mission."""
    filter_error: float
    """RMS prediction error of the temporal filter, of full scale; 0 for a rejected frame."""
    filter_tau_s: tuple[float, float, float]
    """Min, geometric mean and max of the time constants of the temporal filter's blocks."""
    core_tau_s: tuple[float, float, float]
    """Min, median and max of the time constants of the core's neurons; NaN for a core without."""
    novel: bool
    """Whether the novelty gate rejected the frame."""
    trust: float
    """Factor on the command."""
    gain: float
    """Gain of the photometric match."""
    friction_ratio: float = math.nan
    """Estimated friction relative to a dry road; NaN without a friction estimate."""


def make_sample(
    time_s: float,
    filter_error: np.ndarray,
    filter_tau_s: np.ndarray,
    core_tau_s: np.ndarray,
    novel: bool,
    trust: float,
    gain: float,
    friction_ratio: float = math.nan,
) -> AdaptationSample:
    """Summarise the arrays of one tick.

    Args:
        time_s: seconds since the first frame of the mission.
        filter_error: (R*C,) mean square prediction errors of the temporal filter's blocks.
        filter_tau_s: (R*C,) time constants of these blocks.
        core_tau_s: (N,) time constants of the core's neurons; NaN for a core without.
        novel: whether the novelty gate rejected the frame.
        trust: factor on the command.
        gain: gain of the photometric match.
        friction_ratio: estimated friction relative to a dry road; NaN without an estimate.
    """
    core = core_tau_s if np.isfinite(core_tau_s).any() else np.full(1, np.nan)
    return AdaptationSample(
        time_s,
        float(np.sqrt(filter_error.mean())),
        (
            float(filter_tau_s.min()),
            float(np.exp(np.log(filter_tau_s).mean())),
            float(filter_tau_s.max()),
        ),
        (float(core.min()), float(np.median(core)), float(core.max())),
        novel,
        trust,
        gain,
        friction_ratio,
    )


@dataclass
class AdaptationLog:
    """The samples of one mission."""

    seed: int
    outcome: str
    samples: list[AdaptationSample] = field(default_factory=list)
    duration_s: float = 0.0
    """Duration of the mission as in its report, from the first frame to the one that ended it."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return each field of the samples as an array (T,) or (T, 3)."""
        return {
            name: np.array([getattr(sample, name) for sample in self.samples])
            for name in AdaptationSample._fields
        }


def to_npz(logs: Iterable[AdaptationLog]) -> bytes:
    """Return a compressed npz file with the arrays 'seed_<seed>/<quantity>' of all logs."""
    arrays: dict[str, Any] = {
        f'seed_{log.seed}/{_NPZ_KEYS.get(name, name)}': array
        for log in logs
        for name, array in log.arrays().items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
