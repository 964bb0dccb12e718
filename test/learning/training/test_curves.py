"""The curves of a training: labels, styles, and a gap where a loss is not finite."""

import json
import math

import numpy as np
import pytest

from liquid_pilot.learning.training.curves import curves_figure, draw_curves
from liquid_pilot.learning.training.stage import TrainingHistory

CURVE = [(10, 1.0, 1.2), (20, 0.5, 0.8), (30, math.inf, 0.9)]


def test_curves_are_labelled_and_an_infinite_loss_is_a_gap():
    histories = {'core': TrainingHistory(CURVE, 0.8, 20), 'joint': TrainingHistory()}
    figure = curves_figure(histories)
    core, joint = figure.axes
    assert (core.get_title(), joint.get_title()) == ('stage: core', 'stage: joint')
    assert (core.get_xlabel(), core.get_ylabel(), core.get_yscale()) == ('step', 'loss', 'log')
    training, validation, best = core.lines
    np.testing.assert_array_equal(training.get_ydata(), [1.0, 0.5, np.nan])
    assert validation.get_ydata()[1] == 0.8 and best.get_xdata()[0] == 20
    assert training.get_linestyle() != validation.get_linestyle()
    assert [text.get_text() for text in joint.texts] == ['no step']
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        'training',
        'validation',
        'step with the lowest validation loss, which is kept',
    ]


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('curve', [[], CURVE[:1], CURVE])
def test_numbers_and_plot_are_written(tmp_path, curve):
    draw_curves({'core': TrainingHistory(curve, 0.8, 20)}, tmp_path)
    assert json.loads((tmp_path / 'curves.json').read_text())['core']['best_step'] == 20
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')
