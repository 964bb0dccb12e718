"""Writes bags of other robots, with standard message types, through the mcap library."""

import dataclasses
import math

import cv2
import numpy as np
import yaml
from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from liquid_pilot.learning.data.episode import Episode

STORE = get_typestore(Stores.ROS2_JAZZY)
for name, text in (
    (
        'AckermannDrive',
        'float32 steering_angle\nfloat32 steering_angle_velocity\n'
        'float32 speed\nfloat32 acceleration\nfloat32 jerk',
    ),
    ('AckermannDriveStamped', 'std_msgs/Header header\nackermann_msgs/AckermannDrive drive'),
):
    STORE.register(get_types_from_msg(text, f'ackermann_msgs/msg/{name}'))
START_NS = 1_700_000_000_000_000_000


def message(kind, **values):
    """Return a message of type `kind`, whose fields are zero unless they are given."""
    made = {}
    for name, (form, detail) in STORE.fielddefs[kind][1]:
        form = int(form)
        if name in values:
            made[name] = values[name]
        elif form == 2:
            made[name] = message(detail)
        elif form == 1:
            made[name] = '' if detail[0] == 'string' else False if detail[0] == 'bool' else 0
        elif form == 3:
            (_, (basic, _)), length = detail
            made[name] = np.zeros(length, basic)
        else:
            made[name] = np.zeros(0, np.uint8 if detail[0][1][0] == 'uint8' else np.float64)
    return STORE.types[kind](**made)


