"""Files written beside their place and renamed: whoever reads one reads all of it, or none."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from liquid_pilot.interfaces import LiquidPilotError


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write, which takes the place of `path` when the context ends well.

    LiquidPilotError when it cannot be written (a full disk, say): `path` is then as it was, and
    nothing is left beside it.
    """
    partial = path.with_name(f'.{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(partial, 'xb') as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise LiquidPilotError(f'{path}: cannot be written ({os_error_text(error)})') from error


def os_error_text(error: OSError) -> str:
    """What went wrong and, where the user can do something about it, what."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f'{os.strerror(error.errno)}; make room and give the same command again, what was '
            'finished is kept'
        )
    return error.strerror or str(error)


def write_atomically(path: Path, data: bytes) -> Path:
    """Write a file beside its place and rename it; returns `path`."""
    beside = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path
