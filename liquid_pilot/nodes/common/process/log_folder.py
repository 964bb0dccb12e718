"""The folder of the logs of ROS 2, without which no node starts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = 'ROS_LOG_DIR'


def writable_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder that the logs of nodes have to take, or None: the one of ROS 2 will do.

    ROS 2 takes $ROS_LOG_DIR, else $ROS_HOME/log, else ~/.ros/log, and its nodes end with an
    exception where that cannot be made, or where there is no $HOME.

    Args:
        environment: the environment of the nodes.
    """
    home = environment.get('HOME') or os.path.expanduser('~')
    chosen = environment.get(VARIABLE) or os.path.join(
        environment.get('ROS_HOME') or os.path.join('~', '.ros'), 'log'
    )
    needs_home = chosen.startswith('~')
    folder = Path(chosen.replace('~', home, 1) if needs_home else chosen)
    if _can_be_written(folder):
        return folder if needs_home and not environment.get('HOME') else None
    temporary = Path(tempfile.gettempdir()) / f'liquid_pilot_{os.getuid()}' / 'log'
    # ROS 2 makes the last folder only. Where it cannot be made, ROS 2 says so.
    with suppress(OSError):
        temporary.mkdir(parents=True, exist_ok=True)
    return temporary


def notice(folder: Path) -> str:
    """Return the line for the user about a folder that was chosen."""
    return f'the logs of ROS 2 go to {folder}, because its own folder cannot be written'


@contextmanager
def chosen(print_line: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Give ROS 2 a folder for logs that can be written, while it starts in this process.

    ROS 2 reads the variable once. What this process starts later decides for itself.

    Args:
        print_line: function that takes a line for the user where the folder is another one.
    """
    folder = writable_folder(os.environ)
    if folder is None:
        yield
        return
    print_line(notice(folder))
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
