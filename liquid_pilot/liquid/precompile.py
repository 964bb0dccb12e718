"""Compilation of the kernels in a process of its own, which frees its memory when it ends.

LLVM keeps about 15 MB after it has compiled the kernels. A process that finds them in the cache
never loads it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid._jit import cache_folder, is_cached
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.parameters import LtcParameters

_TIMEOUT_S = 120.0


def precompile_kernels(
    functions: Sequence[object] = (_kernels.step, _kernels.conductance), module: str = __name__
) -> None:
    """Compile the kernels into the cache in another process, unless they are there. Never fails.

    Without a cache, or after an error in the other process, this process compiles for itself when
    it first calls the kernels.

    Args:
        functions: the compiled functions that must be in the cache.
        module: the module that compiles them when it is run as a program.
    """
    if cache_folder() is None or all(map(is_cached, functions)):
        return
    paths = os.pathsep.join(path for path in sys.path if path)
    try:
        subprocess.run(
            [sys.executable, '-m', module],
            env={**os.environ, 'PYTHONPATH': paths},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return


def main() -> None:
    """Compile the kernels into the cache; they are the same for a core of any size."""
    one = {
        name: np.ones(1, np.float32)
        for name in ('gleak', 'vleak', 'cm', 'input_w', 'input_b', 'output_w', 'output_b')
    }
    pairs = {
        prefix + name: np.ones((1, 1), np.float32)
        for prefix in ('', 'sensory_')
        for name in ('w', 'sigma', 'mu', 'erev')
    }
    LtcDynamics(LtcParameters(**one, **pairs), 1).warm_up()


if __name__ == '__main__':
    main()
