"""The sheet of adaptation: its rows and words, onsets, rejected frames, and no empty row."""

import dataclasses
import itertools
import math

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from liquid_pilot.evaluation.adaptation_log import AdaptationLog, make_sample
from liquid_pilot.evaluation.adaptation_picture import adaptation_figure, plot_adaptation
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.utils.palette import BLUE, VERMILLION


def flown(seed, core=True, friction_ratio=math.nan, acting=True):
    """Return a mission of two seconds, whose frames of the sixth quarter second are rejected."""
    log = AdaptationLog(seed, 'success', duration_s=2.0)
    for tick in range(40):
        shut = acting and 20 <= tick < 25
        log.samples.append(
            make_sample(
                0.05 * tick,
                np.full(4, 0.0 if shut else 0.04),
                np.array([0.01, 0.1]),
                np.array([0.02, 0.2, 0.02]) if core else np.full(3, np.nan),
                shut,
                0.5 if shut else 1.0,
                2.0 if acting else 1.005,
                friction_ratio,
            )
        )
    return log


def rows_of(figure):
    """Return the title of each row, with its panels."""
    found, panels = [], []
    for axes in figure.axes:
        if not axes.axison:
            panels = []
            found.append((axes.texts[0].get_text(), panels))
        else:
            panels.append(axes)
    return dict(found)


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_every_row_says_what_it_shows():
    figure = adaptation_figure([flown(1), flown(2)], parse('noise:5@1s'))
    rows = rows_of(figure)
    assert list(rows) == [
        'Prediction error',
        'Temporal filter',
        'Recurrent core',
        'Slow-down when blind',
        'Gain of the picture',
    ]
    assert all(len(panels) == 2 for panels in rows.values())
    explanations = [axes.texts[1].get_text() for axes in figure.axes if not axes.axison]
    assert sum('Band: smallest to largest' in text for text in explanations) == 2
    assert 'Line: median' in explanations[2]
    assert 'noise:5@1s' in figure.get_suptitle()
    assert [axes.get_title() for axes in rows['Prediction error']] == [
        'seed 1: success, 2.0 s',
        'seed 2: success, 2.0 s',
    ]
    assert all('time' in axes.get_xlabel() for axes in rows['Gain of the picture'])


def test_title_and_time_axis_end_with_the_mission_and_not_with_the_last_sample():
    """The frame that ends a mission has no sample, and so the samples of 8.1 s end at 8.0 s."""
    ends_s = {1: 2.15, 2: 2.6}
    logs = [dataclasses.replace(flown(seed), duration_s=end_s) for seed, end_s in ends_s.items()]
    rows = rows_of(adaptation_figure(logs, parse('noise:5@1s')))
    titles = [axes.get_title() for axes in rows['Prediction error']]
    assert titles == [f'seed {seed}: success, {end_s:.1f} s' for seed, end_s in ends_s.items()]
    for panels in rows.values():
        assert [axes.get_xlim() for axes in panels] == [(0.0, end_s) for end_s in ends_s.values()]


@pytest.mark.filterwarnings('error')
def test_a_mission_that_ended_with_its_first_frame_has_a_time_axis():
    log = flown(1)
    figure = adaptation_figure([AdaptationLog(1, 'crash', log.samples[:1], 0.0)], ())
    assert {axes.get_xlim() for axes in figure.axes if axes.axison} == {(0.0, 0.1)}


def test_friction_is_on_the_sheet_of_a_car_only():
    assert 'Friction of the road' in rows_of(adaptation_figure([flown(1, friction_ratio=0.5)], ()))
    drone = adaptation_figure([flown(1)], parse('snow:3@1s'))
    words = [text.get_text() for axes in drone.axes for text in axes.texts]
    assert not any('riction' in word for word in [*words, *legend_of(drone), drone.get_suptitle()])


def test_what_changed_nothing_is_named_and_not_drawn():
    figure = adaptation_figure([flown(1, acting=False), flown(2, core=False, acting=False)], ())
    assert list(rows_of(figure)) == ['Prediction error', 'Temporal filter', 'Recurrent core']
    assert legend_of(figure) == [
        'Left out, within 2 % of 1 all the time: slow-down when blind, gain of the picture.'
    ]
    without_core = adaptation_figure([flown(1, core=False, acting=False)], ())
    assert list(rows_of(without_core)) == ['Prediction error', 'Temporal filter']


def test_onsets_and_rejected_frames_are_marked_and_explained():
    figure = adaptation_figure([flown(1)], parse('noise:5@1s+fog:2+blink:3@1.5s'))
    assert legend_of(figure) == [
        'noise:5 begins, 1 s',
        'blink:3 begins, 1.5 s',
        'frames that the novelty gate rejected',
    ]
    for (axes,) in rows_of(figure).values():
        onsets = [line for line in axes.lines if to_hex(line.get_color()) == VERMILLION]
        assert [line.get_xdata()[0] for line in onsets] == [1.0, 1.5]
        assert [line.get_linestyle() for line in onsets] == ['--', ':']
        (span,) = axes.patches
        assert (span.get_x(), span.get_width()) == pytest.approx((1.0, 0.25))
    calm = adaptation_figure([flown(1, acting=False)], parse('noise:5'))
    assert not [line for axes in calm.axes for line in axes.lines if len(line.get_xdata()) == 2]


def test_a_rejected_frame_is_a_gap_and_not_an_error_of_zero():
    ((axes,), *_) = rows_of(adaptation_figure([flown(1)], ())).values()
    (line,) = [each for each in axes.lines if to_hex(each.get_color()) == BLUE]
    values = line.get_ydata()
    assert np.isnan(values[20:25]).all() and np.isnan(values).sum() == 5
    assert values[0] == pytest.approx(20.0)


@pytest.mark.slow
def test_at_most_six_missions_are_drawn_and_the_title_says_so():
    logs = [flown(seed) for seed in range(8)] + [AdaptationLog(9, 'crash')]
    figure = adaptation_figure(logs, ())
    assert all(len(panels) == 6 for panels in rows_of(figure).values())
    assert '6 of 8 missions' in figure.get_suptitle()


@pytest.mark.filterwarnings('error')
def test_time_constants_that_stay_as_they_are_are_shown_too():
    """Values that differ by one last bit at most still give the logarithmic axis a range."""
    calm = AdaptationLog(
        1,
        'success',
        [
            sample._replace(filter_tau_s=(0.0125, 0.0125, np.nextafter(0.0125, 1.0)))
            for sample in flown(1).samples
        ],
    )
    (axes,) = rows_of(adaptation_figure([calm], ()))['Temporal filter']
    assert axes.get_ylim() == pytest.approx((10.0, 100.0))
    data = np.frombuffer(plot_adaptation([calm], ()), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).std() > 5


def test_no_text_lies_upon_another():
    figure = adaptation_figure(
        [flown(1, friction_ratio=0.5), flown(2)], parse('noise:5@1s+blink:3@1.5s')
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [text for axes in figure.axes for text in axes.texts]
    texts += [axes.title for axes in figure.axes if axes.get_title()]
    texts += [figure._suptitle, *figure.legends[0].get_texts()]
    boxes = [text.get_window_extent(renderer) for text in texts]
    for (one, first), (other, second) in itertools.combinations(zip(texts, boxes, strict=True), 2):
        assert not first.overlaps(second), (one.get_text(), other.get_text())
    panels = [axes.get_tightbbox(renderer) for axes in figure.axes if axes.axison]
    for text, box in zip(texts, boxes, strict=True):
        if text.axes is None or not text.axes.axison:
            assert not any(box.overlaps(panel) for panel in panels), text.get_text()
