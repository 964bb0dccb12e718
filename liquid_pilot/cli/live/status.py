"""`liquid-pilot status`: what runs, and how it is, as one screen."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from typing import Any

from liquid_pilot.cli.live import connection
from liquid_pilot.cli.live.robots import NODES, Robot
from liquid_pilot.nodes.common.process.ros_domain import domain_of

DESCRIPTION = (
    'Shows what runs in this ROS domain: the state of guard, pilot and adaptation with their '
    'reasons, the rates of camera, IMU and commands, and in simulation the mission. The exit code '
    'is 0 when nothing is wrong, 1 when a node reports an error, has fallen silent or is missing, '
    'and 3 when nothing runs.'
)
_REPORT_PERIOD_S = 1.2
"""Time in which every node that is there reports, s; they do so once a second."""
_SETTLED_S = 2.0
"""Time without a new node after which the graph is known as a whole, s."""
_MAX_EXTRA_S = 4.0
"""Longest time by which the wait is extended while nodes are still being found, s."""
_REDRAW_S = 0.25
_PLAIN_PERIOD_S = 5.0
"""Period of the screens where there is no terminal, s."""
_JSON_PERIOD_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    connection.add_arguments(parser, 'all')
    parser.add_argument(
        '--watch',
        action='store_true',
        help='go on until Ctrl-C: the screen is redrawn on a terminal, and printed every '
        f'{_PLAIN_PERIOD_S:g} s elsewhere',
    )
    parser.add_argument(
        '--json',
        action='store_true',
        help=f'print one JSON object; with --watch one a line, every {_JSON_PERIOD_S:g} s',
    )


check = connection.check


def run(arguments: argparse.Namespace) -> int:
    """Show the state and return the exit code."""
    namespace = connection.chosen_namespace(arguments)
    with connection.Connection() as graph:
        graph.listen()
        _listen_once(graph, namespace, time.monotonic() + arguments.timeout)
        if arguments.watch:
            return _watch(graph, namespace, arguments.json)
        robots = graph.reports.robots(time.monotonic(), namespace)
        if arguments.json:
            print(json.dumps(as_json(robots), indent=2), flush=True)
        elif robots:
            from liquid_pilot.cli.live.screen import print_screen

            print_screen(robots)
        if not robots:
            others = [robot.namespace for robot in graph.reports.robots(time.monotonic())]
            connection.print_error('status', nothing_text(namespace, others, arguments.timeout))
        return exit_code(robots)


def _listen_once(graph: connection.Connection, namespace: str | None, until_s: float) -> None:
    """Listen until every node has reported, for the whole time where one is missing.

    Nodes become known one by one. What was found shortly before the time is up is rarely all, so
    that it goes on until nothing more has been found for a while.
    """
    known: set[str] = set()
    found_s = -math.inf

    def complete() -> bool:
        nonlocal known, found_s
        now_s, reports = time.monotonic(), graph.reports
        # Drivers and autopilots publish diagnostics of their own, which are not waited for.
        own = {name for name in graph.reporters() if name.rpartition('/')[2] in NODES}
        if not own | reports.names <= known:
            known, found_s = known | own | reports.names, now_s
        robots = reports.robots(now_s, namespace)
        if not robots or now_s - reports.first_s < _REPORT_PERIOD_S:
            return False
        return own <= reports.names and not any(robot.missing for robot in robots)

    def nothing_new() -> bool:
        return complete() or time.monotonic() - found_s >= _SETTLED_S

    if not graph.spin(complete, until_s, eager=True):
        graph.spin(nothing_new, until_s + _MAX_EXTRA_S, eager=True)


def _watch(graph: connection.Connection, namespace: str | None, as_lines: bool) -> int:
    """Show the state until Ctrl-C, and return the exit code of the last one."""
    from rich.console import Console
    from rich.live import Live

    from liquid_pilot.cli.live.screen import print_screen

    console = Console(highlight=False)
    robots: list[Robot] = []

    def show(period_s: float, show_one: Callable[[], object]) -> None:
        nonlocal robots
        while True:
            robots = graph.reports.robots(time.monotonic(), namespace)
            show_one()
            graph.spin(lambda: False, time.monotonic() + period_s)

    def print_plain() -> None:
        print(f'{time.strftime("%H:%M:%S")} {_place()}', flush=True)
        print_screen(robots) if robots else print('nothing has reported yet', flush=True)

    try:
        if as_lines:
            show(_JSON_PERIOD_S, lambda: print(json.dumps(as_json(robots)), flush=True))
        elif not console.is_terminal:
            show(_PLAIN_PERIOD_S, print_plain)
        with Live(console=console, auto_refresh=False) as live:
            show(_REDRAW_S, lambda: live.update(_screen(robots), refresh=True))
    except KeyboardInterrupt:
        pass
    return exit_code(robots)


def _screen(robots: list[Robot]) -> Any:
    """Return the screen that is redrawn."""
    from rich.console import Group
    from rich.text import Text

    from liquid_pilot.cli.live.screen import render

    foot = Text(f'{time.strftime("%H:%M:%S")}, {_place()}; Ctrl-C ends', style='dim')
    return Group(render(robots) if robots else Text('nothing has reported yet'), Text(), foot)


def as_json(robots: list[Robot]) -> dict[str, Any]:
    """Return the state as plain data for scripts."""
    return {
        'ros_domain_id': domain_of(os.environ),
        'well': exit_code(robots) == 0,
        'robots': [robot.as_json() for robot in robots],
    }


def exit_code(robots: list[Robot]) -> int:
    """Return 0 when all robots are well, 1 when one is not, and 3 when there is none."""
    if not robots:
        return connection.NOT_FOUND
    return 0 if all(robot.well for robot in robots) else 1


def nothing_text(namespace: str | None, others: list[str], timeout_s: float) -> str:
    """Return what to say when nothing has reported, and what to check.

    Args:
        namespace: the namespace that was named; None: none was.
        others: namespaces in which something has reported.
        timeout_s: how long was waited, s.
    """
    if namespace is not None and others:
        return (
            f'nothing runs in the namespace /{namespace}, but there are others: '
            f'{connection.options(others)}'
        )
    where = '' if namespace is None else f' in the namespace /{namespace}'
    return (
        f'nothing of liquid_pilot{where} has reported on /diagnostics in {timeout_s:g} s'
        f'{connection.what_to_check()}'
    )


def _place() -> str:
    return f'ROS domain {os.environ.get("ROS_DOMAIN_ID") or 0}'
