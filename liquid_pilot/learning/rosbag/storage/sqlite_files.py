"""Reads one SQLite file of a rosbag2 bag.

What the database holds counts, not what metadata.yaml says of it: the two often differ.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from urllib.parse import quote

from liquid_pilot.learning.rosbag.storage.compression import decompress_file
from liquid_pilot.learning.rosbag.storage.messages import (
    BagMessage,
    absolute_name,
    full_type,
    unreadable_error,
)

_JOURNALS = ('-wal', '-journal')
"""Endings of the files in which SQLite keeps what has not reached the database yet."""


def sqlite_messages(
    file: Path,
    topics: Collection[str],
    types: dict[str, str],
    on_position: Callable[[int], None],
) -> Generator[BagMessage, None, bool]:
    """Yield the messages of some topics in the order of recording.

    Args:
        file: the database; one whose name ends in '.zstd' is compressed as a whole.
        topics: the topics.
        types: message type by topic, which is filled in for all topics.
        on_position: callback, called with the number of bytes that have been read.

    Returns:
        Whether the recorder never closed the file, and left a part of it in a journal.

    Raises:
        LiquidPilotError: the file is damaged.
    """
    try:
        with tempfile.TemporaryDirectory() as temporary:
            database, unclosed = _readable_copy(file, Path(temporary))
            # Read as immutable, SQLite creates no files beside the bag.
            options = 'mode=rw' if unclosed else 'immutable=1'
            connection = sqlite3.connect(f'file:{quote(str(database))}?{options}', uri=True)
            try:
                yield from _rows(file, connection, topics, types, on_position)
            finally:
                connection.close()
            return unclosed
    except (OSError, sqlite3.Error, ValueError, OverflowError, MemoryError) as error:
        raise unreadable_error(file, str(error) or type(error).__name__) from None


def _readable_copy(file: Path, folder: Path) -> tuple[Path, bool]:
    """Return a database that can be read as it is, and whether it was left with a journal.

    Args:
        file: the file of the bag.
        folder: an empty folder, for a copy where one is needed.
    """
    if file.suffix == '.zstd':
        copy = folder / file.stem
        with open(file, 'rb') as source, open(copy, 'wb') as target:
            decompress_file(source, target)
        return copy, False
    journals = [file.with_name(file.name + ending) for ending in _JOURNALS]
    left = [journal for journal in journals if journal.is_file() and journal.stat().st_size]
    if not left:
        return file, False
    # To read a journal SQLite writes; the bag of the user stays as it is.
    for part in (file, *left):
        shutil.copyfile(part, folder / part.name)
    return folder / file.name, True


def _rows(
    file: Path,
    connection: sqlite3.Connection,
    topics: Collection[str],
    types: dict[str, str],
    on_position: Callable[[int], None],
) -> Generator[BagMessage, None, None]:
    """Yield the messages of an open database."""
    known: dict[int, tuple[str, str]] = {}
    rows = connection.execute('SELECT id, name, type, serialization_format FROM topics')
    for number, stored_name, stored_type, encoding in rows.fetchall():
        name, kind = absolute_name(str(stored_name)), full_type(str(stored_type))
        types[name] = kind
        if name not in topics:
            continue
        if encoding != 'cdr':
            raise unreadable_error(file, f'topic {name} is encoded as {encoding!r}, not as cdr')
        known[number] = (name, kind)
    if not known:
        return
    position = 0
    marks = ', '.join('?' * len(known))
    query = (
        'SELECT topic_id, timestamp, data FROM messages '
        f'WHERE topic_id IN ({marks}) ORDER BY timestamp, id'
    )
    for number, log_ns, data in connection.execute(query, tuple(known)):
        if not isinstance(data, bytes) or not isinstance(log_ns, int):
            raise unreadable_error(file, 'a message is no bytes, or its time no number')
        position += len(data)
        on_position(position)
        yield BagMessage(*known[number], log_ns, data)
