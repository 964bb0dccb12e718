"""An evaluation for readers: report.md, results.json, success.png, and a table on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.table import Table

from liquid_pilot.evaluation.report import encode_png
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import write_atomically

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
TERMINAL_COLUMNS = ('condition', 'pilot', 'won', 'rate', '95 %', 'crash', 'late', 'time s', 'p')
_COLOURS = ('#0969da', '#d1242f', '#1a7f37', '#8250df', '#bf8700', '#6e7781')


def table_rows(content: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row a cell, as text, in the order of COLUMNS; `content` as `comparison.compare` makes."""
    adjusted = {(each['condition'], each['other']): each for each in content['comparisons']}
    table = []
    for cell in content['cells']:
        flown, missing = cell['flown'], cell['missing']
        test = adjusted.get((cell['condition'], cell['pilot']))
        low, high = cell['wilson_95']
        table.append(
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
    return table


def _number(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'


def _p_text(test: dict[str, Any] | None) -> str:
    if test is None:
        return ''
    if not test['pairs']:
        return '-'
    return '< 0.0001' if test['p_holm'] < 1e-4 else f'{test["p_holm"]:.4f}'


def terminal_table(content: dict[str, Any]) -> Table:
    """What fits 80 columns of it; report.md has the rest."""
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
            text['condition'],
            text['pilot'],
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
    """report.md: the table, the paired tests, and where it all comes from."""
    first = next(iter(content['pilots']))
    parts = ['# Evaluation', '', _markdown_table(COLUMNS, table_rows(content)), '']
    if content['comparisons']:
        parts += [
            f'## Against {first}, seed by seed',
            '',
            _markdown_table(
                ('condition', 'pilot', 'pairs', f'only {first}', 'only the other', 'p', 'p (Holm)'),
                [
                    (
                        each['condition'],
                        each['other'],
                        f'{each["pairs"]}',
                        f'{each["only_first"]}',
                        f'{each["only_other"]}',
                        f'{each["p"]:.4g}',
                        f'{each["p_holm"]:.4g}',
                    )
                    for each in content['comparisons']
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
    for each in content['given_up']:
        parts.append(
            f'Given up, because its worker died each time: {each["condition"]}, seed '
            f'{each["seed"]}, pilot {each["pilot"][:12]}.'
        )
    parts += [
        '## What was flown',
        '',
        f'Seeds {content["seeds"]}; adapter {content["adapter"]}; code {content["code"]}.',
        '',
        *(f'- {name}: {digest}' for name, digest in content['pilots'].items()),
        '',
        'What each figure means: docs/evaluation.md.',
        '',
    ]
    return '\n'.join(parts)


def _markdown_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ['---'] * len(head), *body]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def draw_success(content: dict[str, Any]) -> np.ndarray:
    """Success with its 95 % interval, a group of points a condition: (h, w, 3) uint8 RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    conditions, pilots = content['conditions'], list(content['pilots'])
    figure = Figure(
        figsize=(max(5.0, 2.0 + 0.45 * len(conditions) * (len(pilots) + 1)), 4.2),
        dpi=110,
        layout='constrained',
    )
    axes = figure.add_subplot()
    step = 0.7 / max(len(pilots), 1)
    for index, pilot in enumerate(pilots):
        cells = [cell for cell in content['cells'] if cell['pilot'] == pilot and cell['flown']]
        if not cells:
            continue
        rates = np.array([cell['success_rate'] for cell in cells])
        ends = np.array([cell['wilson_95'] for cell in cells]).T
        places = [
            conditions.index(cell['condition']) + (index - 0.5 * (len(pilots) - 1)) * step
            for cell in cells
        ]
        axes.errorbar(
            places,
            100 * rates,
            100 * np.maximum(np.abs(ends - rates), 0.0),
            fmt='o',
            capsize=3,
            color=_COLOURS[index % len(_COLOURS)],
            label=pilot,
        )
    axes.set_xticks(range(len(conditions)), conditions, rotation=30 if len(conditions) > 4 else 0)
    axes.set_xlim(-0.6, len(conditions) - 0.4)
    axes.set_ylim(-3, 103)
    axes.set_ylabel('missions that succeed, %')
    axes.grid(axis='y', alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc='lower left', framealpha=0.9)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def write(out: Path, content: dict[str, Any]) -> list[Path]:
    """Write results.json, report.md and success.png; LiquidPilotError when that fails."""
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
