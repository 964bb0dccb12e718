"""The folder of compiled kernels, and what is compiled again; nothing here loads a compiler."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from liquid_pilot.interfaces import LiquidPilotError

Stamp = tuple[tuple[str, float, int], ...]
"""Name, time and size of every file of kernels."""

COMPILER_DISABLED = (
    'NUMBA_DISABLE_JIT is set, so that numba compiles nothing, and no pilot runs without compiled '
    'kernels; unset NUMBA_DISABLE_JIT'
)
"""Message where numba compiles nothing."""
_LOCK_POLL_PERIOD_S = 0.05


@functools.lru_cache(maxsize=1)
def cache_folder() -> Path | None:
    """Return the folder of compiled kernels, or None where nothing can be written.

    It is $NUMBA_CACHE_DIR where that is set, else $XDG_CACHE_HOME/liquid_pilot/numba, else
    ~/.cache/liquid_pilot/numba. It is looked up once per process.
    """
    chosen = os.environ.get('NUMBA_CACHE_DIR')
    if chosen:
        folder = Path(chosen)
    else:
        base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
        # expanduser leaves the tilde where there is neither $HOME nor an entry in passwd.
        if not os.path.isabs(base):
            return None
        folder = Path(base) / 'liquid_pilot' / 'numba'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


def require_compiler() -> None:
    """Refuse to go on where the environment tells numba to compile nothing.

    Raises:
        LiquidPilotError: NUMBA_DISABLE_JIT is set.
    """
    try:
        disabled = int(os.environ.get('NUMBA_DISABLE_JIT', '0'))
    except ValueError:
        return  # numba ignores it too
    if disabled:
        raise LiquidPilotError(COMPILER_DISABLED)


@contextlib.contextmanager
def locked_cache(name: str, max_wait_s: float) -> Iterator[None]:
    """Keep other processes, on this machine or on others, from what is done in the context.

    The lock ends with its process. Where there is no cache, the file system has no locks, or
    another process holds this one for too long, the context is entered without it.

    Args:
        name: what is done; only those that do the same wait for each other.
        max_wait_s: longest time to wait, s.
    """
    folder = cache_folder()
    with contextlib.ExitStack() as stack:
        if folder is not None:
            with contextlib.suppress(OSError):
                file = stack.enter_context(open(folder / f'{name}.lock', 'ab'))
                _wait_for_lock(file, max_wait_s)
        yield


def _wait_for_lock(file: IO[bytes], max_wait_s: float) -> None:
    end_s = time.monotonic() + max_wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end_s:
                return
            time.sleep(_LOCK_POLL_PERIOD_S)


def compiler_environment() -> dict[str, str]:
    """Return the environment of a process that compiles: it imports what this one does."""
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)}


@functools.lru_cache(maxsize=8)
def source_stamp(folder: Path) -> Stamp:
    """Return name, time and size of every file of kernels, in a folder and in this one.

    The stamp changes with any of the files, and what the old files gave is then compiled again.

    Args:
        folder: a folder with files of kernels.
    """
    folders = {folder, Path(__file__).parent}
    files = sorted(file for one in folders for file in one.glob('_*.py'))
    return tuple((file.name, file.stat().st_mtime, file.stat().st_size) for file in files)
