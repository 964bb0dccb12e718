"""Inputs of the guard besides commands: odometry, the pilot's health, duplicates, and override."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from std_msgs.msg import Bool

from liquid_pilot.interfaces import VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.publishers import single_publisher
from liquid_pilot.nodes.common.publishers.endpoints import (
    Endpoint,
    publishers_of,
    several_publishers_text,
)
from liquid_pilot.onboard.safety.duplicate_publisher import (
    DuplicatePublisherDetector,
    InterleavedMessages,
    LivePublishers,
)
from liquid_pilot.onboard.safety.input_age import InputAge
from liquid_pilot.onboard.safety.preflight import Readiness

MAX_DIAGNOSTICS_AGE_S = 3.0
"""Diagnostics older than this are ignored."""
NO_ODOMETRY = 'no recent odometry'
"""Beginning of what is said about odometry that is old or missing."""
_CLOCK_ADVICE = 'synchronise the clocks, or set check_stamp_age to false'


class OdometrySubscription:
    """Keeps the newest odometry, and knows whether it is recent, by its arrival and its stamp."""

    def __init__(
        self,
        node: node_base.LiquidNode,
        lockstep: bool,
        on_state: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        """Subscribe to the odometry.

        Args:
            node: the guard node.
            lockstep: whether no message may be lost (reliable quality of service).
            on_state: callback, called after each message.
            report: callback, called with what is wrong with its publishers, and with an empty text
                once it is right again.
        """
        self._node, self._on_state = node, on_state
        self._lockstep = lockstep
        self.newest: VehicleState | None = None
        """The newest odometry, of any age; None before the first."""
        self._age = InputAge()
        self._subscription = single_publisher.create_subscription(
            Odometry,
            topics.ODOMETRY,
            self._on_odometry,
            qos.sensor(lockstep),
            node=node,
            report=report,
            source='odometry',
            lockstep=lockstep,
        )

    def _on_odometry(self, message: Odometry) -> None:
        state = messages.unpack_odometry(message)
        if self._age.record(state.stamp_ns, self._node.steady_s()) or self._lockstep:
            self.newest = state
            self._on_state()

    def latest_within(self, timeout_s: float, clock_ns: int | None) -> VehicleState | None:
        """Return the newest odometry if it is not older than the time-out, else None.

        Args:
            timeout_s: maximum age by its arrival, and by its stamp, s.
            clock_ns: the ROS clock, ns; None: the stamps are of another clock, and need only to
                advance.
        """
        return (
            None if self._age.problem(self._node.steady_s(), timeout_s, clock_ns) else self.newest
        )

    def problem(self, timeout_s: float, clock_ns: int | None) -> str:
        """Return what is wrong with the odometry and what to do; empty when it can be used.

        Args:
            timeout_s: as in `latest_within`.
            clock_ns: as in `latest_within`.
        """
        if self._subscription is not None and self._subscription.problem:
            return self._subscription.problem
        reason = self._age.problem(self._node.steady_s(), timeout_s, clock_ns)
        if not reason:
            return ''
        topic = self._node.resolve_topic_name(topics.ODOMETRY)
        advice = _CLOCK_ADVICE if 'clock' in reason else 'see what publishes it'
        return f'{NO_ODOMETRY} on {topic}: {reason}; {advice}'


class GuardMonitors:
    """Monitors the pilot's readiness, duplicate publishers, and the override by a human."""

    def __init__(
        self,
        node: node_base.LiquidNode,
        on_override: Callable[[str], None],
        check_stamp_age: bool = True,
    ) -> None:
        """Subscribe to diagnostics and override.

        Args:
            node: the guard node.
            on_override: callback, called with the reason of an override, and with '' when it ends.
            check_stamp_age: whether reports with an old stamp are ignored.
        """
        self._node, self._on_override = node, on_override
        self._check_stamp_age = check_stamp_age
        self._pilot = node.resolve_topic_name('pilot')
        self._command_topic = node.resolve_topic_name(topics.PILOT_COMMAND)
        self._readiness: Readiness | None = None
        self._diagnostics_received_s = self._stale_received_s = -MAX_DIAGNOSTICS_AGE_S
        self._stale_age_s = 0.0
        self._duplicate_detector = DuplicatePublisherDetector()
        self._order = InterleavedMessages()
        self._live = LivePublishers()
        self._publishers: list[Endpoint] = []
        node.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )
        node.create_subscription(Bool, topics.GUARD_OVERRIDE, self._on_bool, qos.COMMAND)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id != self._pilot:
                continue
            now_s = self._node.steady_s()
            age_s = self._age_s(messages.to_nanoseconds(message.header.stamp))
            if self._check_stamp_age and age_s > MAX_DIAGNOSTICS_AGE_S:
                self._stale_received_s, self._stale_age_s = now_s, age_s
                continue
            problem = status.message if status.level else ''
            state = status.values.get('state', '')
            self._readiness = Readiness.from_values(state, problem, status.values)
            self._diagnostics_received_s = now_s
            self._duplicate_detector.record(status.values.get('instance', ''), now_s)
            self._live.report(status.values.get('command_publisher', ''), now_s)

    def _age_s(self, stamp_ns: int) -> float:
        return (self._node.get_clock().now().nanoseconds - stamp_ns) * 1e-9

    def _on_bool(self, message: Bool) -> None:
        topic = self._node.resolve_topic_name(topics.GUARD_OVERRIDE)
        self._on_override(f'a human has the vehicle ({topic} is true)' if message.data else '')

    @property
    def readiness(self) -> Readiness | None:
        """Last report of the pilot; None when it is older than MAX_DIAGNOSTICS_AGE_S."""
        recent = self._node.steady_s() - self._diagnostics_received_s <= MAX_DIAGNOSTICS_AGE_S
        return self._readiness if recent else None

    @property
    def stale_reports(self) -> str:
        """What is wrong with reports of the pilot that arrive, and are old; empty if none do."""
        recent = self._node.steady_s() - self._stale_received_s <= MAX_DIAGNOSTICS_AGE_S
        if not recent or self.readiness is not None:
            return ''
        return (
            f'the reports of the pilot on {topics.DIAGNOSTICS} are stamped {self._stale_age_s:.1f} '
            f's ago by the ROS clock; {_CLOCK_ADVICE}'
        )

    def on_command(self, number: int | None) -> bool:
        """Take the number of a command, and return whether the publishers may have changed.

        Args:
            number: number that its publisher has given the message; None: it is not known.
        """
        now_s = self._node.steady_s()
        were_two = self._order.detected(now_s)
        if number is not None:
            self._order.record(number, now_s)
        count = self._node.count_publishers(self._command_topic)
        return count != len(self._publishers) or self._order.detected(now_s) != were_two

    @property
    def duplicates(self) -> str:
        """The publishers of `pilot/command` in words, if several may be alive; otherwise empty.

        Each endpoint counts, whatever its node is called. One that was killed is listed for about
        20 s, and does not count once the pilot that had reported it is silent. Two pilots whose
        reports do not tell are distinguished by the names of their processes, and two publishers
        of any kind by the numbers of their messages.
        """
        now_s = self._node.steady_s()
        alternating = self._duplicate_detector.detected(now_s) or self._order.detected(now_s)
        return self._duplicates_text(alternating)

    @property
    def possible_duplicates(self) -> str:
        """The publishers of `pilot/command` before engaging, in words, if several may be alive."""
        now_s = self._node.steady_s()
        return self._duplicates_text(
            self._duplicate_detector.recent_count(now_s) > 1 or self._order.detected(now_s)
        )

    def _duplicates_text(self, alternating: bool) -> str:
        self._publishers = publishers_of(self._node, self._command_topic)
        listed = [each.identifier for each in self._publishers]
        live = set(self._live.among(listed, self._node.steady_s()))
        if len(live) < 2 and not alternating:
            return ''
        named = [each for each in self._publishers if each.identifier in live]
        # Of those that are taken for dead, one lives where messages of two arrive.
        return several_publishers_text(
            self._command_topic, named if len(named) > 1 else self._publishers
        )
