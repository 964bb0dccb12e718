"""Measure memory, start-up time and disk space of the pilot node.

    python benchmarks/footprint.py [--frames 200] [--quick]

The pilot node runs as in flight, in a process of its own, on 640 x 480 frames at 20 Hz from here.
`first_command_s` is from the start of its process to the arrival of its first command, frames
being sent from the start; `rss_mb` its resident memory (VmRSS, 10^6 bytes) at the end, shared
libraries and shared memory of the middleware included. The first run, `cold`, begins with no
compiled kernels on disk, as after an installation; the figures at the top are of the second, which
finds them. `others` has the guard, with and without MAVLink, and the adaptation node: memory some
seconds after they answer, and how long from the start of the process to that. `torch_loaded`
looks for torch among the files that the process has mapped.
`installed_mb` is what pip puts on disk for the node: this package with its pilots, and its
requirements with theirs; ROS is not counted. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import sys
import tempfile
import time
from pathlib import Path

import node_process
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
_PERIOD_S = 0.05
_START_LIMIT_S = 120.0
_SHIPPED = ('liquid_pilot', 'pilots', 'config', 'launch', 'scripts')


def measure_pilot_node(pilot: str, frames: int, cache: str) -> dict:
    """Start a pilot node, let it answer some frames, and measure its process.

    Args:
        pilot: name or folder of the pilot.
        frames: number of frames before memory is read.
        cache: folder of numba's cache of compiled kernels.
    """
    from rclpy.node import Node

    from liquid_pilot.nodes.common import node_base

    found: dict = {}

    def work(node: Node, spinner: node_base.Spinner) -> int:
        camera = node_process.Camera(node, spinner, 'measured')
        command = node_process.pilot_command(pilot, 'measured')
        started_s = time.perf_counter()
        with node_process.running(command, {'NUMBA_CACHE_DIR': cache}) as process:
            while camera.round_trip_s(_PERIOD_S) is None:
                if spinner.stopping:
                    return 130
                if process.poll() is not None or time.perf_counter() - started_s > _START_LIMIT_S:
                    raise RuntimeError('the pilot node does not answer')
            found['first_command_s'] = round(time.perf_counter() - started_s, 2)
            answered = 0
            for _ in range(frames):
                answered += camera.round_trip_s(_PERIOD_S) is not None
                spinner.wait(_PERIOD_S)
                if spinner.stopping:
                    return 130
            found['answered'] = f'{answered}/{frames}'
            found['rss_mb'] = round(resident_bytes(process.pid) * 1e-6, 1)
            mapped = Path(f'/proc/{process.pid}/maps').read_text()
            found['torch_loaded'] = '/torch/' in mapped or 'libtorch' in mapped
        return 0

    code = node_base.run('camera', lambda: node_process.plain_node('camera'), work)
    if code:
        sys.exit(code)
    return found


def measure_idle_node(executable: str, service: str, cache: str, **parameters: object) -> dict:
    """Start a node that waits for work, wait for its service, and measure its process.

    Args:
        executable: name of the executable.
        service: name of a service of the node.
        cache: folder of numba's cache of compiled kernels.
        **parameters: parameters of the node.
    """
    from rclpy.node import Node
    from std_srvs.srv import SetBool

    from liquid_pilot.nodes.common import node_base

    found: dict = {}

    def work(node: Node, spinner: node_base.Spinner) -> int:
        client = node.create_client(SetBool, f'/measured/{service}')
        command = node_process.node_command(executable, 'measured', **parameters)
        started_s = time.perf_counter()
        with node_process.running(command, {'NUMBA_CACHE_DIR': cache}) as process:
            while not client.service_is_ready():
                if process.poll() is not None or time.perf_counter() - started_s > _START_LIMIT_S:
                    raise RuntimeError(f'the node {executable} does not start')
                spinner.wait(_PERIOD_S)
                if spinner.stopping:
                    return 130
            found['ready_s'] = round(time.perf_counter() - started_s, 2)
            spinner.wait(2.0)
            found['rss_mb'] = round(resident_bytes(process.pid) * 1e-6, 1)
        return 0

    code = node_base.run('witness', lambda: node_process.plain_node('witness'), work)
    if code:
        sys.exit(code)
    return found


def resident_bytes(pid: int) -> int:
    """Return the VmRSS of a process, in bytes."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f'process {pid} has no VmRSS')


def requirements() -> set[str]:
    """Return the distributions that the package needs without extras, directly or indirectly."""
    for node in ast.walk(ast.parse((ROOT / 'setup.py').read_text())):
        if isinstance(node, ast.keyword) and node.arg == 'install_requires':
            left = [Requirement(text) for text in ast.literal_eval(node.value)]
    found: set[str] = set()
    while left:
        name = left.pop().name.lower().replace('_', '-')
        if name in found:
            continue
        found.add(name)
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({'extra': ''}):
                left.append(requirement)
    return found


def installed_bytes() -> dict[str, int]:
    """Return the bytes on disk of each distribution."""
    sizes = {
        'liquid_pilot': sum(
            path.stat().st_size
            for folder in _SHIPPED
            for path in (ROOT / folder).rglob('*')
            if path.is_file() and '__pycache__' not in path.parts
        )
    }
    for name in requirements():
        files = importlib.metadata.files(name) or ()
        sizes[name] = sum(
            path.stat().st_size
            for path in map(Path, {str(file.locate()) for file in files})
            if path.is_file()
        )
    return sizes


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc')
    parser.add_argument('--frames', type=int, default=200, help='frames before memory is read')
    parser.add_argument('--quick', action='store_true', help='few frames, for a test')
    parsed = parser.parse_args(arguments)
    node_process.prepare()
    frames = 10 if parsed.quick else parsed.frames
    with tempfile.TemporaryDirectory() as cache:
        print('cold start', file=sys.stderr, flush=True)
        cold = measure_pilot_node(parsed.pilot, frames, cache)
        print('warm start', file=sys.stderr, flush=True)
        warm = measure_pilot_node(parsed.pilot, frames, cache)
        print('the others', file=sys.stderr, flush=True)
        others = {
            'guard': measure_idle_node('guard', 'guard/engage', cache),
            'guard, mavlink': measure_idle_node(
                'guard', 'guard/engage', cache, adapter='mavlink', mavlink_url='udpin:127.0.0.1:0'
            ),
            'adaptation': measure_idle_node(
                'adaptation', 'adaptation/enable', cache, pilot=parsed.pilot
            ),
        }
    sizes = installed_bytes()
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:6]
    print(
        json.dumps(
            {
                **warm,
                'installed_mb': round(sum(sizes.values()) * 1e-6, 1),
                'cold': cold,
                'others': others,
                'largest_mb': {name: round(sizes[name] * 1e-6, 1) for name in largest},
            }
        )
    )


if __name__ == '__main__':
    main()
