"""The head of a report, the card of the pilot, and the versions."""

from __future__ import annotations

import copy
import platform
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

from liquid_pilot.evaluation.flight_report.comparison_head import (
    comparison_header,
    repeat_command,
)
from liquid_pilot.evaluation.flight_report.markup import (
    definitions,
    json_text,
    number,
    text,
)
from liquid_pilot.evaluation.flight_report.run_folder import RunFolder
from liquid_pilot.evaluation.flight_report.story import describe, explain_condition
from liquid_pilot.evaluation.report import not_counted
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.summary import format_counts, summarize

_PACKAGES = ('liquid_pilot', 'numpy', 'onnxruntime', 'numba', 'mujoco')
_TRAINED_ON = ('episodes', 'first_seed', 'dagger_episodes', 'disturbance', 'validation_episodes')
"""Settings of the training that say what the pilot was trained on."""
_MODES = {
    'lockstep': 'embedded simulator, in lock-step: a seed flies the same every time',
    'realtime': 'on the wall clock',
    'in process': 'embedded simulator, in one process: a seed flies the same every time',
}


def header(run: RunFolder, pilot: PilotFile | None) -> tuple[str, str]:
    """Return the title of the page, and its head as markup."""
    meta, summary = run.meta, run.summary
    if not run.missions and run.comparison:
        return comparison_header(run)
    name = str(meta.get('pilot', 'unknown pilot'))
    weather = (
        ' and '.join(
            describe(one) + (f' from {one.onset_s:g} s on' if one.onset_s else '')
            for one in run.conditions
        )
        or 'clear weather'
    )
    if run.is_recording:
        return _recording_header(run, pilot)
    moved = 'drove' if run.vehicle == 'rover' else 'flew'
    count = len(run.missions)
    missions = f'{count} mission{"" if count == 1 else "s"}'
    aborted = summary.get('aborted') or 0
    left_out = f', {aborted} aborted' if aborted else ''
    title = f'{name} {moved} {missions} in {weather}: {_result(run)}{left_out}'
    low, high = _interval(summary)
    interval = (
        f', <span title="by the method of Wilson">95 % interval {number(100 * low, 0)} to '
        f'{number(100 * high, 0, "%")}</span>'
        if summary.get('trials')
        else ''
    )
    rate = summary.get('success_rate')
    entries = [
        (
            'outcome',
            (
                f'<b>{text(_result(run))}</b>'
                + (f': {number(100 * rate, 0, "%")}{interval}' if rate is not None else '')
                + not_counted(summary)
            ),
        ),
        ('pilot', _pilot(name, pilot)),
        ('adapts', _adapts(meta)),
        *_lesson(meta),
        ('vehicle', text(meta.get('vehicle', 'unknown'))),
        ('condition', _condition(run)),
        ('seeds', text(_seeds(run))),
        ('flown in', text(_mode(meta))),
        ('guard sends', text(meta.get('adapter', 'unknown'))),
        ('started', moment_text(meta.get('started'))),
    ]
    return title, (
        f'<header><p class=soft>liquid_pilot: report of a run</p><h1>{text(title)}</h1>'
        f'{definitions(entries)}{repeat_command(meta)}</header>'
    )


def _recording_header(run: RunFolder, pilot: PilotFile | None) -> tuple[str, str]:
    meta = run.meta
    word, count = 'flight' if run.counted_by == 'flight' else 'mission', len(run.missions)
    name = str(meta.get('pilot') or 'unknown pilot')
    title = f'{count} {word}{"" if count == 1 else "s"} of {name}, from a recording'
    entries = [
        ('recording', text(meta.get('recording', 'unknown'))),
        ('recorded', moment_text(meta.get('started'))),
        ('pilot', _pilot(name, pilot)),
        ('adapts', _adapts(meta)),
        ('vehicle', text(meta.get('vehicle') or 'unknown')),
        ('condition', 'unknown: a recording does not say it'),
    ]
    return title, (
        f'<header><p class=soft>liquid_pilot: report of a recording</p><h1>{text(title)}</h1>'
        f'{definitions(entries)}</header>'
    )


def _result(run: RunFolder) -> str:
    summary = run.summary
    if not run.missions:
        return 'no mission was flown'
    if not summary.get('trials'):
        return 'no mission counts'
    return f'{summary.get("successes")} of {summary.get("trials")} succeeded'


def _interval(summary: dict[str, Any]) -> tuple[float, float]:
    bounds = summary.get('wilson_95') or (float('nan'), float('nan'))
    return float(bounds[0]), float(bounds[1])


def _pilot(name: str, pilot: PilotFile | None) -> str:
    if pilot is None:
        return text(name)
    return f'<span title="digest {text(pilot.digest[:12])}">{text(name)}</span>'


