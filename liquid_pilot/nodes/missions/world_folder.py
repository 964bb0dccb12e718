"""The folder of the worlds that Gazebo reads, which is removed even when its run was killed.

A run locks its folder as long as it lives, and the system unlocks it however the run ends. So a
start removes the folders that nobody locks. A lock holds across the process ids of containers that
share the folder of temporary files, where the id of a process would not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = 'liquid_pilot_gazebo_'


@contextmanager
def world_folder() -> Iterator[Path]:
    """Make a folder for the worlds of a run, which is removed when the context ends.

    The folders of runs that were killed are removed first.

    Yields:
        The path of the folder.
    """
    remove_abandoned()
    folder, lock = _make_locked()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned() -> None:
    """Remove the world folders of this user whose runs have ended without removing them."""
    for folder in Path(tempfile.gettempdir()).glob(f'{_PREFIX}*'):
        try:
            own = folder.lstat()
            if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.getuid():
                continue
            lock = _lock(folder)
        except OSError:
            # It is locked by a run, or has just been removed.
            continue
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _make_locked() -> tuple[Path, int]:
    """Return a new folder and the file descriptor that locks it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            # Another start took it for abandoned before it was locked.
            continue
        if folder.exists():
            return folder, lock
        os.close(lock)


def _lock(folder: Path) -> int:
    """Lock a folder and return the file descriptor, which child processes do not inherit.

    Raises:
        OSError: another process has locked it (BlockingIOError), or it does not exist.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
