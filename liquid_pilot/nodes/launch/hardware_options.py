"""The arguments of `hardware.launch.py`: autopilot, camera, frames and poses of a real vehicle."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.launch.camera_drivers import DRIVERS, CameraRequest
from liquid_pilot.nodes.launch.flight_options import SCENE, FlyOptions, RunOptions
from liquid_pilot.nodes.launch.option_checks import check_topic
from liquid_pilot.onboard.setpoints.registry import ADAPTERS
from liquid_pilot.utils.entry_points import Choices, ExtensionNames
from liquid_pilot.utils.settings import check_all, declared_settings, setting, setting_from

_OF_A_DRIVER = (
    'camera_device',
    'camera_width',
    'camera_height',
    'camera_rate_hz',
    'camera_info_url',
    'camera_format',
)
"""Arguments that mean something for a camera driver only."""


class Autopilot(NamedTuple):
    """One value of the argument `autopilot`."""

    adapter: str
    """Adapter of the guard."""
    attitude_adapter: str = ''
    """Adapter of the guard for attitude and thrust; empty: there is none."""
    imu: str = ''
    """IMU topic of the autopilot; empty: an IMU of your own, or the guard publishes it."""
    odometry: str = ''
    """Odometry topic of the autopilot; empty: odometry of your own, or none."""
    start_hint: str = 'start your vehicle base'
    """Advice on what to start beside the nodes of this package."""


AUTOPILOTS: dict[str, Autopilot] = {
    'none': Autopilot('cmd_vel', 'attitude_thrust'),
    'mavros': Autopilot(
        'mavros', 'mavros_attitude', 'mavros/imu/data', 'mavros/local_position/odom', 'start MAVROS'
    ),
    'ardupilot': Autopilot(
        'ardupilot',
        start_hint='start the micro-ROS agent; the mode must be GUIDED before engaging',
    ),
    'px4': Autopilot('px4', 'px4_attitude', start_hint='start MicroXRCEAgent'),
    'mavlink': Autopilot(
        'mavlink',
        'mavlink_attitude',
        start_hint='nothing else to start: the guard speaks MAVLink itself',
    ),
    'mavlink_rover': Autopilot(
        'mavlink_rover', start_hint='nothing else to start: the guard speaks MAVLink itself'
    ),
    'ackermann': Autopilot('ackermann', start_hint='start the base that subscribes to `drive`'),
    'crazyflie': Autopilot('crazyflie', start_hint='start crazyswarm2'),
}
"""The autopilots that this package knows. An adapter of another package is one too."""


def autopilot_of(name: str) -> Autopilot:
    """Return the autopilot of a name: one of `AUTOPILOTS`, or the adapter of another package."""
    return AUTOPILOTS.get(name) or Autopilot(name)


@dataclass(frozen=True)
class HardwareOptions(RunOptions):
    """Arguments of `hardware.launch.py`."""

    autopilot: str = setting(
        'none',
        'autopilot that the guard commands (docs/how_to/autopilots.md); none: cmd_vel',
        choices=Choices(AUTOPILOTS, ExtensionNames(ADAPTERS.group)),
    )
    attitude: bool = setting(
        False, 'send attitude and thrust instead of a velocity, where the autopilot takes them'
    )
    mavlink_url: str = setting_from(
        FlightSettings,
        'mavlink_url',
        default='',
        description='serial port or address for autopilot:=mavlink, such as /dev/serial0; empty: '
        'that of the parameter file',
    )
    simulator: str = setting(
        'none',
        'scene: the camera is drawn from the odometry of the vehicle, and missions are flown '
        '(docs/how_to/scene.md); none: the vehicle has a camera',
        choices=('none', SCENE),
    )
    missions: int = setting_from(FlightSettings, 'missions')
    seed: int = setting_from(FlightSettings, 'seed')
    condition: str = setting_from(FlightSettings, 'condition')
    anchor: str = setting_from(FlightSettings, 'anchor')
    engage: bool = setting_from(FlightSettings, 'engage')
    scene_odom_topic: str = setting_from(FlyOptions, 'scene_odom_topic')
    camera: str = setting(
        'none', 'camera driver to start; none: it runs already', choices=('none', *DRIVERS)
    )
    camera_device: str = setting(
        '',
        'camera of the driver: /dev/video0, the name of a libcamera camera, or a serial number; '
        "empty: the driver's first",
    )
    camera_width: int = setting(640, 'image width for the driver', 'pixels', low=16)
    camera_height: int = setting(480, 'image height for the driver', 'pixels', low=16)
    camera_rate_hz: float = setting(20.0, 'frame rate for the driver', 'Hz', low=0.01)
    camera_info_url: str = setting(
        '', "calibration, such as file:///home/me/camera.yaml; empty: the driver's own"
    )
    camera_format: str = setting(
        '',
        "pixel format in the driver's own words, such as YUYV; empty: RGB888 for camera_ros, and "
        "the driver's own for the others",
    )
    camera_topic: str = setting_from(
        FlightSettings,
        'image_topic',
        description='image topic that the pilot flies on, with camera:=none',
    )
    image_transport: str = setting_from(FlightSettings, 'image_transport')
    rectified: bool = setting_from(FlightSettings, 'rectified')
    imu_topic: str = setting('', "IMU topic of the pilot; empty: the autopilot's, else imu/data")
    odom_topic: str = setting('', "odometry topic of the guard; empty: the autopilot's, else odom")
    base_frame: str = setting('base_link', 'frame of the vehicle: x forward, y left, z up')
    camera_frame: str = setting(
        'camera_link_optical', 'frame of the images: x right, y down, z ahead'
    )
    imu_frame: str = setting('imu_link', 'frame of the IMU')
    camera_pose: str = setting(
        '',
        'pose of the camera in base_frame, "x y z roll pitch yaw", forward at zero angles; '
        'empty: no static transform is published',
        'm, rad',
    )
    imu_pose: str = setting(
        '',
        'pose of the IMU in base_frame, "x y z roll pitch yaw"; empty: no static transform is '
        'published',
        'm, rad',
    )
    log_level: str = setting_from(FlightSettings, 'log_level', default='info')

    def __post_init__(self) -> None:
        """Refuse options that contradict each other, before anything starts.

        Raises:
            LiquidPilotError: names the argument that is wrong.
        """
        check_all(self)
        if self.attitude and not autopilot_of(self.autopilot).attitude_adapter:
            able = ', '.join(name for name, entry in AUTOPILOTS.items() if entry.attitude_adapter)
            raise LiquidPilotError(f'attitude: {self.autopilot} takes none; it is for {able}')
        for name in ('camera_pose', 'imu_pose'):
            parse_pose(name, getattr(self, name))
        for name in ('imu_topic', 'odom_topic'):
            if getattr(self, name):
                check_topic(name, getattr(self, name))
        self._check_unused()
        self.flight_options()

    def _check_unused(self) -> None:
        """Refuse arguments that nothing would read with the chosen autopilot and camera."""
        # The adapter of another package may speak MAVLink too.
        if self.autopilot in AUTOPILOTS and not self.adapter.startswith('mavlink'):
            self._refuse(('mavlink_url',), f'autopilot:={self.autopilot}', 'autopilot:=mavlink')
        if self.simulator == SCENE:
            self._refuse(('camera',), f'simulator:={SCENE}', 'simulator:=none')
        if self.camera == 'none':
            self._refuse(_OF_A_DRIVER, 'camera:=none', 'camera:= to a driver')
        else:
            self._refuse(('camera_topic',), f'camera:={self.camera}', 'camera:=none')

    def _refuse(self, names: tuple[str, ...], chosen: str, instead: str) -> None:
        declared = declared_settings(type(self))
        for name in names:
            value = getattr(self, name)
            if value != declared[name].default:
                raise LiquidPilotError(
                    f'{name}:={value} has no effect with {chosen}; leave it out, or set {instead}'
                )

    @property
    def adapter(self) -> str:
        """The adapter of the guard."""
        autopilot = autopilot_of(self.autopilot)
        return autopilot.attitude_adapter if self.attitude else autopilot.adapter

    def flight_options(self) -> FlyOptions:
        """Return the options of the part of the graph that a simulated flight has too."""
        names = [field.name for field in dataclasses.fields(RunOptions)]
        names += ['simulator', 'missions', 'seed', 'condition', 'anchor', 'engage']
        names += ['scene_odom_topic']
        autopilot = autopilot_of(self.autopilot)
        return FlyOptions(
            adapter=self.adapter,
            headless=True,
            camera_topic=self.camera_topic if self.camera == 'none' else topics.IMAGE,
            imu_topic=self.imu_topic or autopilot.imu,
            odom_topic=self.odom_topic or autopilot.odometry,
            **{name: getattr(self, name) for name in names},
        )

    def camera_request(self) -> CameraRequest:
        """Return the settings that the camera driver is started with."""
        return CameraRequest(
            self.camera_device,
            self.camera_width,
            self.camera_height,
            self.camera_rate_hz,
            self.camera_frame,
            self.camera_info_url,
            self.camera_format,
        )


def parse_pose(name: str, text: str) -> tuple[float, ...] | None:
    """Return the six numbers of a pose: x, y, z in m, and roll, pitch, yaw in rad.

    Args:
        name: the argument, for an error.
        text: the numbers with spaces or commas between them; empty: None is returned.

    Raises:
        LiquidPilotError: these are not six finite numbers.
    """
    if not text.strip():
        return None
    try:
        pose = tuple(map(float, text.replace(',', ' ').split()))
    except ValueError:
        pose = ()
    if len(pose) != 6 or not all(map(math.isfinite, pose)):
        raise LiquidPilotError(f'{name} must be six numbers, x y z roll pitch yaw, not {text!r}')
    return pose
