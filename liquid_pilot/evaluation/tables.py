"""Write an evaluation: report.md, results.json, success.png, and a table for the terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from liquid_pilot.evaluation.dot_plot import NO_VALUE, DotPanel, Interval, dot_figure
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.png import encode_png
from liquid_pilot.utils.tables import markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    'condition',
    'pilot',
    'flown',
    'success',
    '95 % interval',
    'crash',
    'time-out',
    'time s',
    'path ratio',
    'clearance m',
    'change m/s²',
    'p (Holm)',
)
"""Columns of the table in report.md."""
TERMINAL_COLUMNS = ('condition', 'pilot', 'won', 'rate', '95 %', 'crash', 'late', 'time s', 'p')


def table_rows(content: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return one row of text per pilot and condition, in the order of COLUMNS.

    Args:
        content: the evaluation, as `comparison.compare` returns it.
    """
    tests = {(test['condition'], test['other']): test for test in content['comparisons']}
    rows: list[tuple[str, ...]] = []
    for cell in content['cells']:
        flown, missing = cell['flown'], cell['missing']
        test = tests.get((cell['condition'], cell['pilot']))
        low, high = cell['wilson_95']
        rows.append(
            (
                cell['condition'],
                cell['pilot'],
                f'{flown}' + (f' ({missing} missing)' if missing else ''),
                f'{100 * cell["success_rate"]:.1f} %' if flown else '-',
                f'{100 * low:.1f} to {100 * high:.1f}' if flown else '-',
                f'{cell["crashes"]}',
                f'{cell["timeouts"]}',
                _number(cell['time_to_target_s'], 1),
                _number(cell['path_ratio'], 3),
                _number(cell['clearance_median_m'], 2),
                _number(cell['command_change_m_s2'], 2),
                _p_text(test),
            )
        )
    return rows


def _number(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'


def _p_text(test: dict[str, Any] | None) -> str:
    if test is None:
        return ''
    if not test['pairs']:
        return '-'
    return '< 0.0001' if test['p_holm'] < 1e-4 else f'{test["p_holm"]:.4f}'


def terminal_table(content: dict[str, Any], width: int = 80) -> Group:
    """Return the columns that fit a terminal; report.md has all of them.

    Where the names of the pilots are too long for the table, they stand below it, with a short name
    for each. The table stays readable with names of any length, such as those with many settings.

    Args:
        content: the evaluation, as `comparison.compare` returns it.
        width: columns of the terminal.
    """
    unlimited = Console(width=10_000, file=io.StringIO())
    names = {pilot: pilot for pilot in content['pilots']}
    table = _narrow_table(content, names)
    if unlimited.measure(table).maximum <= width:
        return Group(table)
    short = {pilot: f'P{index}' for index, pilot in enumerate(names, start=1)}
    legend = Table(box=None, pad_edge=False, show_header=False)
    legend.add_column(no_wrap=True)
    legend.add_column(overflow='fold')
    for pilot, name in short.items():
        legend.add_row(name, Text(pilot))
    return Group(_narrow_table(content, short), legend)


def _narrow_table(content: dict[str, Any], names: Mapping[str, str]) -> Table:
    """Return the table for a terminal, with these names of the pilots."""
    table = Table(box=SIMPLE, pad_edge=False)
    for name in TERMINAL_COLUMNS:
        left = name in ('condition', 'pilot')
        table.add_column(
            name,
            justify='left' if left else 'right',
            overflow='fold' if left else 'ellipsis',
            no_wrap=not left,
        )
    for cell, row in zip(content['cells'], table_rows(content), strict=True):
        text = dict(zip(COLUMNS, row, strict=True))
        low, high = cell['wilson_95']
        table.add_row(
            Text(text['condition']),
            Text(names[text['pilot']]),
            f'{cell["successes"]}/{cell["flown"]}',
            text['success'],
            f'{100 * low:.0f}-{100 * high:.0f}',
            text['crash'],
            text['time-out'],
            text['time s'],
            text['p (Holm)'],
        )
    return table


def markdown(content: dict[str, Any]) -> str:
    """Return the text of report.md: the table, the paired tests and what was flown."""
    first = next(iter(content['pilots']))
    parts = ['# Evaluation', '', markdown_table(COLUMNS, table_rows(content)), '']
    if content['comparisons']:
        parts += [
            f'## Against {first}, seed by seed',
            '',
            markdown_table(
                ('condition', 'pilot', 'pairs', f'only {first}', 'only the other', 'p', 'p (Holm)'),
                [
                    (
                        test['condition'],
                        test['other'],
                        f'{test["pairs"]}',
                        f'{test["only_first"]}',
                        f'{test["only_other"]}',
                        f'{test["p"]:.4g}',
                        f'{test["p_holm"]:.4g}',
                    )
                    for test in content['comparisons']
                ],
            ),
            '',
        ]
    missing = sum(cell['missing'] for cell in content['cells'])
    if missing:
        parts += [
            f'**{missing} missions are missing**: start again with the same folder to fly them.',
            '',
        ]
    for mission in content['given_up']:
        parts.append(
            f'Given up, because its worker died each time: {mission["condition"]}, seed '
            f'{mission["seed"]}, pilot {mission["pilot"][:12]}.'
        )
    parts += [
        '## What was flown',
        '',
        f'Seeds {content["seeds"]}; adapter {content["adapter"]}; flight version '
        f'{content["flight_version"]}.',
        '',
        *(f'- {name}: {digest}' for name, digest in content['pilots'].items()),
        '',
        'What each figure means: docs/how_to/evaluation.md.',
        '',
    ]
    return '\n'.join(parts)


def draw_success(content: dict[str, Any]) -> np.ndarray:
    """Draw the success rates with their 95 % intervals, one row of points per condition.

    Args:
        content: the evaluation, as `comparison.compare` returns it.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(success_figure(content))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def success_figure(content: dict[str, Any]) -> Figure:
    """Return a dot plot of the success rates; a cell without a mission is a gap.

    Args:
        content: the evaluation, as `comparison.compare` returns it.
    """
    rows: dict[str, dict[str, Interval]] = {condition: {} for condition in content['conditions']}
    for pilot in content['pilots']:
        for cell in content['cells']:
            if cell['pilot'] == pilot:
                rows[cell['condition']][pilot] = _interval_of(cell)
    panel = DotPanel('missions that succeed, %', rows, (-2.0, 102.0))
    return dot_figure('Missions that succeed, with 95 % intervals (Wilson)', [panel])


def _interval_of(cell: dict[str, Any]) -> Interval:
    """Return the success rate in percent with its interval; NaN without a mission."""
    if not cell['flown']:
        return NO_VALUE
    low, high = cell['wilson_95']
    return 100.0 * cell['success_rate'], 100.0 * low, 100.0 * high


def write(out: Path, content: dict[str, Any]) -> list[Path]:
    """Write results.json, report.md and success.png.

    Args:
        out: the folder, which is made if it does not exist.
        content: the evaluation, as `comparison.compare` returns it.

    Returns:
        The paths of the files.

    Raises:
        LiquidPilotError: when the folder cannot be written.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + '\n'
    try:
        out.mkdir(parents=True, exist_ok=True)
        return [
            write_atomically(out / 'results.json', text.encode()),
            write_atomically(out / 'report.md', markdown(content).encode()),
            write_atomically(out / 'success.png', encode_png(draw_success(content))),
        ]
    except OSError as error:
        raise LiquidPilotError(f'the report cannot be written into {out}: {error}') from error
