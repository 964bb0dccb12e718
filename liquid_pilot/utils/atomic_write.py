"""Atomic writes: a reader sees the old content of a file or folder, or the new one, never half.

New content is written beside its destination under a temporary name, flushed to the disk and then
renamed, which the file system does in one step. So a power cut leaves the old content or the new
one too: a rename alone may reach the disk before the data, and then the file is empty or full of
zeros.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from liquid_pilot.interfaces import LiquidPilotError


@contextmanager
def atomic_writer(path: Path, sync: bool = True) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` when the context ends without an error.

    Args:
        path: the destination; its folder is created when it is missing.
        sync: whether the data is flushed to the disk before the rename, and the rename after it,
            so that a power cut leaves the old or the new content, and the new one once this has
            returned. Not needed for what can be made again and is checked when it is read.

    Raises:
        LiquidPilotError: when the file cannot be written (a full disk, for example). `path` is
            then unchanged, and no temporary file is left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(path, sync) as file:
            yield file
    except OSError as error:
        raise LiquidPilotError(f'{path}: cannot be written ({os_error_text(error)})') from error


def write_atomically(path: Path, data: bytes | str, sync: bool = True) -> Path:
    """Write a whole file in one step, in a folder that exists.

    Args:
        path: the destination.
        data: the content; text is written as UTF-8.
        sync: see `atomic_writer`.

    Returns:
        `path`.

    Raises:
        OSError: when the file cannot be written, for the caller to say what is lost. `path` is
            then unchanged, and no temporary file is left.
    """
    with _replacing(path, sync) as file:
        file.write(data.encode() if isinstance(data, str) else data)
    return path


@contextmanager
def _replacing(path: Path, sync: bool) -> Iterator[IO[bytes]]:
    temporary = temporary_sibling(path, 'partial')
    try:
        with open(temporary, 'xb') as file:
            yield file
            if sync:
                _flush_to_disk(file)
        os.replace(temporary, path)
        if sync:
            sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_new_file(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet, and flush it to the disk.

    Raises:
        OSError: when the file exists or cannot be written.
    """
    with open(path, 'xb') as file:
        file.write(data)
        _flush_to_disk(file)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Create an empty folder that replaces `folder` when the context ends without an error.

    Args:
        folder: the destination, which may exist and hold files: its content is replaced as a
            whole.

    Yields:
        The temporary folder, beside the destination, to be filled.

    Raises:
        OSError: when a folder cannot be created or renamed. `folder` is then unchanged, and no
            temporary folder is left. If even the renaming back fails, the replaced folder stays
            under its temporary name, so that its content is not lost.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, replaced = temporary_sibling(folder, 'new'), temporary_sibling(folder, 'old')
    try:
        fresh.mkdir()
        yield fresh
        _sync_tree(fresh)
        replace_folder(fresh, folder, replaced)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        # Without the destination, what was replaced is the only copy.
        if folder.exists():
            shutil.rmtree(replaced, ignore_errors=True)


def replace_folder(fresh: Path, folder: Path, replaced: Path) -> None:
    """Rename a folder to its destination, on the same file system.

    A rename cannot replace a folder that holds files, so the present one is renamed first, and
    renamed back when the second rename fails.

    Args:
        fresh: the folder to rename.
        folder: its destination, which may exist.
        replaced: the name that the present folder is given; deleting it is left to the caller.
    """
    try:
        if folder.exists():
            folder.rename(replaced)
        fresh.rename(folder)
    finally:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)


def temporary_sibling(path: Path, suffix: str) -> Path:
    """Return an unused hidden name beside `path`, unique to this process and call."""
    return path.with_name(f'.{path.name}.{os.getpid()}-{secrets.token_hex(4)}.{suffix}')


def os_error_text(error: OSError) -> str:
    """Return what went wrong and, where the user can do something about it, what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f'{os.strerror(error.errno)}; make room and give the same command again, what was '
            'finished is kept'
        )
    return error.strerror or str(error)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, after a file in it was made or renamed.

    Raises:
        OSError: when the folder cannot be read, or the disk fails.
    """
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # Some network file systems have no such operation for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)


def _sync_tree(folder: Path) -> None:
    """Flush all files and names below a folder to the disk."""
    for path in folder.rglob('*'):
        if path.is_dir():
            sync_folder(path)
        elif path.is_file():
            with open(path, 'rb') as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def _flush_to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
