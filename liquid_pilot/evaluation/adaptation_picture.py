"""The picture of what adaptation did during the missions of a run."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from liquid_pilot.evaluation.adaptation_log import AdaptationLog
from liquid_pilot.simulation.base.condition import Condition, label
from liquid_pilot.utils.palette import BLUE, ORANGE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_COLUMNS = 6
_ONSET_DASHES = ('--', ':', '-.')
_MIN_SPAN_S = 0.1
"""Min length of the time axis, for a mission that ended with its first frame."""
_IDLE = 0.02
"""Max difference from its neutral value of a quantity that is left out."""
_REJECTED = 'frames that the novelty gate rejected'
Arrays = dict[str, np.ndarray]
"""The arrays of one mission, as `AdaptationLog.arrays` returns them."""


class _Row(NamedTuple):
    """One quantity over time, in a panel for each mission."""

    title: str
    explanation: str
    """What is drawn, in which unit, with newlines between its lines."""
    curves: Callable[[Arrays], np.ndarray]
    """Returns (T,), or (T, 3) of the lower end of a band, the line, and the upper end."""
    logarithmic: bool = False
    neutral: float | None = None
    """Value that means that nothing was changed. A row that stays there is left out."""


def _filter_error(data: Arrays) -> np.ndarray:
    return np.where(data['novel'], np.nan, 100.0 * data['filter_error'])


_ROWS = (
    _Row(
        'Prediction error',
        'How far the temporal filter\nmisses the next frame:\nRMS, % of full scale',
        _filter_error,
    ),
    _Row(
        'Temporal filter',
        'Time constants of the\nblocks of the picture, ms;\nlonger smooths more.\n'
        'Line: geometric mean\nBand: smallest to largest',
        lambda data: 1e3 * data['filter_tau_s'],
        logarithmic=True,
    ),
    _Row(
        'Recurrent core',
        'Time constants of the\nneurons, ms.\nLine: median\nBand: smallest to largest',
        lambda data: 1e3 * data['core_tau_s'],
        logarithmic=True,
    ),
    _Row(
        'Slow-down when blind',
        'Factor on the speed that\nthe pilot commands; 1: none',
        lambda data: data['trust'],
        neutral=1.0,
    ),
    _Row(
        'Gain of the picture',
        'Factor on its contrast;\n1: as it came',
        lambda data: data['gain'],
        neutral=1.0,
    ),
    _Row(
        'Friction of the road',
        "Estimated from the car's\nmotion; 1: a dry road",
        lambda data: data['friction_ratio'],
    ),
)


def plot_adaptation(logs: Iterable[AdaptationLog], conditions: Sequence[Condition]) -> bytes:
    """Draw what adaptation did, as a PNG file.

    Args:
        logs: the logs of the missions, as for `adaptation_figure`.
        conditions: the conditions of these missions.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(adaptation_figure(logs, conditions)).print_png(buffer)
    return buffer.getvalue()


def adaptation_figure(logs: Iterable[AdaptationLog], conditions: Sequence[Condition]) -> Figure:
    """Return errors, time constants and corrections over time, one column per mission.

    A row is left out when the pilot has no such quantity, or when it changed next to nothing in any
    mission; the last line of the figure then says so.

    Args:
        logs: the logs of the missions; the first six that have samples get a column each.
        conditions: the conditions of these missions; their onsets are marked.
    """
    from matplotlib.figure import Figure

    drawn: list[AdaptationLog] = []
    count = 0
    for log in logs:
        if log.samples:
            count += 1
            drawn += [log] * (count <= _MAX_COLUMNS)
    data = [log.arrays() for log in drawn]
    rows = [row for row in _ROWS if _is_shown(row, data)]
    idle = [row.title.lower() for row in _ROWS if _is_idle(row, data)]
    figure = Figure(
        figsize=(2.3 + 3.0 * len(drawn), 1.0 + 1.5 * len(rows)), dpi=110, layout='constrained'
    )
    widths = [0.7] + [1.1] * len(drawn)
    grid = figure.subplots(
        len(rows), 1 + len(drawn), sharey=False, squeeze=False, width_ratios=widths
    )
    for row, (texts, *panels) in zip(rows, grid, strict=True):
        _write_row(texts, row)
        values = [row.curves(arrays) for arrays in data]
        for axes in panels[1:]:
            axes.sharey(panels[0])
            axes.tick_params(labelleft=False)
        _set_scale(panels, row, values)
        for axes, log, arrays, value in zip(panels, drawn, data, values, strict=True):
            _draw_panel(axes, arrays, value, conditions)
            # The frame that ends a mission is flown to, and not answered: it has no sample.
            axes.set_xlim(0.0, max(log.duration_s, log.samples[-1].time_s, _MIN_SPAN_S))
    for log, top, bottom in zip(drawn, grid[0, 1:], grid[-1, 1:], strict=True):
        top.set_title(f'seed {log.seed}: {log.outcome}, {log.duration_s:.1f} s', fontsize=9)
        bottom.set_xlabel('time since the first frame, s', fontsize=8)
    some = '' if len(drawn) == count else f', {len(drawn)} of {count} missions'
    figure.suptitle(
        f'What adaptation did, second by second (condition: {label(tuple(conditions))}{some})',
        fontsize=11,
    )
    note = (
        f'Left out, within {100 * _IDLE:g} % of 1 all the time: {", ".join(idle)}.' if idle else ''
    )
    _draw_legend(figure, data, conditions, note)
    return figure


