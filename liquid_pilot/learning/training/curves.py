"""The curves of a training: `curves.json` and, drawn, `curves.png`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from liquid_pilot.learning.training.stage import TrainingHistory
from liquid_pilot.utils.atomic_write import atomic_writer


def draw_curves(curves: dict[str, TrainingHistory], out: Path) -> None:
    """Training and validation loss over the steps of each stage, and where it was best."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    with atomic_writer(out / 'curves.json') as file:
        file.write(
            (
                json.dumps({name: asdict(one) for name, one in curves.items()}, indent=1) + '\n'
            ).encode()
        )
    figure, axes = pyplot.subplots(1, len(curves), figsize=(4.5 * len(curves), 3.2), squeeze=False)
    for axis, (name, one) in zip(axes[0], curves.items(), strict=True):
        if one.curve:
            steps, training, validation = zip(*one.curve, strict=True)
            axis.plot(steps, training, label='training')
            axis.plot(steps, validation, label='validation')
            axis.axvline(one.best_step, color='grey', lw=0.8, ls=':', label='best')
            axis.legend(fontsize=7)
        axis.set(title=name, xlabel='step', ylabel='loss', yscale='log')
        axis.grid(alpha=0.3)
    figure.tight_layout()
    with atomic_writer(out / 'curves.png') as file:
        figure.savefig(file, dpi=110, format='png')
    pyplot.close(figure)
