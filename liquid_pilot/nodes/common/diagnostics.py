"""Publishes the health of a node on /diagnostics and logs its problems."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from diagnostic_msgs.msg import DiagnosticArray

from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.health import ERROR, OK, WARNING, HealthMonitor
from liquid_pilot.nodes.common.messages import NodeStatus, pack_diagnostics
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.process.clock_watch import ClockWatch
from liquid_pilot.nodes.common.qos import DIAGNOSTICS

INSTANCE_ID = os.urandom(4).hex()
"""Identifier of this process; another node of the same name has another one."""
_BUSY_PERIOD_S = 0.5
"""Period of the status of a node that is busy before anything spins, s."""


class DiagnosticsReporter:
    """Publishes the health of a node periodically and logs its problems, ever less often."""

    def __init__(
        self,
        node: LiquidNode,
        state: Callable[[], tuple[str, dict[str, str]]],
        period_s: float = 1.0,
    ) -> None:
        """Start to publish.

        Args:
            node: the node.
            state: function that returns the state of the node in a word, and further values by
                their keys.
            period_s: period of the status in seconds.
        """
        self.health = HealthMonitor()
        """Ticks and problems of the node."""
        self._node = node
        self._state = state
        self._publisher = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, DIAGNOSTICS)
        self._clock = ClockWatch(node)
        self._timer = node.create_steady_timer(period_s, self._on_timer)

    def problem(self, kind: str, message: str, level: int = ERROR) -> None:
        """Report a problem, which stays in /diagnostics until it is resolved.

        Args:
            kind: identifier of the problem.
            message: the event, then the advice to the user.
            level: severity, WARNING or ERROR.
        """
        new = not self.health.has(kind)
        due = self.health.problem(kind, message, self._node.steady_s(), level)
        if due:
            logger = self._node.get_logger()
            # rclpy remembers the severity of a line of code and rejects another one there.
            if level == WARNING:
                logger.warning(message)
            else:
                logger.error(message)
        if new or due:
            self.publish()

    def resolved(self, *kinds: str) -> None:
        """Remove the problems of these kinds; none: all."""
        self.health.resolved(*kinds)

    def resolved_all_except(self, *kinds: str) -> None:
        """Remove all problems except those of these kinds."""
        others = self.health.kinds - set(kinds)
        if others:
            self.resolved(*others)

    def _on_timer(self) -> None:
        missing = self._clock.problem()
        if missing:
            self.problem('clock', missing)
        elif self.health.has('clock'):
            self.resolved('clock')
        for kind, lasted_s in self.health.ended(self._node.steady_s()).items():
            # A log level that shows the problem shows its end.
            self._node.get_logger().warning(f'{kind}: recovered after {lasted_s:.1f} s')
        self.publish()

    def publish_during(self, *works: Callable[[], object]) -> None:
        """Do long work before the node spins, in another thread, and publish meanwhile.

        Args:
            works: functions, called one after the other; what one raises is raised here.
        """
        with ThreadPoolExecutor(1) as executor:
            for work in works:
                result = executor.submit(work)
                while wait([result], _BUSY_PERIOD_S).not_done:
                    self.publish()
                result.result()

    def publish(self) -> None:
        """Publish one status now; its name is constant, and the state is in its values."""
        node, now_s = self._node, self._node.steady_s()
        state, extras = self._state()
        problems = self.health.problems
        name = node.get_fully_qualified_name()
        status = NodeStatus(
            name=name.lstrip('/'),
            level=problems[0][0] if problems else OK,
            message='; '.join(message for _, message in problems) or state,
            values={'state': state, 'instance': INSTANCE_ID, **self.health.values(now_s), **extras},
            hardware_id=name,
        )
        self._publisher.publish(pack_diagnostics(status, node.get_clock().now().nanoseconds))
