"""The events of a flight, in sentences: what the network met, what adapted, what the guard did."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.dashboard.records import Event, Float32Array
from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.inference.trace import GATE_FIELDS

KINDS = ('world', 'novel', 'accepted', 'adapted', 'guard', 'mission', 'node', 'reset')
"""The kinds of events."""
INFORMATION, WARNING, ERROR = 0, 1, 2
DISTANCES = ('the features', 'the change of the features', 'the texture')
"""What the three distances of the novelty gate are of, in words."""
SILENT_AFTER_S = 3.0
"""A node that has not reported for this long has ended, or hangs."""
SIMULATORS = ('simulator', 'gazebo', 'scene')
"""Nodes that run missions."""
FLICKER = 'slowing'
"""State of an adaptation node that finds frames to flicker more than in training."""
NOMINAL = 'nominal'
"""State of an adaptation node that finds frames as in training."""
_NOT_WORTH_SHOWING = ('instance', 'digest', 'command_publisher')
_STEP = math.log(1.5)
"""Change of the logarithm of a time scale that is an event."""
_SETTLING_S = 0.3
_NEWS_S = 1.0
"""A change of the world that is older than this when it is noticed is no event, s."""
_MERGED_S = 0.5
"""Novelty that comes back sooner than this is the same event, s."""
GUARD_WORDS = {
    'disengaged': 'it sends nothing',
    'engaged': "it passes the pilot's commands on",
    'safe': 'it sends the safe command until a good command arrives',
    'stopped': 'it sends the safe command until it is engaged again',
    'overridden': 'a human has the vehicle, it sends nothing',
}
"""What a guard does in each of its states."""


class Status(NamedTuple):
    """The report of one node."""

    level: int
    """Severity: 0 ok, 1 warning, 2 error."""
    message: str
    """All problems in one line, or the state where there is none."""
    values: dict[str, str]
    """Measured values, the state among them, as text."""

    def as_data(self) -> dict[str, Any]:
        """Return the report as plain data, without what is not worth showing."""
        values = {key: text for key, text in self.values.items() if key not in _NOT_WORTH_SHOWING}
        return {'level': self.level, 'message': self.message, 'values': values}


class EventDetector:
    """Finds events in what arrives, tick by tick.

    Args:
        settings: settings of the novelty gate; None: the defaults.
        changes: time in a mission (s) of each change of its world, and what changes, in words.
    """

    def __init__(
        self,
        settings: NoveltyGateSettings | None = None,
        changes: Iterable[tuple[float, str]] = (),
    ) -> None:
        self._settings = settings or NoveltyGateSettings()
        self._changes = sorted(changes)
        self._coming: list[tuple[float, str]] = []
        self._mission_stamp_ns: int | None = None
        self._found: list[Event] = []
        self._novel_since_s: float | None = None
        self._novel_until_s = -math.inf
        self._scale = {'filter': 0.0, 'core': 0.0}
        self._status: dict[str, Status] = {}
        self._flight = ''
        self._mission_over = False
        self._settled_s = -math.inf

    def take(self) -> list[Event]:
        """Return the events that have been found since the last call."""
        found, self._found = self._found, []
        return found

    def _add(self, time_s: float, kind: str, level: int, text: str) -> None:
        self._found.append(Event(time_s, kind, level, text))

    def on_flight(self, time_s: float, flight: str) -> None:
        """Take the identifier of the flight that a tick belongs to."""
        if self._flight and flight != self._flight:
            self._add(time_s, 'reset', INFORMATION, 'The network was reset')
            self._novel_since_s = None
            # The first tick of a flight has no time scales yet.
            self._settled_s = time_s + _SETTLING_S
        self._flight = flight

    def on_gate(
        self,
        time_s: float,
        gate: npt.NDArray[np.floating[Any]],
        log_thresholds: Float32Array,
    ) -> None:
        """Take the state of the novelty gate in a tick.

        Args:
            time_s: time of the tick, s.
            gate: (9,) its state, as `GATE_FIELDS` names it.
            log_thresholds: (3,) logarithms of its thresholds; empty where they are not known.
        """
        values = dict(zip(GATE_FIELDS, gate.tolist(), strict=True))
        novel = bool(values['novel'])
        if novel and self._novel_since_s is None:
            if time_s - self._novel_until_s > _MERGED_S:
                self._add(
                    time_s,
                    'novel',
                    WARNING,
                    f'The picture is unlike training{_farthest(values, log_thresholds)}: the pilot '
                    'holds on to the last picture that was not',
                )
            self._novel_since_s = time_s
        elif not novel and self._novel_since_s is not None:
            lasted_s = time_s - self._novel_since_s
            if lasted_s >= self._settings.max_rejection_s:
                self._add(
                    time_s,
                    'accepted',
                    INFORMATION,
                    f'After {lasted_s:.1f} s the new pictures are taken for a new environment: the '
                    'pilot uses them',
                )
            elif time_s - self._novel_until_s > _MERGED_S:
                self._add(
                    time_s,
                    'accepted',
                    INFORMATION,
                    f'The picture is one that the pilot uses again, after {lasted_s:.1f} s',
                )
            self._novel_since_s, self._novel_until_s = None, time_s

    def on_scale(self, time_s: float, part: str, log_scale: float) -> None:
        """Take a time scale of a tick.

        Args:
            time_s: time of the tick, s.
            part: 'filter' or 'core'.
            log_scale: mean logarithm of the factor on the trained time constants.
        """
        before = self._scale[part]
        if time_s < self._settled_s or not abs(log_scale - before) >= _STEP:
            return
        self._scale[part] = log_scale
        what = 'temporal filter' if part == 'filter' else 'liquid core'
        how = 'slower' if log_scale > before else 'faster'
        self._add(
            time_s,
            'adapted',
            INFORMATION,
            f'Adapted: the {what} is {how}, its time constants are '
            f'{math.exp(log_scale):.2f} × the trained ones',
        )

    def on_mission_start(self, stamp_ns: int) -> None:
        """Take the stamp of the first frame of a mission."""
        self._mission_stamp_ns = stamp_ns
        self._coming = list(self._changes)

    def on_stamp(self, time_s: float, stamp_ns: int) -> float:
        """Take the stamp of the frame of a tick.

        Returns:
            The time since the first frame of the mission, s; NaN where no mission is known.
        """
        if self._mission_stamp_ns is None or stamp_ns < self._mission_stamp_ns:
            return math.nan
        flight_s = (stamp_ns - self._mission_stamp_ns) / NANOSECONDS_PER_SECOND
        while self._coming and self._coming[0][0] <= flight_s + 1e-6:
            onset_s, words = self._coming.pop(0)
            if flight_s - onset_s <= _NEWS_S:
                text = f'The world changes: {words}' if onset_s > 0.0 else f'The world: {words}'
                self._add(time_s, 'world', WARNING, text)
        return flight_s

    def on_mission(self, time_s: float, text: str) -> None:
        """Take the text of `mission`, such as 'seed 7' or 'end success'."""
        verb, _, rest = text.partition(' ')
        self._mission_over = verb == 'end'
        if self._mission_over:
            self._mission_stamp_ns = None
        sentence = f'The mission ends: {rest}' if verb == 'end' else f'A mission begins: {text}'
        failed = verb == 'end' and rest.partition(' ')[0] != 'success'
        self._add(time_s, 'mission', WARNING if failed else INFORMATION, sentence)

    def on_status(self, time_s: float, name: str, status: Status) -> None:
        """Take the report of a node.

        Args:
            time_s: time of its arrival, s.
            name: name of the node.
            status: the report.
        """
        before = self._status.get(name)
        self._status[name] = status
        state = status.values.get('state', '')
        if name == 'guard' and (before is None or before.values.get('state') != state):
            level = {'safe': ERROR, 'stopped': WARNING, 'overridden': WARNING}.get(state, 0)
            reason = status.values.get('reason', '')
            words = GUARD_WORDS.get(state, '')
            self._add(
                time_s,
                'guard',
                level,
                f'The guard is {state}: {words}' + (f' ({reason})' if reason else ''),
            )
        elif name == 'adaptation' and state != (before.values.get('state') if before else NOMINAL):
            reason = re.split(r' \(|; ', status.values.get('reason', ''))[0]
            self._add(
                time_s,
                'adapted',
                WARNING if state == FLICKER else INFORMATION,
                f'The adaptation is {state.replace("_", " ")}' + (f': {reason}' if reason else ''),
            )
        elif status.level and (before is None or _problem(before) != _problem(status)):
            self._add(time_s, 'node', status.level, f'{name}: {status.message}')
        elif before is not None and before.level and not status.level:
            self._add(time_s, 'node', INFORMATION, f'{name} is well again')

    def on_silence(self, time_s: float, names: Iterable[str]) -> None:
        """Take the names of nodes that have fallen silent."""
        for name in names:
            self._status.pop(name, None)
            # Between and after missions it builds scenes and writes reports.
            if self._mission_over and name in SIMULATORS:
                continue
            self._add(time_s, 'node', ERROR, f'{name} reports no more: it has ended, or hangs')


def _problem(status: Status) -> tuple[int, str]:
    """Return what tells one problem from another: not the numbers in it, such as an age."""
    return status.level, re.sub(r'\d[\d.,]*', '#', status.message)


def _farthest(values: Mapping[str, float], log_thresholds: Float32Array) -> str:
    """Return which distance is the farthest beyond its threshold, in words."""
    if not log_thresholds.size:
        return ''
    logs = (values['log_distance'], values['log_change'], values['log_texture'])
    excess = [value - float(limit) for value, limit in zip(logs, log_thresholds, strict=True)]
    worst = max(range(len(excess)), key=excess.__getitem__)
    if excess[worst] <= 0.0:
        return ''
    return f' ({DISTANCES[worst]}: {math.exp(min(excess[worst], 9.0)):.1f} × the threshold)'
