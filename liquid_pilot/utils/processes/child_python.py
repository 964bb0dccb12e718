"""How other processes of Python are started: none takes a module from the working folder.

`python -m` and `python -c` look there first, so that a file of the user that has the name of a
module of Python or of a dependency, such as random.py, would be executed by every one of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SAFE_PATH = 'PYTHONSAFEPATH'
"""Variable by which Python 3.11 and later leave the working folder out of `sys.path`."""


def module_command(module: str) -> list[str]:
    """Return the command that runs a module as a program, with this Python.

    Args:
        module: full name of the module; arguments for it may follow in the command.
    """
    if sys.version_info >= (3, 11):
        return [sys.executable, '-P', '-m', module]
    program = (
        'import sys; del sys.path[0]; import runpy; '
        f'runpy.run_module({module!r}, run_name="__main__", alter_sys=True)'
    )
    return [sys.executable, '-c', program]


@contextmanager
def safe_path_for_children() -> Iterator[None]:
    """Keep the working folder out of the path of Python processes that start in this context.

    It is for those whose command line is made by Python itself, as that of a spawned worker.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = '1'
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SAFE_PATH, None)
        else:
            os.environ[_SAFE_PATH] = before
