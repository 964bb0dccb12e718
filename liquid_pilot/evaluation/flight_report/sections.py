"""The parts of a report of one mission: story, map, moments, charts, guard."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.charts import (
    Curve,
    Reference,
    TimeAxis,
    chart,
    heat_map,
    time_ticks,
)
from liquid_pilot.evaluation.flight_report.explanations import (
    COMMANDS,
    SHOWN_RAD_S,
    UNITS,
    Drivers,
    Explained,
    Explainer,
)
from liquid_pilot.evaluation.flight_report.flight_record import FlightMoment, FlightRecord
from liquid_pilot.evaluation.flight_report.markup import (
    bullet,
    letter,
    number,
    picture,
    table,
    text,
)
from liquid_pilot.evaluation.flight_report.moments import END, title
from liquid_pilot.evaluation.flight_report.run_folder import Mission
from liquid_pilot.evaluation.flight_report.story import rejected_spans
from liquid_pilot.simulation.base.condition import Condition

_MAX_EVENTS = 40
_IDLE = 0.03
"""Largest value of a command, in m/s or rad/s, that is left out: a car does not move sideways."""
_HARDLY, _HARDLY_RAD_S = 0.2, 0.02
"""Share of a turn, and yaw rate, below which what a picture adds to it hardly counts."""
_HOW_TO_READ = (
    '<p class=note>Upper picture: the camera. Lower picture: the same in grey, with what counted '
    'in it in colour, from purple (a little) to light yellow (most), by VisualBackProp weighted '
    'for the turn. It shows where the encoder was active; it is no proof of a reason. Each map has '
    'its own scale.</p>'
    '<p class=note>The bars add up to the turn of that moment, up to rounding. To the left (blue): '
    'it pushes to the left. To the right (orange): it pushes to the right. All moments of a '
    'mission have one scale, in rad/s. Last second: the pictures before this one. At rest: what '
    'the network does at the mean of its training. Strongest paths: the ways through the neurons '
    'that pushed most in the direction of the turn.</p>'
)
Float = npt.NDArray[np.floating]


def time_axis(mission: Mission, record: FlightRecord, conditions: Sequence[Condition]) -> TimeAxis:
    """Return the time axis of a mission, with its moments, onsets and rejected frames."""
    last_s = float(record.time_s[-1]) if len(record.time_s) else 0.0
    end_s = max(last_s, mission.duration_s if math.isfinite(mission.duration_s) else 0.0, 0.05)
    return TimeAxis(
        record.time_s,
        end_s,
        lettered(record.moments),
        _onsets(conditions, end_s),
        rejected_spans(record),
    )


def _onsets(conditions: Sequence[Condition], end_s: float) -> list[tuple[float, str]]:
    """Return time and name of each change of the world during a mission."""
    names: dict[float, list[str]] = {}
    for one in conditions:
        if 0.0 < one.onset_s <= end_s:
            names.setdefault(one.onset_s, []).append(one.family)
    return [(time_s, f'{" and ".join(names[time_s])} begins') for time_s in sorted(names)]


def lettered(moments: Sequence[FlightMoment]) -> list[tuple[float, str]]:
    """Return time and letter of each moment."""
    return [(moment.time_s, letter(index)) for index, moment in enumerate(moments)]


def film_strip(explained: Sequence[Explained]) -> str:
    """Return the moments of a mission: the picture, what counted in it, and what drove the command.

    Args:
        explained: the moments in the order of time.
    """
    if not explained:
        return ''
    is_traced = any(one.moment.readings.size for one in explained)
    scale = largest_part(explained)
    figures = []
    for index, one in enumerate(explained):
        moment = one.moment
        heading = ', '.join(dict.fromkeys(title(name) for name in moment.names))
        shown = '<p class=rejected>no picture of it was recorded</p>'
        if moment.rgb.size:
            shown = picture(moment.rgb, f'camera at {moment.time_s:.2f} s: {heading}')
        if one.rejected:
            shown += (
                '<p class=rejected>rejected as novel: the pilot flew on the last picture that it '
                f'accepted{_taken_at(one.accepted_s)}</p>'
            )
        elif one.picture is not None and (moment.readings.size or not is_traced):
            shown += picture(one.picture, f'what counted in the picture at {moment.time_s:.2f} s')
            if hardly_counted(one.drivers):
                shown += '<p class=hardly>this picture hardly counted here</p>'
        figures.append(
            f'<figure>{shown}<figcaption><span class=badge>{letter(index)}</span> '
            f'<b>{text(heading)}</b>, <span class=nobr>{number(moment.time_s, 2, "s")}</span>'
            f'{_drivers(one, scale) if is_traced else ""}'
            '</figcaption></figure>'
        )
    note = _HOW_TO_READ if any(one.drivers is not None for one in explained) else ''
    return f'{note}<div class=strip>{"".join(figures)}</div>'


def largest_part(explained: Sequence[Explained]) -> float:
    """Return the largest part of the turns of a mission, rad/s: the scale of all its bars."""
    parts = [abs(p.value) for one in explained if one.drivers for p in one.drivers.parts]
    return max([*parts, 1e-9])


def hardly_counted(drivers: Drivers | None) -> bool:
    """Return whether a picture added so little to a turn that its map says little of it."""
    if drivers is None:
        return False
    added = abs(drivers.parts[0].value)
    return added < max(_HARDLY * abs(drivers.value), _HARDLY_RAD_S)


def _taken_at(time_s: float) -> str:
    return f', that of {number(time_s, 2, "s")}' if math.isfinite(time_s) else ''


def _drivers(one: Explained, scale: float) -> str:
    drivers = one.drivers
    if drivers is None:
        if one.moment.readings.size:
            return ''
        ended = END in one.moment.names
        return '<br>' + (
            'the flight ended before it was answered' if ended else 'no trace of its answer came'
        )
    rows = ''.join(
        f'<span>{text(part.label)}</span><i>{bar(part.value / scale)}</i>'
        f'<em>{_signed(part.value)}</em>'
        for part in drivers.parts
    )
    paths = '; '.join(f'{text(path.label)} ({_signed(path.value)})' for path in drivers.paths)
    way = 'left' if drivers.value >= 0.0 else 'right'
    named = f'<span class=note>strongest paths to the {way}: {paths}</span>' if paths else ''
    return f'<br>{_in_words(drivers)}:<div class=bars>{rows}</div>{named}'


def bar(share: float) -> str:
    """Return the bar of a turn: what turns to the left, which is positive, extends to the left.

    Args:
        share: length in halves of the row, -1 to 1.
    """
    width = 50.0 * min(abs(share), 1.0)
    left = 50.0 - width if share >= 0.0 else 50.0
    return (
        f'<b{"" if share >= 0.0 else " class=m"} style="left:{left:.1f}%;width:{width:.1f}%"></b>'
    )


def _signed(value: float) -> str:
    return ('+' if value >= 0.005 else '') + number(value, 2)


def _in_words(drivers: Drivers) -> str:
    """Return a turn in words, such as 'turns left at 0.42 rad/s, because of'."""
    shown = number(abs(drivers.value), 2, 'rad/s')
    if abs(drivers.value) < SHOWN_RAD_S:
        return f'goes straight ({shown}), because of'
    way = 'left' if drivers.value >= 0.0 else 'right'
    return f'turns {way} at {shown}, because of'


def charts(record: FlightRecord, axis: TimeAxis, explainer: Explainer | None) -> str:
    """Return the charts of commands, novelty, adaptation and neurons over time.

    Args:
        record: the record of the mission.
        axis: the time axis.
        explainer: explainer of the pilot; None: the trained values are not known.
    """
    parts = [time_ticks(axis)]
    parts += _commands(record, axis)
    parts.append(
        chart(
            axis,
            'Distance to the nearest obstacle',
            "from the vehicle's centre to its surface",
            [Curve('distance', record.clearance_m)] if len(record.clearance_m) else [],
            'm',
            references=[Reference('touch', 0.0)],
        )
    )
    parts += _novelty(record, axis, explainer)
    parts += _time_constants(record, axis, explainer)
    if record.state.ndim == 2:
        parts.append(
            heat_map(
                axis,
                'Neurons',
                'potential of each, from its lowest (black) to its highest (white) in this flight; '
                'motor neurons at the top',
                record.state,
                ('motor', 'inter'),
            )
        )
    parts.append(time_ticks(axis))
    return ''.join(parts)


def _commands(record: FlightRecord, axis: TimeAxis) -> list[str]:
    parts: list[str] = []
    for index, (name, unit) in enumerate(zip(COMMANDS, UNITS, strict=True)):
        curves = []
        if record.output.ndim == 2:
            curves.append(Curve('what the guard let through', record.output[:, index], 'second'))
        if record.command.ndim == 2:
            curves.insert(0, Curve('what the pilot commanded', record.command[:, index]))
        signs = ('', 'left is positive', 'up is positive', 'left is positive')
        values = [curve.values for curve in curves]
        if not values or not any(np.nanmax(np.abs(one), initial=0.0) > _IDLE for one in values):
            continue
        parts.append(
            chart(axis, f'Command: {name}', signs[index], curves, unit, with_legend=not parts)
        )
    return parts


def _novelty(record: FlightRecord, axis: TimeAxis, explainer: Explainer | None) -> list[str]:
    if record.gate.ndim != 2:
        return []
    parts = []
    thresholds = None if explainer is None else explainer.novelty_thresholds
    curves = []
    for name, label, style, index in (
        ('log_distance', 'features', '', 0),
        ('log_texture', 'texture', 'second', 2),
        ('log_change', 'change', 'third', 1),
    ):
        distance = np.exp(record.gate_value(name))
        if thresholds is not None:
            distance = 100.0 * distance / thresholds[index]
        curves.append(Curve(label, distance, style))
    parts.append(
        chart(
            axis,
            'Novelty',
            'distance from training, of its threshold (in a strange place the flight raises it); '
            'shaded: rejected frames'
            if thresholds is not None
            else 'distance from training; shaded: rejected frames',
            curves,
            '%' if thresholds is not None else '',
            references=[Reference('threshold of training', 100.0)]
            if thresholds is not None
            else [],
        )
    )
    gain, factor = record.gate_value('gain'), record.gate_value('speed_factor')
    if any(np.nanmax(np.abs(one - 1.0), initial=0.0) > 0.02 for one in (gain, factor)):
        parts.append(
            chart(
                axis,
                'Gain and speed',
                'factors; 1: as trained',
                [Curve("on the picture's contrast", gain), Curve('on the speed', factor, 'second')],
                '',
                references=[Reference('as trained', 1.0)],
            )
        )
    return parts


def _time_constants(record: FlightRecord, axis: TimeAxis, explainer: Explainer | None) -> list[str]:
    parts = []
    if record.filter_tau_s.ndim == 2:
        tau_ms = 1e3 * record.filter_tau_s
        trained = math.nan if explainer is None else 1e3 * explainer.trained_filter_s
        parts.append(
            chart(
                axis,
                'Time constants of the temporal filter',
                'longer smooths more; band: smallest to largest of the blocks of the picture',
                [Curve('geometric mean', tau_ms[:, 1])],
                'ms',
                band=(tau_ms[:, 0], tau_ms[:, 2]),
                references=[Reference('as trained', trained)] if math.isfinite(trained) else [],
                logarithmic=True,
            )
        )
    if record.tau_s.ndim == 2 and np.isfinite(record.tau_s).any():
        tau_ms = 1e3 * record.tau_s.astype(np.float64)
        as_trained = np.empty(0) if explainer is None else explainer.trained_tau_s(record)
        curves = [Curve('median, as flown', np.median(tau_ms, axis=1))]
        if as_trained.shape == tau_ms.shape:
            curves.append(
                Curve('median, as trained', 1e3 * np.median(as_trained, axis=1), 'second')
            )
        parts.append(
            chart(
                axis,
                'Time constants of the core',
                f'they move with the input even without adaptation; single neurons: '
                f'{np.nanmin(tau_ms):.2g} to {np.nanmax(tau_ms):.0f} ms',
                curves,
                'ms',
            )
        )
    if record.friction.size:
        parts.append(
            chart(
                axis,
                'Friction of the road',
                "estimated from the car's motion; 1: dry",
                [Curve('friction', record.friction)],
                '',
            )
        )
    return parts


def guard_events(record: FlightRecord) -> str:
    """Return the changes of the guard's state as a table; empty when it only let commands pass."""
    events = record.events[:_MAX_EVENTS]
    if not events:
        return ''
    rows = [
        (number(one.time_s, 2), text(one.state), text(one.reason or 'commands pass'))
        for one in events
    ]
    left = len(record.events) - len(events)
    more = bullet([f'{left} further changes are left out.']) if left else ''
    return table(('time, s', 'guard', 'reason'), rows, (0,)) + more
