"""Standard output that may fail: the disk is full, or the reader of a pipe has gone.

Every command prints to it, at any depth, and libraries treat its errors in ways of their own:
argparse ignores them, and Python prints a traceback when it ends. Here one kind of error comes from
every write, and one place handles it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TextIO, cast

READER_GONE = 141
"""Exit code when the reader of a pipe has gone: that of a program which SIGPIPE ends, in a
shell."""


class OutputLostError(Exception):
    """Standard output takes nothing more.

    Args:
        cause: the error of the operating system.
    """

    def __init__(self, cause: OSError) -> None:
        super().__init__(
            f'standard output cannot be written: {cause.strerror or cause}; what was to be printed '
            'is lost, send it elsewhere'
        )
        self.reader_gone = isinstance(cause, BrokenPipeError)
        """Whether it was a pipe whose reader has gone, which is no fault: `| head`."""


class _WatchedOutput:
    """Standard output whose errors are OutputLostError; all else is that of the stream.

    Args:
        stream: standard output.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, as a text stream does."""
        return self._guard(self._stream.write, text)

    def writelines(self, lines: Any) -> None:
        """Write lines, as a text stream does."""
        self._guard(self._stream.writelines, lines)

    def flush(self) -> None:
        """Write what is buffered, as a text stream does."""
        self._guard(self._stream.flush)

    def _guard(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except OSError as error:
            self._discard()
            raise OutputLostError(error) from None

    def _discard(self) -> None:
        """Lead the stream to nowhere: Python writes at its end what is buffered."""
        # A stream in memory has no file.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, self._stream.fileno())
            finally:
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def watched_output() -> Iterator[None]:
    """Let every error of standard output be an OutputLostError, and write all of it before the end.

    Where a service has started this process with its output closed, it goes to nowhere.

    Raises:
        OutputLostError: standard output takes nothing more.
    """
    stream: TextIO | None = sys.stdout
    with ExitStack() as opened:
        watched = _WatchedOutput(
            opened.enter_context(open(os.devnull, 'w')) if stream is None else stream
        )
        sys.stdout = cast(TextIO, watched)
        try:
            yield
            watched.flush()
        except SystemExit:
            # After help or the version, which argparse has printed.
            watched.flush()
            raise
        except BaseException:
            with suppress(OutputLostError):
                watched.flush()
            raise
        finally:
            sys.stdout = cast(TextIO, stream)
