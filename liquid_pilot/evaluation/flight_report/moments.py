"""The moments of a flight that a report shows, and what they are called."""

from __future__ import annotations

from typing import NamedTuple

START, BEFORE, ONSET, NOVEL, GUARD, CLOSEST, TURN, END = (
    'start',
    'before',
    'onset',
    'novel',
    'guard',
    'closest',
    'turn',
    'end',
)
TITLES = {
    START: 'First frame',
    BEFORE: 'Last frame before the change',
    ONSET: 'The world changes',
    NOVEL: 'First frame rejected as novel',
    GUARD: 'The guard takes over',
    CLOSEST: 'Closest to an obstacle',
    TURN: 'Strongest turn',
    END: 'Last frame',
}
"""What each kind of moment is, for the reader of a report."""
MAX_ONSETS = 3
"""Number of changes of the world that are shown."""


def onset_name(number: int) -> str:
    """Return the name of a change of the world, counted from 0.

    >>> onset_name(0), onset_name(1)
    ('onset', 'onset_2')
    """
    return ONSET if number == 0 else f'{ONSET}_{number + 1}'


def title(name: str) -> str:
    """Return what a moment is, for the reader of a report.

    >>> title('onset_2')
    'The world changes'
    """
    return TITLES.get(name.partition('_')[0], name)


class Named(NamedTuple):
    """A moment by its kind; more than one kind where they are the same frame."""

    names: tuple[str, ...]
    stamp_ns: int


def merged(stamps: dict[str, int]) -> list[Named]:
    """Return the moments in the order of their time, those of the same frame as one.

    Args:
        stamps: stamp of the frame of each kind of moment, ns.

    >>> merged({'end': 5, 'start': 1, 'closest': 5})
    [Named(names=('start',), stamp_ns=1), Named(names=('closest', 'end'), stamp_ns=5)]
    """
    kinds: dict[int, list[str]] = {}
    order = list(TITLES)
    for name in sorted(stamps, key=lambda name: order.index(name.partition('_')[0])):
        kinds.setdefault(stamps[name], []).append(name)
    return [Named(tuple(names), stamp) for stamp, names in sorted(kinds.items())]
