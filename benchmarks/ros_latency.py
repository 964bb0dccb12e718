"""Time image in to command out through the real pilot node, against a bare rclpy node.

    python benchmarks/ros_latency.py [--frames 1000] [--quick]

Three processes: this one is the camera, the pilot node is one, and a bare rclpy node is another,
which takes the same image and at once publishes a TwistStamped with the image's stamp: the minimum
that any rclpy node can do. Both have the same topics, qualities of service, executor and Fast DDS
profile. A 640 x 480 rgb8 frame goes to the one, and when it is answered and 25 ms have gone, the
next goes to the other. Latency is from just before a frame's publication to the arrival of its
command, both by this process's clock. The IMU sample of a frame goes out 3 ms before it.

`p50_ratio` and `p99_ratio` are pilot to bare; `lost` counts frames without an answer within
half a second (best effort may lose them). The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time

import node_process

_LIMIT_S = 0.5
_START_LIMIT_S = 60.0
_GAP_S = 0.025
_PILOT, _BARE = 'measured', 'bare'


def passthrough() -> int:
    """Run the bare node, in the third process; returns the exit code."""
    from geometry_msgs.msg import TwistStamped
    from rclpy.node import Node
    from sensor_msgs.msg import Image

    from liquid_pilot.nodes.common import node_base, qos

    def make() -> Node:
        node = node_process.plain_node('passthrough', _BARE)
        commands = node.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)

        def answer(message: Image) -> None:
            command = TwistStamped()
            command.header.stamp = message.header.stamp
            commands.publish(command)

        node.create_subscription(Image, 'camera/image_raw', answer, qos.IMAGE)
        return node

    return node_base.run('passthrough', make)


def measure(pilot: str, frames: int, warm_up: int) -> dict:
    """Return all figures.

    Args:
        pilot: name or folder of the pilot.
        frames: number of frames of each side.
        warm_up: number of frames before the measurement.

    Raises:
        RuntimeError: a node does not answer at all.
    """
    from rclpy.node import Node

    from liquid_pilot.nodes.common import node_base

    latencies: dict[str, list[float]] = {_PILOT: [], _BARE: []}
    lost = dict.fromkeys(latencies, 0)

    def work(node: Node, spinner: node_base.Spinner) -> int:
        cameras = {name: node_process.Camera(node, spinner, name) for name in latencies}
        for name, camera in cameras.items():
            started_s = time.monotonic()
            while camera.round_trip_s(_LIMIT_S) is None:
                if spinner.stopping:
                    return 130
                if time.monotonic() - started_s > _START_LIMIT_S:
                    raise RuntimeError(f'the node in /{name} does not answer')
        for k in range(-warm_up, frames):
            for name, camera in cameras.items():
                seconds = camera.round_trip_s(_LIMIT_S)
                if spinner.stopping:
                    return 130
                if k >= 0 and seconds is None:
                    lost[name] += 1
                elif k >= 0:
                    latencies[name].append(1e3 * seconds)
                spinner.wait(_GAP_S)
            if k % 50 == 0 or k + 1 == frames:
                print(
                    f'\r{max(k + 1, 0)}/{frames} frames each', end='', file=sys.stderr, flush=True
                )
        print(file=sys.stderr)
        return 0

    bare = [sys.executable, __file__, '--passthrough']
    with (
        node_process.running(node_process.pilot_command(pilot, _PILOT)),
        node_process.running(bare),
    ):
        code = node_base.run('camera', lambda: node_process.plain_node('camera'), work)
    if code:
        sys.exit(code)
    answered = {name: len(found) for name, found in latencies.items()}
    if min(answered.values()) < 2:
        raise RuntimeError(f'too few frames were answered: {answered}')
    cuts = {
        name: statistics.quantiles(found, n=100, method='inclusive')
        for name, found in latencies.items()
    }
    mine, bare_cuts = cuts[_PILOT], cuts[_BARE]
    return {
        'p50_ratio': round(mine[49] / bare_cuts[49], 2),
        'p99_ratio': round(mine[98] / bare_cuts[98], 2),
        'p50_ms': round(mine[49], 3),
        'p99_ms': round(mine[98], 3),
        'passthrough_p50_ms': round(bare_cuts[49], 3),
        'passthrough_p99_ms': round(bare_cuts[98], 3),
        'frames': frames,
        'lost': lost[_PILOT],
        'passthrough_lost': lost[_BARE],
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc')
    parser.add_argument('--frames', type=int, default=1000, help='frames for each node')
    parser.add_argument('--quick', action='store_true', help='few frames, for a test')
    parser.add_argument('--passthrough', action='store_true', help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    if parsed.passthrough:
        return passthrough()
    node_process.prepare()
    frames, warm_up = (20, 3) if parsed.quick else (parsed.frames, 50)
    print(json.dumps(measure(parsed.pilot, frames, warm_up)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
