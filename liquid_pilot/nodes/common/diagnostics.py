"""What a node measures of itself and says on /diagnostics: rate, latency, age, and what is wrong.

`HealthMonitor` is plain arithmetic on times that it is given; `report_on` binds it to a node.
"""

from __future__ import annotations

import math
import secrets
from collections import deque
from collections.abc import Callable

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray

from liquid_pilot.nodes.common.messages import NodeStatus, format_number, pack_diagnostics
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.qos import DIAGNOSTICS

OK, WARNING, ERROR = 0, 1, 2
INSTANCE_ID = secrets.token_hex(4)
"""Of this process, which may have a twin under the same name."""
REPEAT_PERIOD_S = 3.0
"""A problem that goes on is said again after this long."""


class HealthMonitor:
    """Ticks, their latencies, and the problems there are now. Times are steady seconds."""

    def __init__(self, window: int = 200) -> None:
        self._times: deque[float] = deque(maxlen=window)
        self._latencies: deque[float] = deque(maxlen=window)
        self._problems: dict[str, tuple[int, str]] = {}
        self._said: dict[str, float] = {}
        self.ticks = 0

    def tick(self, now_s: float, latency_s: float) -> None:
        """One more output, made `latency_s` after its input came."""
        self._times.append(now_s)
        self._latencies.append(latency_s)
        self.ticks += 1

    def problem(self, kind: str, message: str, now_s: float, level: int = ERROR) -> bool:
        """Note a problem; True when it should be said aloud now, at most once in a few seconds."""
        self._problems[kind] = (level, message)
        if now_s - self._said.get(kind, -math.inf) < REPEAT_PERIOD_S:
            return False
        self._said[kind] = now_s
        return True

    def has(self, kind: str) -> bool:
        """Whether there is such a problem now."""
        return kind in self._problems

    def resolved(self, *kinds: str) -> list[str]:
        """Forget problems; returns the kinds there were. Without a kind: all of them."""
        gone = [kind for kind in (kinds or tuple(self._problems)) if kind in self._problems]
        for kind in gone:
            del self._problems[kind]
        return gone

    @property
    def kinds(self) -> set[str]:
        """Of the problems there are now."""
        return set(self._problems)

    @property
    def problems(self) -> list[tuple[int, str]]:
        """(level, message) of every problem there is, worst first."""
        return sorted(self._problems.values(), key=lambda problem: -problem[0])

    def rate_hz(self, now_s: float) -> float:
        """Ticks a second over the last two seconds."""
        recent = [time for time in self._times if now_s - time <= 2.0]
        if len(recent) < 2 or recent[-1] <= recent[0]:
            return 0.0
        return (len(recent) - 1) / (recent[-1] - recent[0])

    def latency_ms(self, quantile: float, newest: int | None = None) -> float:
        """Quantile of the latencies, of all or of the newest so many, in ms; NaN before any."""
        if not self._latencies:
            return math.nan
        chosen = np.array(self._latencies)[-(newest or 0) :]
        return 1e3 * float(np.quantile(chosen, quantile))

    def age_s(self, now_s: float) -> float:
        """Seconds since the last tick; NaN before the first."""
        return now_s - self._times[-1] if self._times else math.nan

    def values(self, now_s: float) -> dict[str, str]:
        """The figures as /diagnostics has them."""
        return {
            'rate_hz': format_number(self.rate_hz(now_s)),
            'latency_p50_ms': format_number(self.latency_ms(0.5), 2),
            'latency_p99_ms': format_number(self.latency_ms(0.99), 2),
            'age_s': format_number(self.age_s(now_s), 2),
            'count': str(self.ticks),
        }


class DiagnosticsReporter:
    """Publishes a node's health once a second, and logs its problems, throttled."""

    def __init__(
        self,
        node: LiquidNode,
        state: Callable[[], tuple[str, dict[str, str]]],
        period_s: float = 1.0,
    ) -> None:
        self.health = HealthMonitor()
        self._node = node
        self._state = state
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', DIAGNOSTICS)
        self._timer = node.every(period_s, self.publish)

    def problem(self, kind: str, message: str, level: int = ERROR) -> None:
        """Something is wrong: it is logged now and then, and stays in /diagnostics until resolved."""
        new = not self.health.has(kind)
        aloud = self.health.problem(kind, message, self._node.steady_s(), level)
        if aloud:
            logger = self._node.get_logger()
            # rclpy remembers the severity of a line of code and refuses another there.
            if level == WARNING:
                logger.warning(message)
            else:
                logger.error(message)
        if new or aloud:
            self.publish()

    def resolved(self, *kinds: str) -> None:
        """What was wrong is right again."""
        for kind in self.health.resolved(*kinds):
            self._node.get_logger().info(f'{kind}: well again')

    def resolved_all_except(self, kept: str) -> None:
        """Everything is right again but that kind, which somebody else judges."""
        others = self.health.kinds - {kept}
        if others:
            self.resolved(*others)

    def publish(self) -> None:
        """Send one status now."""
        node, now_s = self._node, self._node.steady_s()
        state, extras = self._state()
        problems = self.health.problems
        name = node.get_fully_qualified_name()
        status = NodeStatus(
            name=f'{node.get_name()}: {state}',
            level=problems[0][0] if problems else OK,
            message='; '.join(message for _, message in problems) or state,
            values={'state': state, 'instance': INSTANCE_ID, **self.health.values(now_s), **extras},
            hardware_id=name,
        )
        self._publisher.publish(pack_diagnostics(status, node.get_clock().now().nanoseconds))
