"""The visualization node: the flight in standard types that RViz, Foxglove and PlotJuggler show.

It publishes transforms, a model of the vehicle, the course, the geofence, the way flown, and the
network by the names of its neurons. It only listens to the others and commands nothing, and the
flight does not depend on it (docs/how_to/inside/view.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry, Path
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Float64MultiArray, Header, String
from visualization_msgs.msg import MarkerArray

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, LiquidPilotError
from liquid_pilot.nodes.common import messages, node_base, qos, topics, trace_messages
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.health import WARNING
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.views import frames, markers
from liquid_pilot.nodes.views.course import Course, Place
from liquid_pilot.nodes.views.fence import FenceView
from liquid_pilot.nodes.views.flown_path import FlownPath
from liquid_pilot.nodes.views.network import NetworkMessages
from liquid_pilot.utils.settings import setting, setting_from

_SEED = 'seed '
"""Beginning of the text on `mission` when a mission begins."""


@dataclass(frozen=True)
class VisualizationParameters:
    """Parameters of the visualization node."""

    pilot: str = setting_from(
        FlightSettings,
        'pilot',
        description='pilot that flies, which names the neurons: name of a shipped one, or its '
        'folder; empty: it is not known, and the neurons have numbers only',
    )
    vehicle: str = setting_from(FlightSettings, 'vehicle')
    condition: str = setting_from(FlightSettings, 'condition')
    anchor: str = setting_from(FlightSettings, 'anchor', default='world')
    publish_tf: bool = setting(
        True,
        'publish odom to base_link on /tf; false where another node does, such as '
        'robot_localization or MAVROS with local_position/tf/send',
    )
    frame_prefix: str = setting(
        '', 'prefix of all frames, such as drone1/; needed where several vehicles share /tf'
    )
    base_frame: str = setting('base_link', 'frame of the vehicle: x forward, y left, z up')
    camera_frame: str = setting(
        messages.CAMERA_FRAME, 'frame of the images: x right, y down, z ahead'
    )
    imu_frame: str = setting('imu_link', 'frame of the IMU')
    camera_pose: str = setting(
        frames.AUTO,
        'pose of the camera in base_frame, "x y z roll pitch yaw"; auto: that of the simulated '
        'vehicle; empty: not published',
        'm, rad',
    )
    imu_pose: str = setting(
        frames.AUTO,
        'pose of the IMU in base_frame, "x y z roll pitch yaw"; auto: the origin of base_frame; '
        'empty: not published',
        'm, rad',
    )
    max_tf_rate_hz: float = setting(
        50.0, 'transforms from faster odometry are left out', 'Hz', low=1.0, high=1000.0
    )
    path_period_s: float = setting(
        0.5, 'time between two messages of the path', 's', low=0.05, high=60.0
    )
    path_spacing_m: float = setting(
        0.1, 'distance between two points of the path', 'm', low=0.001, high=100.0
    )
    path_points: int = setting(
        1000,
        'number of points of the path above which every second one is left out',
        low=10,
        high=100_000,
    )


class VisualizationNode(node_base.LiquidNode):
    """Converts what the other nodes publish."""

    parameters = VisualizationParameters
    settings: Settings[VisualizationParameters]

    def __init__(self) -> None:
        """Load the pilot, publish the model of the vehicle, and subscribe.

        Raises:
            LiquidPilotError: there is no such vehicle or pilot, or a pose is not six numbers.
        """
        super().__init__('visualization')
        settings = self.settings.current
        self._reporter = DiagnosticsReporter(self, lambda: (self._state, {}))
        self._state = 'waiting'
        self._world_frame = settings.frame_prefix + messages.WORLD_FRAME
        self._odometry: Odometry | None = None
        self._last_tf_ns: int | None = None
        self._course: Course | None = None
        self._place: Place | None = None
        self._awaited: tuple[int, int] | None = None
        self._mission_ns = 0
        self._path = FlownPath(settings.path_spacing_m, settings.path_points)
        pilot = pilot_file.load(pilot_file.resolve(settings.pilot)) if settings.pilot else None
        self._network = NetworkMessages(pilot)
        self._fence = FenceView(self, self._publish_markers)

        self._transforms = frames.TransformPublisher(self)
        self._models = self.create_publisher(String, topics.ROBOT_DESCRIPTION, qos.LATCHED)
        self._markers = self.create_publisher(MarkerArray, topics.MARKERS, qos.LATCHED)
        self._paths = self.create_publisher(Path, topics.PATH, qos.LATCHED)
        self._clouds = self.create_publisher(PointCloud2, topics.PATH_POINTS, qos.LATCHED)
        self._neurons = self.create_publisher(JointState, topics.NEURONS, qos.PLOTS)
        self._taus = self.create_publisher(JointState, topics.TEMPORAL_FILTER, qos.PLOTS)
        self._signals = self.create_publisher(JointState, topics.SIGNALS, qos.PLOTS)
        self._publish_model()

        self.create_subscription(Odometry, topics.ODOMETRY, self._on_odometry, qos.SENSOR)
        self.create_subscription(Float64MultiArray, topics.PILOT_TRACE, self._on_trace, qos.TRACE)
        self.create_subscription(Header, topics.MISSION, self._on_mission, qos.MISSION)
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )
        self.create_steady_timer(settings.path_period_s, self._publish_path)

    def _publish_model(self) -> None:
        settings = self.settings.current
        model = frames.vehicle_model(
            settings.vehicle,
            (settings.camera_frame, settings.camera_pose),
            (settings.imu_frame, settings.imu_pose),
            settings.base_frame,
            settings.frame_prefix,
        )
        self._models.publish(String(data=model.urdf))
        self._transforms.publish_static(
            frames.static_transforms(
                model.mountings,
                settings.frame_prefix + settings.base_frame,
                self.get_clock().now().nanoseconds,
            )
        )

    # Callbacks

    def _on_odometry(self, message: Odometry) -> None:
        settings, self._odometry = self.settings.current, message
        self._world_frame = settings.frame_prefix + (
            message.header.frame_id or messages.WORLD_FRAME
        )
        if self._awaited is not None:
            self._begin_mission(*self._awaited)
        self._path.add(message, self._world_frame)
        stamp_ns = messages.to_nanoseconds(message.header.stamp)
        last_ns = self._last_tf_ns
        period_ns = NANOSECONDS_PER_SECOND / settings.max_tf_rate_hz
        # Time that jumps back, as at the start of a recording, begins anew.
        if settings.publish_tf and (
            last_ns is None or not 0 < stamp_ns - last_ns < 0.9 * period_ns
        ):
            self._last_tf_ns = stamp_ns
            self._transforms.publish(
                frames.vehicle_transform(message, settings.base_frame, settings.frame_prefix)
            )

    def _on_trace(self, message: Float64MultiArray) -> None:
        arrived_s = self.steady_s()
        try:
            trace = trace_messages.unpack_trace(message, self._network.digest)
        except LiquidPilotError as error:
            self._reporter.problem('trace', str(error), WARNING)
            return
        self._reporter.resolved('trace')
        self._state = 'showing'
        self._neurons.publish(self._network.neurons(trace))
        for publisher, made in (
            (self._taus, self._network.time_constants(trace)),
            (self._signals, self._network.signals(trace)),
        ):
            if made is not None:
                publisher.publish(made)
        self._reporter.health.tick(self.steady_s(), self.steady_s() - arrived_s)

    def _on_mission(self, message: Header) -> None:
        """Begin a mission; of its end only the last part of the path is still to be shown."""
        text, stamp_ns = message.frame_id, messages.to_nanoseconds(message.stamp)
        if not text.startswith(_SEED):
            self._publish_path()
            return
        try:
            seed = int(text.removeprefix(_SEED))
        except ValueError:
            self._reporter.problem('mission', f'{topics.MISSION}: {text!r} is no seed', WARNING)
            return
        self._begin_mission(stamp_ns, seed)

    def _begin_mission(self, stamp_ns: int, seed: int) -> None:
        """Show the course of a seed, as soon as it is known where it lies."""
        settings, here = self.settings.current, self._odometry
        self._path.clear()
        if settings.anchor == 'vehicle' and here is None:
            self._awaited = stamp_ns, seed
            return
        self._awaited, self._mission_ns, self._place = None, stamp_ns, None
        try:
            self._course = Course(settings.vehicle, seed, settings.condition)
        except LiquidPilotError as error:
            self._course = None
            self._reporter.problem('course', f'the course is not shown: {error}', WARNING)
        else:
            self._reporter.resolved('course')
            if settings.anchor == 'vehicle' and here is not None:
                self._place = self._course.anchored_on(messages.unpack_odometry(here), stamp_ns)
        self._publish_markers()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        here = None if self._odometry is None else self._odometry.pose.pose.position
        for status in messages.unpack_diagnostics(message):
            self._fence.on_status(status, here)

    # Publishing

    def _publish_markers(self) -> None:
        header = messages.pack_header(self._mission_ns, self._world_frame)
        shown = [markers.delete_all(header), *self._fence.markers(header)]
        if self._course is not None:
            shown += self._course.markers(header, self._place)
        self._markers.publish(MarkerArray(markers=shown))

    def _publish_path(self) -> None:
        if self._path.changed:
            path, cloud = self._path.pack(self._world_frame)
            self._paths.publish(path)
            self._clouds.publish(cloud)


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('visualization', VisualizationNode)


if __name__ == '__main__':
    node_base.exit_process(main())
