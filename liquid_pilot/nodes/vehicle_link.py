"""The ROS side of the simulator: what a simulated vehicle publishes, hears and waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.client import Client
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import Float64MultiArray, Header
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import (
    AttitudeThrust,
    CameraGeometry,
    Command,
    ImuSample,
    LiquidPilotError,
    Observation,
    SensorPacket,
)
from liquid_pilot.nodes import labelled, messages, qos, runtime
from liquid_pilot.nodes.diagnostics import WARNING, Reporter
from liquid_pilot.nodes.parameters import parameter

_LOOK_PERIOD_S = 0.05
_LOOK_AROUND_S = 0.25


@dataclass(frozen=True)
class SimulatorParameters:
    """Parameters of the simulator node."""

    missions: int = parameter(3, 'how many missions to fly', low=1, high=1_000_000)
    seed: int = parameter(
        0, 'forest of the first mission; the next ones follow it', low=0, high=2**53)
    condition: str = parameter(
        'clear', "what makes the flights harder, such as 'snow:4@3s+wind:2'")
    out: str = parameter('', 'run folder for report and pictures; empty: nothing is written')
    pilot: str = parameter('forest-ltc', 'name of the pilot, for the report')
    adapt: bool = parameter(
        False, 'the pilot adapts: show in the report what adaptation did')
    vehicle: str = parameter('quadrotor', 'class of vehicle', choices=('quadrotor',))
    adapter: str = parameter(
        'cmd_vel', 'what the vehicle takes', choices=('cmd_vel', 'attitude_thrust'))
    realtime: bool = parameter(
        False, 'run on the wall clock; false: lock-step, as fast as it goes')
    publish_clock: bool = parameter(
        True, 'publish simulated time on /clock; false: stamps are of the system clock')
    demonstrate: bool = parameter(
        False, 'the expert flies, disturbed, in place of a pilot: its commands are published on '
        'expert/command for a recorder')
    disturbance: float = parameter(
        1.3, 'level of the noise injected into the commands of demonstrations', low=0.0, high=10.0)
    camera_width: int = parameter(256, 'width of the camera image', 'pixels', low=16, high=4096)
    camera_height: int = parameter(144, 'height of the camera image', 'pixels', low=16, high=4096)
    time_limit_s: float = parameter(
        40.0, 'a mission that takes longer has failed', 's', low=0.1, high=3600.0)
    startup_timeout_s: float = parameter(
        60.0, 'how long to wait for pilot and guard at the start', 's', low=1.0, high=600.0)
    answer_timeout_s: float = parameter(
        10.0, 'a lock-step mission is aborted when no command answers a frame for this long', 's',
        low=0.2, high=600.0)
    resend_s: float = parameter(
        0.5, 'a frame that is not answered is sent again this often', 's', low=0.05, high=60.0)


class StoppedError(Exception):
    """The user asked to stop."""


class UnansweredError(LiquidPilotError):
    """The graph does not answer."""


class SimulatorNode(runtime.LiquidNode):
    """The ROS side of the simulator; times out, resends and asks, but does not simulate."""

    parameters = SimulatorParameters

    spinner: runtime.Spinner
    """Set by whoever runs the node, before the first wait."""

    def __init__(self) -> None:
        super().__init__('simulator')
        settings = self.settings.now
        self.state = 'starting'
        self.figures: dict[str, str] = {}
        """Shown in /diagnostics."""
        self.intruder = ''
        """Who disturbs this run, once somebody has; the flight under way is then worth nothing."""
        self._problems: dict[str, str] = {}
        self._awaited_ns: int | None = None
        self._setpoint: Command | AttitudeThrust | None = None
        self._reporter = Reporter(self, lambda: (self.state, self.figures), period_s=0.2)
        self.health = self._reporter.health

        self._images = self.create_publisher(
            Image, 'camera/image_raw',
            qos.FRAMES_RELIABLE if settings.demonstrate else qos.IMAGE)
        self._missions = self.create_publisher(Header, 'mission', qos.MISSION)
        self._labels = self._steering = None
        if settings.demonstrate:
            self._labels = self.create_publisher(
                TwistStamped, 'expert/command', qos.SENSOR_RELIABLE)
            self._steering = self.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
        self._infos = self.create_publisher(
            CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE)
        self._imus = self.create_publisher(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self._odometry = self.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
        self._clocks = None
        if settings.publish_clock:
            self._clocks = self.create_publisher(Clock, '/clock', qos.CLOCK)
        kind, self._setpoint_topic = {
            'cmd_vel': (TwistStamped, 'cmd_vel'),
            'attitude_thrust': (MultiDOFJointTrajectory, 'attitude_thrust'),
        }[settings.adapter]
        self.create_subscription(
            kind, self._setpoint_topic, self._on_setpoint,
            qos.COMMAND_ANY if settings.realtime else qos.COMMAND)
        self.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS)
        self.traces: list[labelled.Trace] = []
        """Of the flight under way, when the pilot adapts."""
        if settings.adapt:
            self.create_subscription(
                Float64MultiArray, 'pilot/trace', self._on_trace, qos.TRACE)
        self._reset = self.create_client(Trigger, 'pilot/reset')
        self._engage = self.create_client(SetBool, 'guard/engage')

    # Callbacks

    def _on_trace(self, message: Float64MultiArray) -> None:
        try:
            self.traces.append(labelled.unpack_trace(message))
        except LiquidPilotError as error:
            self._reporter.problem('trace', str(error), WARNING)

    def _on_setpoint(self, message: TwistStamped | MultiDOFJointTrajectory) -> None:
        if isinstance(message, TwistStamped):
            setpoint = messages.unpack_command(message)
        else:
            setpoint = messages.unpack_attitude_thrust(message)
        if self._awaited_ns is None:
            self._setpoint = setpoint
        elif setpoint.stamp_ns == self._awaited_ns:
            self._setpoint, self._awaited_ns = setpoint, None
            self.spinner.wake()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        own = self.get_fully_qualified_name()
        space = own[:own.rfind('/') + 1]
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id == own or not status.hardware_id.startswith(space):
                continue
            name = status.hardware_id[len(space):]
            if status.level:
                self._problems[name] = status.message
            else:
                self._problems.pop(name, None)

    @property
    def problems(self) -> str:
        """What the other nodes complain of, in one line; empty when they do not."""
        return '; '.join(f'{name} says "{text}"' for name, text in sorted(self._problems.items()))

    # Out

    def publish(self, packet: SensorPacket, camera: CameraGeometry) -> None:
        """Send all that a packet holds; the frame, where there is one, comes last."""
        if self._clocks is not None:
            self._clocks.publish(messages.pack_clock(packet.stamp_ns))
        self._odometry.publish(messages.pack_odometry(packet.state))
        for sample in packet.imu:
            self._imus.publish(messages.pack_imu(sample))
        if packet.observation is not None:
            self._publish_frame(packet.observation, camera)

    def _publish_frame(self, frame: Observation, camera: CameraGeometry) -> None:
        self._infos.publish(messages.pack_camera_info(camera, frame.stamp_ns))
        self._images.publish(messages.pack_image(frame.image, frame.stamp_ns))

    def mark(self, stamp_ns: int, text: str) -> None:
        """Say on `mission` that one begins ('seed 7') or ends ('end success') at a frame."""
        self._missions.publish(messages.pack_header(stamp_ns, text))

    def demonstrate(self, label: Command, disturbed: Command) -> None:
        """Publish what the expert would do, for the recorder, and what is flown, for the guard."""
        self._labels.publish(messages.pack_command(label))
        self._steering.publish(messages.pack_command(disturbed))

    # Waiting. All of these raise StoppedError once the user wants to stop.

    def wait(self, seconds: float) -> None:
        """Run callbacks until something wakes the spinner or the time is up."""
        self.spinner.wait(max(0.0, seconds))
        if self.spinner.stopping:
            raise StoppedError

    def exchange(
        self, packet: SensorPacket, camera: CameraGeometry, limit_s: float,
        on_silence: Callable[[str], None], steer: Callable[[], None] | None = None,
    ) -> Command | AttitudeThrust | None:
        """Lock-step: publish, and wait for the setpoint with the frame's stamp; None without one.

        The frame alone is sent again when no answer comes: it is the only thing that may be lost;
        `on_silence` then takes what is known of the reason. UnansweredError after `limit_s`.
        `steer` is called once the frame is out, by whoever commands in place of a pilot.
        """
        started_s = self.steady_s()
        frame = packet.observation
        if frame is None:
            self.publish(packet, camera)
            self.wait(0.0)
            return None
        self._awaited_ns, self._setpoint = frame.stamp_ns, None
        self.publish(packet, camera)
        if steer is not None:
            steer()
        resend_s = started_s + self.settings.now.resend_s
        while self._setpoint is None:
            self.wait(resend_s - self.steady_s())
            now_s = self.steady_s()
            if self._setpoint is None and now_s - started_s > limit_s:
                self._awaited_ns = None
                raise UnansweredError(self._why_unanswered(limit_s))
            if self._setpoint is None and now_s >= resend_s:
                resend_s = now_s + self.settings.now.resend_s
                self._publish_frame(frame, camera)
                on_silence(self.problems or self.missing() or 'waiting for the command')
        now_s = self.steady_s()
        self.health.tick(now_s, now_s - started_s)
        return self._setpoint

    def _why_unanswered(self, limit_s: float) -> str:
        text = f'no command answered a frame for {limit_s:g} s'
        if self.problems:
            return f'{text}: {self.problems}'
        missing = self.missing()
        return f'{text}: {missing}' if missing else (
            f'{text}, and neither pilot nor guard says why; a node between camera and pilot must '
            "keep the frame's stamp"
        )

    def take_setpoint(self) -> Command | AttitudeThrust | None:
        """The newest setpoint since the last call, in real time; None when there is none."""
        setpoint, self._setpoint = self._setpoint, None
        return setpoint

    def call(self, client: Client, request: object, limit_s: float) -> tuple[bool, str]:
        """Call a Trigger or SetBool service; UnansweredError when it does not answer."""
        future = client.call_async(request)
        future.add_done_callback(lambda _: self.spinner.wake())
        until_s = self.steady_s() + limit_s
        while not future.done():
            left_s = until_s - self.steady_s()
            if left_s <= 0.0:
                client.remove_pending_request(future)
                raise UnansweredError(f'the service {client.srv_name} does not answer')
            self.wait(min(left_s, _LOOK_PERIOD_S * 4))
        answer = future.result()
        return answer.success, answer.message

    def reset_pilot(self, limit_s: float = 10.0) -> None:
        """A fresh network; in a demonstration there is none."""
        if self.settings.now.demonstrate:
            return
        self.call(self._reset, Trigger.Request(), limit_s)

    def engage(self, on: bool, limit_s: float = 10.0) -> tuple[bool, str]:
        """Engage or disengage the guard; (done, message)."""
        return self.call(self._engage, SetBool.Request(data=bool(on)), limit_s)

    def missing(self) -> str:
        """What of the graph is not there, in one line; empty when all is."""
        namespace = self.get_namespace().rstrip('/')
        gaps = []
        if self.settings.now.demonstrate:
            if not self._labels.get_subscription_count():
                gaps.append(f'the recorder (nobody listens to {namespace}/expert/command)')
        elif not self._reset.service_is_ready():
            gaps.append(f'the pilot (service {namespace}/pilot/reset)')
        elif not self._imus.get_subscription_count():
            gaps.append(f'the pilot (nobody listens to {namespace}/imu/data)')
        if self.settings.now.adapt and not self._adaptation_is_there():
            gaps.append(f'the adaptation node ({namespace}/adaptation)')
        if not self._images.get_subscription_count():
            gaps.append(f'whoever takes the images (nobody listens to {namespace}/camera/image_raw;'
                        ' with camera_topic set, that is your own node)')
        if not self._engage.service_is_ready():
            gaps.append(f'the guard (service {namespace}/guard/engage)')
        elif not self.count_publishers(self._setpoint_topic):
            gaps.append(f'the guard (nobody publishes {namespace}/{self._setpoint_topic}; '
                        'its adapter must be the same)')
        return 'missing: ' + ', '.join(gaps) if gaps else ''

    def _adaptation_is_there(self) -> bool:
        ends = (self.get_subscriptions_info_by_topic('pilot/trace'),
                self.get_publishers_info_by_topic('adaptation/time_constants'))
        return all(any(end.node_name == 'adaptation' for end in side) for side in ends)

    def wait_for_graph(self, limit_s: float) -> None:
        """Until pilot and guard are there. LiquidPilotError when they do not come, or are two."""
        until_s = self.steady_s() + limit_s
        while missing := self.missing():
            if self.steady_s() > until_s:
                raise LiquidPilotError(f'after {limit_s:g} s the graph is not complete; {missing}')
            self.wait(_LOOK_PERIOD_S)
        self._look_around()
        if self.intruder:
            raise LiquidPilotError(self.intruder)
        self.every(_LOOK_AROUND_S, self._look_around)

    def _look_around(self) -> None:
        """A second guard would answer our frames, and its answers look like our guard's."""
        for topic in (self._setpoint_topic, '/clock', 'camera/image_raw'):
            if self.count_publishers(topic) > 1:
                self.intruder = (
                    f'somebody else publishes {topic} too: another run is going on. End it, or '
                    'set ROS_DOMAIN_ID to another number for one of them'
                )


def shifted(packet: SensorPacket, shift_ns: int) -> SensorPacket:
    """The same packet, later by `shift_ns`."""
    if not shift_ns:
        return packet
    seen = packet.observation
    return replace(
        packet,
        stamp_ns=packet.stamp_ns + shift_ns,
        observation=seen and replace(
            seen, stamp_ns=seen.stamp_ns + shift_ns, imu=_later(seen.imu, shift_ns)),
        imu=_later(packet.imu, shift_ns),
        state=packet.state._replace(stamp_ns=packet.state.stamp_ns + shift_ns),
    )


def _later(samples: tuple[ImuSample, ...], shift_ns: int) -> tuple[ImuSample, ...]:
    return tuple(sample._replace(stamp_ns=sample.stamp_ns + shift_ns) for sample in samples)
