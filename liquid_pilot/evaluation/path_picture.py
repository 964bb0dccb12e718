"""The picture of the paths of a run, seen from above."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.utils.palette import BLACK, OUTCOMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_PANELS = 100
_MAX_LARGE_PANELS = 12
_MAX_ARROWS = 12
"""Max number of headings along a path of median duration."""
_INTERVALS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_SCALES_M = (1, 2, 5, 10, 20, 50, 100)
Legend = dict[str, Any]
"""Handles of the legend by their text, in the order in which they were drawn first."""
Restore = Callable[[MissionResult], MissionResult]
"""Function that returns a mission with its scene and its whole path."""


def as_it_is(result: MissionResult) -> MissionResult:
    """Return a mission that has its whole path already."""
    return result


def draw_paths(
    results: Sequence[MissionResult], title: str, restore: Restore = as_it_is
) -> np.ndarray:
    """Draw the paths from above, one panel per mission.

    Args:
        results: the missions, as for `paths_figure`.
        title: title of the picture.
        restore: as for `paths_figure`.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(paths_figure(results, title, restore))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def paths_figure(
    results: Sequence[MissionResult], title: str, restore: Restore = as_it_is
) -> Figure:
    """Return the paths from above, one panel per mission, all panels at one scale.

    Args:
        results: the missions; of more than a hundred, failures are drawn first.
        title: title of the picture.
        restore: function that returns a mission with its scene and its whole path, where
            `results` hold less than that.

    Returns:
        The figure, with a legend of what is in it.
    """
    from matplotlib.figure import Figure

    flown = [result for result in results if result.path]
    if len(flown) > _MAX_PANELS:
        flown.sort(key=lambda result: (result.outcome == 'success', result.seed))
        title = f'{title} ({_MAX_PANELS} of {len(flown)}, failures first)'
    shown = [restore(result) for result in flown[:_MAX_PANELS]]
    small = len(shown) > _MAX_LARGE_PANELS
    columns = min(len(shown), 10 if small else 4)
    rows = -(-len(shown) // columns)
    side_in = 1.5 if small else 4.2 if len(shown) == 1 else 3.2
    figure = Figure(
        figsize=(max(columns * side_in, 6.4), rows * (side_in + 0.25) + 1.0),
        dpi=110,
        layout='constrained',
    )
    half_m = 0.5 * max(float(np.ptp(_extent(result), axis=0).max()) for result in shown)
    half_m += max(0.6, 0.07 * half_m)
    interval_s = _heading_interval_s(float(np.median([result.path[-1][0] for result in shown])))
    legend: Legend = {}
    for number, result in enumerate(shown):
        axes = figure.add_subplot(rows, columns, number + 1)
        _draw_panel(axes, result, half_m, interval_s, small, legend)
        if number == 0 or not small:
            _draw_scale(axes, half_m)
    scale = '' if len(shown) == 1 else ', all at one scale'
    figure.suptitle(f'{title}\nseen from above, north is up{scale}', fontsize=11)
    figure.legend(
        legend.values(),
        legend.keys(),
        loc='outside lower center',
        ncols=max(2, int(figure.get_figwidth() / 2.2)),
        fontsize=8,
        frameon=False,
    )
    return figure


def _extent(result: MissionResult) -> np.ndarray:
    """Return (n, 2) points that the panel of a mission must contain."""
    points = [np.array(result.path)[:, 1:3]]
    if result.layout is not None:
        view = result.layout.top_view()
        points.append(view.extent_points)
        for mark in view.landmarks:
            if mark.is_goal:
                reach = np.full(2, result.arrival_radius_m)
                points.append(np.stack([mark.position - reach, mark.position + reach]))
    return np.concatenate(points)


def _heading_interval_s(median_s: float) -> float:
    """Return the time between two headings along the paths, from their median duration."""
    return next((step for step in _INTERVALS_S if median_s / step <= _MAX_ARROWS), _INTERVALS_S[-1])


def _draw_panel(
    axes: Any,
    result: MissionResult,
    half_m: float,
    interval_s: float,
    small: bool,
    legend: Legend,
) -> None:
    """Draw one mission.

    Args:
        axes: the axes.
        result: the mission.
        half_m: half the edge of the panel, m.
        interval_s: time between two headings, s.
        small: whether the panel is one of many.
        legend: the legend so far; what is new in this panel is added.
    """
    points = _extent(result)
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    axes.set_xlim(middle[0] - half_m, middle[0] + half_m)
    axes.set_ylim(middle[1] - half_m, middle[1] + half_m)
    axes.set_aspect('equal')
    axes.set_xticks([])
    axes.set_yticks([])
    path = np.array(result.path)[:, :3]
    style = OUTCOMES[result.outcome]
    size = 4 if small else 7
    (line,) = axes.plot(
        path[:, 1],
        path[:, 2],
        color=style.colour,
        linestyle=style.dashes,
        linewidth=1.0 if small else 1.8,
        marker=style.marker,
        markevery=[len(path) - 1],
        markersize=size,
        markeredgecolor='white',
        markeredgewidth=0.6,
        zorder=5,
    )
    legend.setdefault(f'path and its end: {result.outcome}', line)
    if result.headings_rad:
        arrows = _headings(path, np.array(result.headings_rad), interval_s, half_m)
        arrows.set(facecolor=style.colour, zorder=5)
        axes.add_collection(arrows)
        legend.setdefault(f'heading, every {interval_s:g} s', _arrow_handle())
    (start,) = axes.plot(
        *path[0, 1:],
        marker='o',
        linestyle='',
        color='white',
        markeredgecolor=BLACK,
        markersize=size,
        zorder=5,
    )
    legend.setdefault('start', start)
    _draw_scene(axes, result, small, legend)
    text = f'seed {result.seed}: {result.outcome}'
    axes.set_title(
        text if small else f'{text}, {result.duration_s:.1f} s', fontsize=7 if small else 9, pad=3
    )


def _draw_scene(axes: Any, result: MissionResult, small: bool, legend: Legend) -> None:
    """Draw obstacles, road, target, and the ring in which the mission succeeds."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, Patch, Polygon

    if result.layout is None:
        return
    view = result.layout.top_view()
    for label, colour, places in view.discs:
        circles = [Circle((x, y), radius) for x, y, radius in places]
        axes.add_collection(PatchCollection(circles, facecolor=colour, edgecolor='none'))
        legend.setdefault(label, Patch(facecolor=colour))
    for label, colour, width, line in view.lines:
        if width > 0.0:
            axes.add_patch(Polygon(_ribbon(line, width), facecolor=colour))
            legend.setdefault(label, Patch(facecolor=colour))
        else:
            (drawn,) = axes.plot(*line.T, color=colour, linewidth=-width, zorder=3)
            legend.setdefault(label, drawn)
    for mark in view.landmarks:
        (drawn,) = axes.plot(
            *mark.position,
            marker=mark.marker,
            linestyle='',
            color=mark.colour,
            markeredgecolor=BLACK,
            markeredgewidth=0.5,
            markersize=9 if small else 18,
            zorder=3.5,  # below the path, whose end may lie in the middle of the mark
        )
        legend.setdefault(mark.label, drawn)
        radius_m = result.arrival_radius_m
        if mark.is_goal and radius_m > 0.0:
            ring = Circle(mark.position, radius_m, fill=False, linestyle='--', linewidth=1.0)
            axes.add_patch(ring)
            (handle,) = axes.plot([], [], linestyle='--', linewidth=1.0, color=BLACK)
            legend.setdefault(f'success: within {radius_m:g} m of the target', handle)


def _headings(path: np.ndarray, headings_rad: np.ndarray, interval_s: float, half_m: float) -> Any:
    """Return arrowheads along a path (n, 3) of time, x and y."""
    from matplotlib.collections import PolyCollection

    times_s = np.arange(interval_s, path[-1, 0], interval_s)
    length, width = 0.085 * half_m, 0.065 * half_m
    # An arrowhead as close to the end as it is long would cover the mark of the end.
    picks = [
        pick
        for pick in np.searchsorted(path[:, 0], times_s)
        if math.dist(path[pick, 1:], path[-1, 1:]) > length
    ]
    outline = np.array([(0.5, 0.0), (-0.5, 0.5), (-0.3, 0.0), (-0.5, -0.5)]) * (length, width)
    return PolyCollection(
        [
            path[pick, 1:] + outline @ np.array([[cos, sin], [-sin, cos]])
            for pick in picks
            for cos, sin in [(math.cos(headings_rad[pick]), math.sin(headings_rad[pick]))]
        ],
        edgecolor='white',
        linewidth=0.4,
    )


def _arrow_handle() -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle='', marker='>', color=BLACK, markersize=6)


def _draw_scale(axes: Any, half_m: float) -> None:
    """Draw a bar of a round length, at most three tenths of the panel long, on white."""
    metres = max((scale for scale in _SCALES_M if scale < 0.6 * half_m), default=1)
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    x, y = left + 0.06 * half_m, bottom + 0.06 * half_m
    axes.plot([x, x + metres], [y, y], color=BLACK, linewidth=2.5, zorder=6)
    axes.text(
        x + 0.5 * metres,
        y + 0.04 * half_m,
        f'{metres} m',
        ha='center',
        fontsize=8,
        zorder=6,
        bbox={'facecolor': 'white', 'edgecolor': 'none', 'alpha': 0.7, 'pad': 0.5},
    )


def _ribbon(points: np.ndarray, width: float) -> np.ndarray:
    """Return the outline (2 n, 2) of a line through points (n, 2) of the given width."""
    along = np.gradient(points, axis=0)
    left = np.stack([-along[:, 1], along[:, 0]], axis=1)
    left *= 0.5 * width / np.maximum(np.hypot(*left.T), 1e-9)[:, None]
    return np.concatenate([points + left, (points - left)[::-1]])
