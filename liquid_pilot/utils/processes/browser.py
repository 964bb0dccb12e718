"""The browser of the person at this machine, started by a process of its own.

A browser may take seconds, wait until it is closed, write to the terminal, or not start at all.
Nothing of that reaches the process that asks for it, and the browser does not get its priority.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Mapping
from contextlib import suppress

from liquid_pilot.utils.processes.child_python import module_command

OPEN = '--open'
"""Argument of a program that opens its page in the browser of the person at this machine."""
_DISPLAYS = ('DISPLAY', 'WAYLAND_DISPLAY')
"""Variables that name a display."""


def has_display(environment: Mapping[str, str]) -> bool:
    """Return whether a screen is named in an environment.

    >>> has_display({'DISPLAY': ':0'}), has_display({'DISPLAY': ''})
    (True, False)

    Args:
        environment: names and values of its variables.
    """
    return any(environment.get(name) for name in _DISPLAYS)


class BrowserOpener:
    """A process that waits for one address and opens it in the browser.

    It is made before the process that has the address lowers its own priority.
    """

    def __init__(self) -> None:
        # Without a terminal it finds no browser that would need one.
        environment = {name: value for name, value in os.environ.items() if name != 'TERM'}
        self._process = subprocess.Popen(
            module_command('liquid_pilot.utils.processes.browser'),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def open(self, address: str) -> None:
        """Open an address, and return at once; it is the last thing that can be asked for."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(f'{address}\n'.encode())
        self.close()

    def close(self) -> None:
        """Open nothing any more."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.close()

    @property
    def failed(self) -> bool:
        """Whether it is known that no browser was opened."""
        return self._process.poll() not in (None, 0)


def main() -> int:
    """Open the address of the first line of the standard input, and return the exit code."""
    # The one who started this process may have it blocked, and the browser would inherit that.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
    address = sys.stdin.readline().strip()
    if not address:
        return 0
    try:
        return 0 if webbrowser.open(address, new=2) else 1
    except (OSError, ValueError, webbrowser.Error):
        return 1


if __name__ == '__main__':
    sys.exit(main())
