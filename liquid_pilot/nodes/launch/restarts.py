"""When a node of a vehicle that has ended is started again, and when it is given up.

On a vehicle only the guard ends a run. Every other node may fail in flight, a camera whose cable is
loose too; it is then started again while the guard goes on.
"""

from __future__ import annotations

import signal

_FIRST_DELAY_S = 1.0
_MAX_DELAY_S = 30.0
MAX_IN_A_ROW = 10
"""Number of times that a node is started again before it has run for `_WELL_S`."""
_WELL_S = 60.0
"""A node that has run for this time is well: its failures are counted from the beginning again."""
_SAFE_COMMAND = 'the guard holds the safe command'
_MEANWHILE = {
    'pilot': _SAFE_COMMAND,
    'camera': _SAFE_COMMAND,
    'adaptation': 'the pilot goes on with the time scales that it has',
}
"""What holds while a node is away, by its name."""


class Restarts:
    """Counts how often a node has ended, and says when it is started again."""

    def __init__(self, name: str, now_s: float) -> None:
        """Begin with the first start.

        Args:
            name: name of the node.
            now_s: time of a steady clock, s.
        """
        self._name = name
        self._in_a_row = 0
        self._started_s = now_s

    def started(self, now_s: float) -> None:
        """Note that the node has been started again."""
        self._started_s = now_s

    def ended(self, code: int, now_s: float) -> tuple[float | None, str]:
        """Note that the node has ended.

        Args:
            code: its exit code; negative: the signal that ended it.
            now_s: time of the steady clock, s.

        Returns:
            The time until it is to be started again in s, None when it is given up; and a line for
            the user.
        """
        if now_s - self._started_s >= _WELL_S:
            self._in_a_row = 0
        self._in_a_row += 1
        count, meanwhile = self._in_a_row, _MEANWHILE.get(self._name, '')
        text = f'the {self._name} {how_it_ended(code)}'
        if count > MAX_IN_A_ROW:
            held = f'; {meanwhile}' if meanwhile else ''
            return None, (
                f'{text}, {count} times in a row, and is not started again{held}. Mend the cause '
                'in its messages above, and start the run again'
            )
        delay_s = min(_FIRST_DELAY_S * 2.0 ** (count - 1), _MAX_DELAY_S)
        return delay_s, (
            f'{text} and is started again in {delay_s:g} s ({count} of at most {MAX_IN_A_ROW} '
            'times in a row)' + (f'; meanwhile {meanwhile}' if meanwhile else '')
        )


def how_it_ended(code: int) -> str:
    """Return how a process ended, in words.

    Args:
        code: its exit code; negative: the signal that ended it.
    """
    if code >= 0:
        return f'ended with exit code {code}'
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f'signal {-code}'
    hint = ' (perhaps because memory ran out)' if -code == signal.SIGKILL else ''
    return f'was ended by {name}{hint}'


def fatal_end(name: str, code: int) -> str:
    """Return what to say of a node without which a run cannot go on.

    Args:
        name: name of the node.
        code: its exit code; negative: the signal that ended it.
    """
    see = '; see its message above' if code >= 0 else ''
    return f'the {name} {how_it_ended(code)}, and the run cannot go on without it{see}'
