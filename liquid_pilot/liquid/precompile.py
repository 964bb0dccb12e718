"""Compilation of the kernels in a process of its own, which frees its memory when it ends.

LLVM keeps about 15 MB after it has compiled the kernels. A process that finds them in the cache
never loads it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

import numpy as np

from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid._jit import is_cached
from liquid_pilot.liquid.copies.ltc_copies import CoreCopies
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.kernel_cache import cache_folder, compiler_environment
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.utils.processes.child_python import module_command

KERNELS = (_kernels.step, _kernels.conductance, _kernels.step_copies)
"""The kernels that a core, or copies of it, call in flight."""


def precompile_kernels(functions: Sequence[object] = KERNELS, module: str = __name__) -> None:
    """Compile the kernels into the cache in another process, unless they are there. Never fails.

    It takes as long as it takes: a busy machine needs minutes for what an idle one does in seconds.
    Without a cache, or after an error in the other process, this process compiles for itself when
    it first calls the kernels.

    Args:
        functions: the compiled functions that must be in the cache.
        module: the module that compiles them when it is run as a program.
    """
    if cache_folder() is None or all(map(is_cached, functions)):
        return
    try:
        subprocess.run(
            module_command(module),
            env=compiler_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return


def compilations() -> list[Callable[[], object]]:
    """Return functions that compile one kernel each, the same for a core of any size."""
    parameters, zero = LtcParameters.ones(1, 1, 1), np.zeros(1, np.float32)
    dynamics, copies = LtcDynamics(parameters, 1), CoreCopies(parameters, 1, np.ones(1))
    return [
        lambda: dynamics.step(zero, zero, 0.05),
        lambda: dynamics.time_constants(zero, zero),
        copies.warm_up,
    ]


def main() -> None:
    """Compile the kernels into the cache."""
    for compilation in compilations():
        compilation()


if __name__ == '__main__':
    main()
