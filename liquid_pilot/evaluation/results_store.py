"""Finished missions on disk: one JSON object per line, in a file that is only appended to.

A line is written in one piece when its mission ends, so that an interrupted run loses the missions
in progress and no others. A line that cannot be read (the last one of a run that was killed) is
skipped, and its mission is flown again. The missions of a finished run may be compressed with
`gzip missions.jsonl`: a compressed file is read like the plain one and never written to.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import sync_folder

RESULTS_FILE = 'missions.jsonl'
GZIP_RESULTS_FILE = f'{RESULTS_FILE}.gz'


@dataclass(frozen=True)
class RunKey:
    """The key that identifies one mission: everything that decides its outcome."""

    version: str
    """Version of the code, the rules and the simulation's settings; see `flight_version`."""
    pilot: str
    """Digest of the pilot file."""
    condition: str
    """Label of the conditions, as `simulation.base.condition.label` writes it."""
    adapter: str
    """Name of the vehicle adapter."""
    seed: int
    """Seed of the forest or road."""
    mode: str = ''
    """Adaptation mode (`onboard.adaptation.settings`); '' for a pilot that flies as trained."""


_RUN_KEY_FIELDS = [field.name for field in fields(RunKey)]


def read_results(folder: Path) -> dict[RunKey, FlightMetrics]:
    """Read all finished missions of a folder; none when there is no file.

    Raises:
        LiquidPilotError: when a file cannot be read, or a compressed one is broken.
    """
    compressed, plain = folder / GZIP_RESULTS_FILE, folder / RESULTS_FILE
    try:
        data = gzip.decompress(compressed.read_bytes()) if compressed.is_file() else b''
        data += b'\n' + plain.read_bytes() if plain.is_file() else b''
    except (EOFError, OSError, zlib.error) as error:
        raise LiquidPilotError(f'the missions in {folder} cannot be read: {error}') from error
    results: dict[RunKey, FlightMetrics] = {}
    for line in data.splitlines():
        try:
            content = json.loads(line)
            key = RunKey(**{name: content.pop(name) for name in _RUN_KEY_FIELDS if name in content})
            results[key] = FlightMetrics(**content)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return results


class ResultsStore:
    """The finished missions of a folder, or of this process alone when there is no folder.

    Args:
        folder: the folder, which is made if it does not exist; None: nothing is written.

    Raises:
        LiquidPilotError: when the folder cannot be read or written, or another process writes to
            it now.
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
            sync_folder(folder)
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

    def add(self, key: RunKey, flight: FlightMetrics) -> None:
        """Store a finished mission; it is on disk when this returns."""
        self.flights[key] = flight
        if self._file is not None:
            content: dict[str, Any] = {**asdict(key), **flight.to_json()}
            line = json.dumps(content, separators=(',', ':'), allow_nan=False)
            try:
                os.write(self._file, line.encode() + b'\n')
                os.fsync(self._file)
            except OSError as error:
                raise LiquidPilotError(f'{RESULTS_FILE} cannot be written: {error}') from error

    def close(self) -> None:
        """Close the file, so that another process may write to it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> ResultsStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
