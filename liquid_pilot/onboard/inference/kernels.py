"""All kernels of a flight, compiled before it begins.

A compilation takes seconds on an idle machine and minutes on a busy one, and happens once for an
installation. Whoever starts a flight looks here first, so that nobody waits for a node that is
still compiling. Only the process that compiles loads the compiler.

    python -m liquid_pilot.onboard.inference.kernels    # prints 'DONE OF' after each kernel
    python -m liquid_pilot.onboard.inference.kernels lrc    # those of a pilot with an LRC core

The kernels of the LTC are compiled for a pilot with any core but an LRC, which has its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from liquid_pilot.liquid.kernel_cache import (
    cache_folder,
    compiler_environment,
    locked_cache,
    source_stamp,
)
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.processes.child_python import module_command

_PACKAGE = Path(__file__).resolve().parents[2]
SOURCES = (_PACKAGE / 'liquid', _PACKAGE / 'onboard' / 'adaptation')
"""Folders of the files of kernels."""
LRC = 'lrc'
"""Type of core that has kernels of its own."""
_LRC_SOURCES = (_PACKAGE / 'liquid' / 'lrc',)
_MAX_COMPILATION_S = 300.0
"""Longest wait for another process that compiles into the same cache, s."""
_PROCESSOR_FIELDS = ('model name', 'flags', 'Features', 'CPU part', 'CPU implementer')
"""Beginnings of the lines of /proc/cpuinfo that tell of a processor, on x86 and on ARM."""


def are_compiled(core: str = '') -> bool:
    """Return whether the cache holds all kernels, as far as a note and the files there tell.

    Args:
        core: type of the pilot's core.
    """
    cache = cache_folder()
    if cache is None:
        return False
    try:
        sizes = json.loads(_note(cache, core).read_text())
        # A file that a power loss has cut short is there, but is not what was noted.
        return bool(sizes) and all(
            (cache / file).stat().st_size == size for file, size in sizes.items()
        )
    # A note that is cut short is none.
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def note_compiled(core: str = '') -> None:
    """Note for `are_compiled` that the cache, where there is one, holds all kernels.

    Args:
        core: type of the pilot's core.
    """
    cache = cache_folder()
    if cache is None:
        return
    # Without the note, the next start looks again.
    with contextlib.suppress(OSError):
        sizes = {
            str(path.relative_to(cache)): path.stat().st_size
            for path in sorted(cache.rglob('*.nb[ic]'))
        }
        write_atomically(_note(cache, core), json.dumps(sizes) + '\n', sync=False)


def _note(cache: Path, core: str) -> Path:
    """Return the file of the note, whose name changes with all that the machine code depends on."""
    compiler = find_spec('numba')
    made_from: list[object] = [sysconfig.get_config_var('SOABI'), platform.machine()]
    if compiler is not None and compiler.origin:
        made_from += [compiler.origin, Path(compiler.origin).stat().st_mtime]
    made_from += [_processor(), sorted(_numba_settings().items())]
    for folder in (*SOURCES, *(_LRC_SOURCES if core == LRC else ())):
        made_from += [str(folder), source_stamp(folder)]
    digest = hashlib.sha256(repr(made_from).encode()).hexdigest()
    return cache / f'compiled-{digest[:16]}.json'


def _processor() -> str:
    """Return model and features of the processor: a home folder may be on several machines."""
    try:
        # The first processor ends at an empty line.
        lines = Path('/proc/cpuinfo').read_text().partition('\n\n')[0].splitlines()
    except (OSError, ValueError):
        return ''
    return '\n'.join(line for line in lines if line.startswith(_PROCESSOR_FIELDS))


def _numba_settings() -> dict[str, str]:
    """Return the variables by which users change for which processor numba compiles, and how."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith('NUMBA_') and name != 'NUMBA_CACHE_DIR'
    }


def compile_all(on_progress: Callable[[int, int], None] | None = None, core: str = '') -> bool:
    """Compile what is not in the cache yet, in another process.

    Args:
        on_progress: callback, called after each kernel with (number of kernels done, of all).
        core: type of the pilot's core.

    Returns:
        Whether all kernels are in the cache; without a cache nothing is compiled, and after an
        error in the other process it is not known. The engine then compiles for itself.
    """
    if cache_folder() is None:
        return False
    try:
        with subprocess.Popen(
            [*module_command(__name__), *([LRC] if core == LRC else [])],
            env=compiler_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                done, of = line.split()
                if on_progress is not None:
                    on_progress(int(done), int(of))
    except (OSError, ValueError):
        return False
    return process.returncode == 0


def main(core: str = '') -> int:
    """Compile all kernels into the cache, and return 0 if they are there.

    Args:
        core: type of the pilot's core.
    """
    # Imported here, because they load the compiler.
    from liquid_pilot.liquid import precompile as ltc
    from liquid_pilot.liquid._jit import is_cached
    from liquid_pilot.liquid.lrc import precompile as lrc
    from liquid_pilot.onboard.adaptation import precompile as frontend

    parts = (lrc if core == LRC else ltc, frontend)
    compilations = [compilation for part in parts for compilation in part.compilations()]
    # Whoever comes second loads what the first one has compiled.
    with locked_cache('compiling', _MAX_COMPILATION_S):
        for number, compilation in enumerate(compilations, 1):
            compilation()
            print(number, len(compilations), flush=True)
        if not all(is_cached(kernel) for part in parts for kernel in part.KERNELS):
            return 1
        note_compiled(core)
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:2]))
