"""The ROS side of a scene around a vehicle that moves elsewhere: odometry in, camera out."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ObservationError
from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.health import WARNING
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.missions.guard_watch import GuardWatch
from liquid_pilot.nodes.missions.mission_node import MissionNode, MissionParameters
from liquid_pilot.nodes.missions.obstacle_cloud import ObstacleCloud
from liquid_pilot.nodes.missions.scene_odometry import OdometryTrack
from liquid_pilot.utils.settings import setting, setting_from


@dataclass(frozen=True)
class SceneParameters(MissionParameters):
    """Parameters of the node that draws a scene around a vehicle that moves elsewhere."""

    anchor: str = setting_from(FlightSettings, 'anchor')
    engage: bool = setting_from(FlightSettings, 'engage')
    engage_timeout_s: float = setting(
        300.0,
        'with engage: longest wait until the vehicle is at rest and the guard can be engaged, as '
        'for a human who arms and takes off',
        's',
        low=1.0,
        high=86400.0,
    )
    rest_speed_m_s: float = setting(
        0.3,
        'with engage: the guard is engaged only while the vehicle is slower',
        'm/s',
        low=0.01,
        high=5.0,
    )
    odometry_timeout_s: float = setting(
        0.5,
        'a mission is aborted when no odometry has arrived for this long',
        's',
        low=0.05,
        high=5.0,
    )
    max_extrapolation_s: float = setting(
        0.2,
        'longest time for which the pose is extrapolated from the newest odometry to the instant '
        'of a frame',
        's',
        low=0.0,
        high=1.0,
    )
    max_jump_m: float = setting(
        3.0,
        'a mission is aborted when the position jumps farther than this in one message',
        'm',
        low=0.1,
        high=1000.0,
    )


class SceneNode(MissionNode):
    """Receives the odometry of the vehicle and publishes frames, but does not draw."""

    parameters = SceneParameters
    settings: Settings[SceneParameters]

    exclusive_topics = (topics.IMAGE,)

    def __init__(self) -> None:
        """Create publishers and subscriptions."""
        super().__init__('scene')
        settings = self.settings.current
        self.setpoint_topic = self.adapter = ''
        self._last_stamp_ns = 0
        self.odometry_topic = self.resolve_topic_name(topics.ODOMETRY)
        """Full name of the topic of the odometry."""
        self.odometry = OdometryTrack(
            self.odometry_topic,
            settings.odometry_timeout_s,
            settings.max_extrapolation_s,
            settings.max_jump_m,
        )
        """The odometry of the vehicle."""
        self._images = self.create_publisher(Image, topics.IMAGE, qos.IMAGE)
        self._infos = self.create_publisher(CameraInfo, topics.CAMERA_INFO, qos.SENSOR_RELIABLE)
        self.obstacles = ObstacleCloud(self)
        self.create_subscription(Odometry, topics.ODOMETRY, self._on_odometry, qos.SENSOR)
        self._stop = self.create_client(Trigger, topics.GUARD_STOP)

    # Callbacks

    def _on_odometry(self, message: Odometry) -> None:
        try:
            self.odometry.add(messages.unpack_odometry(message), self.steady_s())
        except ObservationError as error:
            text = f'{error} on {self.odometry_topic}; see what publishes it'
            self._reporter.problem('odometry', text, WARNING)
        else:
            if self.health.has('odometry'):
                self._reporter.resolved('odometry')

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        super()._on_diagnostics(message)
        self.adapter = self._guard.adapter or self.adapter

    # Publishing

    def stamp_ns(self) -> int:
        """Return the present reading of the ROS clock, later than any that was returned, ns."""
        now_ns = self.get_clock().now().nanoseconds
        self._last_stamp_ns = max(now_ns, self._last_stamp_ns + 1)
        return self._last_stamp_ns

    def publish_frame(self, image: ImageBuffer, camera: CameraGeometry, stamp_ns: int) -> None:
        """Publish a frame with the calibration of its camera."""
        self._infos.publish(messages.pack_camera_info(camera, stamp_ns))
        self._images.publish(messages.pack_image(image, stamp_ns))

    # The guard

    @property
    def guard_is_known(self) -> bool:
        """Whether the guard has reported its state since it was last engaged or stopped."""
        return bool(self._guard.state)

    @property
    def guard_is_engaged(self) -> bool:
        """Whether the guard reports that it is engaged."""
        return self._guard.is_engaged

    @property
    def newly_engaged(self) -> bool:
        """Whether the guard was engaged after it was seen released."""
        return self._guard.is_engaged and self._guard.was_released

    def stop_guard(self, timeout_s: float = 10.0) -> None:
        """Have the guard hold the vehicle by the safe command until it is engaged again.

        A guard that is not engaged is left alone, because a stopped one sends setpoints.

        Args:
            timeout_s: maximum time to wait for the answer.

        Raises:
            NoResponseError: the guard does not answer.
            StopRequestedError: the user asked to stop.
        """
        if self._guard.is_engaged:
            self.call(self._stop, Trigger.Request(), timeout_s)
            # Reports from before the stop may arrive after it.
            self._guard = GuardWatch()

    # Completeness of the graph

    def _missing_parts(self) -> list[str]:
        missing = super()._missing_parts()
        if not self.count_publishers(self.odometry_topic):
            missing.append(
                f'the odometry of the vehicle on {self.odometry_topic} (the guard publishes it '
                'with the adapters mavlink and px4; for MAVROS set odom_topic to '
                'mavros/local_position/odom; else name the topic of yours)'
            )
        return missing
