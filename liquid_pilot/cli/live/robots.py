"""What the nodes of every robot report on /diagnostics, gathered for one screen.

A robot is a namespace: its guard, pilot, adaptation node, and what else of this package runs there.
Plain data: messages in, reports out, with every time as an argument.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from liquid_pilot.nodes.common.health import ERROR, OK, WARNING

if TYPE_CHECKING:
    from liquid_pilot.nodes.common.messages import NodeStatus

NODES = ('guard', 'pilot', 'adaptation', 'simulator', 'gazebo', 'scene', 'recorder')
"""The nodes that report, in the order in which they are shown."""
SILENT_AFTER_S = 3.0
"""A node that has not reported for this long has ended, or hangs; nodes report once a second."""
_FORGOTTEN_AFTER_S = 60.0
"""A node that has not reported for this long is shown no more."""
_LEVELS = {OK: 'ok', WARNING: 'warning', ERROR: 'error'}
NO_GOOD_COMMAND = 'no good command'
"""Words of a guard that has to send the safe command."""
SILENT = 'silent'
"""State of a node that has stopped to report."""
MISSING = {
    'guard': 'no guard reports in this namespace: nothing is sent to the vehicle',
    'pilot': 'no pilot reports in this namespace, or it is still loading: there are no commands',
}
"""The nodes without which nothing flies, and what to say where one is missing."""


@dataclass(frozen=True)
class NodeReport:
    """The newest report of one node."""

    level: int
    """Severity: OK, WARNING or ERROR; ERROR for a node that is silent."""
    state: str
    """State of the node in a word; SILENT for a node that has stopped to report."""
    problem: str
    """Problems in one line; empty when there are none."""
    age_s: float
    """Time since the report arrived, s."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Measured values as text."""

    def number(self, name: str) -> float | None:
        """Return a measured number; None where it is missing or no number."""
        try:
            value = float(self.values.get(name, ''))
        except ValueError:
            return None
        return value if value == value else None

    @property
    def failed_checks(self) -> list[str]:
        """What prevents a guard from engaging, one text for each failed check."""
        count = int(self.number('failed_checks') or 0)
        texts = (self.values.get(f'failed_check_{k}', '') for k in range(1, count + 1))
        return [text for text in texts if text]


@dataclass(frozen=True)
class Robot:
    """The nodes of one namespace."""

    namespace: str
    """The namespace, without slashes at its ends; empty for the root."""
    nodes: Mapping[str, NodeReport]
    """The reports by the name of the node, in the order of NODES."""

    @property
    def missing(self) -> list[str]:
        """The nodes of MISSING that this robot lacks."""
        return [name for name in MISSING if name not in self.nodes]

    @property
    def problems(self) -> list[str]:
        """What is wrong with this robot, one text for each problem."""
        return [MISSING[name] for name in self.missing] + [
            f'{name}: {report.problem}' for name, report in self.nodes.items() if report.problem
        ]

    @property
    def well(self) -> bool:
        """Whether no node is missing, is silent, or reports an error."""
        # In a demonstration the expert of the simulator flies in place of a pilot.
        needed = [name for name in self.missing if name != 'pilot' or 'simulator' not in self.nodes]
        return not needed and all(report.level < ERROR for report in self.nodes.values())

    def as_json(self) -> dict[str, Any]:
        """Return the robot as plain data for scripts."""
        return {
            'namespace': self.namespace,
            'well': self.well,
            'problems': self.problems,
            'nodes': {
                name: {
                    'state': report.state,
                    'level': _LEVELS.get(report.level, 'error'),
                    'problem': report.problem,
                    'age_s': round(report.age_s, 2),
                    'failed_checks': report.failed_checks,
                    'values': dict(report.values),
                }
                for name, report in self.nodes.items()
            },
        }


class RobotReports:
    """Collects statuses of /diagnostics as they arrive; those of other packages are left out."""

    def __init__(self) -> None:
        """Start without a report."""
        self._newest: dict[tuple[str, str], tuple[float, NodeStatus]] = {}
        self.first_s = math.inf
        """Time of the first report of all, s; infinite before it."""

    def record(self, statuses: Iterable[NodeStatus], now_s: float) -> None:
        """Take the statuses of one message.

        Args:
            statuses: the statuses.
            now_s: time of their arrival, s.
        """
        for status in statuses:
            namespace, _, name = status.hardware_id.strip('/').rpartition('/')
            if name not in NODES or not {'state', 'instance'} <= set(status.values):
                continue
            self.first_s = min(self.first_s, now_s)
            self._newest[namespace, name] = (now_s, status)

    @property
    def names(self) -> set[str]:
        """Fully qualified names of the nodes that have reported."""
        return {'/' + '/'.join(filter(None, key)) for key in self._newest}

    def robots(self, now_s: float, namespace: str | None = None) -> list[Robot]:
        """Return the robots, sorted by their namespaces.

        Args:
            now_s: the time, s.
            namespace: the only namespace to look at; None: all.
        """
        found: dict[str, dict[str, NodeReport]] = {}
        order = sorted(self._newest, key=lambda key: (key[0], NODES.index(key[1])))
        for space, name in order:
            arrived_s, status = self._newest[space, name]
            age_s = now_s - arrived_s
            if namespace not in (None, space) or age_s > _FORGOTTEN_AFTER_S:
                continue
            found.setdefault(space, {})[name] = _report(name, status, age_s)
        return [Robot(space, _with_cause(nodes)) for space, nodes in found.items()]


def _with_cause(nodes: dict[str, NodeReport]) -> dict[str, NodeReport]:
    """Return the reports of a robot, of whose guard without a good command the cause is named.

    The guard sees commands only. Why there are none is known by the pilot, or by its silence.
    """
    guard, pilot = nodes.get('guard'), nodes.get('pilot')
    if guard is None or NO_GOOD_COMMAND not in guard.problem:
        return nodes
    if pilot is None:
        cause = 'no pilot reports'
    elif pilot.state == SILENT:
        cause = 'the pilot has ended, or it hangs'
    elif pilot.level >= ERROR and pilot.problem:
        cause = f'the pilot gives none: {pilot.problem}'
    else:
        return nodes
    return {**nodes, 'guard': replace(guard, problem=f'{guard.problem}; {cause}')}


def _report(name: str, status: NodeStatus, age_s: float) -> NodeReport:
    """Return the report of a node whose status arrived `age_s` ago."""
    values = {
        name: value for name, value in status.values.items() if name not in ('state', 'instance')
    }
    if age_s > SILENT_AFTER_S:
        problem = f'it has not reported for {age_s:.0f} s: it has ended, or it hangs'
        return NodeReport(ERROR, SILENT, problem, age_s, values)
    return NodeReport(
        status.level,
        status.values['state'],
        status.message.removeprefix(f'{name}: ') if status.level else '',
        age_s,
        values,
    )
