"""Measurements of a node: rate, latency, age, and its present problems.

This is plain arithmetic on the times that it is given, without ROS.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

OK, WARNING, ERROR = 0, 1, 2
"""Severities of a problem, as in diagnostic_msgs/DiagnosticStatus."""
COMPILING = 'compiling'
"""State on /diagnostics of a node that is not ready yet because it compiles its kernels."""
FIRST_REPEAT_S = 3.0
"""Time after which a lasting problem is logged again, s; it doubles each time."""
MAX_REPEAT_S = 300.0
"""Largest time between two log lines about a lasting problem, s."""
END_AFTER_S = 3.0
"""Time without a problem after which its end is logged, s; it may come and go."""
_DIGITS = re.compile(r'[\d.]+')


@dataclass
class _LoggedProblem:
    """What was logged of one problem, from its beginning to its end. Times are in seconds."""

    began_s: float
    logged_s: float
    words: str
    """The text that was logged, without its numbers."""
    interval_s: float = FIRST_REPEAT_S
    """Time until it is logged again."""
    gone_s: float | None = None
    """Time since which it is not there; None: it is there."""


class LogThrottle:
    """Decides when a problem is logged: at once, then at growing intervals, and when it has ended.

    A problem that comes and goes is one problem. Another text of the same kind counts as news.
    """

    def __init__(self) -> None:
        """Start without problems."""
        self._logged: dict[str, _LoggedProblem] = {}

    def is_due(self, kind: str, text: str, now_s: float) -> bool:
        """Return whether to log a problem that is there now.

        Args:
            kind: identifier of the problem.
            text: what would be logged.
            now_s: the time, s.
        """
        words = _DIGITS.sub('', text)
        entry = self._logged.get(kind)
        if entry is None or (entry.gone_s is not None and now_s - entry.gone_s >= END_AFTER_S):
            self._logged[kind] = _LoggedProblem(now_s, now_s, words)
            return True
        entry.gone_s = None
        since_s = now_s - entry.logged_s
        if words != entry.words and since_s >= FIRST_REPEAT_S:
            entry.interval_s = FIRST_REPEAT_S
        elif since_s >= entry.interval_s:
            entry.interval_s = min(2.0 * entry.interval_s, MAX_REPEAT_S)
        else:
            return False
        entry.logged_s, entry.words = now_s, words
        return True

    def ended(self, present: Collection[str], now_s: float) -> dict[str, float]:
        """Return how long each problem lasted whose end is to be logged now, by its kind, in s.

        Args:
            present: kinds of the problems that are there; call this again and again.
            now_s: the time, s.
        """
        durations_s = {}
        for kind, entry in list(self._logged.items()):
            if kind in present:
                entry.gone_s = None
            elif entry.gone_s is None:
                entry.gone_s = now_s
            elif now_s - entry.gone_s >= END_AFTER_S:
                durations_s[kind] = entry.gone_s - entry.began_s
                del self._logged[kind]
        return durations_s


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
        self._throttle = LogThrottle()
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
        """Record a problem and return whether to log it now, see LogThrottle.

        Args:
            kind: identifier of the problem.
            message: the event, then the advice to the user.
            now_s: the time, s.
            level: severity, WARNING or ERROR.
        """
        self._problems[kind] = (level, message)
        return self._throttle.is_due(kind, message, now_s)

    def ended(self, now_s: float) -> dict[str, float]:
        """Return how long each problem lasted whose end is to be logged now, by its kind, in s."""
        return self._throttle.ended(self._problems, now_s)

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
