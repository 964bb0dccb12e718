"""The picture of the guard's states in docs/explanation/guard.md; see `draw_figures.py`."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from svg_chart import Figure, Point, line

from liquid_pilot.onboard.safety.guard import (
    DISENGAGED,
    ENGAGED,
    OVERRIDDEN,
    SAFE,
    STOPPED,
    TRANSITIONS,
)

_CENTRES: dict[str, Point] = {
    DISENGAGED: (98.0, 150.0),
    ENGAGED: (290.0, 150.0),
    SAFE: (494.0, 150.0),
    STOPPED: (290.0, 324.0),
    OVERRIDDEN: (706.0, 150.0),
}
_SENT = {
    DISENGAGED: 'sends nothing',
    ENGAGED: 'sends commands',
    SAFE: 'sends safe command',
    STOPPED: 'sends safe command',
    OVERRIDDEN: 'sends nothing',
}
_WIDTH, _HEIGHT = 128.0, 46.0


class _Arrow(NamedTuple):
    """Transitions that one arrow stands for."""

    sources: tuple[str, ...]
    events: tuple[str, ...]
    target: str
    points: tuple[Point, ...]
    """From tail to head."""
    label: Point
    """Middle of the base line of the first event."""


_FLYING = (DISENGAGED, ENGAGED, SAFE)
_ARROWS = (
    _Arrow((DISENGAGED,), ('engage',), ENGAGED, ((162, 140), (226, 140)), (194, 132)),
    _Arrow((ENGAGED,), ('disengage',), DISENGAGED, ((226, 160), (162, 160)), (194, 178)),
    _Arrow(
        (ENGAGED,),
        ('time-out', 'not finite', 'inhibit'),
        SAFE,
        ((354, 140), (430, 140)),
        (392, 100),
    ),
    _Arrow((SAFE,), ('good command', 'engage'), ENGAGED, ((430, 160), (354, 160)), (392, 188)),
    _Arrow(
        (SAFE,),
        ('disengage',),
        DISENGAGED,
        ((494, 173), (494, 222), (98, 222), (98, 173)),
        (194, 216),
    ),
    _Arrow(_FLYING, ('stop',), STOPPED, ((262, 248), (262, 301)), (240, 280)),
    _Arrow((STOPPED,), ('engage',), ENGAGED, ((318, 301), (318, 173)), (346, 280)),
    _Arrow((*_FLYING, STOPPED), ('override',), OVERRIDDEN, ((582, 150), (642, 150)), (610, 142)),
    _Arrow(
        (OVERRIDDEN,),
        ('override ends',),
        DISENGAGED,
        ((706, 127), (706, 34), (98, 34), (98, 127)),
        (394, 28),
    ),
)
_BOXES = ((20, 72, 570, 248), (10, 56, 582, 366))
"""Left, top, right and bottom of the boxes about several states that an arrow leaves together."""


def drawn_transitions() -> dict[tuple[str, str], str]:
    """Return what the picture shows, in the form of the guard's `TRANSITIONS`."""
    return {
        (source, event): arrow.target
        for arrow in _ARROWS
        for source in arrow.sources
        for event in arrow.events
    }


def draw_guard_states() -> str:
    """Draw the states of the guard, and the events that lead from one to another."""
    assert drawn_transitions() == TRANSITIONS
    figure = Figure(784, 378, 'The states of the guard, and what leads from one to another')
    for left, top, right, bottom in _BOXES:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        figure.path(line_through(corners), 'grey', 1.0, '4 4')
    for arrow in _ARROWS:
        figure.path(line_through(arrow.points), 'blue', 1.6)
        figure.path(_head(*arrow.points[-2:]), 'blue', 1.6)
        for row, event in enumerate(arrow.events):
            x, y = arrow.label
            figure.text((x, y + 15 * row), event, 'blue', 'middle', 'small')
    for state, (x, y) in _CENTRES.items():
        figure.box((x - _WIDTH / 2, y - _HEIGHT / 2), _WIDTH, _HEIGHT)
        figure.text((x, y - 3), state, anchor='middle', kind='title')
        figure.text((x, y + 14), _SENT[state], 'soft', 'middle', 'small')
    return figure.svg()


def line_through(points: tuple[Point, ...] | list[Point]) -> str:
    """Return a line through all points as path data."""
    return ''.join(line(pair) for pair in itertools.pairwise(points))


def _head(before: Point, tip: Point) -> str:
    """Return the head of an arrow along an axis."""
    (x0, y0), (x, y) = before, tip
    along = (x > x0) - (x < x0), (y > y0) - (y < y0)
    across = -along[1], along[0]
    wings = [
        (x - 8 * along[0] + s * 4 * across[0], y - 8 * along[1] + s * 4 * across[1])
        for s in (1, -1)
    ]
    return line_through([wings[0], tip, wings[1]])
