"""One screen for the state of every robot: a table for each, with a row for each of its parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from liquid_pilot.cli.live.robots import MISSING, SILENT, NodeReport, Robot
from liquid_pilot.nodes.common.health import ERROR, OK, WARNING

_STYLES = {OK: 'green', WARNING: 'yellow', ERROR: 'bold red'}
_GUARD_STATES = {
    'disengaged': 'sends nothing',
    'engaged': "passes the pilot's commands on",
    'safe': 'sends the safe command until a good command arrives',
    'stopped': 'sends the safe command until it is engaged',
    'overridden': 'sends nothing',
}
"""What a guard does in each of its states."""


class _Row(NamedTuple):
    """One part of a robot."""

    part: str
    state: str
    level: int
    """Severity, by which the state is coloured."""
    lines: Sequence[str]
    """What there is to say; empty lines are left out."""
    problem: str = ''
    reasons: Sequence[str] = ()
    """A list that follows the lines."""


def print_screen(robots: Sequence[Robot]) -> None:
    """Print the screen once; in a file it has no colours and no spaces at the ends of lines."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(render(robots))
        return
    with console.capture() as capture:
        console.print(render(robots))
    print('\n'.join(line.rstrip() for line in capture.get().splitlines()), flush=True)


def render(robots: Sequence[Robot]) -> RenderableType:
    """Return the screen.

    Args:
        robots: the robots; the namespace is their title unless there is one in the root alone.
    """
    parts: list[RenderableType] = []
    for robot in robots:
        if len(robots) > 1 or robot.namespace:
            parts += [Text(f'/{robot.namespace}', style='bold')]
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style='bold', no_wrap=True, min_width=10)
        table.add_column(no_wrap=True, min_width=11)
        table.add_column(overflow='fold')
        for row in _rows(robot):
            table.add_row(row.part, Text(row.state, style=_STYLES[row.level]), _what(row))
        parts += [table, Text()]
    return Group(*parts[:-1])


def _what(row: _Row) -> RenderableType:
    """Return the last column of a row."""
    lines: list[RenderableType] = [Text(line) for line in row.lines if line]
    if row.problem:
        lines.append(Text(row.problem, style=_STYLES[max(row.level, WARNING)]))
    if row.reasons:
        reasons = Table.grid(padding=(0, 1, 0, 0))
        for reason in row.reasons:
            reasons.add_row('-', Text(reason))
        lines.append(reasons)
    return Group(*lines)


def _rows(robot: Robot) -> Iterator[_Row]:
    """Yield a row for each part of a robot."""
    nodes = robot.nodes
    for name in robot.missing:
        by_expert = name == 'pilot' and 'simulator' in nodes
        hint = ', unless the expert of the simulator flies a demonstration' if by_expert else ''
        yield _Row(name, 'missing', WARNING if by_expert else ERROR, [MISSING[name] + hint])
    for name, lines_of in (('guard', _guard), ('pilot', _pilot)):
        if name in nodes:
            yield lines_of(nodes[name])
        if name == 'guard':
            yield from _px4_mode(nodes.get(name))
    pilot = nodes.get('pilot')
    if pilot is not None and pilot.state != SILENT:
        yield from _sensors(pilot)
        if 'adaptation' not in nodes and pilot.values.get('adaptation') == 'off':
            yield _Row('adaptation', 'off', OK, ['the pilot is as it was trained'])
    if 'adaptation' in nodes:
        yield _node('adaptation', nodes['adaptation'], nodes['adaptation'].values.get('reason', ''))
        yield from _lesson(nodes['adaptation'])
    for name in ('simulator', 'gazebo', 'scene'):
        if name in nodes:
            yield _simulator(name, nodes[name])
    if 'recorder' in nodes:
        values = nodes['recorder'].values
        text = f'{values.get("messages", "?")} messages in {values.get("path", "?")}'
        yield _node('recorder', nodes['recorder'], text)


def _node(name: str, report: NodeReport, *lines: str, reasons: Sequence[str] = ()) -> _Row:
    """Return the row of a node; of one that is silent, what it said before is left out."""
    if report.state == SILENT:
        return _Row(name, SILENT, ERROR, (), report.problem)
    return _Row(name, report.state, report.level, lines, report.problem, reasons)


