"""How the kernels are compiled: numba, cached where that is possible, never failing over a cache.

A plain `cache=True` raises at import on a read-only install without a home, and raises again when
a cache file was cut short by a power loss. Here either only costs the compilation.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


@functools.lru_cache(maxsize=1)
def cache_folder() -> Path | None:
    """Where compiled kernels are kept, or None where nothing can be written.

    $NUMBA_CACHE_DIR where it is set, else $XDG_CACHE_HOME/liquid_pilot/numba, else
    ~/.cache/liquid_pilot/numba. Looked up once per process.
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


@functools.lru_cache(maxsize=8)
def _source_stamp(folder: Path) -> tuple:
    """Changes whenever a file of kernels does, there or here, so that what the old one gave is
    dropped.
    """
    places = {folder, Path(__file__).parent}
    files = sorted(file for place in places for file in place.glob('_*.py'))
    return tuple((file.name, file.stat().st_mtime, file.stat().st_size) for file in files)


class _TolerantCache:
    """A numba function cache whose unreadable or unwritable files mean 'not cached'."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled overload, or None."""
        # A truncated pickle can raise nearly anything; all of it means that we compile.
        try:
            return self._inner.load_overload(sig, target_context)
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled overload if the disk lets us."""
        try:
            self._inner.save_overload(sig, data)
        except Exception:
            # The old index may be what is broken: start a new one, or go without.
            try:
                self._inner.flush()
                self._inner.save_overload(sig, data)
            except Exception:
                return

    def has_entries(self) -> bool:
        """Whether anything is kept that the sources of today gave."""
        try:
            return bool(self._inner._cache_file._load_index())
        except Exception:
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def is_cached(function: Any) -> bool:
    """Whether a `compiled` function will be loaded rather than compiled, as far as can be told."""
    cache = getattr(function, '_cache', None)
    return isinstance(cache, _TolerantCache) and cache.has_entries()


def compiled(**options: Any) -> Callable[[Callable], Callable]:
    """Decorator: `numba.njit` that releases the GIL, never raises on division, caches if it can."""
    options = {'nogil': True, 'error_model': 'numpy', **options}

    def decorate(function: Callable) -> Callable:
        folder = cache_folder()
        if folder is None:
            return numba.njit(**options)(function)
        # numba reads this when it decorates; other users of numba keep their own setting.
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder)
        try:
            dispatcher = numba.njit(cache=True, **options)(function)
        except RuntimeError:
            return numba.njit(**options)(function)
        finally:
            numba.config.CACHE_DIR = before
        # numba looks only at the file of the function, not at those that it calls into.
        file = getattr(dispatcher._cache, '_cache_file', None)
        if file is not None:
            file._source_stamp = _source_stamp(Path(function.__code__.co_filename).parent)
        dispatcher._cache = _TolerantCache(dispatcher._cache)
        return dispatcher

    return decorate
