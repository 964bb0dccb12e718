"""The head of the report of several pilots or conditions, with the missions of each of them."""

from __future__ import annotations

from typing import Any

from liquid_pilot.evaluation.flight_report.markup import definitions, number, outcome, table, text
from liquid_pilot.evaluation.flight_report.run_folder import RunFolder
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.results_store import RunKey, read_results
from liquid_pilot.interfaces import LiquidPilotError

_MAX_ROWS = 200
"""Number of missions of each pilot in each condition that are listed."""
_MAX_LISTED = 10_000
"""Number of missions that are listed in all."""


def comparison_header(run: RunFolder) -> tuple[str, str]:
    """Return title and head of an evaluation of several pilots or conditions."""
    content = run.comparison
    pilots, conditions = list(content.get('pilots', {})), list(content.get('conditions', []))
    title = (
        f'{len(pilots)} pilot{"" if len(pilots) == 1 else "s"} in {len(conditions)} '
        f'condition{"" if len(conditions) == 1 else "s"}'
    )
    rows = []
    for cell in content.get('cells', []):
        low, high = (100 * bound for bound in cell['wilson_95'])
        rate = cell['success_rate']
        rows.append(
            (
                text(cell['condition']),
                text(cell['pilot']),
                text(cell['flown']),
                text(cell['successes']),
                number(None if rate is None else 100 * rate, 1),
                f'{number(low, 1)} to {number(high, 1)}' if cell['flown'] else '–',
                text(cell['crashes']),
                text(cell['timeouts']),
                number(cell['time_to_target_s'], 1),
                number(cell['clearance_median_m'], 2),
            )
        )
    heads = (
        *('condition', 'pilot', 'flown', 'succeeded', 'rate, %', '95 % interval, %', 'crashes'),
        *('timeouts', 'time to target, s', 'median clearance, m'),
    )
    entries = [
        ('pilots', text(', '.join(map(str, pilots)))),
        ('conditions', text(', '.join(map(str, conditions)))),
        ('seeds', text(content.get('seeds', ''))),
        ('guard sends', text(content.get('adapter', ''))),
    ]
    return title, (
        f'<header><p class=soft>liquid_pilot: evaluation</p><h1>{text(title)}</h1>'
        f'{definitions(entries)}{repeat_command(run.meta)}</header>'
        f'<h2>Outcomes</h2>{table(heads, rows, range(2, 10))}'
        '<p class=note>report.md has the paired tests.</p>'
        f'{_drill_down(run)}'
    )


def _drill_down(run: RunFolder) -> str:
    """Return the missions of each pilot in each condition, those that failed first."""
    content = run.comparison
    try:
        flights = read_results(run.path)
    except LiquidPilotError as error:
        run.problems.append(f'{error}.')
        return ''
    cells: dict[tuple[str, str, str], list[tuple[RunKey, FlightMetrics]]] = {}
    for key, flight in flights.items():
        cells.setdefault((key.pilot, key.mode, key.condition), []).append((key, flight))
    modes = content.get('modes', {})
    left, parts = _MAX_LISTED, []
    for condition in content.get('conditions', []):
        for name, digest in content.get('pilots', {}).items():
            found = cells.get((digest, modes.get(name, ''), condition), [])
            found.sort(key=lambda entry: (entry[1].outcome == 'success', entry[0].seed))
            shown = found[: min(_MAX_ROWS, left)]
            left -= len(shown)
            if shown:
                parts.append(_cell(name, modes.get(name, ''), condition, shown, len(found)))
    if not parts:
        return ''
    return f'<h2>Mission by mission, those that failed first</h2>{"".join(parts)}'


def _cell(
    name: str, mode: str, condition: str, shown: list[tuple[RunKey, FlightMetrics]], count: int
) -> str:
    rows = [
        (
            str(key.seed),
            outcome(flight.outcome),
            number(flight.duration_s, 2),
            number(flight.flown_m, 2),
            number(flight.target_distance_m, 2),
            number(flight.clearance_m, 2),
            text(flight.reason),
        )
        for key, flight in shown
    ]
    heads = (
        *('seed', 'outcome', 'time, s', 'distance flown, m', 'to target at the end, m'),
        *('clearance, m', 'reason'),
    )
    won = sum(flight.outcome == 'success' for _, flight in shown)
    total = f'{won} of {count} succeeded' if len(shown) == count else f'{count} missions'
    left = count - len(shown)
    note = f'<p class=note>{left} further missions are in missions.jsonl.</p>' if left else ''
    adapt = '' if mode else ' --no-adapt'
    again = (
        '<p class=note>To look at one of them: <code>liquid-pilot fly --missions 1 --condition '
        f'{text(condition)}{adapt} --pilot {text(name.partition("+")[0])} --seed ...</code></p>'
    )
    return (
        f'<details><summary><b>{text(condition)}</b>, {text(name)}: {total}</summary>'
        f'{table(heads, rows, (0, 2, 3, 4, 5))}{note}{again}</details>'
    )


def repeat_command(meta: dict[str, Any]) -> str:
    """Return the command that repeats a run, to be copied; empty when it is not known."""
    command = meta.get('command')
    if not command:
        return ''
    return f'<p class=soft>The command that repeats it:</p><pre class=command>{text(command)}</pre>'
