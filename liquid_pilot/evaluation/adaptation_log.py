"""The adaptation of a mission, tick by tick: recorded, stored and drawn."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from liquid_pilot.simulation.base.condition import Condition

_MAX_PANELS = 6
_BLUE, _ORANGE, _RED, _GREY = '#0969da', '#bc4c00', '#d1242f', '#6e7781'
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

    def arrays(self) -> dict[str, np.ndarray]:
        """Return each field of the samples as an array (T,) or (T, 3)."""
        return {
            name: np.array([getattr(sample, name) for sample in self.samples])
            for name in AdaptationSample._fields
        }


def to_npz(logs: Sequence[AdaptationLog]) -> bytes:
    """Return a compressed npz file with the arrays 'seed_<seed>/<quantity>' of all logs."""
    arrays: dict[str, Any] = {
        f'seed_{log.seed}/{_NPZ_KEYS.get(name, name)}': array
        for log in logs
        for name, array in log.arrays().items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def plot_adaptation(logs: Sequence[AdaptationLog], conditions: Sequence[Condition]) -> bytes:
    """Draw errors, time constants and novelty gate over time.

    Args:
        logs: the logs of the missions; the first six that have samples get a column each.
        conditions: the conditions of these missions; their onsets are marked.

    Returns:
        A PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [log for log in logs if log.samples][:_MAX_PANELS]
    figure = Figure(figsize=(1.5 + 3.4 * len(drawn), 8.5), dpi=110, layout='constrained')
    axes = figure.subplots(4, len(drawn), sharex='col', sharey='row', squeeze=False)
    # Before anything is drawn: a logarithmic axis whose values are all the same has no range.
    for one in axes[1:3].flat:
        one.set_yscale('log')
    _set_decade_limits(axes[1, 0], [log.arrays()['filter_tau_s'] for log in drawn])
    for column, log in zip(axes.T, drawn, strict=True):
        _draw_mission(column, log, conditions)
    for row, label in enumerate(
        (
            'prediction error,\n% of full scale',
            'temporal filter:\ntau, ms',
            'core:\ntau, ms',
            'gate, match, friction',
        )
    ):
        axes[row, 0].set_ylabel(label)
    axes[3, -1].legend(fontsize=7, loc='upper right')
    names = ' + '.join(f'{one.family} from {one.onset_s:g} s' for one in conditions) or 'clear'
    figure.suptitle(f'adaptation: {names}')
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _set_decade_limits(axes: Any, taus_s: Sequence[np.ndarray]) -> None:
    """Let the axis span whole decades: time constants that hardly change still get a range."""
    low, high = (math.log10(1e3 * end(np.concatenate(taus_s))) for end in (np.min, np.max))
    axes.set_ylim(10.0 ** math.floor(low - 0.02), 10.0 ** math.ceil(high + 0.02))


def _draw_mission(
    column: Sequence[Any], log: AdaptationLog, conditions: Sequence[Condition]
) -> None:
    data = log.arrays()
    time_s = data['time_s']
    errors, temporal_filter, core, gate = column
    errors.set_title(f'seed {log.seed}: {log.outcome}', fontsize=9)
    errors.plot(
        time_s,
        100 * np.where(data['novel'], np.nan, data['filter_error']),
        color=_BLUE,
        linewidth=1,
    )
    for axes, name in ((temporal_filter, 'filter_tau_s'), (core, 'core_tau_s')):
        low, middle, high = 1e3 * data[name].T
        axes.fill_between(time_s, low, high, color=_BLUE, alpha=0.2, linewidth=0)
        axes.plot(time_s, middle, color=_BLUE, linewidth=1)
        axes.yaxis.set_major_formatter('{x:g}')
        axes.yaxis.set_minor_formatter('')
    gate.plot(time_s, data['trust'], color=_ORANGE, linewidth=1, label='factor on the command')
    gate.plot(time_s, data['gain'], color=_GREY, linewidth=1, label='gain of the match')
    if np.isfinite(data['friction_ratio']).any():
        gate.plot(time_s, data['friction_ratio'], color=_BLUE, linewidth=1, label='friction ratio')
    gate.set_xlabel('s')
    gate.set_ylim(bottom=0.0)
    for axes in column:
        for condition in conditions:
            axes.axvline(condition.onset_s, color=_RED, linestyle='--', linewidth=1)
        _shade_novel_frames(axes, time_s, data['novel'])
        axes.grid(alpha=0.3)


def _shade_novel_frames(axes: Any, time_s: np.ndarray, novel: np.ndarray) -> None:
    """Draw bands where the novelty gate rejected the frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], novel.astype(int), [0]])))
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.05
    for number, (first, last) in enumerate(edges.reshape(-1, 2)):
        axes.axvspan(
            time_s[first],
            time_s[last - 1] + step_s,
            color=_ORANGE,
            alpha=0.15,
            linewidth=0,
            label='frames rejected' if number == 0 else None,
        )
