"""Measure the CPU time that the start of a flight takes.

    python benchmarks/graph_start.py [--starts 5] [--quick]

The four nodes of `fly --headless` are started as `fly` starts them, each a process, with all
kernels compiled before. When the simulator has found pilot, guard and adaptation, and before it
builds its world, the CPU time of every process is read: imports and set-up, in user and system
mode, threads included (resolution 0.01 s). `cpu_s` is the sum over the four, the median of all
starts, and `nodes` has the same for each node; `wall_s` is from the start of the first process to
that moment. `rclpy_floor_s` is the CPU time of a process that imports rclpy, makes a node with one
publisher and ends: no node can take less. It is measured before and after each start, since CPU
time, too, depends on what else the machine does. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import node_process

_START_LIMIT_S = 300.0
_TICKS_PER_S = os.sysconf('SC_CLK_TCK')
_FLOOR = """
import rclpy
from std_msgs.msg import Header
rclpy.init()
rclpy.create_node('floor').create_publisher(Header, 'floor', 1)
rclpy.shutdown()
"""


def measure_start() -> tuple[dict[str, float], float]:
    """Start the graph once and end it again.

    Returns:
        CPU time of each node in s, and wall time until the graph was complete in s.
    """
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.node import Node

    from liquid_pilot.nodes.common import messages, node_base, qos, topics
    from liquid_pilot.nodes.launch import flight_graph
    from liquid_pilot.nodes.launch.flight_options import FlyOptions
    from liquid_pilot.nodes.launch.process_runner import command_line
    from liquid_pilot.nodes.launch.run_folder import with_run_folder
    from liquid_pilot.nodes.missions.mission_node import READY

    found: dict[str, float] = {}
    wall_s = 0.0

    def work(node: Node, spinner: node_base.Spinner) -> int:
        nonlocal wall_s
        complete = False

        def on_diagnostics(message: DiagnosticArray) -> None:
            nonlocal complete
            for status in messages.unpack_diagnostics(message):
                if status.values.get('state') == READY:
                    complete = True
                    spinner.wake()

        node.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, on_diagnostics, qos.DIAGNOSTICS
        )
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            options = with_run_folder(FlyOptions(headless=True, out=folder))
            started_s = time.perf_counter()
            processes = {
                spec.name: stack.enter_context(node_process.running(command_line(spec)))
                for spec in flight_graph.nodes(options)
            }
            while not complete:
                ended = [name for name, process in processes.items() if process.poll() is not None]
                if ended or time.perf_counter() - started_s > _START_LIMIT_S:
                    raise RuntimeError(f'the graph does not start; ended: {ended or "none"}')
                spinner.wait(1.0)
                if spinner.stopping:
                    return 130
            wall_s = time.perf_counter() - started_s
            found.update({name: cpu_s(process.pid) for name, process in processes.items()})
        return 0

    code = node_base.run('witness', lambda: node_process.plain_node('witness'), work)
    if code:
        sys.exit(code)
    return found, wall_s


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process and of the children that it has waited for, in s."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def measure_floor() -> float:
    """Return the CPU time of a process that makes a node with rclpy, and nothing else, in s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, '-c', _FLOOR], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('--starts', type=int, default=5)
    parser.add_argument('--quick', action='store_true', help='one start')
    parsed = parser.parse_args()
    node_process.prepare()
    from liquid_pilot.onboard.inference import kernels

    if not kernels.are_compiled():
        kernels.compile_all()
    starts, floors = [], [measure_floor()]
    for _ in range(1 if parsed.quick else parsed.starts):
        starts.append(measure_start())
        floors.append(measure_floor())
    print(
        json.dumps(
            {
                'cpu_s': _median(sum(nodes.values()) for nodes, _ in starts),
                'nodes': {
                    name: _median(nodes[name] for nodes, _ in starts) for name in starts[0][0]
                },
                'rclpy_floor_s': _median(floors),
                'wall_s': _median(wall_s for _, wall_s in starts),
                'starts': len(starts),
            }
        )
    )


def _median(values: Iterable[float]) -> float:
    """Return the median of numbers, rounded to 0.01."""
    return round(statistics.median(values), 2)


if __name__ == '__main__':
    main()
