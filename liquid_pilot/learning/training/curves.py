"""The curves of a training: the numbers as `curves.json`, the plot as `curves.png`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from liquid_pilot.learning.training.stage import TrainingHistory
from liquid_pilot.utils.atomic_write import atomic_writer


def draw_curves(curves: Mapping[str, TrainingHistory], out: Path) -> None:
    """Write training and validation loss over the steps of each stage, the best step marked.

    Args:
        curves: histories by the name of their stage.
        out: folder for `curves.json` and `curves.png`.
    """
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    values = {name: asdict(history) for name, history in curves.items()}
    with atomic_writer(out / 'curves.json') as file:
        file.write((json.dumps(values, indent=1) + '\n').encode())
    figure, axes = pyplot.subplots(1, len(curves), figsize=(4.5 * len(curves), 3.2), squeeze=False)
    for axis, (name, history) in zip(axes[0], curves.items(), strict=True):
        if history.curve:
            steps, training, validation = zip(*history.curve, strict=True)
            axis.plot(steps, training, label='training')
            axis.plot(steps, validation, label='validation')
            axis.axvline(history.best_step, color='grey', lw=0.8, ls=':', label='best')
            axis.legend(fontsize=7)
        axis.set(title=name, xlabel='step', ylabel='loss', yscale='log')
        axis.grid(alpha=0.3)
    figure.tight_layout()
    with atomic_writer(out / 'curves.png') as file:
        figure.savefig(file, dpi=110, format='png')
    pyplot.close(figure)
