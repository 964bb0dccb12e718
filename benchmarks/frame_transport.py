"""Camera frames from a driver to a pilot node and back as commands, by size and transport.

    python benchmarks/frame_transport.py [--seconds 10] [--rate 10] [--quick]

Three processes for each row of the table: a driver that publishes frames, IMU and camera_info, the
pilot node as `hardware.launch.py` starts it, and this one, which counts the commands. Frames go out
at a fixed rate, raw (rgb8) and compressed (JPEG), once with the default settings of Fast DDS and
once with `config/fastdds_vehicle.xml`. Everything stays on the loopback interface.

A frame is answered when a command with its stamp comes. The largest gap is the longest time between
two commands. The table is printed, then one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

import node_process
import numpy as np

SIZES = ((640, 480), (1280, 720), (1920, 1080))
_START_LIMIT_S = 60.0
_WARM_UP_FRAMES = 10


def driver(namespace: str, width: int, height: int, transport: str, rate_hz: float) -> int:
    """Publish frames until a signal comes, in a process of its own; returns the exit code."""
    import cv2
    from rclpy.node import Node
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu

    from liquid_pilot import pilot_file
    from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample
    from liquid_pilot.nodes.common import messages, node_base, qos

    target = pilot_file.load(pilot_file.resolve('forest-ltc')).specification.camera
    # The pilot's field of view, or more in height.
    scale = min(width / target.width, height / target.height)
    camera = CameraGeometry(
        width, height, scale * target.fx, scale * target.fy, width / 2, height / 2
    )
    info = messages.pack_camera_info(camera, 1)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
    rgb = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    kind, name = Image, 'image_raw'
    message = messages.pack_image(ImageBuffer(rgb.tobytes(), width, height, 3 * width, 'rgb8'), 1)
    if transport == 'compressed':
        kind, name = CompressedImage, 'image_raw/compressed'
        jpeg = cv2.imencode('.jpg', rgb[..., ::-1])[1]
        message = CompressedImage(format='rgb8; jpeg compressed bgr8', data=jpeg.tobytes())

    def imu(stamp_ns: int) -> Imu:
        # Readings that repeat to the last bit are not flown on.
        jitter = 1e-12 * (stamp_ns % 1_000_000_000)
        return messages.pack_imu(ImuSample(stamp_ns, (jitter, 0.0, 0.0), (0.0, 0.0, 9.81)))

    def work(node: Node, spinner: node_base.Spinner) -> int:
        frames = node.create_publisher(kind, f'camera/{name}', qos.IMAGE)
        imus = node.create_publisher(Imu, 'imu/data', qos.SENSOR)
        infos = node.create_publisher(CameraInfo, 'camera/camera_info', qos.SENSOR)
        started_s, count = time.monotonic(), 0
        while not spinner.stopping:
            stamp_ns = time.time_ns()
            imus.publish(imu(stamp_ns))
            info.header.stamp = message.header.stamp = messages.to_time(stamp_ns)
            infos.publish(info)
            frames.publish(message)
            count += 1
            # The IMU is faster than the camera, as on a vehicle.
            while not spinner.stopping:
                left_s = started_s + count / rate_hz - time.monotonic()
                if left_s <= 0.0:
                    break
                spinner.wait(min(left_s, 0.02))
                imus.publish(imu(time.time_ns()))
        return 0

    return node_base.run('driver', lambda: node_process.plain_node('driver', namespace), work)


def measure(
    width: int, height: int, transport: str, rate_hz: float, seconds: float, profile: str
) -> dict:
    """Return one row of the table.

    Args:
        width: width of the frames, pixels.
        height: height of the frames, pixels.
        transport: 'raw' or 'compressed'.
        rate_hz: frames a second.
        seconds: duration of the measurement.
        profile: file of the profile of Fast DDS; empty: the default settings.

    Raises:
        RuntimeError: not one frame is answered within a minute.
    """
    from geometry_msgs.msg import TwistStamped
    from rclpy.node import Node
    from sensor_msgs.msg import Imu

    from liquid_pilot.nodes.common import messages, node_base, qos
    from liquid_pilot.nodes.common.process.dds_profile import PROFILE_VARIABLES, profile_variable

    for name in PROFILE_VARIABLES:
        os.environ.pop(name, None)
    if profile:
        os.environ[profile_variable()] = profile
    namespace = f'v{os.getpid()}_{time.monotonic_ns() % 1000000}'
    arrivals: list[tuple[float, int]] = []

    def work(node: Node, spinner: node_base.Spinner) -> int:
        node.create_subscription(
            TwistStamped,
            'pilot/command',
            lambda message: arrivals.append(
                (time.monotonic(), messages.to_nanoseconds(message.header.stamp))
            ),
            qos.COMMAND,
        )
        alive: list[float] = []
        node.create_subscription(Imu, 'imu/data', lambda _: alive.append(0.0), qos.SENSOR)
        started_s = time.monotonic()
        while len(arrivals) < _WARM_UP_FRAMES and not spinner.stopping:
            waited_s = time.monotonic() - started_s
            if waited_s > _START_LIMIT_S / 3.0 and alive:
                break
            if waited_s > _START_LIMIT_S:
                raise RuntimeError(f'{width} x {height} {transport}: no driver is heard')
            spinner.wait(0.1)
        arrivals.clear()
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0 and not spinner.stopping:
            spinner.wait(left_s)
        return 130 if spinner.stopping else 0

    # The same picture and the same reading again and again are a fault in flight.
    pilot = node_process.node_command(
        'pilot', namespace, pilot='forest-ltc', image_transport=transport, check_sensors=False
    )
    sender = [
        *(sys.executable, __file__, '--driver', namespace, '--size', f'{width}x{height}'),
        *('--transport', transport, '--rate', str(rate_hz)),
    ]
    with node_process.running(pilot), node_process.running(sender):
        code = node_base.run('ears', lambda: node_process.plain_node('ears', namespace), work)
    if code:
        sys.exit(code)
    times = [0.0] + [moment - arrivals[0][0] for moment, _ in arrivals[1:]] if arrivals else []
    gaps = np.diff([*times, max(seconds, times[-1])]) if times else [seconds]
    return {
        'size': f'{width}x{height}',
        'transport': transport,
        'profile': 'vehicle' if profile else 'default',
        'sent': round(seconds * rate_hz),
        'answered': len({stamp_ns for _, stamp_ns in arrivals}),
        'largest_gap_s': round(float(max(gaps)), 2),
    }


def table(rows: list[dict]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ['| frames | settings | sent | answered | largest gap |', '|---|---|---|---|---|']
    for row in rows:
        lines.append(
            f'| {row["size"].replace("x", " x ")} {row["transport"]} | {row["profile"]} | '
            f'{row["sent"]} | {row["answered"]} | {row["largest_gap_s"]:.2f} s |'
        )
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--seconds', type=float, default=10.0, help='duration of each row')
    parser.add_argument('--rate', type=float, default=10.0, help='frames a second')
    parser.add_argument('--quick', action='store_true', help='one size for two seconds, for a test')
    parser.add_argument('--driver', default='', help=argparse.SUPPRESS)
    parser.add_argument('--size', default='', help=argparse.SUPPRESS)
    parser.add_argument('--transport', default='raw', help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    if parsed.driver:
        width, height = map(int, parsed.size.split('x'))
        return driver(parsed.driver, width, height, parsed.transport, parsed.rate)
    node_process.prepare()
    from liquid_pilot.nodes.common.process.dds_profile import VEHICLE_PROFILE
    from liquid_pilot.utils.resources import share_path

    rows = []
    for width, height in SIZES[:1] if parsed.quick else SIZES:
        for transport in ('raw', 'compressed'):
            for profile in ('', str(share_path(VEHICLE_PROFILE))):
                seconds = 2.0 if parsed.quick else parsed.seconds
                rows.append(measure(width, height, transport, parsed.rate, seconds, profile))
                print(rows[-1], file=sys.stderr, flush=True)
    print(table(rows))
    print(json.dumps({'rows': rows}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
