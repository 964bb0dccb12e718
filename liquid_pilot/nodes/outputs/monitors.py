"""Inputs of the guard besides commands: odometry, the pilot's health, duplicates, and override."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from std_msgs.msg import Bool

from liquid_pilot.interfaces import VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.onboard.safety.duplicate_publisher import DuplicatePublisherDetector
from liquid_pilot.onboard.safety.preflight import Readiness

MAX_DIAGNOSTICS_AGE_S = 3.0
"""Diagnostics older than this are ignored."""


class OdometrySubscription:
    """Keeps the newest odometry and its time of arrival."""

    def __init__(
        self, node: node_base.LiquidNode, lockstep: bool, on_state: Callable[[], None]
    ) -> None:
        """Subscribe to the odometry.

        Args:
            node: the guard node.
            lockstep: whether no message may be lost (reliable quality of service).
            on_state: callback, called after each message.
        """
        self._node, self._on_state = node, on_state
        self.newest: VehicleState | None = None
        """The newest odometry, of any age; None before the first."""
        self._arrived_s = 0.0
        node.create_subscription(Odometry, topics.ODOMETRY, self._on_odometry, qos.sensor(lockstep))

    def _on_odometry(self, message: Odometry) -> None:
        self.newest = messages.unpack_odometry(message)
        self._arrived_s = self._node.steady_s()
        self._on_state()

    def latest_within(self, timeout_s: float) -> VehicleState | None:
        """Return the newest odometry if it arrived within the time-out, else None."""
        if self.newest is None or self._node.steady_s() - self._arrived_s > timeout_s:
            return None
        return self.newest


class GuardMonitors:
    """Monitors the pilot's readiness, duplicate publishers, and the override by a human."""

    def __init__(self, node: node_base.LiquidNode, on_override: Callable[[str], None]) -> None:
        """Subscribe to diagnostics and override.

        Args:
            node: the guard node.
            on_override: callback, called with the reason of an override, and with '' when it ends.
        """
        self._node, self._on_override = node, on_override
        self._pilot = node.resolve_topic_name('pilot')
        self._readiness: Readiness | None = None
        self._diagnostics_received_s = 0.0
        self._duplicate_detector = DuplicatePublisherDetector()
        node.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )
        node.create_subscription(Bool, topics.GUARD_OVERRIDE, self._on_bool, qos.COMMAND)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id == self._pilot:
                problem = status.message if status.level else ''
                state = status.values.get('state', '')
                self._readiness = Readiness.from_values(state, problem, status.values)
                self._diagnostics_received_s = self._node.steady_s()
                self._duplicate_detector.record(
                    status.values.get('instance', ''), self._diagnostics_received_s
                )

    def _on_bool(self, message: Bool) -> None:
        topic = self._node.resolve_topic_name(topics.GUARD_OVERRIDE)
        self._on_override(f'a human has the vehicle ({topic} is true)' if message.data else '')

    @property
    def readiness(self) -> Readiness | None:
        """Last report of the pilot; None when it is older than MAX_DIAGNOSTICS_AGE_S."""
        recent = self._node.steady_s() - self._diagnostics_received_s <= MAX_DIAGNOSTICS_AGE_S
        return self._readiness if recent else None

    @property
    def duplicates(self) -> str:
        """The publishers of `pilot/command` in words, if there are several; otherwise empty.

        Two nodes of the same name are distinguished by their diagnostics, since a node that was
        killed and restarted is listed twice for about 20 s.
        """
        return self._duplicates_text(self._duplicate_detector.detected(self._node.steady_s()))

    @property
    def possible_duplicates(self) -> str:
        """The publishers of `pilot/command` before engaging, in words, if several may be alive."""
        return self._duplicates_text(
            self._duplicate_detector.recent_count(self._node.steady_s()) > 1
        )

    def _duplicates_text(self, same_name: bool) -> str:
        topic = self._node.resolve_topic_name(topics.PILOT_COMMAND)
        names = self._names(topic)
        if len(set(names)) < 2 and not same_name:
            return ''
        return f'two publishers of {topic} ({", ".join(names)}); end all but one'

    def _names(self, topic: str) -> list[str]:
        return sorted(
            f'{end.node_namespace.rstrip("/")}/{end.node_name}'
            for end in self._node.get_publishers_info_by_topic(topic)
        )
