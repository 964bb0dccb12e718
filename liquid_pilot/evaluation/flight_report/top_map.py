"""The path of a mission seen from above, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.markup import text
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.utils.palette import BLACK, GREY, LIGHT_GREY, ORANGE, OUTCOMES, PALE_GREY

_SCALES_M = (1, 2, 5, 10, 20, 50, 100)
_MAX_POINTS = 240
_COLOURS = {
    PALE_GREY: 'var(--pale)',
    LIGHT_GREY: 'var(--light)',
    GREY: 'var(--grey)',
    BLACK: 'var(--ink)',
    ORANGE: 'var(--amber)',
}
"""Colours of the palette that change with the theme of the page."""
_OUTCOME_COLOURS = {
    'success': 'var(--blue)',
    'crash': 'var(--vermillion)',
    'timeout': 'var(--orange)',
    'aborted': 'var(--grey)',
}
_DASHES = {'--': '6 4', ':': '2 3'}
Points = npt.NDArray[np.float64]


def top_map(
    path: Points,
    layout: Layout | None,
    outcome: str,
    arrival_radius_m: float,
    marks: Sequence[tuple[float, str]] = (),
    heading_rad: float = math.nan,
    label: str = 'The path from above',
    small: bool = False,
) -> str:
    """Return the path from above with its scene, and a legend.

    Args:
        path: (n, 4) seconds, x, y, z (ENU, m).
        layout: the scene; None: only the path is drawn.
        outcome: outcome of the mission.
        arrival_radius_m: distance to the target at which the mission succeeds; 0: there is none.
        marks: time and letter of each moment.
        heading_rad: heading at the start, counter-clockwise from east; NaN: that of the scene.
        label: what it shows, for readers who do not see it.
        small: whether it is one of many: without letters, scale and legend.
    """
    view = None if layout is None else layout.top_view()
    points = [path[:, 1:3]]
    if view is not None:
        points.append(np.asarray(view.extent_points, np.float64).reshape(-1, 2))
        for goal in view.landmarks:
            if goal.is_goal:
                reach = np.full(2, arrival_radius_m)
                points.append(np.array([goal.position - reach, goal.position + reach]))
    extent = np.concatenate(points)
    low, high = extent.min(axis=0), extent.max(axis=0)
    margin = max(0.6, 0.07 * float((high - low).max()))
    low, high = low - margin, high + margin
    # A narrow map would be a thin strip; many of them are squares, which stand in rows.
    short = (1.0 if small else 0.6) * float((high - low).max()) - (high - low)
    low, high = low - np.maximum(short, 0.0) / 2.0, high + np.maximum(short, 0.0) / 2.0
    size = float((high - low).max())
    legend: dict[str, str] = {}
    parts = [] if view is None else _scene(view, low, high, size, arrival_radius_m, legend, small)
    parts += _path(path, outcome, size, legend)
    if math.isnan(heading_rad) and layout is not None:
        heading_rad = float(layout.start_yaw_rad)
    parts += _start(path, heading_rad, size, legend)
    if not small:
        parts += _letters(path, marks, size)
        parts += _scale(path, low, high, size)
    width, height = high - low
    drawing = (
        f'<svg viewBox="{low[0]:.2f} {-high[1]:.2f} {width:.2f} {height:.2f}" role="img" '
        f'aria-label="{text(label)}"><title>{text(label)}</title>{"".join(parts)}</svg>'
    )
    if small:
        return drawing
    entries = ''.join(f'<li>{sample} {text(name)}</li>' for name, sample in legend.items())
    return f'<div class=map>{drawing}<ul class=legend>{entries}</ul></div>'


def _colour(colour: str) -> str:
    return _COLOURS.get(colour, text(colour))


def _swatch(content: str) -> str:
    return (
        f'<span><svg viewBox="0 0 24 12" width="24" height="12" aria-hidden="true">{content}'
        '</svg></span>'
    )


def _scene(
    view: object,
    low: Points,
    high: Points,
    size: float,
    arrival_radius_m: float,
    legend: dict[str, str],
    small: bool,
) -> list[str]:
    parts: list[str] = []
    for label, colour, places in view.discs:  # type: ignore[attr-defined]
        inside = [
            (x, y, radius)
            for x, y, radius in np.asarray(places).reshape(-1, 3).tolist()
            if low[0] - radius < x < high[0] + radius and low[1] - radius < y < high[1] + radius
        ]
        circles = ''.join(f'<circle cx="{x:.2f}" cy="{-y:.2f}" r="{r:.2f}"/>' for x, y, r in inside)
        parts.append(f'<g fill="{_colour(colour)}">{circles}</g>')
        # Crowns are above the height of flight: a path that crosses one hits nothing.
        name = f'{label}, overhead: a path may pass under it' if 'crown' in label else label
        legend[name] = _swatch(f'<circle cx="12" cy="6" r="5.5" fill="{_colour(colour)}"/>')
    for label, colour, width, line in view.lines:  # type: ignore[attr-defined]
        data = 'M' + 'L'.join(f'{x:.2f} {-y:.2f}' for x, y in np.asarray(line).tolist())
        stroke = (
            f'stroke-width="{width:.2f}"'
            if width > 0.0
            else f'stroke-width="{-width:g}" vector-effect="non-scaling-stroke"'
        )
        parts.append(f'<path d="{data}" fill="none" stroke="{_colour(colour)}" {stroke}/>')
        legend[label] = _swatch(f'<path d="M0 6H24" stroke="{_colour(colour)}" stroke-width="6"/>')
    for mark in view.landmarks:  # type: ignore[attr-defined]
        east, north = mark.position
        shape = _star(east, -north, 0.032 * size)
        style = f'fill="{_colour(mark.colour)}" stroke="var(--ink)" stroke-width="{0.003 * size}"'
        parts.append(f'<path d="{shape}" {style}/>')
        legend[mark.label] = _swatch(
            f'<path d="{_star(12, 6, 5.8)}" fill="{_colour(mark.colour)}" stroke="var(--ink)" '
            'stroke-width=".6"/>'
        )
        if mark.is_goal and arrival_radius_m > 0.0:
            parts.append(
                f'<circle cx="{east:.2f}" cy="{-north:.2f}" r="{arrival_radius_m:.2f}" fill="none" '
                'stroke="var(--ink)" stroke-width="1.2" stroke-dasharray="5 4" '
                'vector-effect="non-scaling-stroke"/>'
            )
            legend[f'arrival: within {arrival_radius_m:g} m of the {mark.label}'] = _swatch(
                '<circle cx="12" cy="6" r="5.2" fill="none" stroke="var(--ink)" '
                'stroke-dasharray="2.5 2"/>'
            )
    return parts


def _path(path: Points, outcome: str, size: float, legend: dict[str, str]) -> list[str]:
    step = max(1, len(path) // _MAX_POINTS)
    points = [*path[::step, 1:3].tolist(), path[-1, 1:3].tolist()]
    colour = _OUTCOME_COLOURS.get(outcome, 'var(--grey)')
    known = OUTCOMES.get(outcome)
    dashes = _DASHES.get(known.dashes, '') if known is not None else ''
    style = (
        f'fill="none" stroke="{colour}" stroke-width="2.4" vector-effect="non-scaling-stroke"'
        f'{f" stroke-dasharray={chr(34)}{dashes}{chr(34)}" if dashes else ""}'
    )
    data = 'M' + 'L'.join(f'{x:.2f} {-y:.2f}' for x, y in points)
    east, north = points[-1]
    legend[f'path, and its end: {outcome}'] = _swatch(
        f'<path d="M0 6H13" {style}/>{_end(17, 6, 5.0, outcome, colour)}'
    )
    return [f'<path d="{data}" {style}/>', _end(east, -north, 0.02 * size, outcome, colour)]


def _end(x: float, y: float, r: float, outcome: str, colour: str) -> str:
    """Return the mark of the end of a path: a shape for each outcome."""
    edge = f'stroke="var(--paper)" stroke-width="{0.12 * r:.3f}"'
    if outcome == 'success':
        return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{r:.3f}" fill="{colour}" {edge}/>'
    if outcome == 'crash':
        cross = f'M{x - r:.2f} {y - r:.2f}l{2 * r:.3f} {2 * r:.3f}m0 {-2 * r:.3f}l{-2 * r:.3f} '
        return (
            f'<path d="{cross}{2 * r:.3f}" stroke="{colour}" stroke-width="{0.55 * r:.3f}" '
            'fill="none" stroke-linecap="round"/>'
        )
    if outcome == 'timeout':
        return (
            f'<rect x="{x - r:.2f}" y="{y - r:.2f}" width="{2 * r:.3f}" height="{2 * r:.3f}" '
            f'fill="{colour}" {edge}/>'
        )
    return (
        f'<path d="M{x:.2f} {y - r:.2f}l{r:.3f} {r:.3f}l{-r:.3f} {r:.3f}l{-r:.3f} {-r:.3f}z" '
        f'fill="{colour}" {edge}/>'
    )


def _start(path: Points, heading_rad: float, size: float, legend: dict[str, str]) -> list[str]:
    east, north = path[0, 1:3].tolist()
    parts = []
    style = 'fill="var(--paper)" stroke="var(--ink)" stroke-width="1.4" '
    style += 'vector-effect="non-scaling-stroke"'
    if math.isfinite(heading_rad):
        shape = [(0.06, 0.0), (-0.03, 0.03), (-0.015, 0.0), (-0.03, -0.03)]
        cos, sin = math.cos(heading_rad), math.sin(heading_rad)
        corners = [
            (east + size * (a * cos - b * sin), -(north + size * (a * sin + b * cos)))
            for a, b in shape
        ]
        data = 'M' + 'L'.join(f'{x:.2f} {y:.2f}' for x, y in corners) + 'Z'
        parts.append(f'<path d="{data}" {style}/>')
        legend['start, and its heading there'] = _swatch(f'<path d="M20 6L4 11L8 6L4 1Z" {style}/>')
    else:
        parts.append(f'<circle cx="{east:.2f}" cy="{-north:.2f}" r="{0.018 * size:.3f}" {style}/>')
        legend['start'] = _swatch(f'<circle cx="12" cy="6" r="4" {style}/>')
    return parts


def _letters(path: Points, marks: Sequence[tuple[float, str]], size: float) -> list[str]:
    parts = []
    for number, (time_s, letter) in enumerate(marks):
        pick = min(int(np.searchsorted(path[:, 0], time_s - 1e-6)), len(path) - 1)
        along = path[min(pick + 2, len(path) - 1), 1:3] - path[max(pick - 2, 0), 1:3]
        norm = float(np.hypot(*along)) or 1.0
        # Beside the path, in turn to its left and to its right, so that they keep apart.
        side = 0.045 * size if number % 2 else -0.045 * size
        left = np.array([-along[1], along[0]]) / norm * side
        east, north = (path[pick, 1:3] + left).tolist()
        at_east, at_north = path[pick, 1:3].tolist()
        parts.append(
            f'<circle cx="{at_east:.2f}" cy="{-at_north:.2f}" r="{0.009 * size:.3f}" '
            'fill="var(--ink)"/>'
            f'<circle cx="{east:.2f}" cy="{-north:.2f}" r="{0.026 * size:.3f}" fill="var(--ink)"/>'
            f'<text x="{east:.2f}" y="{-north + 0.012 * size:.2f}" font-size="{0.036 * size:.3f}" '
            f'font-weight="700" text-anchor="middle" fill="var(--paper)">{text(letter)}</text>'
        )
    return parts


def _scale(path: Points, low: Points, high: Points, size: float) -> list[str]:
    """Return the scale, at the lower corner that is farther from the path."""
    metres = max((scale for scale in _SCALES_M if scale < 0.3 * size), default=1)
    margin = 0.04 * size
    x, y = low[0] + margin, -low[1] - margin
    left, right = (
        float(np.hypot(path[:, 1] - corner, path[:, 2] - low[1]).min())
        for corner in (low[0], high[0])
    )
    if right > left:
        x = high[0] - margin - metres
    return [
        f'<path d="M{x:.2f} {y:.2f}h{metres}" stroke="var(--ink)" stroke-width="3" '
        'vector-effect="non-scaling-stroke"/>',
        f'<text x="{x + metres / 2:.2f}" y="{y - 0.015 * size:.2f}" '
        f'font-size="{0.04 * size:.3f}" text-anchor="middle" fill="var(--ink)">{metres} m</text>',
    ]


def _star(x: float, y: float, radius: float) -> str:
    corners = [
        (x + r * math.sin(math.pi * k / 5), y - r * math.cos(math.pi * k / 5))
        for k in range(10)
        for r in [radius if k % 2 == 0 else 0.45 * radius]
    ]
    return 'M' + 'L'.join(f'{a:.3f} {b:.3f}' for a, b in corners) + 'Z'
