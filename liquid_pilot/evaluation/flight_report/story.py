"""The story of a mission in a few sentences: what changed, what adapted, what the guard did."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
) -> list[str]:
    """Return sentences as markup.

    Args:
        mission: the mission.
        record: its record; None: there is none.
        conditions: the conditions of the run; None: not known.
        trained_tau_s: (T, N) time constants as trained, s; empty when they are not known.
        trained_filter_s: geometric mean of the temporal filter's time constants as trained, s; NaN.
        limits: limits of the guard; None: not known.
    """
    sentences = [_changes(mission, conditions)]
    if record is not None and len(record.time_s):
        sentences += _novelty(record)
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
            parts.append(f'{what} from {number(one.onset_s, 1, "s")} on')
        else:
            parts.append(f'{what} from {number(one.onset_s, 1, "s")} on, after the end')
    changed = ' changed' if any(one.onset_s > 0.0 for one in conditions) else ''
    return f'<b>The world{changed}:</b> {"; ".join(parts)}.'


def _novelty(record: FlightRecord) -> list[str]:
    if record.gate.ndim != 2:
        return []
    spans = rejected_spans(record)
    if not spans:
        return ['<b>Novelty:</b> no frame was so unlike training that the gate rejected it.']
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
            verb = 'more' if middle[peak] > first else 'less'
            parts.append(
                f'the temporal filter smoothed {verb}: its time constants (geometric mean) went '
                f'from {number(1e3 * first, 1, "ms")} to '
                f'{number(1e3 * float(middle[peak]), 1, "ms")}'
            )
    gain = record.gate_value('gain')
    if np.isfinite(gain).any() and float(np.nanmax(np.abs(gain - 1.0))) > _SHARE:
        far = float(gain[int(np.nanargmax(np.abs(gain - 1.0)))])
        parts.append(f'the contrast of the picture was multiplied by up to {number(far, 2)}')
    adapts = record.gate.ndim == 2
    if adapts and trained_tau_s.shape == record.tau_s.shape and record.tau_s.size:
        ratio = np.median(record.tau_s / trained_tau_s, axis=1)
        if np.isfinite(ratio).any():
            far = float(ratio[int(np.nanargmax(np.abs(np.log(ratio))))])
            if abs(math.log(far)) > _SHARE:
                parts.append(
                    f"the core's time constants went to at most {number(far, 2)} times what "
                    'was trained'
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
        f'at {number(one.time_s, 1, "s")} {text(one.state)} ({text(one.reason or "no reason")})'
        for one in stops[:_MAX_EVENTS]
    )
    share, largest = guard_share(record, limits)
    if math.isnan(share):
        seen = (
            "the pilot's commands are not known, so what it changed is not told"
            if record.output.size
            else 'what it let through was not kept'
        )
    elif share == 0.0:
        seen = 'it let every command through unchanged'
    else:
        names = ('forward', 'left', 'up', 'yaw rate')
        most = int(np.argmax(largest))
        unit = 'rad/s' if most == 3 else 'm/s'
        seen = (
            f'it changed {100 * share:.0f} % of the commands, by at most '
            f'{number(float(largest[most]), 2, unit)} ({names[most]}): {_why(record, limits)}'
        )
    return [f'<b>The guard:</b> {seen}{f"; then {told}" if told else ""}.']


def _why(record: FlightRecord, limits: VehicleLimits | None) -> str:
    """Return which of the guard's limits changed commands, as far as it can be told."""
    if limits is None:
        return 'its limits of speed and of change'
    bound = np.asarray(limits.maximum)
    able = bound > 0.0
    over = (np.abs(record.command) > bound + 1e-6) & able
    reasons = ['its limit of speed'] if bool(over.any()) else []
    both = np.isfinite(record.command) & np.isfinite(record.output) & able
    within = np.clip(record.command, -bound, bound)
    if bool((np.abs(within - record.output)[both] > _CHANGED).any()):
        reasons.append('its limit of how fast a command may change')
    return ' and '.join(reasons) or 'its limits'


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
    return f'<b>The end:</b> at {number(mission.duration_s, 1, "s")} {word}{reason}.'
