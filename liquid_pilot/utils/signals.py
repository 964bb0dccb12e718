"""Signals that end a program: SIGINT (Ctrl-C) and SIGTERM.

Ctrl-C may wait for the end of a step, or be left to another process; SIGTERM ends a command as
Ctrl-C does.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class DeferredInterrupt:
    """Records that Ctrl-C was pressed; see `defer_sigint`."""

    pressed = False
    """Whether SIGINT has arrived."""

    def on_sigint(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: record the first one, raise KeyboardInterrupt for a second one."""
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True


@contextmanager
def defer_sigint() -> Iterator[DeferredInterrupt]:
    """Record Ctrl-C instead of raising it, so that what is saved between two steps is complete.

    Outside of the main thread, which is where Python handles signals, nothing is changed.

    Yields:
        The object whose `pressed` tells, after every step, whether Ctrl-C was pressed.
    """
    interrupts = DeferredInterrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, interrupts.on_sigint)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Ignore Ctrl-C, so that processes started in this context inherit ignoring it.

    A terminal sends SIGINT to all of its processes; worker processes leave it to their parent from
    their first instruction on. Outside of the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def end_on_sigint() -> Iterator[None]:
    """Let Ctrl-C end this process at once, without a word, as it ends a program that is not Python.

    For the time in which nothing has been started: an interrupt between two imports would else be
    printed as a traceback. Nothing is changed outside of the main thread, and where Ctrl-C is
    handled already.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Termination:
    """Records that SIGTERM has arrived; see `interrupt_on_sigterm`."""

    requested = False
    """Whether SIGTERM has arrived."""

    def on_sigterm(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: record it, and do what Ctrl-C does at this moment."""
        self.requested = True
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)
        else:
            # A shell lets what it starts in the background ignore Ctrl-C, but not SIGTERM.
            raise KeyboardInterrupt


@contextmanager
def interrupt_on_sigterm() -> Iterator[Termination]:
    """Let SIGTERM end what runs in this context as Ctrl-C does, by a KeyboardInterrupt.

    A process that SIGTERM ends at once frees nothing that outlives it: worker processes lose their
    parent, and Python warns of the semaphores that they shared. Nothing is changed outside of the
    main thread, and where SIGTERM is handled already.

    Yields:
        The object whose `requested` tells at last whether SIGTERM has arrived.
    """
    termination = Termination()
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield termination
        return
    signal.signal(signal.SIGTERM, termination.on_sigterm)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
