"""Missions: one rule of success for every simulator.

A mission succeeds when the vehicle comes within `arrival_radius_m` of the target, horizontally,
and has touched nothing. It ends as a crash at any contact, outside the permitted area and, on a
memory course, at the decoy. It ends as a timeout when its time limit is reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, SensorPacket
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.simulation.base.task import Layout, MissionRules

OUTCOMES = ('success', 'crash', 'timeout', 'aborted')


@dataclass
class MissionResult:
    """The outcome of one mission, and the path that was flown."""

    seed: int
    outcome: str
    """One of `OUTCOMES`."""
    reason: str
    """Cause of the outcome, for people to read."""
    duration_s: float
    distance_flown_m: float
    target_distance_m: float
    """Distance to the target at the end of the mission; NaN if no packet came."""
    layout: Layout | None = None
    path: list[tuple[float, float, float, float]] = field(default_factory=list)
    """Time (s) and world position x, y, z (ENU, m) of each packet."""
    headings_rad: list[float] = field(default_factory=list)
    """Heading at each packet, counter-clockwise from east; empty if it was not kept."""
    arrival_radius_m: float = 0.0
    """Horizontal distance to the target at which the mission succeeds; 0 without such a rule."""
    hand_s: float = 0.0
    """Time for which a human had the vehicle, s."""

    @property
    def is_trial(self) -> bool:
        """Whether the outcome says something about the pilot: it does not where the mission was
        aborted, or a human has flown a part of it.
        """
        return self.outcome != 'aborted' and self.hand_s == 0.0

    def to_json(self) -> dict[str, object]:
        """Return the entry of this mission in a report."""
        by_hand = {'hand_s': round(self.hand_s, 3)} if self.hand_s else {}
        return {
            'seed': self.seed,
            'outcome': self.outcome,
            'reason': self.reason,
            'duration_s': round(self.duration_s, 3),
            'distance_flown_m': round(self.distance_flown_m, 3),
            # JSON has no NaN.
            'target_distance_m': (
                None if math.isnan(self.target_distance_m) else round(self.target_distance_m, 3)
            ),
            **by_hand,
        }


class Mission:
    """Scores one flight from its packets, of which the first is the one that `reset` returned.

    Args:
        seed: seed of the flight, for the result.
        layout: the scene, in which a memory course may have a decoy; None: there is no decoy.
        rules: rules of success; None: the default rules.
    """

    def __init__(self, seed: int, layout: Layout | None, rules: MissionRules | None = None):
        self.seed = seed
        self.rules = rules or MissionRules()
        self.outcome: str | None = None
        """One of `OUTCOMES`; None during the mission."""
        self.reason = ''
        """Cause of the outcome; empty during the mission."""
        self.layout = layout
        self._first_ns = 0
        self._last: SensorPacket | None = None
        self.hand_s = 0.0
        """Time for which a human had the vehicle so far, s."""
        self._flown_m = 0.0
        self._path: list[tuple[float, float, float, float]] = []
        self._headings_rad: list[float] = []

    @property
    def flight_time_s(self) -> float:
        """Time of flight so far, s."""
        if self._last is None:
            return 0.0
        return (self._last.stamp_ns - self._first_ns) / NANOSECONDS_PER_SECOND

    def update(self, packet: SensorPacket) -> str | None:
        """Score one packet.

        Returns:
            The outcome, or None while the mission continues.
        """
        if self.outcome is not None:
            return self.outcome
        position = packet.state.position_enu_m
        if self._last is None:
            self._first_ns = packet.stamp_ns
        else:
            self._flown_m += math.dist(position, self._last.state.position_enu_m)
        self._last = packet
        self._path.append((self.flight_time_s, *position))
        self._headings_rad.append(heading_rad(packet.state.orientation_wxyz))
        start = self._path[0][1:3]
        rules = self.rules
        if packet.contact_body is not None:
            self._end('crash', f'hit {packet.contact_body}')
        elif packet.target_distance_m <= rules.arrival_radius_m:
            self._end(
                'success',
                rules.success_reason or f'within {rules.arrival_radius_m:g} m of the target',
            )
        elif (
            self.layout is not None
            and self.layout.decoy_distance_m(position) <= rules.arrival_radius_m
        ):
            self._end('crash', 'came to the wrong target')
        elif position[2] > rules.ceiling_m:
            self._end('crash', f'rose above {rules.ceiling_m:g} m')
        elif math.dist(position[:2], start) > rules.area_radius_m:
            self._end('crash', 'left the area')
        elif self.flight_time_s >= rules.time_limit_s - 1e-9:
            self._end('timeout', f'{rules.time_limit_s:g} s were up')
        return self.outcome

    def abort(self, reason: str) -> None:
        """End the mission for a reason outside the flight, unless it has ended already."""
        if self.outcome is None:
            self._end('aborted', reason)

    def void_timeout(self, reason: str) -> None:
        """Make an aborted mission of one whose time is up, because its pilot could not fly."""
        if self.outcome == 'timeout':
            self._end('aborted', reason)

    def _end(self, outcome: str, reason: str) -> None:
        self.outcome, self.reason = outcome, reason

    @property
    def result(self) -> MissionResult:
        """The result. A mission that has not ended counts as aborted."""
        reason = self.reason or 'not finished'
        if self.hand_s:
            reason += f'; flown by hand for {self.hand_s:.1f} s'
        return MissionResult(
            seed=self.seed,
            outcome=self.outcome or 'aborted',
            reason=reason,
            duration_s=self.flight_time_s,
            distance_flown_m=self._flown_m,
            target_distance_m=self._last.target_distance_m if self._last else math.nan,
            layout=self.layout,
            path=self._path,
            headings_rad=self._headings_rad,
            arrival_radius_m=self.rules.arrival_radius_m,
            hand_s=self.hand_s,
        )
