"""The pilot node: camera and IMU in, `pilot/command` and `pilot/trace` out.

It decides nothing about flying (onboard/engine.py does) and sends nothing to a vehicle (the guard
does). When a frame or the IMU must not be flown on it says so and publishes no command.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Float32MultiArray, Float64MultiArray
from std_srvs.srv import Trigger

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import (
    CameraGeometry,
    Command,
    ImageBuffer,
    LiquidPilotError,
    ObservationError,
)
from liquid_pilot.nodes.common import messages, node_base, qos, trace_messages
from liquid_pilot.nodes.common.adaptation_client import (
    AdaptationClient,
    FrontendParameters,
    new_flight_id,
)
from liquid_pilot.nodes.common.diagnostics import WARNING, DiagnosticsReporter, HealthMonitor
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.nodes.common.sensor_sync import CameraImuSync, ImuTimeoutError
from liquid_pilot.onboard.adaptation.time_scales import TimeScales
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.perception.field_of_view import camera_from_info
from liquid_pilot.onboard.perception.image_preprocessing import decode_compressed
from liquid_pilot.onboard.safety.preflight import (
    GEOMETRY_DIFFERS,
    GEOMETRY_MATCHES,
    GEOMETRY_UNCHECKED,
    GEOMETRY_UNKNOWN,
    Readiness,
)

IMAGE_TOPIC = 'camera/image_raw'
_TIMEOUT_CHECK_PERIOD_S = 0.2
_AGE_WINDOW_COUNT = 40
"""Of so many frames or samples the age counts before engaging."""
_STARTUP_GRACE_S = 3.0
"""After a start or a reset, frames and samples may take this long to come."""


@dataclass(frozen=True)
class PilotParameters(FrontendParameters):
    """Parameters of the pilot node."""

    pilot: str = parameter('forest-ltc', 'pilot to fly: the name of a shipped one, or its folder')
    vehicle: str = parameter('', 'class of vehicle that the pilot must be trained for; empty: any')
    image_transport: str = parameter(
        'raw',
        'raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage on '
        'camera/image_raw/compressed',
        choices=('raw', 'compressed'),
    )
    use_camera_info: bool = parameter(
        True,
        'wait for camera/camera_info and cut out the field of view that the pilot was '
        "trained with; false: fly on the image's centre, whatever it shows",
    )
    rectified: bool = parameter(
        False,
        'the images are rectified already, as by image_proc: camera_info counts by its '
        'p and without its distortion',
    )
    lockstep: bool = parameter(
        False,
        'for lock-step simulation only: wait for the IMU sample of each frame, and answer '
        'a repeated frame with the same command',
    )
    imu_timeout_s: float = parameter(
        0.2, 'IMU samples older than this are not flown on', 's', low=0.01, high=5.0, live=True
    )
    camera_timeout_s: float = parameter(
        0.5,
        'without a frame for this long the camera is reported as silent',
        's',
        low=0.05,
        high=60.0,
        live=True,
    )
    time_jump_s: float = parameter(
        0.5,
        'when frames have come with old stamps for this long, time is taken to have jumped '
        'back and the network starts anew',
        's',
        low=0.0,
        high=60.0,
        live=True,
    )
    publish_trace: bool = parameter(
        True,
        'publish pilot/trace (all that a tick saw and made); with adaptation always, '
        'because the adaptation node reads it',
        live=True,
    )
    threads: int = parameter(1, 'threads of the encoder', low=1, high=64)


class PilotNode(node_base.LiquidNode):
    """See the module."""

    parameters = PilotParameters

    def __init__(self) -> None:
        super().__init__('pilot')
        now = self.settings.now
        self._reporter = DiagnosticsReporter(self, self._describe)
        self.get_logger().info('loading the pilot (the first start compiles the network)')
        pilot = pilot_file.load(pilot_file.resolve(now.pilot))
        if now.vehicle and pilot.specification.vehicle != now.vehicle:
            raise LiquidPilotError(
                f'the pilot {pilot.specification.name} is trained for a '
                f'{pilot.specification.vehicle}, not for a {now.vehicle}; choose another pilot'
            )
        self._engine = Engine(pilot, threads=now.threads, front=now.front())
        self._applied_settings = now
        self._adaptation_client = AdaptationClient(self._engine) if now.adaptation else None
        # Everything is compiled before the first frame can come.
        self._engine.warm_up()
        self._sync = CameraImuSync(now.lockstep)
        # How often they come, and how old their stamps are by then.
        self._frames, self._samples = HealthMonitor(), HealthMonitor()
        self._camera: CameraGeometry | None = None
        self._camera_fits = False
        self._waiting_since_s: float | None = None
        self._reset_all()

        self._commands = self.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
        self._traces = self.create_publisher(Float64MultiArray, 'pilot/trace', qos.TRACE)
        self.create_subscription(Imu, 'imu/data', self._on_imu, qos.sensor(now.lockstep))
        self.create_subscription(
            CameraInfo, 'camera/camera_info', self._on_camera_info, qos.sensor(now.lockstep)
        )
        self._image_topic = self.resolve_topic_name(IMAGE_TOPIC)
        if now.image_transport == 'raw':
            self.create_subscription(Image, self._image_topic, self._on_image, qos.IMAGE)
        else:
            self._image_topic += '/compressed'
            self.create_subscription(
                CompressedImage, self._image_topic, self._on_compressed, qos.IMAGE
            )
        if self._adaptation_client is not None:
            self.create_subscription(
                Float32MultiArray, 'adaptation/time_constants', self._on_time_scales, qos.TRACE
            )
        self.create_service(Trigger, 'pilot/reset', self._on_reset)
        self.every(_TIMEOUT_CHECK_PERIOD_S, self._look)
        self.get_logger().info(
            f'{pilot.specification.name} is ready: camera {self._image_topic}, '
            f'imu {self.resolve_topic_name("imu/data")}'
        )

    # Inputs

    def _on_imu(self, message: Imu) -> None:
        now_s = self.steady_s()
        try:
            sample = messages.unpack_imu(message)
        except ObservationError as error:
            self._refuse('imu', str(error))
            return
        self._samples.tick(now_s, self._age_s(sample.stamp_ns))
        self._sync.add_imu(sample, now_s)
        if self._sync.lockstep and self._sync.waiting:
            self._fly(now_s)

    def _on_camera_info(self, message: CameraInfo) -> None:
        camera = camera_from_info(message, self.settings.now.rectified)
        if not self.settings.now.use_camera_info or camera == self._camera:
            return
        self._camera = camera
        try:
            self._engine.set_camera(camera)
        except ObservationError as error:
            self._camera_fits = False
            self._refuse('camera_info', str(error))
            return
        self._camera_fits = True
        self._reporter.resolved('camera_info')
        if self._sync.lockstep and self._sync.waiting:
            self._fly(self.steady_s())

    def _on_image(self, message: Image) -> None:
        self._on_frame(*messages.unpack_image(message))

    def _on_compressed(self, message: CompressedImage) -> None:
        stamp_ns, data, form = messages.unpack_compressed(message)
        try:
            image = decode_compressed(data, form)
        except ObservationError as error:
            self._frame_s = self.steady_s()
            self._refuse('image', str(error))
            return
        self._on_frame(stamp_ns, image)

    def _on_frame(self, stamp_ns: int, image: ImageBuffer) -> None:
        now_s = self._frame_s = self.steady_s()
        self._frames.tick(now_s, self._age_s(stamp_ns))
        self._reporter.resolved('camera')
        if self._sync.lockstep and self._answer is not None and stamp_ns == self._answer.stamp_ns:
            # The frame was sent again, because it or its answer was lost.
            self._commands.publish(messages.pack_command(self._answer))
            return
        if not self._accept_stamp(stamp_ns, now_s):
            return
        if not self._sync.waiting:
            self._waiting_since_s = now_s
        self._sync.add_frame(stamp_ns, image)
        self._fly(now_s)

    def _accept_stamp(self, stamp_ns: int, now_s: float) -> bool:
        """Whether the frame is newer than the last one; starts anew when time has jumped back."""
        if stamp_ns <= 0:
            self._refuse(
                'time', 'camera: the frames carry no time stamp; make the driver set header.stamp'
            )
            return False
        last_ns = self._state.last_stamp_ns
        if last_ns is None or stamp_ns > last_ns:
            self._stale_since_s = None
            return True
        if stamp_ns == last_ns:
            self._refuse(
                'time',
                'camera: a frame has the same stamp as the one before it; make '
                'the driver set header.stamp',
            )
            return False
        if self._stale_since_s is None:
            self._stale_since_s = now_s
        back_s = (last_ns - stamp_ns) * 1e-9
        if now_s - self._stale_since_s < self.settings.now.time_jump_s:
            self._refuse(
                'time',
                f'camera: time jumped back by {back_s:.3f} s; if it stays so, the '
                'network starts anew',
            )
            return False
        self.get_logger().warning(
            f'camera: time jumped back by {back_s:.3f} s and stayed there: the network starts anew'
        )
        self._reset_network()
        if self._sync.lockstep:
            self._sync.reset()
        self._frame_s = now_s
        return True

    def _on_time_scales(self, message: Float32MultiArray) -> None:
        try:
            taken = self._adaptation_client.take(message)
        except LiquidPilotError as error:
            self._reporter.problem('adaptation', str(error), WARNING)
            return
        if taken:
            self._reporter.resolved('adaptation')
        if taken and self._sync.lockstep and self._sync.waiting:
            self._fly(self.steady_s())

    # The tick

    def _fly(self, now_s: float) -> None:
        """Answer the frame that waits, if it can be answered now."""
        settings = self.settings.now
        if settings.use_camera_info and not self._camera_fits:
            if self._camera is None:
                topic = self.resolve_topic_name('camera/camera_info')
                self._refuse(
                    'camera_info',
                    (
                        f'camera: nothing has come on {topic} '
                        f'({self.count_publishers(topic)} publishers), so its field of view is not '
                        "known; start it, or set use_camera_info to false to fly on the image's centre"
                    ),
                )
            return
        if self._awaits_time_scales():
            return
        try:
            observation = self._sync.take(now_s, settings.imu_timeout_s)
            if observation is None:
                return
            self._flown_scales = self._next_time_scales(settings)
            tick = self._engine.tick(self._state, observation, self._flown_scales)
        except ImuTimeoutError as error:
            if self._sync.has_imu or now_s - self._reset_time_s >= _STARTUP_GRACE_S:
                self._refuse('imu', self._silence_text('imu', 'imu/data', str(error)))
            return
        except ObservationError as error:
            self._refuse(str(error).partition(':')[0], str(error))
            return
        self._state = tick.state
        self._answer = tick.command
        self._sync.flown(observation.stamp_ns)
        self._commands.publish(messages.pack_command(tick.command))
        self._sequence += 1
        self._rejecting = False
        self._reporter.resolved_all_except('adaptation')
        done_s = self.steady_s()
        self._reporter.health.tick(done_s, done_s - self._frame_s)
        if self._adaptation_client is not None:
            self._adaptation_client.flown(tick, done_s)
        if settings.publish_trace or self._adaptation_client is not None:
            self._traces.publish(
                trace_messages.pack_trace(
                    trace_messages.make_trace(
                        self._engine, tick, self._flight, self._sequence, self._flown_scales
                    )
                )
            )

    def _awaits_time_scales(self) -> bool:
        """In lock-step a tick waits for the time constants that answer the one before it."""
        follower = self._adaptation_client
        return (
            follower is not None and self._sync.lockstep and follower.pending and not follower.alone
        )

    def _next_time_scales(self, settings: PilotParameters) -> TimeScales | None:
        """The time constants of the next tick, after taking settings that were changed."""
        if self._adaptation_client is None:
            return None
        if settings is not self._applied_settings:
            self._applied_settings = settings
            self._engine.front.configure(settings.front())
        return self._adaptation_client.scales()

    def _reset_all(self) -> None:
        """As before anything came."""
        self._reset_network()
        self._sync.reset()

    def _reset_network(self) -> None:
        """The network as before its first frame."""
        self._reset_time_s = self.steady_s()
        self._frame_s: float | None = None
        self._state = self._engine.initial_state()
        self._flight = new_flight_id()
        self._flown_scales: TimeScales | None = None
        if self._adaptation_client is not None:
            self._adaptation_client.begin(self._flight)
        self._answer: Command | None = None
        self._sequence = 0
        self._rejecting = False
        self._stale_since_s: float | None = None

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._reset_all()
        self._reporter.resolved()
        response.success, response.message = True, 'the network starts anew'
        return response

    # What is wrong

    def _refuse(self, kind: str, message: str) -> None:
        self._rejecting = True
        self._reporter.problem(kind, message)

    def _silence_text(self, what: str, topic: str, since: str) -> str:
        topic = self.resolve_topic_name(topic)
        return (
            f'{what}: {since} on {topic} ({self.count_publishers(topic)} publishers); start '
            'the driver or remap the topic'
        )

    def _look(self) -> None:
        """Notice what does not come."""
        settings, now_s = self.settings.now, self.steady_s()
        follower = self._adaptation_client
        if (
            follower is not None
            and not follower.alone
            and follower.is_overdue(now_s, settings.adaptation_timeout_s)
        ):
            follower.alone = True
            self._reporter.problem(
                'adaptation',
                self._silence_text(
                    'adaptation', 'adaptation/time_constants', 'the adaptation node does not answer'
                ),
                WARNING,
            )
            if self._sync.waiting:
                self._fly(now_s)
        if self._sync.lockstep:
            sees = self._camera_fits or not settings.use_camera_info
            waits = self._sync.waiting and not self._awaits_time_scales()
            if waits and sees and now_s - self._waiting_since_s > 1.0:
                self._refuse(
                    'imu',
                    self._silence_text(
                        'imu', 'imu/data', 'a frame waits for a sample of its time or later'
                    ),
                )
            return
        if self._frame_s is None:
            if now_s - self._reset_time_s < _STARTUP_GRACE_S:
                return
            since = 'no frame has ever come'
        elif now_s - self._frame_s > settings.camera_timeout_s:
            since = f'no frame for {now_s - self._frame_s:.1f} s'
        else:
            return
        self._refuse('camera', self._silence_text('camera', self._image_topic, since))

    def _age_s(self, stamp_ns: int) -> float:
        return (self.get_clock().now().nanoseconds - stamp_ns) * 1e-9

    def _describe(self) -> tuple[str, dict[str, str]]:
        if not hasattr(self, '_commands'):
            return 'loading', {}
        state = 'waiting' if self._answer is None else 'flying'
        if self._rejecting:
            state = 'refusing'
        grip = self._state.grip
        return state, {
            'pilot': self._engine.pilot.specification.name,
            'digest': self._engine.pilot.digest[:12],
            'adaptation': 'on' if self._adaptation_client else 'off',
            **({} if grip is None else {'grip': messages.format_number(grip.share, 2)}),
            'frame_age_p99_ms': messages.format_number(self._frames.latency_ms(0.99), 2),
            **self._readiness(state).values(),
        }

    def _readiness(self, state: str) -> Readiness:
        """What the guard asks for before it engages."""
        now_s = self.steady_s()
        geometry = GEOMETRY_UNCHECKED
        if self.settings.now.use_camera_info:
            geometry = (
                GEOMETRY_UNKNOWN
                if self._camera is None
                else GEOMETRY_MATCHES
                if self._camera_fits
                else GEOMETRY_DIFFERS
            )
        return Readiness(
            state,
            '',
            self._engine.pilot.specification.rate_hz,
            self._frames.rate_hz(now_s),
            self._samples.rate_hz(now_s),
            1e-3 * self._frames.latency_ms(0.5, _AGE_WINDOW_COUNT),
            1e-3 * self._samples.latency_ms(0.5, _AGE_WINDOW_COUNT),
            geometry,
        )


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('pilot', PilotNode)


if __name__ == '__main__':
    sys.exit(main())