def _guard(report: NodeReport) -> _Row:
    """Return the row of the guard: what it does, and what prevents it from engaging."""
    line = _GUARD_STATES.get(report.state, '')
    if report.state == 'engaged':
        adapter = report.values.get('adapter', '?')
        line = f'{_rate(report, "rate_hz")} commands/s to {adapter}'
        line += _span(report, 'frame_to_vehicle', '; frame to vehicle')
    elif report.state == 'overridden':
        line += f': {report.values.get("reason", "a human has the vehicle")}'
    elif report.failed_checks:
        line += ', and cannot be engaged yet:'
    elif 'failed_checks' in report.values:
        line += '; its checks pass: `liquid-pilot engage` lets the pilot fly'
    return _node('guard', report, line, reasons=report.failed_checks)


def _px4_mode(guard: NodeReport | None) -> Iterator[_Row]:
    """Yield the row of the mode that the guard registers with PX4; none where it does not."""
    if guard is None or guard.state == SILENT or 'px4_mode' not in guard.values:
        return
    values = guard.values
    number = values.get('px4_mode_number')
    line = f'"{values.get("px4_mode_name", "?")}"' + (f', nav_state {number}' if number else '')
    yield _Row('px4_mode', values['px4_mode'], OK if number else WARNING, [line])


def _pilot(report: NodeReport) -> _Row:
    """Return the row of the pilot."""
    values = report.values
    friction = f'; friction {values["friction"]} of a dry road' if 'friction' in values else ''
    return _node(
        'pilot',
        report,
        f'{values.get("pilot", "?")}, {_rate(report, "rate_hz")} commands/s'
        + _span(report, 'latency', '; a tick takes')
        + friction,
    )


def _sensors(report: NodeReport) -> Iterator[_Row]:
    """Yield the rows of camera and IMU, as the pilot receives them."""
    trained_hz = report.number('trained_rate_hz')
    geometry = report.values.get('geometry', 'not known')
    camera = [
        f'trained at {trained_hz:g} Hz' if trained_hz else '',
        f'field of view: {geometry}',
        _age(report, 'frame_age_s', 'frames'),
    ]
    for name, key, words in (
        ('camera', 'camera_rate_hz', camera),
        ('IMU', 'imu_rate_hz', [_age(report, 'imu_age_s', 'samples')]),
    ):
        rate_hz = report.number(key)
        if rate_hz:
            yield _Row(name, f'{rate_hz:.1f} Hz', OK, ['; '.join(filter(None, words))])
        else:
            yield _Row(name, 'nothing', WARNING, ['no message arrives'])


def _lesson(adaptation: NodeReport) -> Iterator[_Row]:
    """Yield the row of what a hand teaches; none where nobody can."""
    values = adaptation.values
    if adaptation.state == SILENT or 'lesson' not in values:
        return
    lines = [
        f'taught {values.get("lesson_taught_s", "?")} s: {values.get("lesson_learned", "?")}',
        f'it flies with: {values.get("lesson_flies", "?")}',
    ]
    yield _Row('lesson', values['lesson'], OK, lines)


def _simulator(name: str, report: NodeReport) -> _Row:
    """Return the row of a simulator: the mission, and the distance that is left."""
    state, _, seed = report.state.partition(': ')
    words = [seed]
    distance_m, flight_s = report.number('target_distance_m'), report.number('flight_s')
    if distance_m is not None:
        words.append(f'{distance_m:.1f} m to the target')
    if flight_s is not None:
        words.append(f'{flight_s:.1f} s of flight')
    return _node(name, report, '; '.join(filter(None, words)))._replace(state=state)


def _age(report: NodeReport, name: str, what: str) -> str:
    """Return the age of stamps at arrival, the delay of driver and network, in words."""
    age_s = report.number(name)
    return '' if age_s is None else f'{what} arrive after {1e3 * age_s:.0f} ms'


def _rate(report: NodeReport, name: str) -> str:
    rate_hz = report.number(name)
    return 'no' if rate_hz is None else f'{rate_hz:.1f}'


def _span(report: NodeReport, name: str, label: str) -> str:
    """Return median and 99th percentile of a duration in words; empty where it is not known.

    In simulation, time stands still from a frame to its command: there it is zero.
    """
    median_ms, late_ms = report.number(f'{name}_p50_ms'), report.number(f'{name}_p99_ms')
    if not median_ms or late_ms is None:
        return ''
    return f'{label} {median_ms:.1f} ms, rarely over {late_ms:.1f} ms'
