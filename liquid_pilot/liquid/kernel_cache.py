"""The folder of compiled kernels, and what is compiled again; nothing here loads a compiler."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from pathlib import Path

Stamp = tuple[tuple[str, float, int], ...]
"""Name, time and size of every file of kernels."""


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
