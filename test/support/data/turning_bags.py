"""Writes bags of a vehicle that turns at random: pictures, gyroscope and commands agree."""

import dataclasses

import cv2
import numpy as np
from bag_makers import START_NS, BagWriter, header, message, twist, vector

from liquid_pilot.interfaces import CameraGeometry

WIDTH, HEIGHT = 96, 54
CAMERA = CameraGeometry(WIDTH, HEIGHT, 60.0, 60.0, WIDTH / 2, HEIGHT / 2)
RESPONSE_S = 0.15


@dataclasses.dataclass
class Turning:
    """What the bag of a turning vehicle holds; times late are added to the stamps alone."""

    seconds: float = 30.0
    seed: int = 0
    image_late_s: float = 0.0
    imu_late_s: float = 0.0
    command_late_s: float = 0.0
    unstamped: tuple = ()
    """Topics, of 'image', 'imu' and 'command', whose stamps are zero."""
    swapped: tuple = ()
    """Numbers of the pictures that are stamped after the one that follows."""
    info_late_s: float = 0.0
    log: str = 'received'
    """Times of recording: 'received', 'stamps' (as in converted bags) or 'zero'."""
    zero_log_s: float = 0.0
    """Time for which a recorder with simulated time has no clock, s."""
    imu_factors: tuple = (1.0,) * 6
    start_ns: int = START_NS
    command: str = 'TwistStamped'
    yaw_factor: float = 1.0
    encoding: str = 'mono8'


def motion(robot):
    """Return times of 100 Hz, s, the commanded yaw rate, that of the vehicle, and its heading."""
    rng = np.random.default_rng(robot.seed)
    times = np.arange(round(robot.seconds * 100)) / 100
    lengths = rng.uniform(0.3, 1.2, len(times))
    switches = np.searchsorted(np.cumsum(lengths), times, 'right')
    commanded = rng.uniform(-1.0, 1.0, len(times))[switches]
    yaw, turn = np.zeros(len(times)), 0.0
    for k in range(len(times)):
        turn += (commanded[k] - turn) * 0.01 / RESPONSE_S
        yaw[k] = turn
    return times, commanded, yaw, np.cumsum(yaw) / 100


def panorama(seed):
    """Return a round view: (HEIGHT, 2048) uint8 with texture of several sizes."""
    rng = np.random.default_rng(seed)
    view = np.zeros((HEIGHT, 2048))
    for size in (1, 4, 12):
        noise = rng.normal(0.0, 1.0, (HEIGHT, 2048))
        noise = cv2.GaussianBlur(np.hstack([noise] * 3), (0, 0), size)[:, 2048:4096]
        view += noise / noise.std()
    return np.clip(110 + 30 * view, 0, 255).astype(np.uint8)


def picture(view, heading_rad):
    """Return (HEIGHT, WIDTH) uint8: the part of a panorama that a camera sees."""
    bearings = heading_rad - np.arctan((np.arange(WIDTH) + 0.5 - CAMERA.cx) / CAMERA.fx)
    columns = -bearings / (2 * np.pi) * view.shape[1] % view.shape[1]
    left = np.floor(columns).astype(int)
    share = columns - left
    wide = np.hstack([view, view[:, :1]]).astype(float)
    mixed = wide[:, left] * (1 - share) + wide[:, left + 1] * share
    return np.ascontiguousarray(np.rint(mixed), np.uint8)


def write_turning(path, robot=None):
    """Write the bag, and return its path. Its topics are those of `bag_makers.write`."""
    robot = robot or Turning()
    rng = np.random.default_rng(robot.seed + 1)
    times, commanded, yaw, heading = motion(robot)
    view = panorama(robot.seed)
    bag = BagWriter(path)

    def add(topic, kind, time_s, late_s, purpose, **values):
        true_ns = robot.start_ns + round(time_s * 1e9)
        stamp_ns = 0 if purpose in robot.unstamped else true_ns + round(late_s * 1e9)
        log_ns = {'received': true_ns + 5_000_000, 'stamps': stamp_ns, 'zero': 0}[robot.log]
        if time_s < robot.zero_log_s:
            log_ns = 0
        stamped = {} if kind.endswith('/Twist') else {'header': header(stamp_ns)}
        bag.add(f'/bot/{topic}', kind, log_ns, **stamped, **values)

    k = np.array([CAMERA.fx, 0, CAMERA.cx, 0, CAMERA.fy, CAMERA.cy, 0, 0, 1.0])
    size = {'width': WIDTH, 'height': HEIGHT}
    add('info', 'sensor_msgs/msg/CameraInfo', 0.0, robot.info_late_s, '', k=k, **size)
    for k, time_s in enumerate(times):
        if k % 5 == 0:
            frame = picture(view, heading[k])
            if robot.encoding == 'mono16':
                frame = frame.astype('<u2') * 16
            swap_s = 0.051 if k // 5 in robot.swapped else 0.0
            add(
                'image',
                'sensor_msgs/msg/Image',
                time_s,
                robot.image_late_s + swap_s,
                'image',
                width=WIDTH,
                height=HEIGHT,
                encoding=robot.encoding,
                step=frame.strides[0],
                data=frame.view(np.uint8).ravel(),
            )
        if k % 2:
            continue
        noise = rng.normal(0.0, [0.02] * 3 + [0.2] * 3)
        sample = (np.array([0.0, 0.0, yaw[k], 0.0, 0.0, 9.81]) + noise) * robot.imu_factors
        add(
            'imu',
            'sensor_msgs/msg/Imu',
            time_s,
            robot.imu_late_s,
            'imu',
            angular_velocity=vector(*sample[:3]),
            linear_acceleration=vector(*sample[3:]),
        )
        if k % 10 == 0:
            late = (time_s, robot.command_late_s, 'command')
            turn = float(commanded[k]) * robot.yaw_factor
            if robot.command == 'AckermannDriveStamped':
                drive = message(
                    'ackermann_msgs/msg/AckermannDrive', speed=1.0, steering_angle=25 * turn
                )
                add('cmd', 'ackermann_msgs/msg/AckermannDriveStamped', *late, drive=drive)
            elif robot.command == 'Twist':
                made = twist(1.0, 0, 0, turn)
                kind = 'geometry_msgs/msg/Twist'
                add('cmd', kind, *late, linear=made.linear, angular=made.angular)
            else:
                add('cmd', 'geometry_msgs/msg/TwistStamped', *late, twist=twist(1.0, 0, 0, turn))
    bag.close()
    return path
