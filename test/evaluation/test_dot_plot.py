"""Dot plots: gaps, intervals, and styles that differ by more than colour."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from liquid_pilot.evaluation.dot_plot import NO_VALUE, DotPanel, dot_figure
from liquid_pilot.utils.palette import style

ROWS = {
    'clear': {'a': (90.0, 80.0, 95.0), 'b': (50.0, 40.0, 60.0)},
    'snow:3': {'a': (70.0, 60.0, 80.0)},
}


def series(axes):
    """Return (values, container) of each series by its name."""
    return {
        container.get_label(): (np.array(container.lines[0].get_xdata()), container)
        for container in axes.containers
    }


def legend_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize('missing', [{}, {'b': NO_VALUE}])
def test_what_was_not_flown_is_a_gap_and_not_zero(missing):
    rows = {**ROWS, 'snow:3': {**ROWS['snow:3'], **missing}}
    figure = dot_figure('success', [DotPanel('%', rows, (0.0, 100.0))])
    drawn = series(figure.axes[0])
    np.testing.assert_array_equal(drawn['a'][0], [90.0, 70.0])
    np.testing.assert_array_equal(drawn['b'][0], [50.0, np.nan])
    assert legend_of(figure) == ['a', 'b', 'no point: not flown']
    whole = dot_figure('success', [DotPanel('%', {'clear': ROWS['clear']})])
    assert legend_of(whole) == ['a', 'b']


def test_points_have_intervals_labels_and_styles():
    figure = dot_figure('success', [DotPanel('missions, %', ROWS)])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ['clear', 'snow:3']
    assert axes.get_xlabel() == 'missions, %' and figure.get_suptitle() == 'success'
    for number, (name, (_, container)) in enumerate(series(axes).items()):
        points, _, (bars,) = container.lines
        look = style(number)
        assert (to_hex(points.get_color()), points.get_marker()) == (look.colour, look.marker)
        ends = bars.get_segments()[0][:, 0]
        np.testing.assert_allclose(ends, ROWS['clear'][name][1:])
    # The first row is on top.
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_several_quantities_share_the_rows():
    figure = dot_figure('two', [DotPanel('%', ROWS), DotPanel('m/s', ROWS)], 'not driven')
    left, right = figure.axes
    assert (left.get_xlabel(), right.get_xlabel()) == ('%', 'm/s')
    assert left.get_ylim() == right.get_ylim()
    assert 'no point: not driven' in legend_of(figure)


def test_long_names_stay_within_the_figure():
    long = 'forest-ltc+adapt:' + ','.join(f'setting_{k}=0.125' for k in range(9))
    figure = dot_figure('success', [DotPanel('%', {'clear': {long: (1.0, 0.0, 2.0)}})])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.legends[0].get_window_extent(canvas.get_renderer())
    assert box.x0 >= 0.0 and box.x1 <= figure.bbox.width
    assert legend_of(figure)[0].replace('\n', '') == long
