"""The content of a run folder, read for the report; whatever is missing or broken is left out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.flight_record import (
    FOLDER,
    FlightRecord,
    read_record,
)
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.trace import GATE_FIELDS
from liquid_pilot.simulation.base.condition import Condition, parse
from liquid_pilot.simulation.base.task import Layout

Paths = Mapping[int, npt.NDArray[np.float64]]
RECORDING = 'recording'
"""Mode of a run of which there is nothing but a recording."""
_READ_ERRORS = (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError)


@dataclass
class Mission:
    """One mission of a run, as report.json has it."""

    seed: int
    outcome: str
    reason: str
    duration_s: float
    flown_m: float
    target_distance_m: float
    """NaN when it is not known."""

    @property
    def failed(self) -> bool:
        """Whether the mission did not succeed."""
        return self.outcome != 'success'


@dataclass
class RunFolder:
    """What a run folder holds."""

    path: Path
    missions: list[Mission] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    """How it was flown: 'run' of report.json."""
    comparison: dict[str, Any] = field(default_factory=dict)
    """Content of results.json of an evaluation; empty without one."""
    paths: Paths = field(default_factory=dict)
    """(n, 4) seconds, x, y and z (ENU, m), by seed."""
    adaptation: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    """Content of adaptation.npz; see `evaluation.adaptation_log`."""
    recorded_flights: Mapping[int, FlightRecord] = field(default_factory=dict)
    """Records that were read from a recording, for missions that have none in `flights`."""
    counted_by: str = 'seed'
    """What the number of a mission is: 'seed', or 'flight' of a recording that names no seed."""
    problems: list[str] = field(default_factory=list)
    """What could not be read, each in a sentence."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of the run; none where they are not known here."""
        try:
            return parse(str(self.meta.get('condition', 'clear')))
        except LiquidPilotError:
            return ()

    @property
    def is_condition_known(self) -> bool:
        """Whether the conditions are known; they are not, in a recording on its own."""
        return bool(self.meta.get('condition'))

    @property
    def is_recording(self) -> bool:
        """Whether all is from a recording, and there is no report.json."""
        return self.meta.get('mode') == RECORDING

    @property
    def vehicle(self) -> str:
        """Name of the vehicle; empty when it is not known."""
        return str(self.meta.get('vehicle', ''))

    def has_pictures(self, seed: int) -> bool:
        """Return whether the record of a mission is there, with pictures."""
        return seed in self.recorded_flights or (self.path / FOLDER / f'seed_{seed}.npz').is_file()

    def has_record(self, seed: int) -> bool:
        """Return whether something is known of a mission beside its path."""
        return self.has_pictures(seed) or f'seed_{seed}/time_s' in self.adaptation

    def record(self, seed: int) -> FlightRecord | None:
        """Return the record of a mission; None when there is none.

        What was kept during the flight comes first, then a recording. Of a run of an older version
        it is what adaptation.npz says.
        """
        path = self.path / FOLDER / f'seed_{seed}.npz'
        if not path.is_file():
            if seed in self.recorded_flights:
                return self.recorded_flights[seed]
            return _from_adaptation(self.adaptation, seed)
        try:
            record = read_record(path)
        except LiquidPilotError as error:
            self.problems.append(str(error))
            return None
        if record.seed != seed:
            self.problems.append(f'{path} is of seed {record.seed}; it is left out.')
            return None
        return record

    def layout(self, seed: int) -> Layout | None:
        """Return the scene of a mission, drawn from its seed; None where it cannot be drawn."""
        from liquid_pilot.simulation.tasks.registry import layout_of

        if self.is_recording:
            # A vehicle flew among trees that nobody knows, or in conditions that it does not say.
            return None
        try:
            return layout_of(self.vehicle, seed, self.conditions)
        except (LiquidPilotError, KeyError, ValueError):
            return None


def read_run(path: Path) -> RunFolder:
    """Read a run folder.

    Raises:
        LiquidPilotError: there is neither a report.json nor a results.json that can be read.
    """
    run = RunFolder(path)
    report = _json(path / 'report.json', run.problems)
    run.comparison = _json(path / 'results.json', run.problems)
    if not report and not run.comparison:
        raise LiquidPilotError(
            f'{path} holds no run: no report.json and no results.json that can be read'
        )
    run.summary, run.meta = _mapping(report.get('summary')), _mapping(report.get('run'))
    for entry in report.get('missions') or []:
        try:
            run.missions.append(_mission(entry))
        except _READ_ERRORS:
            run.problems.append('A mission in report.json cannot be read; it is left out.')
    run.paths = _paths(path / 'paths.npz', run.problems)
    run.adaptation = _arrays(path / 'adaptation.npz', run.problems)
    return run


def package_version() -> str:
    """Return the version of this package; empty when it is not installed."""
    try:
        return metadata.version('liquid_pilot')
    except metadata.PackageNotFoundError:
        return ''


def _mission(entry: Mapping[str, Any]) -> Mission:
    return Mission(
        int(entry['seed']),
        str(entry['outcome']),
        str(entry.get('reason', '')),
        _number(entry.get('duration_s')),
        _number(entry.get('distance_flown_m')),
        _number(entry.get('target_distance_m')),
    )


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _json(path: Path, problems: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        return content if isinstance(content, dict) else {}
    except _READ_ERRORS as error:
        problems.append(f'{path.name} cannot be read ({error}).')
        return {}


def _paths(path: Path, problems: list[str]) -> Paths:
    return {
        int(name[5:]): array
        for name, array in _arrays(path, problems).items()
        if name[:5] == 'seed_' and name[5:].isdecimal()
        if array.ndim == 2 and array.shape[1] == 4 and np.isfinite(array).all()
    }


def _from_adaptation(
    arrays: Mapping[str, npt.NDArray[np.float64]], seed: int
) -> FlightRecord | None:
    """Return what adaptation.npz says of a mission; None when that is nothing."""

    def get(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        values = arrays.get(f'seed_{seed}/{name}')
        return np.full(shape, np.nan) if values is None or values.shape != shape else values

    times = arrays.get(f'seed_{seed}/time_s')
    if times is None or times.ndim != 1 or not len(times) or not np.isfinite(times).all():
        return None
    count = len(times)
    record = FlightRecord(seed, source='kept in adaptation.npz, by an older version')
    record.time_s = times
    record.gate = np.full((count, len(GATE_FIELDS)), np.nan)
    for name, key in (('novel', 'novel'), ('speed_factor', 'trust'), ('gain', 'gain')):
        record.gate[:, GATE_FIELDS.index(name)] = get(key, (count,))
    record.filter_tau_s = get('receptor_tau_s', (count, 3))
    friction = get('grip', (count,))
    record.friction = friction if np.isfinite(friction).any() else record.friction
    return record


def _arrays(path: Path, problems: list[str]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the arrays of an npz file; none where it cannot be read."""
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: np.asarray(content[name], np.float64) for name in content.files}
    except Exception as error:
        problems.append(f'{path.name} cannot be read ({error}).')
        return {}
