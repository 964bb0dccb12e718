"""Base of the nodes that run missions: they watch the graph, call pilot and guard, and wait."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.client import Client
from std_msgs.msg import Float64MultiArray, Header
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import messages, node_base, qos, topics, trace_messages
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.health import COMPILING, WARNING
from liquid_pilot.nodes.missions.guard_watch import GuardWatch
from liquid_pilot.utils.foreign_text import plain_text
from liquid_pilot.utils.settings import setting, setting_from

READY = 'ready'
"""State on /diagnostics when the graph is complete and no mission has begun."""
_POLL_PERIOD_S = 0.05
_OF_A_FLIGHT = ('guard', 'pilot')
"""Names of the nodes without which a vehicle does not move."""
_FROZEN_S = 10.0
"""Time without a report after which a node counts as frozen; they report every second."""
_DUPLICATE_CHECK_PERIOD_S = 0.25
_RETRY_PERIOD_S = 3.0
"""Time after which a call of a service that has not answered is repeated, s."""
_COMPILING_MEMORY_S = 5.0
"""Time for which a node that said that it compiles is believed to go on, s."""


@dataclass(frozen=True)
class MissionParameters:
    """Parameters of every node that runs missions."""

    missions: int = setting_from(FlightSettings, 'missions')
    seed: int = setting_from(FlightSettings, 'seed')
    condition: str = setting_from(FlightSettings, 'condition')
    out: str = setting_from(FlightSettings, 'out')
    pilot: str = setting_from(
        FlightSettings, 'pilot', description='name of the pilot, for the report'
    )
    adapt: bool = setting(False, 'the pilot adapts: the report shows its adaptation')
    command: str = setting('', 'command that repeats the run, for the report')
    recorded_image_topic: str = setting(
        '',
        'image topic that is recorded: the first mission starts when a recorder subscribes to it '
        'and to the other recorded topics; empty: nothing is recorded',
    )
    visualized: bool = setting(False, 'the first mission starts when a visualization listens')
    page: bool = setting(False, 'the first mission waits a while for the dashboard')
    vehicle: str = setting_from(FlightSettings, 'vehicle')
    camera_width: int = setting(256, 'width of the camera image', 'pixels', low=16, high=4096)
    camera_height: int = setting(144, 'height of the camera image', 'pixels', low=16, high=4096)
    time_limit_s: float = setting(
        0.0,
        "a mission that takes longer has failed; 0: the limit of the vehicle's task",
        's',
        low=0.0,
        high=3600.0,
    )
    startup_timeout_s: float = setting(
        60.0,
        'longest wait for pilot and guard at the start; while a node compiles, no time counts',
        's',
        low=1.0,
        high=600.0,
    )


class StopRequestedError(Exception):
    """The user asked to stop."""


class NoResponseError(LiquidPilotError):
    """The graph does not answer."""


class MissionNode(node_base.LiquidNode):
    """Watches the graph, calls services and waits, but does not simulate."""

    parameters = MissionParameters

    spinner: node_base.Spinner
    """Spinner of the node; it must be set before the first wait."""
    adapter: str
    """Vehicle adapter that the guard must have."""
    setpoint_topic: str
    """Topic of the guard's setpoints with this adapter; empty: it is not known."""
    exclusive_topics: tuple[str, ...] = (topics.CLOCK, topics.IMAGE)
    """Further topics that must not have a second publisher."""

    def __init__(self, name: str) -> None:
        """Create publishers, subscriptions and clients.

        Args:
            name: default name of the node.
        """
        super().__init__(name)
        self.state = 'starting'
        """State of the node for /diagnostics."""
        self.status_values: dict[str, str] = {}
        """Further values for /diagnostics."""
        self.conflict = ''
        """Conflict with another run, which makes the current flight invalid; empty: there is
        none."""
        self._problems: dict[str, str] = {}
        self._guard = GuardWatch()
        self._compiling_s: dict[str, float] = {}
        self._reported_s: dict[str, float] = {}
        self._reporter = DiagnosticsReporter(
            self, lambda: (self.state, self.status_values), period_s=0.2
        )
        self.health = self._reporter.health
        self._missions = self.create_publisher(Header, topics.MISSION, qos.MISSION)
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )
        self.reported: dict[str, Mapping[str, str]] = {}  # By node, as on /diagnostics.
        self.traces: list[trace_messages.Trace] = []
        """Traces of the current flight, when the pilot adapts."""
        self.serialised_traces: list[bytes] = []
        """The same of a pilot that flies as trained, for the report, which unpacks them."""
        if self.settings.current.adapt:
            self.create_subscription(
                Float64MultiArray, topics.PILOT_TRACE, self._on_trace, qos.TRACE
            )
        elif self.settings.current.out:
            trace, keep = topics.PILOT_TRACE, self.serialised_traces.append
            self.create_subscription(Float64MultiArray, trace, keep, qos.TRACE, raw=True)
        self._reset = self.create_client(Trigger, topics.PILOT_RESET)
        self._engage = self.create_client(SetBool, topics.GUARD_ENGAGE)

    def publish_marker(self, stamp_ns: int, text: str) -> None:
        """Publish on `mission` that a mission begins or ends.

        Args:
            stamp_ns: stamp of the frame.
            text: 'seed 7' at the beginning, 'end success' at the end.
        """
        self._missions.publish(messages.pack_header(stamp_ns, text))

    # Callbacks

    def _on_trace(self, message: Float64MultiArray) -> None:
        try:
            self.traces.append(trace_messages.unpack_trace(message))
        except LiquidPilotError as error:
            self._reporter.problem('trace', str(error), WARNING)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        own = self.get_fully_qualified_name()
        space = own[: own.rfind('/') + 1]
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id == own or not status.hardware_id.startswith(space):
                continue
            name = status.hardware_id[len(space) :]
            self._reported_s[name] = self.steady_s()
            if status.values.get('state') == COMPILING:
                self._compiling_s[name] = self.steady_s()
            else:
                self._compiling_s.pop(name, None)
            if status.level:
                self._problems[name] = status.message
            else:
                self._problems.pop(name, None)
            self.reported[name] = status.values
            if name == 'guard':
                self._guard.update(status.values)

    @property
    def guard_note(self) -> str:
        """Why the guard lets no command through, and what to do; empty while it does."""
        return self._guard.note

    @property
    def guard_status(self) -> tuple[str, str]:
        """State of the guard, and why it is in it, as it last reported them."""
        return self._guard.state, self._guard.reason

    @property
    def problems(self) -> str:
        """Problems that the other nodes report, in one line; empty when there are none."""
        return '; '.join(f'{name} says "{text}"' for name, text in sorted(self._problems.items()))

    @property
    def compiling(self) -> list[str]:
        """The nodes that compile their kernels, by name; nobody is to blame for that time."""
        since_s = self.steady_s() - _COMPILING_MEMORY_S
        return sorted(name for name, said_s in self._compiling_s.items() if said_s > since_s)

    @property
    def prevented_by(self) -> str:
        """Why the pilot cannot fly, for a reason that is not its own; empty: there is none.

        In real time a second publisher of commands does not end a mission at once, because DDS may
        list one that has gone for some seconds: the guard holds the safe command.
        """
        if self.guard_note:
            return self.guard_note
        topic = topics.PILOT_COMMAND
        if self.count_publishers(self.resolve_topic_name(topic)) > 1:
            return f'{topic} has a second publisher, so the guard held the safe command'
        return ''

    def check_alive(self) -> None:
        """Check, in real time, that the nodes of the flight go on.

        A node that hangs ends no process, and the vehicle stops until the time is up.

        Raises:
            NoResponseError: a node that has reported its state no longer does.
        """
        since_s = self.steady_s() - _FROZEN_S
        for name in _OF_A_FLIGHT:
            if self._reported_s.get(name, math.inf) < since_s:
                raise NoResponseError(
                    f'the {name} has not reported its state for {_FROZEN_S:g} s: it hangs, or is '
                    'gone'
                )

    # Waiting. All of these raise StopRequestedError when the user asks to stop.

    def wait(self, seconds: float) -> None:
        """Run callbacks until something wakes the spinner or the time has passed.

        Args:
            seconds: maximum duration.

        Raises:
            StopRequestedError: the user asked to stop.
        """
        self.spinner.wait_often(max(0.0, seconds))
        if self.spinner.stopping:
            raise StopRequestedError

    def call(self, client: Client, request: Any, timeout_s: float) -> tuple[bool, str]:
        """Call a Trigger or SetBool service and wait for its answer.

        DDS can lose the answer to a client that the server has not discovered yet, so the call is
        repeated. Requests are served in their order, so after an answer no older one is pending.

        Args:
            client: client of the service.
            request: the request.
            timeout_s: maximum time to wait.

        Returns:
            Whether the service succeeded, and its message.

        Raises:
            NoResponseError: the service does not answer.
            StopRequestedError: the user asked to stop.
        """
        until_s = self.steady_s() + timeout_s
        while (left_s := until_s - self.steady_s()) > 0.0:
            future = client.call_async(request)
            future.add_done_callback(lambda _: self.spinner.wake())
            again_s = self.steady_s() + min(left_s, _RETRY_PERIOD_S)
            while not future.done() and (rest_s := again_s - self.steady_s()) > 0.0:
                self.wait(min(rest_s, _POLL_PERIOD_S * 4))
            if not future.done():
                # The answer may have come while this process, or the machine, stood still.
                self.wait(_POLL_PERIOD_S)
            if future.done():
                answer = future.result()
                return answer.success, plain_text(answer.message)
            client.remove_pending_request(future)
        raise NoResponseError(f'the service {client.srv_name} does not answer')

    def reset_pilot(self, timeout_s: float = 10.0) -> None:
        """Reset the network of the pilot."""
        self.call(self._reset, Trigger.Request(), timeout_s)

    def engage(self, on: bool, timeout_s: float = 10.0) -> tuple[bool, str]:
        """Engage or disengage the guard.

        Args:
            on: engage (else disengage).
            timeout_s: maximum time to wait for the answer.

        Returns:
            Whether it succeeded, and the message of the guard.
        """
        self._guard = GuardWatch()
        return self.call(self._engage, SetBool.Request(data=bool(on)), timeout_s)

    # Completeness of the graph

    def missing_text(self) -> str:
        """Return the missing parts of the graph in one line; empty when it is complete."""
        missing = self._missing_parts()
        return 'missing: ' + ', '.join(missing) if missing else ''

    def _missing_parts(self) -> list[str]:
        """Return the missing parts of the graph, each in a few words."""
        space = self.get_namespace().rstrip('/')
        missing = self._missing_pilot()
        if self.settings.current.adapt and not self._adaptation_is_running():
            missing.append(f'the adaptation node ({space}/adaptation)')
        if self.settings.current.visualized and not self.hears('visualization', topics.MISSION):
            missing.append(f'the visualization node ({space}/visualization)')
        if not self._engage.service_is_ready():
            missing.append(f'the guard (service {space}/{topics.GUARD_ENGAGE})')
        elif self.setpoint_topic and not self.count_publishers(self.setpoint_topic):
            missing.append(
                f'the guard (no publisher of {space}/{self.setpoint_topic}; '
                'its adapter must be the same)'
            )
        if self.settings.current.recorded_image_topic:
            missing += self._missing_recorder()
        return missing

    def _missing_recorder(self) -> list[str]:
        """Return what is missing of the recorder, which subscribes to topics as they appear."""
        missing = [
            topic
            for topic in (self.settings.current.recorded_image_topic, *topics.RECORDED_TOPICS)
            if self.count_publishers(topic) and not self.hears('recorder', topic)
        ]
        return [f'the recorder (it does not record {" ".join(missing)} yet)'] if missing else []

    def hears(self, name: str, topic: str) -> bool:
        """Return whether a node of this namespace subscribes to a topic."""
        ends = self.get_subscriptions_info_by_topic(topic)
        own = (name, self.get_namespace())
        return own in ((end.node_name, end.node_namespace) for end in ends)

    def _missing_pilot(self) -> list[str]:
        """Return what is missing of the pilot, or of another source of commands."""
        if self._reset.service_is_ready():
            return []
        return [f'the pilot (service {self.get_namespace().rstrip("/")}/{topics.PILOT_RESET})']

    def _adaptation_is_running(self) -> bool:
        publishers = self.get_publishers_info_by_topic(topics.TIME_SCALES)
        proposes = any(end.node_name == 'adaptation' for end in publishers)
        return proposes and self.hears('adaptation', topics.PILOT_TRACE)

    def wait_for_graph(self, timeout_s: float, show: Callable[[str], None]) -> None:
        """Wait until the graph is complete.

        Args:
            timeout_s: maximum time to wait, without that in which a node compiles its kernels.
            show: callback, called with the reason when the wait becomes a longer one.

        Raises:
            LiquidPilotError: a node is missing, or there are two of a kind.
            StopRequestedError: the user asked to stop.
        """
        waited_s, last_s, shown = 0.0, self.steady_s(), False
        while missing := self.missing_text():
            now_s, compiling = self.steady_s(), self.compiling
            if not compiling:
                waited_s += now_s - last_s
            elif not shown:
                shown = True
                show(f'the {", ".join(compiling)} compiles its network, once for this machine')
            last_s = now_s
            if waited_s > timeout_s:
                raise LiquidPilotError(
                    f'after {timeout_s:g} s the graph is not complete; {missing}'
                )
            self.wait(_POLL_PERIOD_S)
        self._check_duplicates()
        if self.conflict:
            raise LiquidPilotError(self.conflict)
        self.create_steady_timer(_DUPLICATE_CHECK_PERIOD_S, self._check_duplicates)
        self.state = READY
        self._reporter.publish()

    def wait_until_alone(self, timeout_s: float, show: Callable[[str], None]) -> bool:
        """Wait until no other run disturbs this one.

        Args:
            timeout_s: maximum time to wait.
            show: callback, called with the reason when there is something to wait for.

        Returns:
            Whether no other run is there any more.

        Raises:
            StopRequestedError: the user asked to stop.
        """
        until_s, shown = self.steady_s() + timeout_s, False
        while True:
            self.conflict = ''
            self._check_duplicates()
            if not self.conflict or self.steady_s() > until_s:
                return not self.conflict
            if not shown:
                shown = True
                show(self.conflict)
            self.wait(_POLL_PERIOD_S)

    def _check_duplicates(self) -> None:
        """Detect a second guard or pilot: its answers to our frames look like those of our own."""
        for topic in filter(None, (self.setpoint_topic, *self.exclusive_topics)):
            # A robot in a namespace may have a clock of its own, by a remapping.
            if self.count_publishers(self.resolve_topic_name(topic)) > 1:
                self.conflict = (
                    f'{topic} has a second publisher: another run is in progress. End it, or set '
                    'ROS_DOMAIN_ID to another number for one of them'
                )
