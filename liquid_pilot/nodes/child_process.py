"""For processes that are started here: they end when the process that started them is killed."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_LIBC = ctypes.CDLL(None)


def in_child(death_signal: int, ignored: tuple[int, ...] = ()) -> Callable[[], None]:
    """What a child does before its program starts, as `preexec_fn` of subprocess.Popen.

    Args:
        death_signal: what it gets when its parent is gone.
        ignored: signals that the program ignores until it has handlers of its own.
    """
    def prepare() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        _LIBC.prctl(_SET_DEATH_SIGNAL, death_signal, 0, 0, 0)

    return prepare
