"""Set-up of child processes that must not outlive their parent."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
_LIBC = ctypes.CDLL(None)


def child_setup(
    death_signal: int, ignored: tuple[int, ...] = (), blocked: tuple[int, ...] = ()
) -> Callable[[], None]:
    """Return the function that a child runs before its program: `preexec_fn` of subprocess.Popen.

    Args:
        death_signal: signal that the child gets when its parent ends.
        ignored: signals that the program ignores until it has handlers of its own.
        blocked: signals that wait until the program has handlers of its own and unblocks them.
    """

    def prepare() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)

    return prepare
