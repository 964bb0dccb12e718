"""What the guard hears beside commands: odometry, how the pilot is, who else commands, a human."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from std_msgs.msg import Bool

from liquid_pilot.interfaces import VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.onboard.safety.duplicate_publisher import DuplicatePublisherDetector
from liquid_pilot.onboard.safety.preflight import Readiness

MAX_DIAGNOSTICS_AGE_S = 3.0
"""Whoever has not been heard on /diagnostics for this long says nothing."""
COMMAND_TOPIC = 'pilot/command'


class OdometrySubscription:
    """The newest odometry and when it came."""

    def __init__(
        self, node: node_base.LiquidNode, lockstep: bool, on_state: Callable[[], None]
    ) -> None:
        self._node, self._on_state = node, on_state
        self.newest: VehicleState | None = None
        self._arrived_s = 0.0
        node.create_subscription(Odometry, 'odom', self._on_odometry, qos.sensor(lockstep))

    def _on_odometry(self, message: Odometry) -> None:
        self.newest = messages.unpack_odometry(message)
        self._arrived_s = self._node.steady_s()
        self._on_state()

    def fresh(self, timeout_s: float) -> VehicleState | None:
        """The newest, if it came within the time-out."""
        if self.newest is None or self._node.steady_s() - self._arrived_s > timeout_s:
            return None
        return self.newest


class GuardMonitors:
    """The pilot's readiness, rival publishers, and the topic by which a human takes over."""

    def __init__(self, node: node_base.LiquidNode, on_override: Callable[[str], None]) -> None:
        self._node, self._on_override = node, on_override
        self._pilot = node.resolve_topic_name('pilot')
        self._readiness: Readiness | None = None
        self._heard_s = 0.0
        self._duplicate_detector = DuplicatePublisherDetector()
        node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS
        )
        node.create_subscription(Bool, 'guard/override', self._on_bool, qos.COMMAND)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id == self._pilot:
                problem = status.message if status.level else ''
                state = status.values.get('state', '')
                self._readiness = Readiness.from_values(state, problem, status.values)
                self._heard_s = self._node.steady_s()
                self._duplicate_detector.note(status.values.get('instance', ''), self._heard_s)

    def _on_bool(self, message: Bool) -> None:
        topic = self._node.resolve_topic_name('guard/override')
        self._on_override(f'a human has the vehicle ({topic} is true)' if message.data else '')

    @property
    def readiness(self) -> Readiness | None:
        """What the pilot said last; None when it has not been heard lately."""
        lately = self._node.steady_s() - self._heard_s <= MAX_DIAGNOSTICS_AGE_S
        return self._readiness if lately else None

    @property
    def duplicates(self) -> str:
        """More than one commands, in words; empty when at most one does.

        Two of the same name are told by their diagnostics, since one that was killed and started
        anew stays listed twice for some 20 s.
        """
        return self._duplicates_text(self._duplicate_detector.seen(self._node.steady_s()))

    @property
    def possible_duplicates(self) -> str:
        """Likewise, before engaging: more than one may be alive."""
        return self._duplicates_text(self._duplicate_detector.lately(self._node.steady_s()) > 1)

    def _duplicates_text(self, twins: bool) -> str:
        topic = self._node.resolve_topic_name(COMMAND_TOPIC)
        names = self._names(topic)
        if len(set(names)) < 2 and not twins:
            return ''
        return f'two publishers of {topic} ({", ".join(names)}); end all but one'

    def _names(self, topic: str) -> list[str]:
        return sorted(
            f'{end.node_namespace.rstrip("/")}/{end.node_name}'
            for end in self._node.get_publishers_info_by_topic(topic)
        )
