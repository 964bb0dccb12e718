"""A real robot's graph as data: camera driver, static transforms, pilot, guard, recorder.

`launch/hardware.launch.py` only translates it. Drivers are started with their own parameters and
remapped onto our topics; their launch files are not copied. `checklist` is what a person reads
before the propellers turn.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.flight_graph import FlyOptions, NodeSpec, option
from liquid_pilot.onboard.vehicles.registry import VEHICLE_LIMITS

CAMERA_INFO_TOPIC = 'camera/camera_info'


class Autopilot(NamedTuple):
    """One value of `autopilot`."""

    adapter: str
    """Of the guard."""
    attitude_adapter: str = ''
    """Its sibling that takes attitude and thrust; empty: there is none."""
    imu: str = ''
    """Where it publishes its IMU; empty: an IMU of your own, or the guard publishes it."""
    odometry: str = ''
    first: str = 'start your vehicle base'
    """What has to run beside us."""


AUTOPILOTS: dict[str, Autopilot] = {
    'none': Autopilot('cmd_vel', 'attitude_thrust'),
    'mavros': Autopilot(
        'mavros', 'mavros_attitude', 'mavros/imu/data', 'mavros/local_position/odom', 'start MAVROS'
    ),
    'ardupilot': Autopilot(
        'ardupilot',
        '',
        '',
        '',
        'start the micro-ROS agent; the mode must be GUIDED before engaging',
    ),
    'px4': Autopilot('px4', 'px4_attitude', '', '', 'start MicroXRCEAgent'),
    'mavlink': Autopilot(
        'mavlink', 'mavlink_attitude', '', '', 'nothing else: the guard speaks MAVLink itself'
    ),
    'ackermann': Autopilot('ackermann', '', '', '', 'start the base that hears `drive`'),
    'crazyflie': Autopilot('crazyflie', '', '', '', 'start crazyswarm2'),
}


class CameraDriver(NamedTuple):
    """A camera driver: what it is called, and its own names for what we ask of it."""

    package: str
    executable: str
    parameters: Callable[[HardwareOptions], dict[str, Any]]
    image: str = 'image_raw'
    """Its topic, relative to itself."""
    info: str = 'camera_info'


def _v4l2(o: HardwareOptions) -> dict[str, Any]:
    period = Fraction(1.0 / o.camera_rate_hz).limit_denominator(1000)
    return {
        'video_device': o.camera_device or '/dev/video0',
        'image_size': [o.camera_width, o.camera_height],
        'time_per_frame': [period.numerator, period.denominator],
        'camera_frame_id': o.camera_frame,
        **_non_empty(camera_info_url=o.camera_info_url),
    }


def _usb_cam(o: HardwareOptions) -> dict[str, Any]:
    return {
        'video_device': o.camera_device or '/dev/video0',
        'image_width': o.camera_width,
        'image_height': o.camera_height,
        'framerate': float(o.camera_rate_hz),
        'frame_id': o.camera_frame,
        **_non_empty(camera_info_url=o.camera_info_url),
    }


def _camera_ros(o: HardwareOptions) -> dict[str, Any]:
    period_us = round(1e6 / o.camera_rate_hz)
    return {
        'width': o.camera_width,
        'height': o.camera_height,
        'frame_id': o.camera_frame,
        'FrameDurationLimits': [period_us, period_us],
        **_non_empty(camera=o.camera_device, camera_info_url=o.camera_info_url),
    }


def _realsense(o: HardwareOptions) -> dict[str, Any]:
    size = f'{o.camera_width}x{o.camera_height}x{round(o.camera_rate_hz)}'
    return {
        'enable_color': True,
        'enable_depth': False,
        'rgb_camera.color_profile': size,
        **_non_empty(serial_no=o.camera_device),
    }


def _non_empty(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


DRIVERS: dict[str, CameraDriver] = {
    'v4l2_camera': CameraDriver('v4l2_camera', 'v4l2_camera_node', _v4l2),
    'usb_cam': CameraDriver('usb_cam', 'usb_cam_node_exe', _usb_cam),
    'camera_ros': CameraDriver('camera_ros', 'camera_node', _camera_ros),
    'realsense2_camera': CameraDriver(
        'realsense2_camera',
        'realsense2_camera_node',
        _realsense,
        'color/image_raw',
        'color/camera_info',
    ),
}


@dataclass(frozen=True)
class HardwareOptions:
    """Arguments of `hardware.launch.py`."""

    autopilot: str = option(
        'none', 'what the guard speaks to (docs/autopilots.md); none: cmd_vel', tuple(AUTOPILOTS)
    )
    attitude: bool = option(
        False, 'attitude and thrust in place of a velocity, where the autopilot takes them'
    )
    camera: str = option(
        'none', 'camera driver to start; none: it runs already', ('none', *DRIVERS)
    )
    camera_device: str = option(
        '',
        'its device: /dev/video0, the name of a libcamera camera, a serial number; empty: the '
        "driver's first",
    )
    camera_width: int = option(640, 'width asked of the driver, pixels')
    camera_height: int = option(480, 'height asked of the driver, pixels')
    camera_rate_hz: float = option(20.0, 'frame rate asked of the driver, Hz')
    camera_info_url: str = option(
        '', "calibration, such as file:///home/me/camera.yaml; empty: the driver's own"
    )
    camera_topic: str = option(
        flight_graph.IMAGE_TOPIC, 'image topic that the pilot flies on, with camera:=none'
    )
    image_transport: str = option('raw', 'raw or compressed images', ('raw', 'compressed'))
    rectified: bool = option(
        False,
        'the images are rectified already, as by image_proc; else the '
        'pilot undoes the distortion that camera_info tells',
    )
    imu_topic: str = option('', "IMU that the pilot hears; empty: the autopilot's, else imu/data")
    odom_topic: str = option('', "odometry that the guard hears; empty: the autopilot's, else odom")
    base_frame: str = option('base_link', 'frame of the vehicle: x forward, y left, z up')
    camera_frame: str = option('camera_optical_frame', 'frame of the images: z ahead, x right')
    imu_frame: str = option('imu_link', 'frame of the IMU')
    camera_pose: str = option(
        '',
        'x y z roll pitch yaw of the lens in base_frame, m and rad, looking ahead at 0 0 0; '
        'empty: no static transform is published',
    )
    imu_pose: str = option('', 'likewise of the IMU')
    pilot: str = option(
        'auto',
        'pilot that flies: name of a shipped one, or its folder; auto: that of its class '
        'of vehicle',
    )
    vehicle: str = option(
        'quadrotor', 'class of vehicle: its limits and safe command', tuple(VEHICLE_LIMITS)
    )
    adapt: bool = option(
        True,
        'adapt in flight, if the pilot file holds what it adapts by '
        '(docs/adaptation.md); otherwise exactly as trained',
    )
    mavlink_url: str = option('', 'of autopilot:=mavlink; empty: as in the parameter file')
    record: bool = option(False, 'record the topics as a rosbag2 folder in the run folder')
    out: str = option('', 'run folder; empty: runs/<date and time>')
    namespace: str = option('', 'namespace of all nodes and topics')
    params_file: str = option('', 'YAML file with node parameters; empty: config/fly.yaml')
    log_level: str = option('info', 'what the nodes print', ('debug', 'info', 'warn', 'error'))

    def __post_init__(self) -> None:
        """Refuse what cannot be, before anything starts."""
        flight_graph.check_choices(self)
        if self.attitude and not AUTOPILOTS[self.autopilot].attitude_adapter:
            able = ', '.join(name for name, entry in AUTOPILOTS.items() if entry.attitude_adapter)
            raise LiquidPilotError(f'attitude: {self.autopilot} takes none; it is for {able}')
        if min(self.camera_width, self.camera_height) < 16 or not self.camera_rate_hz > 0.0:
            raise LiquidPilotError(
                'camera_width and camera_height must be at least 16, camera_rate_hz above 0'
            )
        for name in ('camera_pose', 'imu_pose'):
            read_pose(name, getattr(self, name))
        self.flight()

    @property
    def adapter(self) -> str:
        """Of the guard."""
        entry = AUTOPILOTS[self.autopilot]
        return entry.attitude_adapter if self.attitude else entry.adapter

    def flight(self) -> FlyOptions:
        """As the graph of pilot and guard has it."""
        return FlyOptions(
            simulator='none',
            adapter=self.adapter,
            headless=True,
            camera_topic=self.camera_topic if self.camera == 'none' else flight_graph.IMAGE_TOPIC,
            **{
                field.name: getattr(self, field.name)
                for field in dataclasses.fields(self)
                if field.name
                in (
                    'pilot',
                    'vehicle',
                    'adapt',
                    'record',
                    'out',
                    'namespace',
                    'params_file',
                    'log_level',
                )
            },
        )


def read_pose(name: str, text: str) -> tuple[float, ...] | None:
    """Six numbers of a pose; None for an empty text."""
    if not text.strip():
        return None
    try:
        pose = tuple(map(float, text.replace(',', ' ').split()))
    except ValueError:
        pose = ()
    if len(pose) != 6 or not all(map(math.isfinite, pose)):
        raise LiquidPilotError(f'{name} must be six numbers, x y z roll pitch yaw, not {text!r}')
    return pose


def nodes(options: HardwareOptions) -> list[NodeSpec]:
    """The processes of a robot. `options.out` should come from `graph.with_run_folder`."""
    entry = AUTOPILOTS[options.autopilot]
    remapped = {
        'pilot': {'imu/data': options.imu_topic or entry.imu},
        'guard': {'odom': options.odom_topic or entry.odometry},
        'recorder': {
            'imu/data': options.imu_topic or entry.imu,
            'odom': options.odom_topic or entry.odometry,
        },
    }
    changed = {
        'pilot': {'image_transport': options.image_transport, 'rectified': options.rectified},
        'guard': {'adapter': options.adapter, **_non_empty(mavlink_url=options.mavlink_url)},
        'recorder': {'image_transport': options.image_transport},
    }
    specs = []
    for spec in flight_graph.nodes(options.flight()):
        more = tuple(
            (source, target)
            for source, target in remapped.get(spec.name, {}).items()
            if target and source != target
        )
        specs.append(
            dataclasses.replace(
                spec,
                parameters={**spec.parameters, **changed.get(spec.name, {})},
                remappings=spec.remappings + more,
            )
        )
    return [*_transforms(options), *_camera(options), *specs]


def _camera(options: HardwareOptions) -> list[NodeSpec]:
    if options.camera == 'none':
        return []
    driver = DRIVERS[options.camera]
    image, info = flight_graph.IMAGE_TOPIC, CAMERA_INFO_TOPIC
    # Some versions publish on private names and some do not; a rule that does not apply is idle.
    remappings = tuple(
        (prefix + source, target)
        for prefix in ('', '~/')
        for source, target in (
            (driver.image, image),
            (f'{driver.image}/compressed', f'{image}/compressed'),
            (driver.info, info),
        )
    )
    return [
        NodeSpec(
            driver.executable,
            'camera',
            options.namespace.strip('/'),
            driver.parameters(options),
            remappings=remappings,
            package=driver.package,
            log_level=options.log_level,
        )
    ]


def _transforms(options: HardwareOptions) -> list[NodeSpec]:
    # An optical frame looks along z: from FLU, -90 degrees about x after -90 about z.
    optical = (-0.5, 0.5, -0.5, 0.5)
    found = []
    for name, frame, turn in (
        ('camera', options.camera_frame, optical),
        ('imu', options.imu_frame, (0.0, 0.0, 0.0, 1.0)),
    ):
        pose = read_pose(f'{name}_pose', getattr(options, f'{name}_pose'))
        if pose is not None:
            x, y, z, w = _quaternion_product(_quaternion(*pose[3:]), turn)
            values = (*pose[:3], x, y, z, w)
            keys = ('--x', '--y', '--z', '--qx', '--qy', '--qz', '--qw')
            arguments = [
                text
                for key, value in zip(keys, values, strict=True)
                for text in (key, f'{value:.9g}')
            ]
            found.append(
                NodeSpec(
                    'static_transform_publisher',
                    f'{name}_transform',
                    options.namespace.strip('/'),
                    package='tf2_ros',
                    required=False,
                    log_level=options.log_level,
                    arguments=tuple(
                        [*arguments, '--frame-id', options.base_frame, '--child-frame-id', frame]
                    ),
                )
            )
    return found


def _quaternion(roll: float, pitch: float, yaw: float) -> tuple[float, ...]:
    """(x, y, z, w) of roll about x, then pitch about y, then yaw about z, of the fixed axes."""
    found = (0.0, 0.0, 0.0, 1.0)
    for axis, angle in enumerate((roll, pitch, yaw)):
        turn = [0.0, 0.0, 0.0, math.cos(0.5 * angle)]
        turn[axis] = math.sin(0.5 * angle)
        found = _quaternion_product(tuple(turn), found)
    return found


def _quaternion_product(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    x, y, z, w = one
    a, b, c, d = other
    return (
        w * a + x * d + y * c - z * b,
        w * b - x * c + y * d + z * a,
        w * c + x * b - y * a + z * d,
        w * d - x * a - y * b - z * c,
    )


def environment(options: HardwareOptions, present: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment of the nodes."""
    return flight_graph.environment(options.flight(), present)


def checklist(options: HardwareOptions) -> str:
    """What a person goes through before the propellers turn, for these very options."""
    entry = AUTOPILOTS[options.autopilot]
    watched = 'mavlink', 'mavros', 'px4', 'ardupilot'
    lines = [
        'propellers off for the first time; a free field, and a hand on the switch after that',
        entry.first,
        'liquid-pilot doctor --onboard: nothing red',
        f'camera: sharp, looking ahead, at least {0.5 * options.camera_rate_hz:g} frames/s on '
        f'{options.flight().camera_topic}, with its camera_info',
        f'imu: {options.imu_topic or entry.imu or "imu/data"}; at rest z reads +9.8 (up is up)',
        'turn the robot to the left by hand: its IMU must show a positive yaw rate',
        'it adapts in flight (adapt:=false: exactly as trained)'
        if options.flight().adapts
        else 'it flies exactly as trained',
        f'guard/engage is called by you: it says what is missing; adapter {options.adapter}',
        'guard/stop, and guard/override on your switch: try both before you need them',
    ]
    if options.autopilot in watched:
        lines.append('flip the mode switch: the guard must disengage at once')
    return 'Before you fly:\n' + '\n'.join(f'  [ ] {line}' for line in lines)
