"""The picture of the paths: legend, ring of success, one scale, headings and outcomes."""

import itertools
import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from liquid_pilot.evaluation.path_picture import draw_paths, paths_figure
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.tasks.registry import layout_of
from liquid_pilot.utils.palette import ORANGE, OUTCOMES, rgb


def mission(
    seed, outcome='success', vehicle='quadrotor', condition='clear', duration_s=9.0, **more
):
    """Return a mission along a straight line, with the nose turned away from it by 90 degrees."""
    layout = layout_of(vehicle, seed, parse(condition))
    view = layout.top_view()
    end = next(mark.position for mark in view.landmarks if mark.is_goal)
    path = np.linspace((0.0, *layout.start_enu_m), (duration_s, *end, 1.5), 60)
    bearing = math.atan2(*(np.array(end) - layout.start_enu_m[:2])[::-1])
    content = {
        'path': [tuple(row) for row in path],
        'headings_rad': [bearing + 0.5 * math.pi] * len(path),
        'arrival_radius_m': 1.5 if vehicle == 'quadrotor' else 0.0,
    }
    return MissionResult(seed, outcome, '', duration_s, 11.5, 1.0, layout, **{**content, **more})


def legend_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def rings(axes):
    return [patch for patch in axes.patches if isinstance(patch, Circle)]


def test_the_legend_names_everything_that_is_drawn():
    figure = paths_figure([mission(1), mission(2, 'crash'), mission(3, 'timeout')], '1 of 3')
    assert set(legend_of(figure)) == {
        'path and its end: success',
        'path and its end: crash',
        'path and its end: timeout',
        'heading, every 1 s',
        'start',
        'tree crown',
        'tree trunk',
        'target',
        'success: within 1.5 m of the target',
    }
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ['seed 1: success, 9.0 s', 'seed 2: crash, 9.0 s', 'seed 3: timeout, 9.0 s']
    assert figure.get_suptitle() == '1 of 3\nseen from above, north is up, all at one scale'


def test_the_ring_has_the_radius_of_success_around_the_target():
    results = [mission(4), mission(5)]
    for result, axes in zip(results, paths_figure(results, '').axes, strict=True):
        (ring,) = rings(axes)
        assert ring.get_radius() == 1.5
        assert ring.center == result.layout.target_enu_m[:2]
        assert not ring.get_fill()
        # The ring is within the panel as a whole.
        for centre, (low, high) in zip(
            ring.center, (axes.get_xlim(), axes.get_ylim()), strict=True
        ):
            assert low < centre - 1.5 and centre + 1.5 < high


def test_a_road_has_no_ring_and_its_end_is_the_goal():
    figure = paths_figure([mission(0, vehicle='rover')], '')
    assert rings(figure.axes[0]) == []
    assert {'road', 'end of the road'} < set(legend_of(figure))
    assert 'target' not in ' '.join(legend_of(figure))


@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_the_end_of_a_path_on_the_goal_and_the_goal_are_both_seen(vehicle):
    result = mission(0, vehicle=vehicle)
    (axes,) = paths_figure([result], '').axes
    (path,) = [line for line in axes.lines if len(line.get_xdata()) == 60]
    (goal,) = [line for line in axes.lines if line.get_marker() == '*']
    x, y = path.get_xydata()[-1]
    assert (x, y) == pytest.approx(tuple(goal.get_xydata()[0]))
    # The dot is above the star, and small enough for the points of the star to stick out.
    assert path.get_zorder() > goal.get_zorder()
    assert path.get_markersize() < 0.5 * goal.get_markersize()
    assert to_hex(path.get_markeredgecolor()) == '#ffffff'
    # Both colours are in the picture around that place.
    picture = draw_paths([result], '')
    figure = paths_figure([result], '')
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    column, row = (round(float(one)) for one in figure.axes[0].transData.transform((x, y)))
    row = picture.shape[0] - row
    around = picture[row - 14 : row + 14, column - 14 : column + 14].reshape(-1, 3)
    for colour in (OUTCOMES['success'].colour, ORANGE):
        difference = np.abs(around.astype(int) - rgb(colour)).max(axis=1)
        assert (difference < 25).sum() > 20, colour


