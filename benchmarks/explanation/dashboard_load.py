"""What the dashboard costs the pilot: none, one at which nobody looks, and one with three pages.

    python benchmarks/explanation/dashboard_load.py [--rounds 6] [--seconds 20] [--yielding]

Processes: this one is the camera (640 x 480 at 20 Hz) and measures; the pilot runs throughout. A
round has one block of each kind: without a dashboard (`none`), with one that no page is open of
(`idle`), and with three pages (`pages`), each of which asks for a map of its own and reads what it
gets, beside a fourth one that never reads. Every second round goes backwards, so that a drift of
the machine falls on all three. Latency is from just before a frame's publication to the arrival of
its command; the first two seconds of each block are left out.

The pages are programs on this machine. A viewer as a rule has a computer of its own: with
--yielding the pages compute only while nobody else wants to (SCHED_IDLE), so that what is left is
the cost of the dashboard and of the machine's network.

All ratios are of blocks of one round, so that what else the machine does counts as little as
possible. Of each the median over the rounds is given, and an interval that holds the true median
with at least 95 % (from the order of the rounds alone; with fewer than six it is the whole range
and holds less). `latency` is measured from here: the delivery of the picture to one more subscriber
is in it. `tick` is what the pilot itself reports of the time from a frame's arrival to its command,
at the end of a block (its window of 200 ticks is of one block then). `dashboard_cpu` is the share
of a core that the dashboard uses. `growth_mb` is how much its memory has grown over a block with
pages, the most of all rounds. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[1]))
import node_process

if TYPE_CHECKING:
    # ROS is imported once its environment is set.
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.node import Node

    from liquid_pilot.nodes.common import node_base

_LIMIT_S, _PERIOD_S, _START_LIMIT_S, _SETTLE_S = 0.5, 0.05, 90.0, 2.0
_PORT = 8479
_NAME = 'measured'
KINDS = ('none', 'idle', 'pages')
_MAPS = (('visual_backprop', 'all'), ('visual_backprop', 'yaw rate'), ('gradient', 'forward'))


def look_on(port: int, yielding: bool) -> int:
    """Open three pages that read and one that does not, until a signal comes."""
    import aiohttp

    if yielding:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    async def read(session: aiohttp.ClientSession, number: int) -> None:
        async with session.ws_connect(f'http://127.0.0.1:{port}/live') as line:
            await line.send_json({'maps': [_MAPS[number]], 'paused': False})
            async for _ in line:
                pass

    async def stall() -> None:
        _, writer = await asyncio.open_connection('127.0.0.1', port, limit=1024)
        writer.write(
            b'GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade'
            b'\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n'
        )
        await writer.drain()
        writer.transport.pause_reading()
        await asyncio.Event().wait()

    async def all_of_them() -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(stall(), *(read(session, number) for number in range(3)))

    with suppress(KeyboardInterrupt):
        asyncio.run(all_of_them())
    return 0


def resident_mb(process: int) -> float:
    """Return the memory of a process, MB."""
    for line in Path(f'/proc/{process}/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1]) / 1024.0
    return 0.0


def cpu_s(process: int) -> float:
    """Return the processor time of a process, s."""
    fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def median_and_interval(values: list[float]) -> list[float]:
    """Return the median, and the bounds that hold the true one with at least 95 %, if any do."""
    ordered, n = sorted(values), len(values)
    below, outside = 0, 2.0 * 0.5**n
    while 2 * (below + 1) < n and outside + 2.0 * math.comb(n, below + 1) * 0.5**n <= 0.05:
        below += 1
        outside += 2.0 * math.comb(n, below) * 0.5**n
    return [
        round(each, 3) for each in (statistics.median(ordered), ordered[below], ordered[-1 - below])
    ]


class Block(NamedTuple):
    """What was measured in one block."""

    latency_p50_ms: float
    latency_p99_ms: float
    tick_p50_ms: float
    tick_p99_ms: float
    frames: int
    lost: int
    cpu: float
    memory_mb: float
    growth_mb: float


class Bench:
    """The camera, which measures blocks.

    Args:
        node: the node of the camera.
        spinner: what spins it.
    """

    def __init__(self, node: Node, spinner: node_base.Spinner) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        from liquid_pilot.nodes.common import messages, qos, topics

        self._unpack = messages.unpack_diagnostics
        self._spinner = spinner
        self._camera = node_process.Camera(node, spinner, _NAME)
        self._rng = random.Random(0)
        self._tick = (math.nan, math.nan)
        node.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in self._unpack(message):
            if status.hardware_id == f'/{_NAME}/pilot':
                texts = [status.values[f'latency_{name}_ms'] for name in ('p50', 'p99')]
                # Before the first ticks it has none.
                with suppress(ValueError):
                    self._tick = float(texts[0]), float(texts[1])

    def _frame_s(self) -> float | None:
        """Send a frame, and return how long its command took, s; None: none has come."""
        # Readings that repeat to the last bit are not flown on.
        self._camera._imu.angular_velocity.y = self._rng.gauss(0.0, 1e-3)
        return self._camera.round_trip_s(_LIMIT_S)

    def wait_for_pilot(self) -> None:
        """Wait until the pilot answers; RuntimeError: it does not."""
        began_s = time.monotonic()
        while self._frame_s() is None and not self._spinner.stopping:
            if time.monotonic() - began_s > _START_LIMIT_S:
                raise RuntimeError('the pilot does not answer')

    def wait_for_page(self, dashboard: subprocess.Popen) -> None:
        """Fly until the dashboard serves its page; RuntimeError: it does not."""
        began_s = time.monotonic()
        while not self._spinner.stopping:
            self._frame_s()
            with suppress(OSError), socket.create_connection(('127.0.0.1', _PORT), 0.1):
                return
            if dashboard.poll() is not None or time.monotonic() - began_s > _START_LIMIT_S:
                raise RuntimeError('the dashboard does not serve its page')
            self._spinner.wait(_PERIOD_S)

    def block(self, seconds: float, dashboard: subprocess.Popen | None) -> Block:
        """Measure one block."""
        latencies: list[float] = []
        lost, used_s, since_s, before_mb = 0, 0.0, 0.0, 0.0
        settled = False
        began_s = due_s = time.monotonic()
        while (now_s := time.monotonic()) - began_s < seconds and not self._spinner.stopping:
            if not settled and now_s - began_s > _SETTLE_S:
                settled, since_s = True, now_s
                if dashboard is not None:
                    used_s, before_mb = cpu_s(dashboard.pid), resident_mb(dashboard.pid)
            spent_s = self._frame_s()
            if settled and spent_s is None:
                lost += 1
            elif settled and spent_s is not None:
                latencies.append(1e3 * spent_s)
            due_s += _PERIOD_S
            self._spinner.wait(max(due_s - time.monotonic(), 0.001))
        if len(latencies) < 2:
            raise RuntimeError(f'too few frames were answered: {lost} were not')
        cuts = statistics.quantiles(latencies, n=100, method='inclusive')
        share = memory_mb = 0.0
        if dashboard is not None:
            share = (cpu_s(dashboard.pid) - used_s) / (time.monotonic() - since_s)
            memory_mb = resident_mb(dashboard.pid)
        return Block(
            cuts[49],
            cuts[98],
            *self._tick,
            len(latencies),
            lost,
            share,
            memory_mb,
            memory_mb - before_mb,
        )


def measure(rounds: int, seconds: float, yielding: bool) -> dict[str, Any]:
    """Return all figures.

    Args:
        rounds: number of blocks of each kind.
        seconds: duration of a block.
        yielding: whether the pages compute only while nobody else wants to.

    Raises:
        RuntimeError: a node does not answer at all.
    """
    from liquid_pilot.nodes.common import node_base

    found: dict[str, list[Block]] = {kind: [] for kind in KINDS}
    command = node_process.node_command(
        'dashboard', _NAME, port=_PORT, history_s=10.0, pilot='forest-ltc'
    )
    pages = [sys.executable, __file__, '--look-on', *(['--yielding'] if yielding else [])]

    def work(node: Node, spinner: node_base.Spinner) -> int:
        bench = Bench(node, spinner)
        bench.wait_for_pilot()
        with ExitStack() as running:
            dashboard: subprocess.Popen | None = None
            for number in range(rounds):
                for kind in KINDS if number % 2 == 0 else KINDS[::-1]:
                    if kind == 'none' and dashboard is not None:
                        running.close()
                        dashboard = None
                    elif kind != 'none' and dashboard is None:
                        dashboard = running.enter_context(node_process.running(command))
                        bench.wait_for_page(dashboard)
                    with node_process.running(pages) if kind == 'pages' else nullcontext():
                        found[kind].append(bench.block(seconds, dashboard))
                    if spinner.stopping:
                        return 130
                print(f'\r{number + 1}/{rounds} rounds', end='', file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return 0

    with node_process.running(node_process.pilot_command('forest-ltc', _NAME)):
        code = node_base.run('camera', lambda: node_process.plain_node('camera'), work)
    if code:
        sys.exit(code)
    return summary(found)


def summary(found: dict[str, list[Block]]) -> dict[str, Any]:
    """Return the figures of all blocks."""
    content: dict[str, Any] = {'rounds': len(found['none'])}
    for name in Block._fields[:4]:
        series = {kind: [getattr(block, name) for block in found[kind]] for kind in KINDS}
        content[name] = {kind: round(statistics.median(series[kind]), 3) for kind in KINDS}
        for one, other in (('idle', 'none'), ('pages', 'none'), ('pages', 'idle')):
            ratios = [a / b for a, b in zip(series[one], series[other], strict=True)]
            content[name][f'{one}_to_{other}'] = median_and_interval(ratios)
    content['frames'] = {kind: sum(block.frames for block in found[kind]) for kind in KINDS}
    content['lost'] = {kind: sum(block.lost for block in found[kind]) for kind in KINDS}
    content['dashboard_cpu'] = {
        kind: round(statistics.median(block.cpu for block in found[kind]), 3) for kind in KINDS[1:]
    }
    content['memory_mb'] = round(max(block.memory_mb for block in found['pages']), 1)
    content['growth_mb'] = round(max(block.growth_mb for block in found['pages']), 1)
    return content


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--rounds', type=int, default=6, help='blocks of each kind')
    parser.add_argument('--seconds', type=float, default=20.0, help='duration of a block, s')
    parser.add_argument('--quick', action='store_true', help='few frames, for a test')
    parser.add_argument(
        '--yielding', action='store_true', help='pages that compute only while nobody else wants to'
    )
    parser.add_argument('--look-on', action='store_true', help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    if parsed.look_on:
        return look_on(_PORT, parsed.yielding)
    node_process.prepare()
    rounds, seconds = (1, 4.0) if parsed.quick else (parsed.rounds, parsed.seconds)
    print(json.dumps(measure(rounds, seconds, parsed.yielding)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
