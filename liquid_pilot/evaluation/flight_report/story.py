"""The story of a mission in a few sentences: what changed, what adapted, what the guard did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.flight_record import FlightRecord
from liquid_pilot.evaluation.flight_report.markup import number, text
from liquid_pilot.evaluation.flight_report.run_folder import Mission
from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.safety.guard import ENGAGED
from liquid_pilot.simulation.base.condition import FAMILIES, Condition

_CHANGED = 1e-3
"""Difference between command and output that counts as a change by the guard."""
_SHARE = 0.1
"""Relative change of a time constant, or of a gain, that is worth a sentence."""
_MAX_EVENTS = 4
Float = npt.NDArray[np.floating]


def describe(condition: Condition) -> str:
    """Return a condition in words, such as 'snow of severity 4 of 5'."""
    if condition.strength is not None:
        return f'{condition.family} of strength {condition.strength:g}'
    return f'{condition.family} of severity {condition.severity} of 5'


def explain_condition(condition: Condition) -> str:
    """Return what a condition is; empty for one of another package."""
    return FAMILIES.get(condition.family, '')


def rejected_spans(record: FlightRecord) -> list[tuple[float, float]]:
    """Return begin and end of the times in which the novelty gate rejected the frames, s."""
    novel = record.novel
    edges = np.flatnonzero(np.diff(np.concatenate([[0], novel.astype(int), [0]])))
    step_s = float(np.median(np.diff(record.time_s))) if len(record.time_s) > 1 else 0.05
    return [
        (float(record.time_s[first]), float(record.time_s[last - 1]) + step_s)
        for first, last in edges.reshape(-1, 2)
    ]


def story(
    mission: Mission,
    record: FlightRecord | None,
    conditions: Sequence[Condition] | None,
    trained_tau_s: Float,
    trained_filter_s: float,
    limits: VehicleLimits | None,
    novelty_thresholds: Float | None = None,
) -> list[str]:
    """Return sentences as markup.

    Args:
        mission: the mission.
        record: its record; None: there is none.
        conditions: the conditions of the run; None: not known.
        trained_tau_s: (T, N) time constants as trained, s; empty when they are not known.
        trained_filter_s: geometric mean of the temporal filter's time constants as trained, s; NaN.
        limits: limits of the guard; None: not known.
        novelty_thresholds: (3,) distances of features, change and texture beyond which a frame may
            be novel; None: not known.
    """
    sentences = [_changes(mission, conditions)]
    if record is not None and len(record.time_s):
        sentences += _novelty(record, novelty_thresholds)
        sentences += _adaptation(record, trained_tau_s, trained_filter_s)
        sentences += _guard(record, limits)
        sentences += _closest(record)
    sentences.append(_end(mission))
    return sentences


def _changes(mission: Mission, conditions: Sequence[Condition] | None) -> str:
    if conditions is None:
        return '<b>The world:</b> a recording does not say in which weather it was made.'
    if not conditions:
        return '<b>The world</b> was clear: nothing was changed in this flight.'
    parts = []
    for one in conditions:
        what = f'{text(describe(one))} ({text(explain_condition(one))})'
        if not explain_condition(one):
            what = text(describe(one))
        if one.onset_s <= 0.0:
            parts.append(f'{what} from the start')
        elif one.onset_s <= mission.duration_s or math.isnan(mission.duration_s):
            parts.append(f'{what} from {number(one.onset_s, 2, "s")} on')
        else:
            parts.append(f'{what} from {number(one.onset_s, 2, "s")} on, after the end')
    changed = ' changed' if any(one.onset_s > 0.0 for one in conditions) else ''
    return f'<b>The world{changed}:</b> {"; ".join(parts)}.'


def largest_distance(record: FlightRecord, thresholds: Float) -> tuple[float, int, float]:
    """Return the largest distance of a frame from training.

    Args:
        record: the record of the mission.
        thresholds: (3,) thresholds of features, change and texture.

    Returns:
        The multiple of its threshold, NaN when no distance is known; which of the three it is; and
        its time, s.
    """
    names = ('log_distance', 'log_change', 'log_texture')
    distances = np.exp(np.stack([record.gate_value(name) for name in names], axis=1)) / thresholds
    if not np.isfinite(distances).any():
        return math.nan, 0, math.nan
    tick, kind = divmod(int(np.nanargmax(distances)), len(names))
    return float(distances[tick, kind]), kind, float(record.time_s[tick])


def _novelty(record: FlightRecord, thresholds: Float | None) -> list[str]:
    if record.gate.ndim != 2:
        return []
    spans = rejected_spans(record)
    if not spans:
        far = ''
        times, kind, at_s = (
            (math.nan, 0, math.nan) if thresholds is None else largest_distance(record, thresholds)
        )
        if math.isfinite(times):
            name = ('its features', 'the change of its features', 'its texture')[kind]
            raised = '; in this flight it was raised' if times > 1.0 else ''
            far = (
                f' The strangest frame, at {number(at_s, 2, "s")}, came to {number(times, 2)} '
                f'times the threshold (by {name}{raised}).'
            )
        return [f'<b>Novelty:</b> no frame was so unlike training that the gate rejected it.{far}']
    count = int(record.novel.sum())
    slowest = float(np.nanmin(record.gate_value('speed_factor')))
    slow = (
        f' The pilot slowed down to {100 * slowest:.0f} % of its speed meanwhile.'
        if slowest < 0.99
        else ''
    )
    return [
        f'<b>Novelty:</b> the first frame unlike training came at '
        f'{number(spans[0][0], 2, "s")}; the gate rejected {count} of {len(record.time_s)} '
        f'frames, and the pilot flew on what it saw before.{slow}'
    ]


def _adaptation(record: FlightRecord, trained_tau_s: Float, trained_filter_s: float) -> list[str]:
    parts = []
    if record.filter_tau_s.ndim == 2 and np.isfinite(record.filter_tau_s).any():
        middle = record.filter_tau_s[:, 1]
        first = trained_filter_s if math.isfinite(trained_filter_s) else float(middle[0])
        peak = int(np.nanargmax(np.abs(np.log(np.maximum(middle, 1e-6) / first))))
        if abs(math.log(float(middle[peak]) / first)) > _SHARE:
            verb, span = ('more', 'longer') if middle[peak] > first else ('less', 'shorter')
            parts.append(
                f'the temporal filter smoothed {verb}: its time constants (geometric mean) went to '
                f'{number(float(middle[peak]) / first, 1)} times what was trained, from '
                f'{number(1e3 * first, 1)} to {number(1e3 * float(middle[peak]), 1, "ms")}, '
                f'{_when(record.time_s, middle, first, peak)}; it averages the pictures over a '
                f'{span} time'
            )
    gain = record.gate_value('gain')
    if np.isfinite(gain).any() and float(np.nanmax(np.abs(gain - 1.0))) > _SHARE:
        tick = int(np.nanargmax(np.abs(gain - 1.0)))
        parts.append(
            f'the contrast of the picture was multiplied by up to {number(float(gain[tick]), 2)}, '
            f'at {number(float(record.time_s[tick]), 2, "s")}'
        )
    adapts = record.gate.ndim == 2
    if adapts and trained_tau_s.shape == record.tau_s.shape and record.tau_s.size:
        ratio = np.median(record.tau_s / trained_tau_s, axis=1)
        if np.isfinite(ratio).any():
            tick = int(np.nanargmax(np.abs(np.log(ratio))))
            far = float(ratio[tick])
            if abs(math.log(far)) > _SHARE:
                parts.append(
                    f"the core's time constants went to at most {number(far, 2)} times what "
                    f'was trained, at {number(float(record.time_s[tick]), 2, "s")}'
                )
    if record.friction.size and np.isfinite(record.friction).any():
        lowest = float(np.nanmin(record.friction))
        if lowest < 1.0 - _SHARE:
            parts.append(f'friction was estimated down to {number(lowest, 2)} of a dry road')
    if parts:
        return [f'<b>What adapted:</b> {"; ".join(parts)}.']
    if adapts:
        return ['<b>What adapted:</b> nothing by more than a tenth; the pilot flew as trained.']
    if not record.state.size:
        return ['<b>What adapted:</b> not known: there is no trace of the pilot.']
    return ['<b>What adapted:</b> nothing: this pilot flew as trained, without adaptation.']


def _when(time_s: Float, values: Float, first: float, peak: int) -> str:
    """Return from when to when a value went to its peak, each up to a tenth."""
    log = np.log(np.maximum(values[: peak + 1], 1e-6))
    near = np.flatnonzero(np.abs(log - math.log(first)) <= _SHARE)
    begin = int(near[-1]) + 1 if len(near) else 0
    end = begin + int(np.argmax(np.abs(log[begin:] - log[-1]) <= _SHARE))
    begin_s, end_s = (number(float(time_s[tick]), 2, 's') for tick in (begin, end))
    if end == begin:
        return 'from the start' if begin == 0 else f'at {begin_s}'
    return f'between {begin_s} and {end_s}'


class GuardChange(NamedTuple):
    """The largest change of commands that the guard made for one reason."""

    reason: str
    time_s: float
    value: int
    """Number of the value of the command: forward, left, up, yaw rate."""
    command: float
    """What the pilot commanded, m/s or rad/s."""
    amount: float
    """By how much it was changed for this reason, m/s or rad/s."""
    is_held_back: bool
    """Whether the guard made the value smaller."""


def guard_changes(record: FlightRecord, limits: VehicleLimits | None) -> list[GuardChange]:
    """Return the largest change for each reason that can be told, the largest of all first.

    Args:
        record: the record of the mission; its commands and outputs are known.
        limits: limits of the guard; None: not known.
    """
    command, output = (np.asarray(each, np.float64) for each in (record.command, record.output))
    known = np.isfinite(command + output).all(axis=1, keepdims=True)
    over, rest = np.zeros_like(command), np.abs(command - output)
    if limits is not None:
        bound = np.asarray(limits.maximum)
        within = np.clip(command, -bound, bound)
        over, rest = (np.abs(one) * (bound > 0.0) for one in (command - within, within - output))
    over, rest = (np.where(known, one, 0.0) for one in (over, rest))
    in_force = [_stopped(record, float(time_s)) for time_s in record.time_s]
    stopped = np.array([bool(why) for why in in_force], bool)[:, None]
    slow = (
        'a command may change only so fast'
        if limits is not None
        else 'it limits speeds, and how fast they change'
    )
    kinds = [
        (np.where(stopped, 0.0, over), 'the vehicle may do no more'),
        (np.where(stopped, 0.0, rest), slow),
        *(
            (np.where([[one == why] for one in in_force], np.maximum(over, rest), 0.0), why)
            for why in dict.fromkeys(filter(None, in_force))
        ),
    ]
    found = []
    for amounts, reason in kinds:
        tick, value = divmod(int(np.argmax(amounts)), 4)
        if amounts[tick, value] > _CHANGED:
            asked, sent = float(command[tick, value]), float(output[tick, value])
            found.append(
                GuardChange(
                    *(reason, float(record.time_s[tick]), value, asked),
                    *(float(amounts[tick, value]), abs(sent) < abs(asked)),
                )
            )
    return sorted(found, key=lambda one: -one.amount)


def _stopped(record: FlightRecord, time_s: float) -> str:
    """Return why the guard did not let commands pass at a time; empty when it did."""
    before = [one for one in record.events if one.time_s <= time_s + 1e-6]
    if not before:
        return ''
    last = before[-1]
    if last.state != ENGAGED:
        return f'it sent the safe command ({last.reason or last.state})'
    return last.reason if last.reason.startswith('geofence') else ''


def guard_share(record: FlightRecord, limits: VehicleLimits | None) -> tuple[float, Float]:
    """Return the share of commands that the guard changed, and the largest change of each value.

    What a vehicle cannot do, such as a car sideways, does not count.

    Args:
        record: the record of the mission.
        limits: limits of the guard; None: not known.

    Returns:
        The share, NaN where commands or outputs are not known; and (4,) largest differences.
    """
    if record.command.shape != record.output.shape or record.command.ndim != 2:
        return math.nan, np.full(4, np.nan)
    both = np.isfinite(record.command).all(axis=1) & np.isfinite(record.output).all(axis=1)
    if not both.any():
        return math.nan, np.full(4, np.nan)
    change = np.abs(record.command[both] - record.output[both])
    if limits is not None:
        change = change * (np.asarray(limits.maximum) > 0.0)
    return float((change.max(axis=1) > _CHANGED).mean()), change.max(axis=0)


def _guard(record: FlightRecord, limits: VehicleLimits | None) -> list[str]:
    stops = [one for one in record.events if one.state != ENGAGED]
    told = '; '.join(
        f'at {number(one.time_s, 2, "s")} {text(one.state)} ({text(one.reason or "no reason")})'
        for one in stops[:_MAX_EVENTS]
    )
    share, _ = guard_share(record, limits)
    if math.isnan(share):
        seen = (
            "the pilot's commands are not known, so what it changed is not told"
            if record.output.size
            else 'what it let through was not kept'
        )
    elif share == 0.0:
        seen = 'it let every command through unchanged'
    else:
        changes = '; and '.join(_change(one) for one in guard_changes(record, limits))
        percent = number(100 * share, 0) if share >= 0.005 else 'less than 1'
        seen = f'it changed {percent} % of the commands{f", most {changes}" if changes else ""}'
    return [f'<b>The guard:</b> {seen}{f"; then {told}" if told else ""}.']


def _change(one: GuardChange) -> str:
    """Return a change in words."""
    unit = 'rad/s' if one.value == 3 else 'm/s'
    positive = ('forward', 'left', 'up', 'the turn to the left')
    negative = ('backward', 'right', 'down', 'the turn to the right')
    name = (positive if one.command >= 0.0 else negative)[one.value]
    amount = number(one.amount, 2, unit)
    done = f'held {name} back by {amount}' if one.is_held_back else f'changed {name} by {amount}'
    return f'at {number(one.time_s, 2, "s")}, where it {done}: {text(one.reason)}'


def _closest(record: FlightRecord) -> list[str]:
    if not np.isfinite(record.clearance_m).any():
        return []
    at = int(np.nanargmin(record.clearance_m))
    return [
        f'<b>Closest to an obstacle:</b> {number(float(record.clearance_m[at]), 2, "m")} from the '
        f"vehicle's centre, at {number(float(record.time_s[at]), 2, 's')}."
    ]


def _end(mission: Mission) -> str:
    words = {
        'success': 'it succeeded',
        'crash': 'it crashed',
        'timeout': 'its time was up',
        'aborted': 'it was aborted, and does not count',
        'recorded': 'the recording of this flight ends; it does not say whether it succeeded',
    }
    reason = f': {text(mission.reason)}' if mission.reason else ''
    word = words.get(mission.outcome, text(mission.outcome))
    return f'<b>The end:</b> at {number(mission.duration_s, 2, "s")} {word}{reason}.'