def header(stamp_ns, frame=''):
    stamp = message(
        'builtin_interfaces/msg/Time', sec=int(stamp_ns // 10**9), nanosec=int(stamp_ns % 10**9)
    )
    return message('std_msgs/msg/Header', stamp=stamp, frame_id=frame)


def vector(x, y, z):
    return message('geometry_msgs/msg/Vector3', x=float(x), y=float(y), z=float(z))


def twist(forward, left, up, yaw):
    return message(
        'geometry_msgs/msg/Twist', linear=vector(forward, left, up), angular=vector(0, 0, yaw)
    )


class BagWriter:
    """Writes one MCAP file; a topic gets its schema with its first message."""

    def __init__(self, path, chunk_size=1 << 16):
        self._file = open(path, 'wb')  # noqa: SIM115
        self._writer = Writer(self._file, chunk_size, CompressionType.ZSTD)
        self._writer.start('ros2', 'test')
        self._channels = {}

    def add(self, topic, kind, stamp_ns, **values):
        if topic not in self._channels:
            text, _ = STORE.generate_msgdef(kind, ros_version=2)
            schema = self._writer.register_schema(kind, 'ros2msg', text.encode())
            self._channels[topic] = self._writer.register_channel(topic, 'cdr', schema)
        data = bytes(STORE.serialize_cdr(message(kind, **values), kind))
        self._writer.add_message(self._channels[topic], int(stamp_ns), data, int(stamp_ns))

    def close(self):
        self._writer.finish()
        self._file.close()


@dataclasses.dataclass
class Robot:
    """The content of a bag. Image brightness, IMU and command all encode the time."""

    seconds: float = 8.0
    width: int = 64
    height: int = 48
    encoding: str = 'rgb8'
    rate_hz: float = 20.0
    imu_hz: float = 100.0
    transport: str = 'raw'
    command: str = 'geometry_msgs/msg/TwistStamped'
    info: bool = True
    distortion: tuple = ()
    sensor: str = ''
    start_ns: int = START_NS
    silence: tuple = (0.0, 0.0)
    nan: str = ''


def picture(robot, time_s):
    """Return (height, width, 3) uint8 RGB whose left half grows brighter with time."""
    image = np.full((robot.height, robot.width, 3), 40, np.uint8)
    image[:, : robot.width // 2] = round(20 + 20 * time_s)
    return image


def pixels(robot, image):
    """Return the type of the image message, and its fields."""
    bgr = image[:, :, ::-1]
    if robot.transport != 'raw':
        data = cv2.imencode(f'.{robot.transport}', bgr)[1].ravel()
        return 'sensor_msgs/msg/CompressedImage', {'format': robot.transport, 'data': data}
    data = {
        'rgb8': image,
        'bgr8': bgr,
        'mono8': image[:, :, :1],
        'bgra8': np.dstack([bgr, bgr[:, :, :1]]),
        'secret7': image,
    }[robot.encoding]
    step = data.shape[1] * data.shape[2]
    return 'sensor_msgs/msg/Image', {
        'width': robot.width,
        'height': robot.height,
        'encoding': robot.encoding,
        'step': step,
        'data': np.ascontiguousarray(data).ravel(),
    }


def write(path, robot=None, prefix='/bot'):
    """Write a bag of a robot, and return its path."""
    robot = robot or Robot()
    bag = BagWriter(path)
    events = [(k / robot.rate_hz, 'image') for k in range(int(robot.seconds * robot.rate_hz))]
    events += [(k / robot.imu_hz, 'imu') for k in range(int(robot.seconds * robot.imu_hz))]
    events += [(k / 10, 'command') for k in range(int(robot.seconds * 10))]
    for time_s, what in sorted(events):
        if robot.silence[0] < time_s < robot.silence[1]:
            continue
        stamp_ns = robot.start_ns + round(time_s * 1e9)
        value = math.nan if robot.nan == what and 3.0 <= time_s < 3.1 else time_s
        if what == 'image':
            kind, fields = pixels(robot, picture(robot, time_s))
            bag.add(f'{prefix}/image', kind, stamp_ns, header=header(stamp_ns), **fields)
            if robot.info:
                f, w, h = 0.9 * robot.width, robot.width, robot.height
                more = {}
                if robot.sensor:
                    # A camera of twice the size, whose image is a part, binned, or neither.
                    w, h = 2 * w, 2 * h
                if robot.sensor == 'part':
                    more['roi'] = message(
                        'sensor_msgs/msg/RegionOfInterest',
                        x_offset=w // 4,
                        y_offset=h // 4,
                        width=w // 2,
                        height=h // 2,
                    )
                if robot.sensor == 'binned':
                    f, more = 2 * f, {'binning_x': 2, 'binning_y': 2}
                bag.add(
                    f'{prefix}/info',
                    'sensor_msgs/msg/CameraInfo',
                    stamp_ns,
                    header=header(stamp_ns),
                    width=w,
                    height=h,
                    k=np.array([f, 0, w / 2, 0, f, h / 2, 0, 0, 1.0]),
                    distortion_model='plumb_bob',
                    d=np.array(robot.distortion, float),
                    **more,
                )
        elif what == 'imu':
            bag.add(
                f'{prefix}/imu',
                'sensor_msgs/msg/Imu',
                stamp_ns,
                header=header(stamp_ns),
                angular_velocity=vector(value, 0, 0),
                linear_acceleration=vector(0, 0, 9.81),
            )
        else:
            command = twist(value, 0, 0, -0.5)
            if robot.command.endswith('/Twist'):
                bag.add(
                    f'{prefix}/cmd',
                    robot.command,
                    stamp_ns,
                    linear=command.linear,
                    angular=command.angular,
                )
            elif robot.command.endswith('TwistStamped'):
                bag.add(
                    f'{prefix}/cmd', robot.command, stamp_ns, header=header(stamp_ns), twist=command
                )
            else:
                drive = message(
                    'ackermann_msgs/msg/AckermannDrive', speed=float(value), steering_angle=0.2
                )
                bag.add(
                    f'{prefix}/cmd', robot.command, stamp_ns, header=header(stamp_ns), drive=drive
                )
    bag.close()
    return path


MAPPING = {
    'image': {'topic': '/bot/image'},
    'imu': {'topic': 'bot/imu'},
    'command': {'topic': '/bot/cmd'},
    'camera': {'topic': '/bot/info'},
    'episodes': {'split_by': 'bag', 'max_duration_s': 2.0, 'min_duration_s': 1.0},
}


def mapping_file(folder, **changes):
    """Write the mapping of the bags of `write`, with these changes, and return its path."""
    values = {key: dict(value) for key, value in MAPPING.items()}
    for key, value in changes.items():
        values[key] = {**values.get(key, {}), **value} if isinstance(value, dict) else value
    path = folder / 'mapping.yaml'
    path.write_text(yaml.safe_dump(values))
    return path


def episodes(dataset):
    """Return all episodes of a dataset, in their order."""
    return [Episode.load(path) for path in sorted(dataset.training + dataset.validation)]
