"""The node of whoever has missions flown: it hears the graph, asks pilot and guard, and waits."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.client import Client
from std_msgs.msg import Float64MultiArray, Header
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import messages, node_base, qos, trace_messages
from liquid_pilot.nodes.common.diagnostics import WARNING, DiagnosticsReporter
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.nodes.common.topics import RECORDED_TOPICS
from liquid_pilot.onboard.vehicles.registry import VEHICLE_LIMITS

_POLL_PERIOD_S = 0.05
_DUPLICATE_CHECK_PERIOD_S = 0.25
_RETRY_PERIOD_S = 3.0
"""A service that has not answered for so long is asked again."""


@dataclass(frozen=True)
class MissionParameters:
    """Parameters of every simulator's node."""

    missions: int = parameter(3, 'how many missions to fly', low=1, high=1_000_000)
    seed: int = parameter(
        0, 'forest of the first mission; the next ones follow it', low=0, high=2**53
    )
    condition: str = parameter('clear', "what makes the flights harder, such as 'snow:4@3s+wind:2'")
    out: str = parameter('', 'run folder for report and pictures; empty: nothing is written')
    pilot: str = parameter('forest-ltc', 'name of the pilot, for the report')
    adapt: bool = parameter(False, 'the pilot adapts: show in the report what adaptation did')
    recorded: str = parameter(
        '',
        'image topic that a recorder takes besides all else: the first flight waits until it '
        'listens; empty: nothing is recorded',
    )
    vehicle: str = parameter('quadrotor', 'class of vehicle', choices=tuple(VEHICLE_LIMITS))
    camera_width: int = parameter(256, 'width of the camera image', 'pixels', low=16, high=4096)
    camera_height: int = parameter(144, 'height of the camera image', 'pixels', low=16, high=4096)
    time_limit_s: float = parameter(
        0.0,
        "a mission that takes longer has failed; 0: the limit of the vehicle's task",
        's',
        low=0.0,
        high=3600.0,
    )
    startup_timeout_s: float = parameter(
        60.0, 'how long to wait for pilot and guard at the start', 's', low=1.0, high=600.0
    )


class StopRequestedError(Exception):
    """The user asked to stop."""


class NoResponseError(LiquidPilotError):
    """The graph does not answer."""


