"""The paths and the adaptation of a run's missions, in a file and not in memory.

A run may go on for hours: what grows with every tick goes to the disk until the report is written.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from liquid_pilot.evaluation.adaptation_log import AdaptationLog
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.utils.atomic_write import os_error_text


class FlightLog:
    """What was flown, mission by mission, in a file without a name that ends with the process.

    Args:
        folder: the run folder, on whose disk the file is; None: nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._starts: dict[int, int] = {}
        """Where a mission begins in the file, by its seed."""

    def add(self, result: MissionResult, adaptation: AdaptationLog) -> MissionResult:
        """Keep a mission.

        Args:
            result: the mission.
            adaptation: its adaptation.

        Returns:
            The mission without its scene, and of its path only the last point.

        Raises:
            LiquidPilotError: the disk is full.
        """
        if self._folder is not None:
            try:
                if self._file is None:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
                self._starts[result.seed] = self._file.seek(0, 2)
                # No other process can reach this file, so what is read from it is what was written.
                pickle.dump((result, adaptation), self._file, pickle.HIGHEST_PROTOCOL)
                self._file.flush()
            except OSError as error:
                raise LiquidPilotError(
                    f'{self._folder}: the flight cannot be kept for the report '
                    f'({os_error_text(error)})'
                ) from None
        return replace(result, layout=None, path=result.path[-1:], headings_rad=[])

    def restore(self, result: MissionResult) -> MissionResult:
        """Return a mission as it was added, with its scene and its whole path."""
        mission: MissionResult = self._read(result.seed)[0]
        return mission

    def adaptation(self) -> Iterator[AdaptationLog]:
        """Yield the adaptation of the missions, one after the other."""
        for seed in self._starts:
            yield self._read(seed)[1]

    def _read(self, seed: int) -> tuple[Any, Any]:
        assert self._file is not None
        self._file.seek(self._starts[seed])
        entry: tuple[Any, Any] = pickle.load(self._file)
        return entry
