"""The figures of the autopilots study, from its flights and trials."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from liquid_pilot.evaluation.comparison import compare_pairs
from liquid_pilot.evaluation.statistics import wilson_interval
from liquid_pilot.utils.atomic_write import write_atomically
from studies.autopilots.failures import read_trials
from studies.autopilots.study import BLOCK_FILE, Arm, Attempt, Study, is_late, verdict

_MAX_BYTES = 24_000
_WIDTH = 800
_HEIGHTS = {'paths': 238, 'camera': 266}
"""Heights of whole rows of a picture of that width, px."""
_MAX_SAID = 4
ESTIMATE_S = 2.0
"""Time over which position and velocity of an autopilot are compared, s."""
TRIAL_FIGURES = ('slows_s', 'stops_s', 'drift_m', 'climb_m')


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    return {
        'version': study.plan['version'],
        'first_seed': study.plan['first_seed'],
        'arms': [_arm(study, arm) for arm in study.arms.values()],
        'failures': _failures(study),
        'estimates': _estimates(study),
        'failures_planned': {
            group.name: len(group.faults) * study.plan['failures']['repeats']
            for group in study.groups.values()
        },
    }


def counts(content: dict[str, Any]) -> dict[str, int]:
    """Return how much of the plan is done."""
    trials = sum(row['trials'] for row in content['failures'])
    return {
        'flown': sum(arm['flown'] for arm in content['arms']),
        'missing': sum(arm['planned'] - arm['flown'] for arm in content['arms']),
        'trials': trials,
        'trials_missing': sum(content['failures_planned'].values()) - trials,
    }


def _arm(study: Study, arm: Arm) -> dict[str, Any]:
    folder, seeds = study.arm_folder(arm.name), arm.seeds
    attempts = study.attempts(folder)
    flown = {seed: found for seed in seeds if (found := verdict(attempts.get(seed, [])))}
    beside = study.attempts(study.embedded_folder(*arm.embedded))
    embedded = {seed: found for seed in seeds if (found := verdict(beside.get(seed, [])))}
    pairs = [
        (flown[seed].outcome == 'success', embedded[seed].outcome == 'success')
        for seed in seeds
        if seed in flown and seed in embedded
    ]
    return {
        'name': arm.name,
        'vehicle': arm.vehicle,
        'adapter': arm.adapter,
        'first_seed': arm.first_seed,
        'truth': arm.truth,
        'parameters': arm.parameters,
        'target': arm.target,
        'planned': arm.missions,
        **_rates(list(flown.values())),
        'not_succeeded': [
            {'seed': each.seed, 'outcome': each.outcome, 'reason': each.reason}
            for each in flown.values()
            if each.outcome != 'success'
        ],
        'late': [
            {'seed': each.seed, 'reason': each.reason}
            for tries in attempts.values()
            for each in tries
            if is_late(each) and each not in flown.values()
        ],
        'void_runs': study.void_runs(folder),
        'embedded': _rates(list(embedded.values())),
        'paired': compare_pairs(pairs) if pairs else None,
        **_records({each.block for tries in attempts.values() for each in tries}),
        **count_arming(folder / 'human.jsonl'),
    }


def _rates(flights: list[Attempt]) -> dict[str, Any]:
    outcomes = Counter(flight.outcome for flight in flights)
    low, high = wilson_interval(outcomes['success'], len(flights))
    durations = [flight.duration_s for flight in flights if flight.outcome == 'success']
    return {
        'flown': len(flights),
        'successes': outcomes['success'],
        'outcomes': dict(outcomes),
        'wilson_95': [round(low, 4), round(high, 4)],
        'mean_success_s': round(float(np.mean(durations)), 2) if durations else None,
    }


def _records(blocks: set[Path]) -> dict[str, Any]:
    """Return what was recorded beside the runs of an arm."""
    records = [
        json.loads((block / BLOCK_FILE).read_text())
        for block in sorted(blocks)
        if (block / BLOCK_FILE).is_file()
    ]
    runs = [
        json.loads((block / 'report.json').read_text())['run']
        for block in sorted(blocks)
        if (block / 'report.json').is_file()
    ]
    sent, commands = Counter[str](), Counter[str]()
    for record in records:
        sent.update(record['messages'])
        commands.update(record['commands'])
    return {
        'autopilot': sorted({record['autopilot'] for record in records}),
        'dates': sorted({run['started'][:10] for run in runs}),
        'guard_latency_ms': [
            _median([record['guard_latency_ms'][k] for record in records]) for k in (0, 1)
        ],
        'link_latency_ms': [
            _median([record['link_latency_ms'][k] for record in records]) for k in (0, 1)
        ],
        'odometry_hz': _median([run['odometry_hz'] for run in runs]),
        'odometry_age_ms': [
            _median([run[f'odometry_age_{p}_ms'] for run in runs]) for p in ('p50', 'p99')
        ],
        'camera_hz': _median([run['camera_hz'] for run in runs]),
        'longest_silence_s': max(
            (r['longest_silence_s'] for r in records if r['longest_silence_s'] is not None),
            default=None,
        ),
        'clock_ratio': _median([record.get('clock_ratio') for record in records]),
        'max_load': max((record['max_load'] for record in records), default=None),
        'messages': dict(sent),
        'commands': dict(commands),
    }


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.median(known)), 2) if known else None


def count_arming(log: Path) -> dict[str, Any]:
    """Count armings and take-offs that the autopilot reported, and those without the human."""
    asked = {'armed': 'human: arm', 'take-off': 'human: take-off'}
    newest: dict[str, float] = {}
    seen, alone = Counter[str](), Counter[str]()
    for line in log.read_text().splitlines() if log.is_file() else []:
        event = json.loads(line)
        newest[event['event']] = event['time']
        what = event['event']
        if what == 'found':
            newest['off the ground'] = event['time'] * (event['landed'] != 'ground')
        if what == 'landed_state' and event['landed'] in ('take-off', 'air'):
            # From the ground the first of the two counts.
            what = 'take-off' if newest.get('off the ground', 0.0) == 0.0 else ''
            newest['off the ground'] = event['time']
        elif what == 'landed_state' and event['landed'] == 'ground':
            newest['off the ground'] = 0.0
        if what in asked:
            seen[what] += 1
            # The autopilot may take its time after the human asked once.
            if event['time'] - newest.get(asked[what], -1e9) > 120.0:
                alone[what] += 1
    return {
        'armed': seen['armed'],
        'armed_alone': alone['armed'],
        'took_off': seen['take-off'],
        'took_off_alone': alone['take-off'],
    }


def _failures(study: Study) -> list[dict[str, Any]]:
    """Return a row for each group and fault, with the figures of its repeats."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for trial in read_trials(study):
        rows.setdefault((trial['group'], trial['fault']), []).append(trial)
    return [
        {
            'group': group,
            'fault': fault,
            'trials': len(trials),
            'speed_before_m_s': [trial['speed_before_m_s'] for trial in trials],
            # Without the sign of a zero.
            **{name: [_plain(trial[name]) for trial in trials] for name in TRIAL_FIGURES},
            'mode': [trial['mode'] for trial in trials],
            'armed': [trial['armed'] for trial in trials],
            'answer_to_reboot': [trial['answer_to_reboot'] for trial in trials],
            'back_s': [trial['back_s'] for trial in trials],
            'max_load': max(trial['load'] for trial in trials),
            'said': _said(trials[0]),
        }
        for (group, fault), trials in rows.items()
    ]


