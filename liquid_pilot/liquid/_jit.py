"""Compilation of the kernels by numba: cached where that is possible, never failing over a cache.

A plain `cache=True` raises at import on a read-only install without a home folder, and raises
again when a cache file was cut short by a power loss. Here, either only costs the compilation.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.kernel_cache import (
    COMPILER_DISABLED,
    cache_folder,
    locked_cache,
    source_stamp,
)


@contextmanager
def _garbage_collector_paused() -> Iterator[None]:
    """Pause the collector while many objects are made that all stay: each look at them is vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


with _garbage_collector_paused():
    import numba
    from numba.core.runtime import rtsys as _array_runtime
    from numba.extending import intrinsic as _numba_intrinsic

P = ParamSpec('P')
R = TypeVar('R')

# numba sets the entries of its configuration when it is loaded; no type checker sees them.
_config: Any = numba.config
_MAX_SAVE_WAIT_S = 10.0
"""Longest wait for another process that stores what it compiled, s."""


class _TolerantCache:
    """A numba function cache whose unreadable or unwritable files mean 'not cached'."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled overload, or None."""
        # A truncated pickle can raise nearly anything; all of it means that we compile.
        try:
            # Machine code needs the runtime of arrays only. `load_overload` of numba fills the
            # registries of the compiler first, which takes 0.1 s; compiling fills them anyway.
            load = getattr(self._inner, '_load_overload', self._inner.load_overload)
            _array_runtime.initialize(target_context)
            return load(sig, target_context)
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a compiled overload if the disk allows it."""
        # numba reads the index, adds to it and writes it. Two machines of different processors
        # that did so at once could each be given the machine code of the other.
        with locked_cache('writing', _MAX_SAVE_WAIT_S):
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
        """Return whether the cache holds anything made from the present sources."""
        try:
            return bool(self._inner._cache_file._load_index())
        except Exception:
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def is_cached(function: object) -> bool:
    """Return whether a `compiled` function will be loaded, not compiled, as far as is known."""
    cache = getattr(function, '_cache', None)
    return isinstance(cache, _TolerantCache) and cache.has_entries()


def _refuse(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that raises in place of a kernel that cannot be compiled."""

    @functools.wraps(function)
    def refused(*arguments: P.args, **named: P.kwargs) -> R:
        raise LiquidPilotError(COMPILER_DISABLED)

    return refused


def compiled(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that compiles a function with `numba.njit`, keeping its signature.

    The compiled function releases the GIL, does not raise on division by zero and is cached where
    possible.

    Where numba compiles nothing (NUMBA_DISABLE_JIT), the function raises a LiquidPilotError when it
    is called: the kernels are written for the compiler, and do not run without it.

    Args:
        options: further options of `numba.njit`, such as `fastmath`.
    """
    if _config.DISABLE_JIT:
        return _refuse
    options = {'nogil': True, 'error_model': 'numpy', **options}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        folder = cache_folder()
        if folder is None:
            return cast(Callable[P, R], numba.njit(**options)(function))
        # numba reads this when it decorates; other users of numba keep their own setting.
        before = _config.CACHE_DIR
        _config.CACHE_DIR = str(folder)
        try:
            dispatcher = numba.njit(cache=True, **options)(function)
        except RuntimeError:
            return cast(Callable[P, R], numba.njit(**options)(function))
        finally:
            _config.CACHE_DIR = before
        # numba looks only at the file of the function, not at those that it calls into.
        file = getattr(dispatcher._cache, '_cache_file', None)
        if file is not None:
            file._source_stamp = source_stamp(Path(function.__code__.co_filename).parent)
        dispatcher._cache = _TolerantCache(dispatcher._cache)
        return cast(Callable[P, R], dispatcher)

    return decorate


def intrinsic(
    function: Callable[Concatenate[Any, P], tuple[Any, Callable[..., Any]]],
) -> Callable[P, Any]:
    """Decorate a function that generates LLVM code, as `numba.extending.intrinsic` does.

    Args:
        function: function that takes numba's typing context and the types of the arguments; returns
            the signature and the code generator.

    Returns:
        The function that compiled code calls, with the arguments alone.
    """
    return cast(Callable[P, Any], _numba_intrinsic(function))
