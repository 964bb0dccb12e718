"""Measurements of a node: rate, latency, age, and its present problems.

This is plain arithmetic on the times that it is given, without ROS.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

OK, WARNING, ERROR = 0, 1, 2
"""Severities of a problem, as in diagnostic_msgs/DiagnosticStatus."""
COMPILING = 'compiling'
"""State on /diagnostics of a node that is not ready yet because it compiles its kernels."""
REPEAT_PERIOD_S = 3.0
"""Period at which a lasting problem is logged again, s."""


class HealthMonitor:
    """The ticks of a node, their latencies, and its problems. Times are steady, in seconds."""

    def __init__(self, window: int = 200) -> None:
        """Start without ticks and problems.

        Args:
            window: number of ticks that rates and latencies are computed from.
        """
        self._times: deque[float] = deque(maxlen=window)
        self._latencies: deque[float] = deque(maxlen=window)
        self._problems: dict[str, tuple[int, str]] = {}
        self._last_reported_s: dict[str, float] = {}
        self.ticks = 0
        """Number of ticks since the start."""

    def tick(self, now_s: float, latency_s: float) -> None:
        """Record one output and its latency.

        Args:
            now_s: time of the output.
            latency_s: time from the input to the output.
        """
        self._times.append(now_s)
        self._latencies.append(latency_s)
        self.ticks += 1

    def problem(self, kind: str, message: str, now_s: float, level: int = ERROR) -> bool:
        """Record a problem and return whether to log it now (once every REPEAT_PERIOD_S).

        Args:
            kind: identifier of the problem.
            message: the event, then the advice to the user.
            now_s: the time, s.
            level: severity, WARNING or ERROR.
        """
        self._problems[kind] = (level, message)
        if now_s - self._last_reported_s.get(kind, -math.inf) < REPEAT_PERIOD_S:
            return False
        self._last_reported_s[kind] = now_s
        return True

    def has(self, kind: str) -> bool:
        """Return whether there is a problem of this kind."""
        return kind in self._problems

    def resolved(self, *kinds: str) -> list[str]:
        """Remove the problems of these kinds and return those that existed.

        Args:
            kinds: kinds of problems; none: all.
        """
        gone = [kind for kind in (kinds or tuple(self._problems)) if kind in self._problems]
        for kind in gone:
            del self._problems[kind]
        return gone

    @property
    def kinds(self) -> set[str]:
        """Kinds of the present problems."""
        return set(self._problems)

    @property
    def problems(self) -> list[tuple[int, str]]:
        """(level, message) of every present problem, the worst first."""
        return sorted(self._problems.values(), key=lambda problem: -problem[0])

    def rate_hz(self, now_s: float) -> float:
        """Return the rate of ticks over the last two seconds, in Hz."""
        recent = [time for time in self._times if now_s - time <= 2.0]
        if len(recent) < 2 or recent[-1] <= recent[0]:
            return 0.0
        return (len(recent) - 1) / (recent[-1] - recent[0])

    def latency_ms(self, quantile: float, newest: int | None = None) -> float:
        """Return a quantile of the latencies in ms; NaN before the first tick.

        Args:
            quantile: the quantile, between 0 and 1.
            newest: number of newest ticks to use; None: the whole window.
        """
        if not self._latencies:
            return math.nan
        chosen = np.array(self._latencies)[-(newest or 0) :]
        return 1e3 * float(np.quantile(chosen, quantile))

    def age_s(self, now_s: float) -> float:
        """Return the seconds since the last tick; NaN before the first."""
        return now_s - self._times[-1] if self._times else math.nan

    def values(self, now_s: float) -> dict[str, str]:
        """Return the values of /diagnostics as text, by their keys."""
        return {
            'rate_hz': format_number(self.rate_hz(now_s)),
            'latency_p50_ms': format_number(self.latency_ms(0.5), 2),
            'latency_p99_ms': format_number(self.latency_ms(0.99), 2),
            'age_s': format_number(self.age_s(now_s), 2),
            'count': str(self.ticks),
        }


def format_number(value: float, digits: int = 1) -> str:
    """Return a measured number as text; '-' for NaN."""
    return '-' if math.isnan(value) else f'{value:.{digits}f}'
