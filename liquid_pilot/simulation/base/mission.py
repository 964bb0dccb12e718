"""Missions: one rule of success for every simulator.

A mission succeeds when the vehicle comes within `arrival_radius_m` of the target, horizontally, without
having touched anything; it ends as a crash on any contact, when it leaves the area or, on a course,
when it comes to the wrong target; and as a time-out when its time is up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, SensorPacket
from liquid_pilot.simulation.base.task import MissionRules

if TYPE_CHECKING:
    from liquid_pilot.simulation.base.task import Layout

OUTCOMES = ('success', 'crash', 'timeout', 'aborted')


@dataclass
class MissionResult:
    """How one mission went; `path` is a list of (time s, x, y, z) in the world frame."""

    seed: int
    outcome: str
    reason: str
    duration_s: float
    distance_flown_m: float
    target_distance_m: float
    layout: Layout | None = None
    path: list[tuple[float, float, float, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """What a report holds of it."""
        return {
            'seed': self.seed,
            'outcome': self.outcome,
            'reason': self.reason,
            'duration_s': round(self.duration_s, 3),
            'distance_flown_m': round(self.distance_flown_m, 3),
            # JSON has no NaN: None when not one packet came.
            'target_distance_m': (
                None if math.isnan(self.target_distance_m) else round(self.target_distance_m, 3)
            ),
        }


class Mission:
    """Scores one flight from its packets; the first packet is the one that `reset` returned."""

    def __init__(self, seed: int, layout: Layout | None, rules: MissionRules | None = None):
        self.seed = seed
        self.rules = rules or MissionRules()
        self.outcome: str | None = None
        self.reason = ''
        self.layout = layout
        self._first_ns: int | None = None
        self._last: SensorPacket | None = None
        self._flown_m = 0.0
        self._path: list[tuple[float, float, float, float]] = []

    @property
    def flight_time_s(self) -> float:
        """Seconds of flight so far."""
        if self._last is None:
            return 0.0
        return (self._last.stamp_ns - self._first_ns) / NANOSECONDS_PER_SECOND

    def update(self, packet: SensorPacket) -> str | None:
        """Take one packet in; the outcome, or None while the mission goes on."""
        if self.outcome is not None:
            return self.outcome
        position = packet.state.position_enu_m
        if self._first_ns is None:
            self._first_ns = packet.stamp_ns
        else:
            self._flown_m += math.dist(position, self._last.state.position_enu_m)
        self._last = packet
        self._path.append((self.flight_time_s, *position))
        start = self._path[0][1:3]
        if packet.contact is not None:
            self._end('crash', f'hit {packet.contact}')
        elif packet.target_distance_m <= self.rules.arrival_radius_m:
            self._end(
                'success',
                self.rules.reached or f'within {self.rules.arrival_radius_m:g} m of the target',
            )
        elif (
            self.layout is not None
            and self.layout.decoy_distance_m(position) <= self.rules.arrival_radius_m
        ):
            self._end('crash', 'came to the wrong target')
        elif position[2] > self.rules.ceiling_m:
            self._end('crash', f'rose above {self.rules.ceiling_m:g} m')
        elif math.dist(position[:2], start) > self.rules.area_radius_m:
            self._end('crash', 'left the area')
        elif self.flight_time_s >= self.rules.time_limit_s - 1e-9:
            self._end('timeout', f'{self.rules.time_limit_s:g} s were up')
        return self.outcome

    def abort(self, reason: str) -> None:
        """End the mission for a reason that is not of the flight."""
        if self.outcome is None:
            self._end('aborted', reason)

    def _end(self, outcome: str, reason: str) -> None:
        self.outcome, self.reason = outcome, reason

    @property
    def result(self) -> MissionResult:
        """What came of it; a mission still under way counts as aborted."""
        return MissionResult(
            seed=self.seed,
            outcome=self.outcome or 'aborted',
            reason=self.reason or 'not finished',
            duration_s=self.flight_time_s,
            distance_flown_m=self._flown_m,
            target_distance_m=self._last.target_distance_m if self._last else math.nan,
            layout=self.layout,
            path=self._path,
        )
