"""The pilot node: subscribes to camera and IMU, publishes `pilot/command` and `pilot/trace`.

`onboard.inference.engine` makes the commands, and the guard sends them to the vehicle. When a frame
or the IMU must not be flown on, this node reports it and publishes no command.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CameraInfo, Imu
from std_msgs.msg import Float32MultiArray, Float64MultiArray, Header
from std_srvs.srv import Trigger

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import Command, ImageBuffer, LiquidPilotError, ObservationError
from liquid_pilot.nodes.common import messages, node_base, qos, topics, trace_messages
from liquid_pilot.nodes.common.adaptation_client import AdaptationClient, new_flight_id
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.health import COMPILING, WARNING, format_number
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.process.time_slice import FLIGHT_S, request_time_slice
from liquid_pilot.nodes.common.publishers import endpoints, single_publisher
from liquid_pilot.nodes.common.sensor_monitor import (
    FrameStampCheck,
    SensorMonitor,
    no_camera_info_text,
)
from liquid_pilot.nodes.common.sensor_sync import CameraImuSync, ImuTimeoutError
from liquid_pilot.nodes.common.sensors.camera_input import (
    LOST_FRAMES,
    NO_CAMERA,
    WRONG_DEPTH,
    CameraInput,
)
from liquid_pilot.nodes.common.sensors.guard_status import follow_guard
from liquid_pilot.nodes.common.sensors.sensor_checks import SensorChecks
from liquid_pilot.nodes.common.sensors.silent_inputs import silence_text
from liquid_pilot.nodes.common.teaching.lesson_client import make_lesson_client
from liquid_pilot.onboard.adaptation.time_scales import TimeScales
from liquid_pilot.onboard.inference import kernels
from liquid_pilot.onboard.inference.engine import Engine, EngineState
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.safety.preflight import REJECTING
from liquid_pilot.onboard.vehicles.registry import get_vehicle

_TIMEOUT_CHECK_PERIOD_S = 0.2
_STARTUP_GRACE_S = 3.0
"""Time after a start or a reset in which missing frames and samples are not reported, s."""
_MAX_FRAME_WAIT_S = 1.0
"""Time that a frame waits for its IMU samples in lock-step before this is reported, s."""


@dataclass
class _Flight:
    """The state of one flight, from one reset of the network to the next."""

    state: EngineState
    began_s: float
    """Steady time of the reset, s."""
    identifier: str = field(default_factory=new_flight_id)
    stamps: FrameStampCheck = field(default_factory=FrameStampCheck)
    sequence: int = 0
    """Number of ticks."""
    last_command: Command | None = None
    scales: TimeScales | None = None
    """Time scales of the newest tick; None: as trained."""
    frame_s: float | None = None
    """Steady time of arrival of the newest frame, s."""
    rejecting: bool = False
    """Whether the newest frame or sample was rejected."""


class PilotNode(node_base.LiquidNode):
    """Feeds the engine with frames and IMU samples, and publishes its commands."""

    parameters = PilotParameters
    settings: Settings[PilotParameters]

    def __init__(self) -> None:
        """Load and compile the pilot.

        Raises:
            LiquidPilotError: the pilot file is missing, damaged, or of another vehicle.
        """
        super().__init__('pilot')
        settings = self.settings.current
        self._reporter = DiagnosticsReporter(self, self._describe)
        self._state = 'loading'
        self.get_logger().info('loading the pilot')
        pilot = pilot_file.load(pilot_file.resolve(settings.pilot))
        if settings.vehicle and pilot.specification.vehicle != settings.vehicle:
            raise LiquidPilotError(
                f'the pilot {pilot.specification.name} is trained for a '
                f'{pilot.specification.vehicle}, not for a {settings.vehicle}; choose another pilot'
            )
        self._checks = SensorChecks(settings)
        self._engine = Engine(
            pilot,
            threads=settings.threads,
            adaptation=settings.adaptation_settings(),
            watch_picture=self._checks.on_picture,
            mono16_bits=settings.mono16_bits,
            mount=settings.camera_mount(),
        )
        self._adaptation_client = (
            AdaptationClient(self._engine, settings) if settings.adaptation else None
        )
        # Everything is compiled before the first frame can arrive.
        self._compile()
        self._sync = CameraImuSync(settings.lockstep)
        self._sensors = SensorMonitor()
        self._waiting_since_s = 0.0
        self._flight = self._begin_flight()

        self._commands, self._command_publisher = endpoints.create_publisher(
            TwistStamped, topics.PILOT_COMMAND, qos.COMMAND, node=self
        )
        self._traces = self.create_publisher(Float64MultiArray, topics.PILOT_TRACE, qos.TRACE)
        single_publisher.create_subscription(
            Imu,
            topics.IMU,
            self._on_imu,
            qos.sensor(settings.lockstep),
            node=self,
            report=lambda problem: self._reject('imu publishers', problem) if problem else None,
            source='imu',
            lockstep=settings.lockstep,
        )
        self._camera = CameraInput(
            self, self._on_camera_info, self._on_frame, self._on_refused_frame
        )
        self._lesson = make_lesson_client(
            self, self._engine, settings, self._checks, self._reporter
        )
        if self._adaptation_client is not None:
            self.create_subscription(
                Float32MultiArray, topics.TIME_SCALES, self._on_time_scales, qos.TRACE
            )
        self.create_subscription(Header, topics.MISSION, self._on_mission, qos.MISSION)
        if not settings.lockstep:
            follow_guard(self, self._checks.on_guard)
        self.create_service(Trigger, topics.PILOT_RESET, self._on_reset)
        self.create_steady_timer(_TIMEOUT_CHECK_PERIOD_S, self._check_timeouts)
        self.get_logger().info(
            f'{pilot.specification.name} is ready: camera {self._camera.topic}, '
            f'imu {self.resolve_topic_name(topics.IMU)}'
        )

    def _compile(self) -> None:
        """Compile and load the network; while it compiles, say so on /diagnostics."""
        core = self._engine.pilot.specification.core['type']
        if not kernels.are_compiled(core):
            self._state = COMPILING
            self.get_logger().info('compiling the network for this machine, once')
            compile_all = partial(kernels.compile_all, core=core)
            self._reporter.publish_during(compile_all, self._engine.warm_up)
            self._state = 'loading'
        self._engine.warm_up()

    # Inputs

    def _on_imu(self, message: Imu) -> None:
        now_s = self.steady_s()
        try:
            sample = messages.unpack_imu(message)
        except ObservationError as error:
            self._reject('imu', str(error))
            return
        self._sensors.imu.tick(now_s, self._age_s(sample.stamp_ns))
        self._checks.on_imu(sample, now_s)
        self._sync.add_imu(sample, now_s)
        if self._sync.lockstep and self._sync.has_frame:
            self._try_tick(now_s)

    def _on_camera_info(self, message: CameraInfo) -> None:
        settings, sensors = self.settings.current, self._sensors
        if not settings.use_camera_info:
            return
        camera = NO_CAMERA
        try:
            camera = camera_from_info(message, settings.rectified)
            if camera == sensors.camera:
                return
            self._engine.set_camera(camera)
        except ObservationError as error:
            sensors.camera, sensors.camera_fits = camera, False
            self._reject('camera_info', str(error))
            return
        sensors.camera, sensors.camera_fits = camera, True
        self._reporter.resolved('camera_info')
        if self._sync.lockstep and self._sync.has_frame:
            self._try_tick(self.steady_s())

    def _on_refused_frame(self, reason: str) -> None:
        self._flight.frame_s = self.steady_s()
        self._reject('image', reason)

    def _on_frame(self, stamp_ns: int, image: ImageBuffer) -> None:
        now_s = self._flight.frame_s = self.steady_s()
        self._sensors.frames.tick(now_s, self._age_s(stamp_ns))
        self._reporter.resolved('camera')
        last = self._flight.last_command
        if self._sync.lockstep and last is not None and stamp_ns == last.stamp_ns:
            # The frame was sent again, because it or its answer was lost.
            self._commands.publish(messages.pack_command(last))
            return
        if not self._accept_stamp(stamp_ns, now_s):
            return
        if not self._sync.has_frame:
            self._waiting_since_s = now_s
        self._sync.add_frame(stamp_ns, image)
        self._try_tick(now_s)

    def _accept_stamp(self, stamp_ns: int, now_s: float) -> bool:
        """Return whether a frame may be flown on; reset the network when time has jumped back."""
        try:
            back_s = self._flight.stamps.check(
                stamp_ns,
                self._flight.state.last_stamp_ns,
                now_s,
                self.settings.current.time_jump_s,
            )
        except ObservationError as error:
            self._reject('time', str(error))
            return False
        if back_s:
            self.get_logger().warning(
                f'camera: time jumped back by {back_s:.3f} s for good: the network is reset'
            )
            self._flight = self._begin_flight()
            if self._sync.lockstep:
                self._sync.reset()
            self._flight.frame_s = now_s
        return True

    def _on_time_scales(self, message: Float32MultiArray) -> None:
        assert self._adaptation_client is not None
        try:
            accepted = self._adaptation_client.receive(message)
        except LiquidPilotError as error:
            self._reporter.problem('adaptation', str(error), WARNING)
            return
        if accepted:
            self._reporter.resolved('adaptation')
        if accepted and self._sync.lockstep and self._sync.has_frame:
            self._try_tick(self.steady_s())

    def _on_mission(self, message: Header) -> None:
        self._sensors.on_mission(message.frame_id, self.steady_s())

    # The tick

    def _try_tick(self, now_s: float) -> None:
        """Answer the frame that waits, if it can be answered now."""
        settings, flight, client = self.settings.current, self._flight, self._adaptation_client
        if settings.use_camera_info and not self._sensors.camera_fits:
            if self._sensors.camera is None:
                topic = self.resolve_topic_name(topics.CAMERA_INFO)
                count = self.count_publishers(topic)
                self._reject('camera_info', no_camera_info_text(topic, count))
            return
        if self._awaits_time_scales():
            return
        try:
            observation = self._sync.pop_observation(now_s, settings.imu_timeout_s)
            if observation is None:
                return
            self._checks.check_imu(observation.imu, now_s)
            flight.scales = None if client is None else client.next_scales(settings)
            has_authority = self._checks.pilot_has_authority(now_s)
            self._lesson.before_tick(now_s)
            tick = self._engine.tick(flight.state, observation, flight.scales, has_authority)
            self._checks.check_tick(tick, now_s)
        except ImuTimeoutError as error:
            if self._sync.has_imu or now_s - flight.began_s >= _STARTUP_GRACE_S:
                self._reject('imu', silence_text(self, 'imu', topics.IMU, str(error)))
            return
        except ObservationError as error:
            self._reject(str(error).partition(':')[0], str(error))
            return
        flight.state = tick.state
        flight.last_command = tick.command
        self._sync.consume(observation.stamp_ns)
        self._commands.publish(messages.pack_command(tick.command))
        flight.sequence += 1
        flight.rejecting = False
        self._reporter.resolved_all_except('adaptation', 'lesson', LOST_FRAMES, WRONG_DEPTH)
        done_s = self.steady_s()
        if flight.frame_s is not None:
            self._reporter.health.tick(done_s, done_s - flight.frame_s)
        if client is not None:
            client.on_tick(tick, done_s)
        self._lesson.after_tick(tick, flight.identifier)
        if settings.publish_trace or client is not None:
            self._traces.publish(
                trace_messages.pack_trace(
                    trace_messages.make_trace(
                        self._engine, tick, flight.identifier, flight.sequence, flight.scales
                    )
                )
            )

    def _awaits_time_scales(self) -> bool:
        """Return whether, in lock-step, the time scales that answer the last tick are missing."""
        client = self._adaptation_client
        return (
            client is not None and self._sync.lockstep and client.pending and not client.timed_out
        )

    def _begin_flight(self) -> _Flight:
        """Return a flight that begins now, with a network in its initial state."""
        self._checks.reset()
        flight = _Flight(self._engine.initial_state(), self.steady_s())
        if self._adaptation_client is not None:
            self._adaptation_client.start_flight(flight.identifier)
        return flight

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._flight = self._begin_flight()
        self._sync.reset()
        self._reporter.resolved()
        response.success, response.message = True, 'the network is reset'
        return response

    # Problems and diagnostics

    def _reject(self, kind: str, message: str) -> None:
        """Report why a frame or a sample is not flown on."""
        self._flight.rejecting = True
        self._reporter.problem(kind, message)

    def _check_timeouts(self) -> None:
        """Report inputs that do not arrive."""
        settings, now_s = self.settings.current, self.steady_s()
        if self._sensors.camera is None:
            self._camera.ask_for_latched_info()
        self._check_adaptation_timeout(settings, now_s)
        if self._sync.lockstep:
            sees = self._sensors.camera_fits or not settings.use_camera_info
            waits = self._sync.has_frame and not self._awaits_time_scales()
            if waits and sees and now_s - self._waiting_since_s > _MAX_FRAME_WAIT_S:
                reason = 'a frame waits for a sample of its time or later'
                self._reject('imu', silence_text(self, 'imu', topics.IMU, reason))
            return
        silent_s = now_s - (self._flight.frame_s or self._flight.began_s)
        reason, limit_s = f'no frame for {silent_s:.1f} s', settings.camera_timeout_s
        if self._flight.frame_s is None:
            reason, limit_s = 'no frame has ever arrived', _STARTUP_GRACE_S
        warnings = self._camera.warnings(now_s)
        if silent_s > limit_s and self._sensors.frame_is_due(now_s):
            lost = warnings.pop(LOST_FRAMES)
            self._reject('camera', silence_text(self, 'camera', self._camera.topic, reason, lost))
        for kind, text in warnings.items():
            if text:
                self._reporter.problem(kind, f'camera: {text}', WARNING)
            else:
                self._reporter.resolved(kind)

    def _check_adaptation_timeout(self, settings: PilotParameters, now_s: float) -> None:
        """Fly on without the adaptation node when it does not answer in time."""
        client = self._adaptation_client
        if client is None or not client.times_out(now_s, settings.adaptation_timeout_s):
            return
        reason = 'the adaptation node does not answer'
        text = silence_text(self, 'adaptation', topics.TIME_SCALES, reason)
        self._reporter.problem('adaptation', text, WARNING)
        if self._sync.has_frame:
            self._try_tick(now_s)

    def _age_s(self, stamp_ns: int) -> float:
        return (self.get_clock().now().nanoseconds - stamp_ns) * 1e-9

    def _describe(self) -> tuple[str, dict[str, str]]:
        """Return the state and further values for /diagnostics."""
        if not hasattr(self, '_commands'):
            return self._state, {}
        settings, specification = self.settings.current, self._engine.pilot.specification
        moving = 'driving' if get_vehicle(specification.vehicle).drives else 'flying'
        state = 'waiting' if self._flight.last_command is None else moving
        if self._flight.rejecting:
            state = REJECTING
        friction, now_s = self._flight.state.friction, self.steady_s()
        readiness = self._sensors.readiness(
            state, specification.rate_hz, settings.use_camera_info, now_s
        )
        return state, {
            'pilot': specification.name,
            'digest': self._engine.pilot.digest[:12],
            'command_publisher': self._command_publisher,
            'adaptation': 'on' if self._adaptation_client else 'off',
            **({} if friction is None else {'friction': format_number(friction.friction_ratio, 2)}),
            'frame_age_p99_ms': format_number(self._sensors.frames.latency_ms(0.99), 2),
            **readiness.values(),
            **self._checks.values(now_s),
        }


def main() -> int:
    """Entry point of the executable."""
    request_time_slice(FLIGHT_S)
    return node_base.run('pilot', PilotNode)


if __name__ == '__main__':
    node_base.exit_process(main())
