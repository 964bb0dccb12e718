"""What adaptation did in a flight, tick by tick: collected, and drawn against the onset."""

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


class AdaptationSample(NamedTuple):
    """One tick of a flight that adapts."""

    time_s: float
    """Since the flight's first frame."""
    error: float
    """Root mean square of the receptors' prediction error, of full scale; 0 for a refused frame."""
    receptor_tau_s: tuple[float, float, float]
    """Least, mean (geometric) and greatest of the blocks."""
    core_tau_s: tuple[float, float, float]
    """Least, median and greatest of the core's neurons; NaN of a core without."""
    novel: bool
    trust: float
    gain: float
    """Of the photometric match."""
    grip: float = math.nan
    """Share of the dry road's; NaN where nothing is governed by it."""


def make_sample(
    time_s: float,
    error: np.ndarray,
    receptor_tau_s: np.ndarray,
    core_tau_s: np.ndarray,
    novel: bool,
    trust: float,
    gain: float,
    grip: float = math.nan,
) -> AdaptationSample:
    """From a tick's arrays: (R*C,) error and time constants of receptors, (N,) of the core."""
    core = core_tau_s if np.isfinite(core_tau_s).any() else np.full(1, np.nan)
    return AdaptationSample(
        time_s,
        float(np.sqrt(error.mean())),
        (
            float(receptor_tau_s.min()),
            float(np.exp(np.log(receptor_tau_s).mean())),
            float(receptor_tau_s.max()),
        ),
        (float(core.min()), float(np.median(core)), float(core.max())),
        novel,
        trust,
        gain,
        grip,
    )


@dataclass
class AdaptationLog:
    """One flight's moments."""

    seed: int
    outcome: str
    moments: list[AdaptationSample] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """Of each quantity (T,) or (T, 3)."""
        return {
            name: np.array([getattr(one, name) for one in self.moments])
            for name in AdaptationSample._fields
        }


def to_npz(histories: Sequence[AdaptationLog]) -> bytes:
    """All of it: arrays 'seed_<seed>/<quantity>'."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        **{
            f'seed_{history.seed}/{name}': array
            for history in histories
            for name, array in history.arrays().items()
        },
    )
    return buffer.getvalue()


def plot_adaptation(histories: Sequence[AdaptationLog], conditions: Sequence[Condition]) -> bytes:
    """A PNG: a column a flight (the first six); errors, receptors, core and gate over time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [history for history in histories if history.moments][:_MAX_PANELS]
    figure = Figure(figsize=(1.5 + 3.4 * len(shown), 8.5), dpi=110, layout='constrained')
    axes = figure.subplots(4, len(shown), sharex='col', sharey='row', squeeze=False)
    for column, history in zip(axes.T, shown, strict=True):
        _draw_flight(column, history, conditions)
    for row, label in enumerate(
        (
            'prediction error,\n% of full scale',
            'receptors:\ntau, ms',
            'core:\ntau, ms',
            'gate, match, grip',
        )
    ):
        axes[row, 0].set_ylabel(label)
    _show_decades(axes[1, 0], [history.arrays()['receptor_tau_s'] for history in shown])
    axes[3, -1].legend(fontsize=7, loc='upper right')
    names = ' + '.join(f'{one.family} from {one.onset_s:g} s' for one in conditions) or 'clear'
    figure.suptitle(f'adaptation in flight: {names}')
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _show_decades(axes: Any, taus_s: Sequence[np.ndarray]) -> None:
    """From decade to decade: in calm weather receptors stay near to where they are."""
    least, most = (math.log10(1e3 * end(np.concatenate(taus_s))) for end in (np.min, np.max))
    axes.set_ylim(10.0 ** math.floor(least - 0.02), 10.0 ** math.ceil(most + 0.02))


def _draw_flight(
    column: Sequence[Any], history: AdaptationLog, conditions: Sequence[Condition]
) -> None:
    data = history.arrays()
    time_s = data['time_s']
    errors, receptors, core, gate = column
    errors.set_title(f'seed {history.seed}: {history.outcome}', fontsize=9)
    errors.plot(
        time_s, 100 * np.where(data['novel'], np.nan, data['error']), color=_BLUE, linewidth=1
    )
    for axes, name in ((receptors, 'receptor_tau_s'), (core, 'core_tau_s')):
        least, middle, most = 1e3 * data[name].T
        axes.fill_between(time_s, least, most, color=_BLUE, alpha=0.2, linewidth=0)
        axes.plot(time_s, middle, color=_BLUE, linewidth=1)
        axes.set_yscale('log')
        axes.yaxis.set_major_formatter('{x:g}')
        axes.yaxis.set_minor_formatter('')
    gate.plot(time_s, data['trust'], color=_ORANGE, linewidth=1, label='trust in the command')
    gate.plot(time_s, data['gain'], color=_GREY, linewidth=1, label='gain of the match')
    if np.isfinite(data['grip']).any():
        gate.plot(time_s, data['grip'], color=_BLUE, linewidth=1, label='grip')
    gate.set_xlabel('s')
    gate.set_ylim(bottom=0.0)
    for axes in column:
        for condition in conditions:
            axes.axvline(condition.onset_s, color=_RED, linestyle='--', linewidth=1)
        _shade(axes, time_s, data['novel'])
        axes.grid(alpha=0.3)


def _shade(axes: Any, time_s: np.ndarray, novel: np.ndarray) -> None:
    """Bands where the gate was shut."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], novel.astype(int), [0]])))
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.05
    for number, (first, last) in enumerate(edges.reshape(-1, 2)):
        axes.axvspan(
            time_s[first],
            time_s[last - 1] + step_s,
            color=_ORANGE,
            alpha=0.15,
            linewidth=0,
            label='gate shut' if number == 0 else None,
        )
