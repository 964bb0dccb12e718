"""Whether a node that takes its time from /clock gets any."""

from __future__ import annotations

import time

from rclpy.node import Node

_CLOCK = '/clock'
_PATIENCE_S = 10.0
"""Time for which a simulator may need to start."""


class ClockWatch:
    """Names the missing clock of a node with use_sim_time, whose time stands still without it."""

    def __init__(self, node: Node, patience_s: float = _PATIENCE_S) -> None:
        """Begin to watch.

        Args:
            node: the node.
            patience_s: time after which a missing clock is a problem, s.
        """
        self._node, self._patience_s = node, patience_s
        self._start_s = time.monotonic()
        self._seen = False

    def problem(self) -> str:
        """Return what is wrong and what to do; empty while time runs or may soon do so.

        A clock that somebody publishes, but that has not begun, belongs to a simulator that waits
        for this node.
        """
        clock = self._node.get_clock()
        # What the binding calls so; rclpy has no public name for it on every distribution.
        if self._seen or not getattr(clock, 'ros_time_is_active', False):
            return ''
        if clock.now().nanoseconds:
            self._seen = True
            return ''
        if time.monotonic() - self._start_s < self._patience_s:
            return ''
        topic = self._node.resolve_topic_name(_CLOCK)
        if self._node.count_publishers(topic):
            return ''
        return (
            f'use_sim_time is true, and nobody publishes {topic}, so time stands still: start the '
            'simulator, or set use_sim_time to false'
        )