class MissionNode(node_base.LiquidNode):
    """Waits and asks, but does not simulate."""

    parameters = MissionParameters

    spinner: node_base.Spinner
    """Set by whoever runs the node, before the first wait."""
    adapter: str
    """That the guard must have."""
    setpoint_topic: str
    """On which the guard then commands."""
    exclusive_topics: tuple[str, ...] = ('/clock', 'camera/image_raw')
    """What, besides, one node publishes and no other."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.state = 'starting'
        self.figures: dict[str, str] = {}
        """Shown in /diagnostics."""
        self.conflict = ''
        """Who disturbs this run, once somebody has; the flight under way is then worth nothing."""
        self._problems: dict[str, str] = {}
        self._reporter = DiagnosticsReporter(self, lambda: (self.state, self.figures), period_s=0.2)
        self.health = self._reporter.health
        self._missions = self.create_publisher(Header, 'mission', qos.MISSION)
        self.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS
        )
        self.traces: list[trace_messages.Trace] = []
        """Of the flight under way, when the pilot adapts."""
        if self.settings.now.adapt:
            self.create_subscription(Float64MultiArray, 'pilot/trace', self._on_trace, qos.TRACE)
        self._reset = self.create_client(Trigger, 'pilot/reset')
        self._engage = self.create_client(SetBool, 'guard/engage')

    def mark(self, stamp_ns: int, text: str) -> None:
        """Say on `mission` that one begins ('seed 7') or ends ('end success') at a frame."""
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
            if status.level:
                self._problems[name] = status.message
            else:
                self._problems.pop(name, None)

    @property
    def problems(self) -> str:
        """What the other nodes complain of, in one line; empty when they do not."""
        return '; '.join(f'{name} says "{text}"' for name, text in sorted(self._problems.items()))

    # Waiting. All of these raise StopRequestedError once the user wants to stop.

    def wait(self, seconds: float) -> None:
        """Run callbacks until something wakes the spinner or the time is up."""
        self.spinner.wait(max(0.0, seconds))
        if self.spinner.stopping:
            raise StopRequestedError

    def call(self, client: Client, request: object, limit_s: float) -> tuple[bool, str]:
        """Call a Trigger or SetBool service; NoResponseError when it does not answer.

        DDS can lose the answer to a client that its server has not discovered yet, so it is asked
        again. Requests are served in their order: with an answer none is left under way.
        """
        until_s = self.steady_s() + limit_s
        while (left_s := until_s - self.steady_s()) > 0.0:
            future = client.call_async(request)
            future.add_done_callback(lambda _: self.spinner.wake())
            again_s = self.steady_s() + min(left_s, _RETRY_PERIOD_S)
            while not future.done() and (rest_s := again_s - self.steady_s()) > 0.0:
                self.wait(min(rest_s, _POLL_PERIOD_S * 4))
            if future.done():
                answer = future.result()
                return answer.success, answer.message
            client.remove_pending_request(future)
        raise NoResponseError(f'the service {client.srv_name} does not answer')

    def reset_pilot(self, limit_s: float = 10.0) -> None:
        """A fresh network."""
        self.call(self._reset, Trigger.Request(), limit_s)

    def engage(self, on: bool, limit_s: float = 10.0) -> tuple[bool, str]:
        """Engage or disengage the guard; (done, message)."""
        return self.call(self._engage, SetBool.Request(data=bool(on)), limit_s)

    # Who is there

    def missing(self) -> str:
        """What of the graph is not there, in one line; empty when all is."""
        gaps = self._missing_parts()
        return 'missing: ' + ', '.join(gaps) if gaps else ''

    def _missing_parts(self) -> list[str]:
        """What is missing, each in a few words."""
        space = self.get_namespace().rstrip('/')
        gaps = self._missing_pilot()
        if self.settings.now.adapt and not self._adaptation_is_running():
            gaps.append(f'the adaptation node ({space}/adaptation)')
        if not self._engage.service_is_ready():
            gaps.append(f'the guard (service {space}/guard/engage)')
        elif not self.count_publishers(self.setpoint_topic):
            gaps.append(
                f'the guard (nobody publishes {space}/{self.setpoint_topic}; '
                'its adapter must be the same)'
            )
        if self.settings.now.recorded:
            gaps += self._recorder_gaps()
        return gaps

    def _recorder_gaps(self) -> list[str]:
        """Likewise, of the recorder, which joins a topic only once somebody publishes it."""
        own = ('recorder', self.get_namespace())
        unheard = [
            topic
            for topic in (self.settings.now.recorded, *RECORDED_TOPICS)
            if self.count_publishers(topic)
            and own
            not in (
                (end.node_name, end.node_namespace)
                for end in self.get_subscriptions_info_by_topic(topic)
            )
        ]
        return [f'the recorder (it does not take {" ".join(unheard)} yet)'] if unheard else []

    def _missing_pilot(self) -> list[str]:
        """Likewise, of whoever gives the commands."""
        if self._reset.service_is_ready():
            return []
        return [f'the pilot (service {self.get_namespace().rstrip("/")}/pilot/reset)']

    def _adaptation_is_running(self) -> bool:
        ends = (
            self.get_subscriptions_info_by_topic('pilot/trace'),
            self.get_publishers_info_by_topic('adaptation/time_constants'),
        )
        return all(any(end.node_name == 'adaptation' for end in side) for side in ends)

    def wait_for_graph(self, limit_s: float) -> None:
        """Until all is there. LiquidPilotError when it does not come, or is there twice."""
        until_s = self.steady_s() + limit_s
        while missing := self.missing():
            if self.steady_s() > until_s:
                raise LiquidPilotError(f'after {limit_s:g} s the graph is not complete; {missing}')
            self.wait(_POLL_PERIOD_S)
        self._check_duplicates()
        if self.conflict:
            raise LiquidPilotError(self.conflict)
        self.every(_DUPLICATE_CHECK_PERIOD_S, self._check_duplicates)

    def _check_duplicates(self) -> None:
        """A second guard or pilot would answer our frames, and its answers look like our own's."""
        for topic in (self.setpoint_topic, *self.exclusive_topics):
            if self.count_publishers(topic) > 1:
                self.conflict = (
                    f'somebody else publishes {topic} too: another run is going on. End it, or '
                    'set ROS_DOMAIN_ID to another number for one of them'
                )
