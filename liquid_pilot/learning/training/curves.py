"""The curves of a training: the numbers as `curves.json`, the plot as `curves.png`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liquid_pilot.learning.training.stage import TrainingHistory
from liquid_pilot.utils.atomic_write import atomic_writer
from liquid_pilot.utils.palette import GREY, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_curves(curves: Mapping[str, TrainingHistory], out: Path) -> None:
    """Write the loss over the steps of each stage, as numbers and as a plot.

    Args:
        curves: histories by the name of their stage.
        out: folder for `curves.json` and `curves.png`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    values = {name: asdict(history) for name, history in curves.items()}
    with atomic_writer(out / 'curves.json') as file:
        file.write((json.dumps(values, indent=1) + '\n').encode())
    with atomic_writer(out / 'curves.png') as file:
        FigureCanvasAgg(curves_figure(curves)).print_png(file)


def curves_figure(curves: Mapping[str, TrainingHistory]) -> Figure:
    """Return training and validation loss over the steps of each stage, the best step marked.

    A loss that is not finite is a gap, and a stage without a step says so.

    Args:
        curves: histories by the name of their stage.
    """
    from matplotlib.figure import Figure

    count = max(len(curves), 1)
    figure = Figure(figsize=(max(4.0 * count, 6.0), 3.4), dpi=110, layout='constrained')
    panels = figure.subplots(1, count, squeeze=False)[0]
    legend: dict[str, Any] = {}
    for axes, (name, history) in zip(panels, curves.items(), strict=False):
        if history.curve:
            steps, *losses = np.array(history.curve, float).T
            for number, (text, loss) in enumerate(
                zip(('training', 'validation'), losses, strict=True)
            ):
                look = style(number)
                finite = np.where(np.isfinite(loss), loss, np.nan)
                (legend[text],) = axes.plot(
                    steps,
                    finite,
                    color=look.colour,
                    linestyle=look.dashes,
                    marker=look.marker,
                    markersize=3,
                )
            label = 'step with the lowest validation loss, which is kept'
            legend[label] = axes.axvline(history.best_step, color=GREY, linestyle=':')
            axes.set_yscale('log')
        else:
            axes.text(0.5, 0.5, 'no step', ha='center', transform=axes.transAxes, color=GREY)
            axes.set_xticks([])
            axes.set_yticks([])
        axes.set_title(f'stage: {name}', fontsize=10)
        axes.set_xlabel('step', fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel('loss', fontsize=9)
    figure.suptitle('Training: the loss of each stage, lower is better', fontsize=11)
    if legend:
        figure.legend(
            legend.values(),
            legend.keys(),
            loc='outside lower center',
            ncols=3,
            fontsize=8,
            frameon=False,
        )
    return figure