def moment_text(stamp: object) -> str:
    """Return a moment such as '2026-11-28T23:26:59+0100' as '2026-11-28 22:26 UTC'."""
    if not stamp:
        return 'unknown'
    try:
        at = datetime.strptime(str(stamp), '%Y-%m-%dT%H:%M:%S%z').astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return text(stamp)
    return f'<span title="{text(stamp)}">{at:%Y-%m-%d %H:%M} UTC</span>'


def _adapts(meta: dict[str, Any]) -> str:
    adapt = meta.get('adapt')
    if adapt is None:
        return 'unknown'
    return 'yes, online' if adapt else 'no: it flew exactly as trained'


def _lesson(meta: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the entry on what a lesson has taught; none without a lesson."""
    if 'lesson_taught_s' not in meta:
        return []
    learned, flies = (str(meta.get(f'lesson_{name}', 'unknown')) for name in ('learned', 'flies'))
    return [
        (
            'lesson',
            text(
                f'{meta.get("lesson")}, for {meta["lesson_taught_s"]} s; learned: {learned}; at '
                f'the end it flew with: {flies}'
            ),
        )
    ]


def _mode(meta: dict[str, Any]) -> str:
    mode = str(meta.get('mode', 'unknown'))
    simulator = str(meta.get('simulator', ''))
    words = _MODES.get(mode, mode)
    return f'{simulator}, {words}' if simulator else words


def _condition(run: RunFolder) -> str:
    label = text(run.meta.get('condition', 'unknown'))
    parts = []
    for one in run.conditions:
        begins = f', from {one.onset_s:g} s on' if one.onset_s else ', from the start'
        about = explain_condition(one)
        parts.append(text(f'{about or describe(one)}{begins}'))
    return f'{"; ".join(parts)} <span class=soft>({label})</span>' if parts else label


def _seeds(run: RunFolder) -> str:
    from liquid_pilot.evaluation.comparison import format_ranges

    flown = format_ranges(one.seed for one in run.missions)
    asked = run.meta.get('missions_asked_for')
    if isinstance(asked, int) and asked > len(run.missions):
        return f'{flown or "none"} ({len(run.missions)} of {asked} missions)'
    return flown or 'none'


def pilot_card(pilot: PilotFile | None) -> str:
    """Return what the pilot file says of itself; empty without one."""
    if pilot is None:
        return ''
    try:
        content = summarize(pilot.path)
    except (LiquidPilotError, OSError):
        return ''
    camera, limits = content['camera'], content['limits']
    card = copy.deepcopy(content['card'])
    entries = [
        ('name', text(content['name'])),
        ('digest (SHA-256)', text(content['digest'])),
        ('network', text(format_counts(content))),
        (
            'size',
            f'{content["features"]} features, {content["neurons"]} neurons, '
            f'{number(sum(content["bytes"].values()) / 1024, 0, "KiB")} on disk',
        ),
        (
            'camera',
            f'{camera["width"]} × {camera["height"]} pixels, {camera["horizontal_fov_deg"]:g} × '
            f'{camera["vertical_fov_deg"]:g} degrees, {content["rate_hz"]:g} frames/s',
        ),
        ('guard: at most', text(_values(limits['maximum']))),
        ('guard: changes at most', text(_values(limits['slew'], ' per s'))),
        (
            'guard: without a command',
            text(f'the safe command after {limits["command_timeout_s"]:g} s'),
        ),
    ]
    trained = {name: value for name, value in card.items() if name != 'settings'}
    settings = card.get('settings')
    if isinstance(settings, dict):
        trained |= {name: settings.pop(name) for name in _TRAINED_ON if name in settings}
    entries += [
        (f'training: {str(name).replace("_", " ")}', text(json_text(value)))
        for name, value in trained.items()
    ]
    others = ''
    if isinstance(settings, dict) and settings:
        listed = definitions((str(name), text(json_text(one))) for name, one in settings.items())
        others = f'<details><summary>All settings of its training</summary>{listed}</details>'
    return f'<h2>The pilot</h2>{definitions(entries)}{others}'


def _values(values: Any, rate: str = '') -> str:
    forward, left, up, turn = values
    return f'forward {forward:g}, left {left:g}, up {up:g} m/s{rate}, turn {turn:g} rad/s{rate}'


def versions(run: RunFolder) -> str:
    """Return the versions that flew, as far as the run names them, and those that made the page."""
    entries = [
        (label, text(run.meta[name]))
        for name, label in (
            ('version', 'flown by liquid_pilot'),
            ('ros_distro', 'ROS 2'),
            ('rmw', 'RMW'),
        )
        if run.meta.get(name)
    ]
    if run.comparison.get('flight_version'):
        entries.append(('flight version', text(run.comparison['flight_version'])))
    for package in _PACKAGES:
        try:
            entries.append((f'page: {package}', text(metadata.version(package))))
        except metadata.PackageNotFoundError:
            continue
    entries.append(('page: Python', text(platform.python_version())))
    entries.append(('page: machine', text(platform.machine())))
    return f'<h2>Versions</h2>{definitions(entries)}'
