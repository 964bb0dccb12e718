"""The pilot node: subscribes to camera and IMU, publishes `pilot/command` and `pilot/trace`.

`onboard.inference.engine` makes the commands, and the guard sends them to the vehicle. When a frame
or the IMU must not be flown on, this node reports it and publishes no command.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field

from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Float32MultiArray, Float64MultiArray
from std_srvs.srv import Trigger

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import Command, ImageBuffer, LiquidPilotError, ObservationError
from liquid_pilot.nodes.common import messages, node_base, qos, topics, trace_messages
from liquid_pilot.nodes.common.adaptation_client import AdaptationClient, new_flight_id
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.health import COMPILING, WARNING, format_number
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.sensor_monitor import FrameStampCheck, SensorMonitor
from liquid_pilot.nodes.common.sensor_sync import CameraImuSync, ImuTimeoutError
from liquid_pilot.onboard.adaptation.time_scales import TimeScales
from liquid_pilot.onboard.inference import kernels
from liquid_pilot.onboard.inference.engine import Engine, EngineState
from liquid_pilot.onboard.perception.field_of_view import camera_from_info
from liquid_pilot.onboard.perception.image_preprocessing import decode_compressed
from liquid_pilot.onboard.safety.preflight import REJECTING

_TIMEOUT_CHECK_PERIOD_S = 0.2
_STARTUP_GRACE_S = 3.0
"""Time after a start or a reset in which missing frames and samples are not reported, s."""
_MAX_FRAME_WAIT_S = 1.0
"""Time that a frame waits for its IMU samples in lock-step before this is reported, s."""
_COMPILING_PERIOD_S = 0.5
"""Period at which a pilot that compiles says so, s."""


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
        self._engine = Engine(
            pilot, threads=settings.threads, adaptation=settings.adaptation_settings()
        )
        self._applied_settings = settings
        self._adaptation_client = AdaptationClient(self._engine) if settings.adaptation else None
        # Everything is compiled before the first frame can arrive.
        self._compile()
        self._sync = CameraImuSync(settings.lockstep)
        self._sensors = SensorMonitor()
        self._waiting_since_s = 0.0
        self._flight = self._begin_flight()

        self._commands = self.create_publisher(TwistStamped, topics.PILOT_COMMAND, qos.COMMAND)
        self._traces = self.create_publisher(Float64MultiArray, topics.PILOT_TRACE, qos.TRACE)
        self.create_subscription(Imu, topics.IMU, self._on_imu, qos.sensor(settings.lockstep))
        self.create_subscription(
            CameraInfo, topics.CAMERA_INFO, self._on_camera_info, qos.sensor(settings.lockstep)
        )
        self._image_topic = self.resolve_topic_name(topics.IMAGE)
        if settings.image_transport == 'raw':
            self.create_subscription(Image, self._image_topic, self._on_image, qos.IMAGE)
        else:
            self._image_topic += '/compressed'
            self.create_subscription(
                CompressedImage, self._image_topic, self._on_compressed, qos.IMAGE
            )
        if self._adaptation_client is not None:
            self.create_subscription(
                Float32MultiArray, topics.TIME_SCALES, self._on_time_scales, qos.TRACE
            )
        self.create_service(Trigger, topics.PILOT_RESET, self._on_reset)
        self.create_steady_timer(_TIMEOUT_CHECK_PERIOD_S, self._check_timeouts)
        self.get_logger().info(
            f'{pilot.specification.name} is ready: camera {self._image_topic}, '
            f'imu {self.resolve_topic_name(topics.IMU)}'
        )

    def _compile(self) -> None:
        """Compile and load the network; while it compiles, say so on /diagnostics."""
        if not kernels.are_compiled():
            self._state = COMPILING
            self.get_logger().info('compiling the network for this machine, once')
            with ThreadPoolExecutor(1) as executor:
                # Nothing spins yet, so this thread publishes.
                for work in (kernels.compile_all, self._engine.warm_up):
                    result = executor.submit(work)
                    while wait_for([result], _COMPILING_PERIOD_S).not_done:
                        self._reporter.publish()
                    result.result()
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
        self._sync.add_imu(sample, now_s)
        if self._sync.lockstep and self._sync.has_frame:
            self._try_tick(now_s)

    def _on_camera_info(self, message: CameraInfo) -> None:
        settings, sensors = self.settings.current, self._sensors
        camera = camera_from_info(message, settings.rectified)
        if not settings.use_camera_info or camera == sensors.camera:
            return
        sensors.camera = camera
        try:
            self._engine.set_camera(camera)
        except ObservationError as error:
            sensors.camera_fits = False
            self._reject('camera_info', str(error))
            return
        sensors.camera_fits = True
        self._reporter.resolved('camera_info')
        if self._sync.lockstep and self._sync.has_frame:
            self._try_tick(self.steady_s())

    def _on_image(self, message: Image) -> None:
        self._on_frame(*messages.unpack_image(message))

    def _on_compressed(self, message: CompressedImage) -> None:
        stamp_ns, data, image_format = messages.unpack_compressed(message)
        try:
            image = decode_compressed(data, image_format)
        except ObservationError as error:
            self._flight.frame_s = self.steady_s()
            self._reject('image', str(error))
            return
        self._on_frame(stamp_ns, image)

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

    # The tick

    def _try_tick(self, now_s: float) -> None:
        """Answer the frame that waits, if it can be answered now."""
        settings, flight = self.settings.current, self._flight
        if settings.use_camera_info and not self._sensors.camera_fits:
            if self._sensors.camera is None:
                topic = self.resolve_topic_name(topics.CAMERA_INFO)
                self._reject(
                    'camera_info',
                    f'camera: no message has arrived on {topic} ({self.count_publishers(topic)} '
                    'publishers), so its field of view is not known; start it, or set '
                    "use_camera_info to false to fly on the image's centre",
                )
            return
        if self._awaits_time_scales():
            return
        try:
            observation = self._sync.pop_observation(now_s, settings.imu_timeout_s)
            if observation is None:
                return
            flight.scales = self._next_time_scales(settings)
            tick = self._engine.tick(flight.state, observation, flight.scales)
        except ImuTimeoutError as error:
            if self._sync.has_imu or now_s - flight.began_s >= _STARTUP_GRACE_S:
                self._reject('imu', self._silence_text('imu', topics.IMU, str(error)))
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
        self._reporter.resolved_all_except('adaptation')
        done_s = self.steady_s()
        if flight.frame_s is not None:
            self._reporter.health.tick(done_s, done_s - flight.frame_s)
        if self._adaptation_client is not None:
            self._adaptation_client.on_tick(tick, done_s)
        if settings.publish_trace or self._adaptation_client is not None:
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

    def _next_time_scales(self, settings: PilotParameters) -> TimeScales | None:
        """Apply changed settings and return the time scales of the next tick."""
        if self._adaptation_client is None:
            return None
        if settings is not self._applied_settings:
            self._applied_settings = settings
            adaptation = settings.adaptation_settings()
            if adaptation is not None:
                self._engine.configure(adaptation)
        return self._adaptation_client.next_scales()

    def _begin_flight(self) -> _Flight:
        """Return a flight that begins now, with a network in its initial state."""
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

    def _silence_text(self, source: str, topic: str, reason: str) -> str:
        topic = self.resolve_topic_name(topic)
        return (
            f'{source}: {reason} on {topic} ({self.count_publishers(topic)} publishers); start '
            'the driver or remap the topic'
        )

    def _check_timeouts(self) -> None:
        """Report inputs that do not arrive."""
        settings, now_s = self.settings.current, self.steady_s()
        self._check_adaptation_timeout(settings, now_s)
        if self._sync.lockstep:
            sees = self._sensors.camera_fits or not settings.use_camera_info
            waits = self._sync.has_frame and not self._awaits_time_scales()
            if waits and sees and now_s - self._waiting_since_s > _MAX_FRAME_WAIT_S:
                self._reject(
                    'imu',
                    self._silence_text(
                        'imu', topics.IMU, 'a frame waits for a sample of its time or later'
                    ),
                )
            return
        if self._flight.frame_s is None:
            if now_s - self._flight.began_s < _STARTUP_GRACE_S:
                return
            reason = 'no frame has ever arrived'
        elif now_s - self._flight.frame_s > settings.camera_timeout_s:
            reason = f'no frame for {now_s - self._flight.frame_s:.1f} s'
        else:
            return
        self._reject('camera', self._silence_text('camera', self._image_topic, reason))

    def _check_adaptation_timeout(self, settings: PilotParameters, now_s: float) -> None:
        """Fly on without the adaptation node when it does not answer in time."""
        client = self._adaptation_client
        if (
            client is None
            or client.timed_out
            or not client.is_overdue(now_s, settings.adaptation_timeout_s)
        ):
            return
        client.timed_out = True
        self._reporter.problem(
            'adaptation',
            self._silence_text(
                'adaptation', topics.TIME_SCALES, 'the adaptation node does not answer'
            ),
            WARNING,
        )
        if self._sync.has_frame:
            self._try_tick(now_s)

    def _age_s(self, stamp_ns: int) -> float:
        return (self.get_clock().now().nanoseconds - stamp_ns) * 1e-9

    def _describe(self) -> tuple[str, dict[str, str]]:
        """Return the state and further values for /diagnostics."""
        if not hasattr(self, '_commands'):
            return self._state, {}
        settings, specification = self.settings.current, self._engine.pilot.specification
        state = 'waiting' if self._flight.last_command is None else 'flying'
        if self._flight.rejecting:
            state = REJECTING
        friction = self._flight.state.friction
        readiness = self._sensors.readiness(
            state, specification.rate_hz, settings.use_camera_info, self.steady_s()
        )
        return state, {
            'pilot': specification.name,
            'digest': self._engine.pilot.digest[:12],
            'adaptation': 'on' if self._adaptation_client else 'off',
            **({} if friction is None else {'friction': format_number(friction.friction_ratio, 2)}),
            'frame_age_p99_ms': format_number(self._sensors.frames.latency_ms(0.99), 2),
            **readiness.values(),
        }


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('pilot', PilotNode)


if __name__ == '__main__':
    sys.exit(main())
