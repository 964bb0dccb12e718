"""Flushes a recording to the disk in a thread of its own, so that no message waits for the disk.

Without it a power cut loses what the kernel has not written yet: on Linux half a minute or more.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from liquid_pilot.utils.atomic_write import write_atomically


class SyncedFile(Protocol):
    """A file that can be flushed to the disk."""

    def sync(self) -> None:
        """Return when all that was written so far is on the disk."""

    def close(self) -> None:
        """Close the file."""


class DiskSync:
    """A thread that flushes files and writes the metadata; the newest request counts.

    Args:
        metadata: the file that describes the recording, replaced in one step.
    """

    def __init__(self, metadata: Path) -> None:
        self._metadata = metadata
        self._wake = threading.Condition()
        self._complete: list[SyncedFile] = []
        self._file: SyncedFile | None = None
        self._text: str | None = None
        self._stopping = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name='disk sync', daemon=True)
        self._thread.start()

    def request(
        self, text: str, file: SyncedFile | None = None, complete: SyncedFile | None = None
    ) -> None:
        """Ask for work, which is done as soon as the disk has time.

        Args:
            text: the new content of the metadata.
            file: a file to flush before the metadata, which is then flushed too; None: neither is.
            complete: a file that nothing more is written to: it is flushed first, and closed.

        Raises:
            OSError: an earlier request has failed.
        """
        with self._wake:
            if self._error is not None:
                raise self._error
            self._text = text
            self._file = file or self._file
            if complete is not None:
                self._complete.append(complete)
            self._wake.notify()

    def stop(self) -> None:
        """Do what was asked for and end the thread.

        Raises:
            OSError: a request has failed.
        """
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._text is not None or self._stopping)
                if self._text is None:
                    return
                complete, self._complete = self._complete, []
                file, self._file = self._file, None
                text, self._text = self._text, None
            try:
                for one in complete:
                    one.sync()
                    one.close()
                if file is not None:
                    file.sync()
                write_atomically(self._metadata, text, sync=file is not None)
            except OSError as error:
                with self._wake:
                    self._error = self._error or error
