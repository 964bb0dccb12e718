"""Checks of the files and folders that a user names, made before any work begins.

Each check raises LiquidPilotError with one line: option, path, what is wrong and what to do.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError

_PROBE_PREFIX = '.liquid_pilot_'


def user_path(text: str) -> Path:
    """Return a path that a user has typed, with `~` as the home folder.

    The tilde stays, as in a shell, where there is no such user.

    Args:
        text: the path.
    """
    return Path(os.path.expanduser(text))


def check_writable_folder(folder: Path, label: str) -> None:
    """Check that a folder can be written, or made where it is missing.

    An empty folder is made beside what is there and deleted again: permission bits do not tell of a
    file system that is read-only or full.

    Args:
        folder: the folder, which may be missing.
        label: what a message calls it, such as '--out'.
    """
    nearest = _nearest_existing(folder, label)
    if not nearest.is_dir():
        raise LiquidPilotError(f'{label}: {nearest} is not a folder; choose another one')
    try:
        os.rmdir(tempfile.mkdtemp(prefix=_PROBE_PREFIX, dir=nearest))
    except OSError as error:
        raise LiquidPilotError(
            f'{label}: {folder} cannot be written ({error.strerror or error}); choose a folder '
            'that you may write'
        ) from None


def check_writable_file(file: Path, label: str, suffix: str = '') -> None:
    """Check that a file can be written, or made where it is missing.

    Args:
        file: the file, which may be missing.
        label: what a message calls it, such as '--plot'.
        suffix: the end that its name must have, such as '.png'; empty: any.
    """
    if suffix and file.suffix.lower() != suffix:
        raise LiquidPilotError(f'{label}: the name of {file} must end in {suffix}')
    if file.is_dir():
        raise LiquidPilotError(f'{label}: {file} is a folder; name a file')
    check_writable_folder(file.parent, label)
    if file.exists() and not file.is_file():
        # It would be replaced by a file.
        raise LiquidPilotError(f'{label}: {file} is not a regular file; choose another name')
    if file.exists() and not os.access(file, os.W_OK):
        raise LiquidPilotError(f'{label}: {file} is write-protected; choose another file')


def check_readable_file(file: Path, label: str) -> None:
    """Check that a file is there and can be read.

    Args:
        file: the file.
        label: what a message calls it, such as '--config'.
    """
    if _nearest_existing(file, label) != file:
        raise LiquidPilotError(f'{label}: there is no file {file}; check the path')
    if file.is_dir():
        raise LiquidPilotError(f'{label}: {file} is a folder; name a file')
    if not file.is_file():
        # A pipe could be read once only, and opening it may take for ever.
        raise LiquidPilotError(f'{label}: {file} is not a regular file; write it to one first')
    try:
        with open(file, 'rb'):
            pass
    except OSError as error:
        raise LiquidPilotError(
            f'{label}: {file} cannot be read ({error.strerror or error})'
        ) from None


def check_readable_folder(folder: Path, label: str) -> None:
    """Check that a folder is there and can be listed.

    Args:
        folder: the folder.
        label: what a message calls it, such as '--demonstrations'.
    """
    if _nearest_existing(folder, label) != folder:
        raise LiquidPilotError(f'{label}: there is no folder {folder}; check the path')
    if not folder.is_dir():
        raise LiquidPilotError(f'{label}: {folder} is not a folder')
    try:
        os.listdir(folder)
    except OSError as error:
        raise LiquidPilotError(
            f'{label}: {folder} cannot be read ({error.strerror or error})'
        ) from None


def _nearest_existing(path: Path, label: str) -> Path:
    """Return the path, or the nearest of the folders above it that exists."""
    for candidate in (path, *path.parents):
        try:
            candidate.stat()
        except (FileNotFoundError, NotADirectoryError):
            if candidate.is_symlink():
                raise LiquidPilotError(
                    f'{label}: {candidate} is a link to something that is not there'
                ) from None
        except (OSError, ValueError) as error:
            raise LiquidPilotError(
                f'{label}: {candidate} cannot be used ({getattr(error, "strerror", "") or error})'
            ) from None
        else:
            return candidate
    return Path('.')
