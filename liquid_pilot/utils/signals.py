"""Ctrl-C that waits for the end of a step, so that what is saved then is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class DeferredInterrupt:
    """Whether Ctrl-C was pressed."""

    pressed = False

    def on_sigint(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler; a second Ctrl-C does not wait."""
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True


@contextmanager
def defer_sigint() -> Iterator[DeferredInterrupt]:
    """Within, Ctrl-C is only noted; outside of the main thread nothing is changed."""
    interrupts = DeferredInterrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, interrupts.on_sigint)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
