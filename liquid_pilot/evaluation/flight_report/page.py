"""Makes report.html of a run folder: one page that holds all, for any browser and printer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from liquid_pilot.evaluation.flight_report.explanations import Explained, Explainer
from liquid_pilot.evaluation.flight_report.flight_record import FlightRecord
from liquid_pilot.evaluation.flight_report.head import header, pilot_card, versions
from liquid_pilot.evaluation.flight_report.markup import bullet, number, outcome, table, text
from liquid_pilot.evaluation.flight_report.run_folder import Mission, RunFolder, read_run
from liquid_pilot.evaluation.flight_report.sections import (
    charts,
    film_strip,
    guard_events,
    lettered,
    time_axis,
)
from liquid_pilot.evaluation.flight_report.story import story
from liquid_pilot.evaluation.flight_report.style import SCRIPT, STYLE
from liquid_pilot.evaluation.flight_report.top_map import top_map
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile, load, resolve
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.utils.atomic_write import write_atomically

REPORT = 'report.html'
MAX_BYTES = 4_800_000
"""Size that a page does not exceed."""
_RESERVED_BYTES = 100_000
"""Part of it for style, script, notes and what is around each mission."""
_MAX_ROWS, _MAX_THUMBNAILS = 1000, 100
Progress = Callable[[int, int], bool]
"""Function that takes the number of missions that are in the page, and that of all. It returns
whether that is enough: the others are then left out."""


def write_flight_report(
    folder: Path,
    on_progress: Progress | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Path:
    """Write report.html into a run folder.

    Ctrl-C during it leaves the report that was there before, and no half page.

    Args:
        folder: the run folder, of `fly` or of `evaluate`.
        on_progress: callback for a progress bar; None: there is none.
        meta: further entries on how the run was flown, beside those of report.json; None: none.

    Returns:
        The path of the page.

    Raises:
        LiquidPilotError: the folder holds no run, or cannot be written.
    """
    run = read_run(folder)
    run.meta |= dict(meta or {})
    return write_page(run, folder / REPORT, on_progress)


def write_page(run: RunFolder, path: Path, on_progress: Progress | None = None) -> Path:
    """Write the page of a run to a file, and return its path.

    Args:
        run: what is shown.
        path: the file.
        on_progress: see `write_flight_report`.

    Raises:
        LiquidPilotError: the page cannot be made or written.
    """
    try:
        page = make_page(run, on_progress)
    except LiquidPilotError:
        raise
    except Exception as error:
        # A flight is over, and all else is written: it must not end as a failure for its page.
        raise LiquidPilotError(
            f'{path} cannot be made ({type(error).__name__}: {error}); all other files of the run '
            'are there, please report this'
        ) from error
    try:
        return write_atomically(path, page.encode('utf-8', 'replace'))
    except OSError as error:
        raise LiquidPilotError(f'{path} cannot be written: {error}') from error


def make_page(run: RunFolder, on_progress: Progress | None = None) -> str:
    """Return the page of a run.

    Args:
        run: the content of the run folder.
        on_progress: see `write_flight_report`.
    """
    pilot = _pilot(run)
    explainer = None if pilot is None else _explainer(pilot, run)
    title, head = header(run, pilot)
    above = [head, _table(run)]
    below = [_overview(run), _guard_and_latency(run), pilot_card(pilot), versions(run)]
    others = sum(len(part.encode()) for part in above + below)
    missions, notes = _missions(run, pilot, explainer, others, on_progress)
    problems = dict.fromkeys([*run.problems, *(explainer.problems if explainer else [])])
    missing = _missing(notes + [text(problem) for problem in problems])
    parts = [*above, missions, *below, missing]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{text(title)}</title><style>{STYLE}</style></head><body>'
        f'{"".join(parts)}<script>{SCRIPT}</script></body></html>\n'
    )


def _pilot(run: RunFolder) -> PilotFile | None:
    """Return the pilot file that flew, where it is still there and unchanged."""
    name = str(run.meta.get('pilot', '')).partition('+')[0]
    if not name:
        return None
    try:
        pilot = load(resolve(str(run.meta.get('pilot_path') or name)))
    except LiquidPilotError as error:
        run.problems.append(f'The pilot file cannot be read, so nothing is explained: {error}.')
        return None
    flown = str(run.meta.get('digest', ''))
    if flown and flown != pilot.digest:
        run.problems.append(
            f'The pilot {name} is not the file that flew (digest {flown[:12]}), so nothing is '
            'explained.'
        )
        return None
    return pilot


def _explainer(pilot: PilotFile, run: RunFolder) -> Explainer | None:
    try:
        return Explainer(pilot)
    except LiquidPilotError as error:
        run.problems.append(f'Nothing can be explained: {error}.')
        return None


def _table(run: RunFolder) -> str:
    """Return the outcomes of all missions as a table."""
    if not run.missions:
        return '' if run.comparison else '<h2>Missions</h2><p>No mission was flown to an end.</p>'
    shown = sorted(run.missions, key=lambda one: (not one.failed, one.seed))[:_MAX_ROWS]
    if len(run.missions) <= _MAX_ROWS:
        shown = run.missions
    rows = [
        (
            str(one.seed),
            outcome(one.outcome),
            number(one.duration_s, 3),
            number(one.flown_m, 3),
            number(one.target_distance_m, 3),
            text(one.reason),
        )
        for one in shown
    ]
    heads = (
        run.counted_by,
        'outcome',
        'time, s',
        'distance flown, m',
        'to target at the end, m',
        'reason',
    )
    left = len(run.missions) - len(shown)
    note = f'<p class=note>{left} missions that succeeded are left out of the table.</p>'
    return (
        f'<h2>{_missions_word(run).capitalize()}</h2>{table(heads, rows, (0, 2, 3, 4))}'
        f'{note if left else ""}'
        + (
            ''
            if run.is_recording
            else '<p class=note>report.json holds the same numbers for programs.</p>'
        )
    )


def _missions_word(run: RunFolder) -> str:
    return 'flights' if run.counted_by == 'flight' else 'missions'


def _missions(
    run: RunFolder,
    pilot: PilotFile | None,
    explainer: Explainer | None,
    used: int,
    on_progress: Progress | None,
) -> tuple[str, list[str]]:
    """Return the missions in detail, those that failed first, as many as the page can hold.

    Returns:
        The markup, and notes on what is left out.
    """
    left = MAX_BYTES - _RESERVED_BYTES - used
    ordered = sorted(run.missions, key=lambda one: (not one.failed, one.seed))
    if len(ordered) <= 3:
        ordered = run.missions
    with_record = [one for one in ordered if run.has_record(one.seed)]
    parts: list[str] = []
    for done, mission in enumerate(with_record):
        if on_progress is not None and on_progress(done, len(with_record)):
            break
        record = run.record(mission.seed)
        if record is None:
            continue
        body = _mission(run, mission, record, pilot, explainer)
        if len(body.encode()) > left:
            break
        left -= len(body.encode())
        is_open = ' open' if len(parts) == 0 or len(ordered) <= 3 else ''
        name = f'{run.counted_by.capitalize()} {mission.seed}'
        parts.append(
            f'<details{is_open} id="seed-{mission.seed}"><summary><b>{name}</b>: '
            f'{outcome(mission.outcome)}, {number(mission.duration_s, 2, "s")}'
            f'{f", {text(mission.reason)}" if mission.reason else ""}</summary>{body}</details>'
        )
    notes = []
    if run.missions and not any(run.has_pictures(one.seed) for one in run.missions):
        notes.append(
            'What the pilot saw and thought is not in this folder: it was written by an older '
            'version, or without a simulator. A recording (<code>--record</code>) has it all.'
        )
    elif len(parts) < len(run.missions):
        notes.append(
            f'{len(parts)} of {len(run.missions)} {_missions_word(run)} are shown in detail, those '
            'that failed first, so that the page stays small.'
            + ('' if run.is_recording else ' Fly a seed alone to see it.')
        )
    if not parts:
        return '', notes
    failed = ', those that failed first' if len(ordered) > 3 else ''
    if run.counted_by == 'flight':
        return f'<h2>Flight by flight</h2>{"".join(parts)}', notes
    return f'<h2>Mission by mission{failed}</h2>{"".join(parts)}', notes


def _mission(
    run: RunFolder,
    mission: Mission,
    record: FlightRecord,
    pilot: PilotFile | None,
    explainer: Explainer | None,
) -> str:
    if pilot is None or (record.digest and record.digest != pilot.digest):
        if pilot is not None:
            run.problems.append(
                f'{run.counted_by.capitalize()} {mission.seed} was flown by another pilot file '
                f'(digest {record.digest[:12]}), so it is not explained.'
            )
        explainer = None
    axis = time_axis(mission, record, run.conditions)
    told = story(
        mission,
        record,
        run.conditions if run.is_condition_known else None,
        *(
            (explainer.trained_tau_s(record), explainer.trained_filter_s)
            if explainer is not None
            else (record.tau_s[:0], math.nan)
        ),
        None if pilot is None else pilot.specification.limits,
        None if explainer is None else explainer.novelty_thresholds,
    )
    explained = (
        explainer.explain(record)
        if explainer is not None
        else [Explained(one) for one in record.moments]
    )
    path = run.paths.get(mission.seed)
    drawn = '<p class=note>The path is not known: there is no odometry.</p>'
    if path is not None and len(path):
        drawn = top_map(
            path,
            run.layout(mission.seed),
            mission.outcome,
            _arrival_radius_m(run),
            lettered(record.moments),
            record.heading_rad,
            f'{run.counted_by.capitalize()} {mission.seed} from above: {mission.outcome}',
        )
        if run.is_recording:
            drawn += '<p class=note>A recording does not say where obstacles and target are.</p>'
    seen, events = '', guard_events(record)
    if explained:
        seen = f'<h3>What it saw, and what drove it</h3>{film_strip(explained)}'
    return (
        f'<ul class=story>{"".join(f"<li>{one}</li>" for one in told)}</ul>'
        f'{seen}<div class=mission><div><h3>From above, north is up</h3>{drawn}'
        f'<h3>What the guard said</h3>{events or "<p class=note>Nothing.</p>"}'
        '<p class=note>Over ROS its reports come about once a second.</p>'
        f'<p class=note>This {"flight" if run.counted_by == "flight" else "mission"} was '
        f'{text(record.source)}.</p></div>'
        f'<div><h3>Over time</h3><p class=note>{_time_note(run, record)}</p>'
        f'{charts(record, axis, explainer)}</div></div>'
    )


def _time_note(run: RunFolder, record: FlightRecord) -> str:
    onset = (
        ' A strong line is where the world changes.'
        if any(one.onset_s > 0.0 for one in run.conditions)
        else ''
    )
    shaded = ' Shaded: frames that the novelty gate rejected.' if record.novel.any() else ''
    return f'Thin lines and letters are the moments above.{onset}{shaded}'


def _arrival_radius_m(run: RunFolder) -> float:
    from liquid_pilot.simulation.tasks.registry import task_of

    try:
        rules: MissionRules = task_of(run.vehicle).rules
    except (LiquidPilotError, KeyError):
        return 0.0
    return rules.arrival_radius_m


def _overview(run: RunFolder) -> str:
    """Return all paths as small maps, where there are several missions."""
    flown = [one for one in run.missions if len(run.paths.get(one.seed, ()))]
    if len(flown) < 2:
        return ''
    ordered = sorted(flown, key=lambda one: (not one.failed, one.seed))
    radius_m = _arrival_radius_m(run)
    figures = ''.join(
        '<figure>'
        + top_map(
            run.paths[one.seed],
            run.layout(one.seed),
            one.outcome,
            radius_m,
            label=f'{run.counted_by.capitalize()} {one.seed} from above: {one.outcome}',
            small=True,
        )
        + f'<figcaption>{run.counted_by} {one.seed}: {outcome(one.outcome)}</figcaption></figure>'
        for one in ordered[:_MAX_THUMBNAILS]
    )
    left = len(ordered) - _MAX_THUMBNAILS
    note = f' The {left} others are in paths.npz.' if left > 0 else ''
    return (
        f'<h2>All paths</h2><p class=note>From above, north is up, each at its own scale; those '
        f'that failed first.{note}</p><div class=thumbs>{figures}</div>'
    )


def _guard_and_latency(run: RunFolder) -> str:
    """Return the figures of time of a run."""
    rows = [
        (label, number(value, 1, unit))
        for name, label, unit in (
            ('answer_p50_ms', 'from a frame to its answer, median', 'ms'),
            ('answer_p99_ms', 'from a frame to its answer, 99 of 100 are faster than', 'ms'),
            ('ticks_per_s', 'ticks per second of wall time', ''),
            ('wall_s', 'wall time of all missions', 's'),
            ('odometry_age_p50_ms', 'age of the odometry, median', 'ms'),
            ('odometry_age_p99_ms', 'age of the odometry, 99 of 100 are younger than', 'ms'),
            ('drawing_p99_ms', 'time to draw a frame, 99 of 100 are faster than', 'ms'),
        )
        for value in [run.meta.get(name)]
        if isinstance(value, (int, float))
    ]
    if not rows:
        return ''
    note = (
        '<p class=note>In lock-step the simulator waits for each answer, so a slow machine makes '
        'a flight no worse.</p>'
        if run.meta.get('mode') == 'lockstep'
        else ''
    )
    return f'<h2>Speed and latency</h2>{table(("what", "figure"), rows, (1,))}{note}'


def _missing(notes: list[str]) -> str:
    return f'<h2>What is not in this page</h2>{bullet(notes)}' if notes else ''
