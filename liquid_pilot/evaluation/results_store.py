"""Finished missions on disk: one JSON object a line, only ever appended to.

A line is written in one piece when its mission ends, so that whatever stops a run costs the
missions under way and no other. A line that does not read (the last one of a run that was killed)
is passed over, and its mission is flown again. Of a study that is finished, `gzip missions.jsonl`
makes a fifteenth of it: a packed file is read like the plain one, and left as it is.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import liquid_pilot
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.interfaces import LiquidPilotError

RESULTS_FILE = 'missions.jsonl'
GZIP_RESULTS_FILE = f'{RESULTS_FILE}.gz'
DIGEST_SOURCES = (
    'interfaces.py',
    'liquid',
    'onboard',
    'pilot_file',
    'simulation',
    'evaluation/metrics.py',
)
"""Files and folders of the package that decide how a flight goes and what is kept of it."""


@dataclass(frozen=True)
class RunKey:
    """What decides one flight, and so names it."""

    code: str
    """See `code_digest`."""
    pilot: str
    """The pilot file's digest."""
    condition: str
    """As `conditions.label` writes it."""
    adapter: str
    seed: int
    mode: str = ''
    """How it adapts, as `onboard.adaptation.settings` reads it; '' for a pilot that flies as trained."""


_RUN_KEY_FIELDS = [field.name for field in fields(RunKey)]


def code_digest(settings: Iterable[object] = (), package: Path | None = None) -> str:
    """16 hexadecimal digits for all sources and data that decide a flight, and for settings.

    Args:
        settings: dataclasses whose repr tells all that is in them.
        package: the folder of the sources; None for this package.
    """
    package = package or Path(liquid_pilot.__file__).parent
    digest = sha256()
    for name in DIGEST_SOURCES:
        place = package / name
        files = [place] if place.is_file() else place.rglob('*')
        for file in sorted(files):
            if file.is_file() and '__pycache__' not in file.parts:
                content = file.read_bytes()
                label = f'{file.relative_to(package)} {len(content)}\n'
                digest.update(label.encode() + content)
    for setting in settings:
        digest.update(repr(setting).encode())
    return digest.hexdigest()[:16]


def read_results(folder: Path) -> dict[RunKey, FlightMetrics]:
    """All finished missions of a folder; none where there is no file.

    LiquidPilotError when a file cannot be read, or a packed one is broken.
    """
    packed, plain = folder / GZIP_RESULTS_FILE, folder / RESULTS_FILE
    try:
        data = gzip.decompress(packed.read_bytes()) if packed.is_file() else b''
        data += b'\n' + plain.read_bytes() if plain.is_file() else b''
    except (EOFError, OSError, zlib.error) as error:
        raise LiquidPilotError(f'the missions in {folder} cannot be read: {error}') from error
    found: dict[RunKey, FlightMetrics] = {}
    for line in data.splitlines():
        try:
            content = json.loads(line)
            cell = RunKey(**{key: content.pop(key) for key in _RUN_KEY_FIELDS if key in content})
            found[cell] = FlightMetrics(**content)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


class ResultsStore:
    """The file of finished missions in a folder, or memory alone when there is no folder.

    LiquidPilotError when the folder cannot be read or written, or another process writes to it now.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file: int | None = None
        self.flights: dict[RunKey, FlightMetrics] = {}
        if folder is None:
            return
        path = folder / RESULTS_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.flights = read_results(folder)
            size = os.fstat(self._file).st_size
            if size and os.pread(self._file, 1, size - 1) != b'\n':
                os.write(self._file, b'\n')
        except BlockingIOError as error:
            self.close()
            raise LiquidPilotError(
                f'{path}: another evaluation writes to it now; choose another --out'
            ) from error
        except OSError as error:
            self.close()
            raise LiquidPilotError(f'{path} cannot be written: {error}') from error
        except LiquidPilotError:
            self.close()
            raise

    def add(self, cell: RunKey, flight: FlightMetrics) -> None:
        """Keep a finished mission: on disk before this returns to the caller."""
        self.flights[cell] = flight
        if self._file is not None:
            content: dict[str, Any] = {**asdict(cell), **flight.to_json()}
            line = json.dumps(content, separators=(',', ':'), allow_nan=False)
            try:
                os.write(self._file, line.encode() + b'\n')
            except OSError as error:
                raise LiquidPilotError(f'{RESULTS_FILE} cannot be written: {error}') from error

    def close(self) -> None:
        """Let others write to the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> ResultsStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