def _is_idle(row: _Row, data: Sequence[Arrays]) -> bool:
    """Return whether a quantity changed next to nothing in any mission."""
    return row.neutral is not None and all(
        np.allclose(row.curves(arrays), row.neutral, rtol=0.0, atol=_IDLE) for arrays in data
    )


def _is_shown(row: _Row, data: Sequence[Arrays]) -> bool:
    exists = any(np.isfinite(row.curves(arrays)).any() for arrays in data)
    return exists and not _is_idle(row, data)


def _write_row(axes: Any, row: _Row) -> None:
    axes.axis('off')
    axes.text(0.0, 0.98, row.title, fontsize=10, fontweight='bold', va='top')
    axes.text(0.0, 0.8, row.explanation, fontsize=8, va='top', linespacing=1.35)


def _draw_panel(
    axes: Any, data: Arrays, values: np.ndarray, conditions: Sequence[Condition]
) -> None:
    """Draw one quantity of one mission.

    Args:
        axes: the axes.
        data: the arrays of the mission.
        values: the quantity, (T,) or (T, 3) with a band.
        conditions: the conditions; those that begin in mid-flight are marked.
    """
    time_s = data['time_s']
    if values.ndim == 2:
        low, values, high = values.T
        axes.fill_between(time_s, low, high, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(time_s, values, color=BLUE, linewidth=1.1)
    for onset_s, dashes in _onsets(conditions).items():
        axes.axvline(onset_s, color=VERMILLION, linestyle=dashes, linewidth=1.2)
    for first_s, end_s in _rejected_spans(time_s, data['novel']):
        axes.axvspan(first_s, end_s, color=ORANGE, alpha=0.35, linewidth=0)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)


def _set_scale(panels: Sequence[Any], row: _Row, values: Sequence[np.ndarray]) -> None:
    """Set limits in which a quantity that hardly changes is seen as steady.

    This comes before anything is drawn, because a logarithmic axis whose values are all the same
    has no range of its own.
    """
    axes = panels[0]
    pooled = np.concatenate([each.ravel() for each in values])
    low, high = float(np.nanmin(pooled)), float(np.nanmax(pooled))
    if row.logarithmic:
        low, high = math.log10(low), math.log10(high)
        for one in panels:
            one.set_yscale('log')
            one.yaxis.set_major_formatter('{x:g}')
            one.yaxis.set_minor_formatter('')
        axes.set_ylim(10.0 ** math.floor(low - 0.02), 10.0 ** math.ceil(high + 0.02))
    else:
        axes.set_ylim(0.0, 1.08 * max(high, row.neutral or 0.0, 1e-6))


def _onsets(conditions: Sequence[Condition]) -> dict[float, str]:
    """Return the dashes of each onset in mid-flight."""
    times_s = sorted({one.onset_s for one in conditions if one.onset_s > 0.0})
    return {
        time_s: _ONSET_DASHES[number % len(_ONSET_DASHES)] for number, time_s in enumerate(times_s)
    }


def _rejected_spans(time_s: np.ndarray, novel: np.ndarray) -> list[tuple[float, float]]:
    """Return begin and end of the times in which the novelty gate rejected the frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], novel.astype(int), [0]])))
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.05
    return [
        (float(time_s[first]), float(time_s[last - 1]) + step_s)
        for first, last in edges.reshape(-1, 2)
    ]


def _draw_legend(
    figure: Figure, data: Sequence[Arrays], conditions: Sequence[Condition], note: str
) -> None:
    """Explain onsets and rejected frames, and name what is left out, below the panels."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for onset_s, dashes in _onsets(conditions).items():
        names = ' and '.join(
            str(one).partition('@')[0] for one in conditions if one.onset_s == onset_s
        )
        verb = 'begins' if ' and ' not in names else 'begin'
        handles.append(
            Line2D([], [], color=VERMILLION, ls=dashes, label=f'{names} {verb}, {onset_s:g} s')
        )
    if any(arrays['novel'].any() for arrays in data):
        handles.append(Patch(facecolor=ORANGE, alpha=0.35, label=_REJECTED))
    if note:
        handles.append(Line2D([], [], ls='', label=note))
    if handles:
        figure.legend(handles=handles, loc='outside lower left', ncols=4, fontsize=8, frameon=False)