def _estimates(study: Study) -> dict[str, float]:
    """Return by vehicle how far position and velocity disagree, from the tracks of the trials."""
    found: dict[str, list[float]] = {}
    for trial in read_trials(study):
        if trial['fault'] != 'autopilot_rebooted':
            vehicle = study.groups[trial['group']].vehicle
            found.setdefault(vehicle, []).extend(disagreements_m(np.array(trial['track'])))
    return {name: round(float(np.sqrt(np.mean(np.square(m)))), 3) for name, m in found.items()}


def disagreements_m(track: np.ndarray) -> list[float]:
    """Return displacements in `ESTIMATE_S`, less what the velocity says, north and east, in m.

    Args:
        track: (N, 7) time, position and velocity north, east, down.
    """
    if len(track) < 2:
        return []
    times, found = track[:, 0], []
    ends = np.searchsorted(times, times + ESTIMATE_S)
    known = ends < len(times)
    for axis in (1, 2):
        speeds = track[:, axis + 3]
        steps = 0.5 * (speeds[1:] + speeds[:-1]) * np.diff(times)
        left = track[:, axis] - np.concatenate([[0.0], np.cumsum(steps)])
        found += (left[ends[known]] - left[known]).tolist()
    return found


def _plain(value: float | None) -> float | None:
    return None if value is None else value + 0.0


def _said(trial: dict[str, Any]) -> list[str]:
    """Return what the guard reported after the fault, with the time."""
    guard = [(at, text) for at, name, text in trial['said'] if name == 'guard']
    return [f'{at:.1f} s: {_short(text)}' for at, text in guard[:_MAX_SAID]]


def _short(text: str) -> str:
    """Return the state of the guard, and its reason, which stands in parentheses at the end."""
    state = text.partition(':')[0].partition(' ')[0]
    reason = text.rpartition(' (')[2].removesuffix(')') if ' (' in text else ''
    return f'{state}: {reason}' if reason else state


def copy_pictures(study: Study) -> list[Path]:
    """Write paths and camera frames of the first whole run of some arms, as WebP files."""
    written = []
    for name in ('paths', 'camera'):
        runs = [_first_whole_run(study, arm) for arm in study.plan['pictures']]
        paths = [run / f'{name}.png' for run in runs if run is not None]
        pictures = [Image.open(path).convert('RGB') for path in paths if path.is_file()]
        if pictures:
            path = study.files.out / picture_name(name)
            written.append(write_atomically(path, _webp(pictures, _HEIGHTS[name])))
    return written


def _first_whole_run(study: Study, arm: str) -> Path | None:
    """Return the first run of an arm that counts and in which nothing was aborted."""
    by_run: dict[Path, list[str]] = {}
    for tries in study.attempts(study.arm_folder(arm)).values():
        for attempt in tries:
            by_run.setdefault(attempt.block, []).append(attempt.outcome)
    whole = [run for run, outcomes in by_run.items() if 'aborted' not in outcomes]
    return min(whole, default=None)


def picture_name(name: str) -> str:
    """Return the name of a picture."""
    return f'{name}.webp'


def _webp(pictures: list[Image.Image], height: int) -> bytes:
    """Return pictures one above the other as a small WebP file; of tall ones the upper part."""
    parts = []
    for picture in pictures:
        size = _WIDTH, round(picture.height * _WIDTH / picture.width)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        parts.append(picture.crop((0, 0, _WIDTH, min(picture.height, height))))
    sheet = Image.new('RGB', (_WIDTH, sum(part.height for part in parts)), 'white')
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    for quality in range(80, 0, -8):
        buffer = io.BytesIO()
        sheet.save(buffer, 'WEBP', quality=quality, method=6)
        if buffer.tell() <= _MAX_BYTES:
            break
    return buffer.getvalue()
