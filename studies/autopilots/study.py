"""The plan of the autopilots study as an object, and where its records are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.study_plan import StudyPlan

HERE = Path(__file__).resolve().parent
BLOCK_FILE = 'block.json'
"""Name of the file, in the folder of a run of `fly`, that has what the study recorded beside it."""


@dataclass(frozen=True)
class Attempt:
    """One flight of a seed, as a run of `fly` reported it."""

    seed: int
    outcome: str
    reason: str
    duration_s: float
    block: Path
    """Folder of the run."""


@dataclass(frozen=True)
class Arm:
    """Flights of one autopilot by one adapter."""

    name: str
    vehicle: str
    """copter, px4 or rover."""
    adapter: str
    missions: int
    target: float
    """Share of the missions that should succeed."""
    parameters: dict[str, float]
    """Parameters that the human sets on the autopilot."""
    guard: dict[str, Any]
    """Parameters of the guard that differ from its defaults."""
    first_seed: int
    truth: bool
    """Whether the scene is drawn from the true pose of the simulation, not from the estimate."""

    @property
    def seeds(self) -> range:
        """The seeds of the missions."""
        return range(self.first_seed, self.first_seed + self.missions)

    @property
    def drives(self) -> bool:
        """Whether the vehicle is a rover."""
        return self.vehicle == 'rover'

    @property
    def embedded(self) -> tuple[str, str]:
        """Vehicle class and adapter of the embedded simulator beside it."""
        if self.drives:
            return 'rover', 'cmd_vel'
        attitude = self.adapter.endswith('attitude')
        return 'quadrotor', 'attitude_thrust' if attitude else 'cmd_vel'


@dataclass(frozen=True)
class Group:
    """Failure trials of one autopilot with one adapter and one set of parameters."""

    name: str
    vehicle: str
    adapter: str
    parameters: dict[str, float]
    faults: list[str]


@dataclass(frozen=True)
class Study(StudyPlan):
    """The plan of the study, and where its parts are kept."""

    @property
    def arms(self) -> dict[str, Arm]:
        """The arms of the flights, by name."""
        return {
            name: Arm(
                name,
                entry['vehicle'],
                entry['adapter'],
                entry['missions'],
                entry['target'],
                self._parameters(entry),
                {**self.plan['guard'].get(entry['adapter'], {}), **entry.get('guard', {})},
                entry.get('first_seed', self.plan['first_seed']),
                entry.get('truth', False),
            )
            for name, entry in self.plan['flights'].items()
        }

    @property
    def groups(self) -> dict[str, Group]:
        """The groups of the failure trials, by name."""
        failures = self.plan['failures']
        return {
            name: Group(
                name,
                entry['vehicle'],
                entry['adapter'],
                self._parameters(entry),
                entry.get('faults', failures['faults']),
            )
            for name, entry in failures['groups'].items()
        }

    def _parameters(self, entry: dict[str, Any]) -> dict[str, float]:
        return {**self.plan['parameters'][entry['vehicle']], **entry.get('parameters', {})}

    def arm_folder(self, arm: str) -> Path:
        """Return the folder of an arm, with a folder for each run of `fly`."""
        return self.files.work / 'flights' / arm

    def embedded_folder(self, vehicle: str, adapter: str) -> Path:
        """Return the folder of the missions of the embedded simulator."""
        return self.files.work / 'embedded' / f'{vehicle}-{adapter}'

    def trial_file(self, group: str, fault: str, repeat: int) -> Path:
        """Return the file of a failure trial."""
        return self.files.work / 'failures' / group / f'{fault}-{repeat}.json'

    # What has been flown

    def attempts(self, folder: Path) -> dict[int, list[Attempt]]:
        """Return all flights of a folder by seed, in the order in which they were flown."""
        found: dict[int, list[Attempt]] = {}
        for block in _blocks(folder):
            if self.void(block):
                continue
            for entry in json.loads((block / 'report.json').read_text())['missions']:
                attempt = Attempt(
                    entry['seed'], entry['outcome'], entry['reason'], entry['duration_s'], block
                )
                found.setdefault(attempt.seed, []).append(attempt)
        return found

    def void(self, block: Path) -> str:
        """Return why a run does not count; empty: it counts."""
        path = block / BLOCK_FILE
        record = json.loads(path.read_text()) if path.is_file() else {}
        ratio = record.get('clock_ratio')
        if ratio is not None and ratio < self.plan['late']['min_clock_ratio']:
            return f"the autopilot's own time ran at {ratio:g} of real time"
        return str(record.get('void', ''))

    def void_runs(self, folder: Path) -> list[dict[str, Any]]:
        """Return what the runs that do not count have flown."""
        return [
            {'reason': reason, 'missions': len(flown), 'successes': flown.count('success')}
            for block in _blocks(folder)
            if (reason := self.void(block))
            for report in [json.loads((block / 'report.json').read_text())]
            for flown in [[entry['outcome'] for entry in report['missions']]]
        ]

    def missing(self, folder: Path, seeds: range) -> list[int]:
        """Return the seeds that are still to be flown."""
        attempts = self.attempts(folder)
        return [seed for seed in seeds if verdict(attempts.get(seed, [])) is None]


def is_late(attempt: Attempt) -> bool:
    """Return whether a mission was ended by this machine: it is flown again once.

    The scene ends a mission when no odometry has arrived for 0.5 s, and says for how long.
    """
    silent = attempt.reason.startswith('no odometry on ')
    return attempt.outcome == 'aborted' and (silent or attempt.reason == 'the run was terminated')


def verdict(attempts: list[Attempt]) -> Attempt | None:
    """Return the flight of a seed that counts; None: it is still to be flown.

    A mission that the person at the keyboard interrupted does not count as flown.
    """
    counted = [attempt for attempt in attempts if attempt.reason != 'interrupted by the user']
    if counted and is_late(counted[0]):
        counted = counted[1:]
    return counted[0] if counted else None


def _blocks(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        reports = folder.glob('*/report.json')
        yield from sorted(path.parent for path in reports)


def consecutive(seeds: list[int], longest: int) -> list[tuple[int, int]]:
    """Return runs of consecutive seeds as (first, number), none longer than `longest`."""
    runs: list[tuple[int, int]] = []
    for seed in seeds:
        first, count = runs[-1] if runs else (None, 0)
        if first is not None and seed == first + count and count < longest:
            runs[-1] = (first, count + 1)
        else:
            runs.append((seed, 1))
    return runs