def test_no_heading_covers_the_end_of_a_path():
    """A mission of 8.05 s has its last heading at 8 s, which would lie upon the dot."""
    (axes,) = paths_figure([mission(7, duration_s=8.05)], '').axes
    (arrows,) = [each for each in axes.collections if type(each) is PolyCollection]
    assert len(arrows.get_paths()) == 7


def test_a_course_shows_gate_and_wrong_target():
    names = legend_of(paths_figure([mission(0, 'crash', condition='two_legs:3')], ''))
    assert {'gate, to be flown through first', 'wrong target', 'target'} < set(names)
    assert 'hedge' in legend_of(paths_figure([mission(0, condition='hidden:3')], ''))


@pytest.mark.parametrize('count', [2, 14])
def test_all_panels_have_one_scale(count):
    figure = paths_figure([mission(seed) for seed in range(count)], '')
    spans = {
        round(float(np.ptp(limits)), 6)
        for axes in figure.axes
        for limits in (axes.get_xlim(), axes.get_ylim())
    }
    assert len(spans) == 1 and all(axes.get_aspect() == 1.0 for axes in figure.axes)
    bars = [text for axes in figure.axes for text in axes.texts]
    assert len(bars) == (count if count <= 12 else 1)
    assert len({text.get_text() for text in bars}) == 1 and bars[0].get_text() in ('2 m', '5 m')


def test_headings_are_those_of_the_vehicle_and_not_of_the_path():
    result = mission(7)
    figure = paths_figure([result], '')
    (arrows,) = [each for each in figure.axes[0].collections if type(each) is PolyCollection]
    outlines = [path.vertices for path in arrows.get_paths()]
    # One for each second of the nine, but neither at the start nor at the end.
    assert len(outlines) == 8
    for outline in outlines:
        nose, tail = outline[0], outline[2]
        pointing = math.atan2(*(nose - tail)[::-1])
        difference = pointing - result.headings_rad[0]
        assert math.remainder(difference, 2.0 * math.pi) == pytest.approx(0.0, abs=1e-6)
    bare = paths_figure([mission(7, headings_rad=[])], '')
    assert not [each for each in bare.axes[0].collections if type(each) is PolyCollection]
    assert not [name for name in legend_of(bare) if 'heading' in name]


def test_long_missions_have_headings_at_longer_intervals():
    figure = paths_figure([mission(0, vehicle='rover', duration_s=55.0)], '')
    assert 'heading, every 5 s' in legend_of(figure)


@pytest.mark.parametrize('outcome', OUTCOMES)
def test_an_outcome_has_its_own_colour_dashes_and_marker(outcome):
    figure = paths_figure([mission(3, outcome)], '')
    style = OUTCOMES[outcome]
    (line,) = [each for each in figure.axes[0].lines if len(each.get_xdata()) == 60]
    assert to_hex(line.get_color()) == style.colour
    assert (line.get_linestyle(), line.get_marker()) == (style.dashes, style.marker)
    assert line.get_markevery() == [59]


@pytest.mark.slow
def test_of_many_missions_failures_come_first():
    results = [mission(seed, 'crash' if seed == 104 else 'success') for seed in range(105)]
    figure = paths_figure(results, '104 of 105')
    assert len(figure.axes) == 100
    assert figure.axes[0].get_title() == 'seed 104: crash'
    assert '100 of 105, failures first' in figure.get_suptitle()


def test_missions_without_a_path_or_a_scene_are_drawn_too():
    results = [mission(1, path=[]), mission(2)]
    results[1].layout = None
    figure = paths_figure(results, '')
    (axes,) = figure.axes
    assert axes.get_title().startswith('seed 2')
    picture = draw_paths(results, '')
    assert picture.dtype == np.uint8 and picture.shape[2] == 3


def test_no_text_lies_upon_another():
    figure = paths_figure([mission(seed) for seed in range(5)], '5 of 5 missions succeeded')
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [axes.title.get_window_extent(renderer) for axes in figure.axes]
    boxes += [figure._suptitle.get_window_extent(renderer)]
    boxes += [text.get_window_extent(renderer) for text in figure.legends[0].get_texts()]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
