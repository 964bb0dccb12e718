"""Reads messages from rosbag2 bags (MCAP or SQLite), without ROS.

The files themselves say which topics they hold. Of metadata.yaml only the names of the files are
used, and a folder without it is read too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.storage.mcap_files import mcap_messages
from liquid_pilot.learning.rosbag.storage.messages import BagMessage, unreadable_error
from liquid_pilot.learning.rosbag.storage.sqlite_files import sqlite_messages
from liquid_pilot.learning.rosbag.yaml_file import parse_yaml

_STORAGES = {'.mcap': mcap_messages, '.db3': sqlite_messages}
"""Reader of a file, by the ending of its name without that of its compression."""
_METADATA = 'metadata.yaml'


@dataclass
class Bag:
    """One bag: a rosbag2 folder, an .mcap or a .db3 file, compressed as a whole or not."""

    path: Path
    """The folder or file."""
    unclosed: bool = False
    """Whether reading has shown that the bag has no end: its recorder never closed it."""
    position: int = 0
    """Number of bytes of the bag that have been read, for a display of progress."""
    types: dict[str, str] = field(default_factory=dict)
    """Message type by topic, of the topics that were found while reading."""

    def __post_init__(self) -> None:
        """Find the files; LiquidPilotError when there are none."""
        self._storages = _storage_files(self.path)

    @property
    def files(self) -> list[Path]:
        """All files of the bag. A change of any of them makes it another bag."""
        if self.path.is_dir():
            return sorted(file for file in self.path.iterdir() if file.is_file())
        return [self.path]

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the messages of some topics, in the order of the files.

        Raises:
            LiquidPilotError: the bag is damaged.
        """
        self.position = before = 0

        def on_position(position: int) -> None:
            self.position = before + position

        for file in self._storages:
            if before and _is_blank(file):
                unclosed = True
            else:
                read = _STORAGES[_storage_suffix(file)]
                unclosed = yield from read(file, topics, self.types, on_position)
            self.unclosed = self.unclosed or unclosed
            self.position = before = before + file.stat().st_size


def _is_blank(file: Path) -> bool:
    """Return whether a file begins with zeros: a power cut left it before any of it was written."""
    try:
        with open(file, 'rb') as stream:
            return not stream.read(4096).strip(b'\0')
    except OSError as error:
        raise unreadable_error(file, error.strerror or str(error)) from None


def _storage_suffix(file: Path) -> str:
    """Return the ending of a file's name without that of its compression, such as '.db3'."""
    return Path(file.stem).suffix if file.suffix == '.zstd' else file.suffix


def _storage_files(path: Path) -> list[Path]:
    """Return the files of a bag that hold messages, in their order."""
    if not path.exists():
        raise LiquidPilotError(f'{path}: there is no such bag')
    if path.is_file():
        if _storage_suffix(path) not in _STORAGES:
            raise LiquidPilotError(
                f'{path}: a bag is a folder with metadata.yaml, or an .mcap or .db3 file'
            )
        return [path]
    present = [file for file in path.iterdir() if file.is_file()]
    found = sorted((file for file in present if _storage_suffix(file) in _STORAGES), key=_counted)
    named = _named_files(path)
    if not named:
        if not found:
            raise LiquidPilotError(f'{path}: holds no .mcap and no .db3 file')
        if len({_storage_suffix(file) for file in found}) > 1:
            raise LiquidPilotError(
                f'{path}: holds .mcap and .db3 files, and no metadata.yaml says which are the bag; '
                'name a file'
            )
        return found
    files = [_compressed_or_not(file) for file in named]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise LiquidPilotError(f'{missing[0]}: is missing, metadata.yaml names it')
    unknown = [file for file in files if _storage_suffix(file) not in _STORAGES]
    if unknown:
        raise LiquidPilotError(
            f'{unknown[0]}: such a file cannot be read; `ros2 bag convert` makes an MCAP bag of it'
        )
    return files


def _named_files(folder: Path) -> list[Path]:
    """Return the files that metadata.yaml names; none where it is missing or empty."""
    metadata = folder / _METADATA
    if not metadata.is_file():
        return []
    try:
        text = metadata.read_text(encoding='utf-8')
        content: Any = None if '\0' in text else parse_yaml(text)
        if content is None:
            # The recorder was killed before it wrote it, or a power cut left zeros in it.
            return []
        names = content['rosbag2_bagfile_information']['relative_file_paths'] or []
        # Only the file names are used: a path must not lead out of the folder.
        return [folder / Path(name).name for name in names]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        reason = f'{error} is missing' if isinstance(error, KeyError) else str(error)
        raise unreadable_error(metadata, reason) from None


def _compressed_or_not(file: Path) -> Path:
    """Return a file, or where it is missing the same one with or without compression."""
    other = file.with_suffix('') if file.suffix == '.zstd' else file.with_name(f'{file.name}.zstd')
    return other if not file.exists() and other.exists() else file


def _counted(file: Path) -> list[tuple[int, str]]:
    """Return a key by which 'x_10' comes after 'x_9'."""
    return [
        (int(part), '') if part.isdigit() else (-1, part) for part in re.split(r'(\d+)', file.name)
    ]
