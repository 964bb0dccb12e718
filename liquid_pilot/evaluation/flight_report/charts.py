"""Curves over the time of a mission, all with one time axis, as SVG with labels in HTML.

The labels are not part of the drawing, so that they keep their size on a phone.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.markup import text

_WIDTH, _HEIGHT = 1000.0, 100.0
_MAX_POINTS = 300
_LETTER = 0.07
"""Width that the letter of a moment takes of the time axis, at most."""
Float = npt.NDArray[np.floating]


class Curve(NamedTuple):
    """One curve of a chart."""

    label: str
    values: Float
    """(T,) values; a gap where one is NaN."""
    style: str = ''
    """Class of its style: '', 'second' or 'third'."""


class Reference(NamedTuple):
    """A horizontal line of a chart."""

    label: str
    value: float


@dataclass(frozen=True)
class TimeAxis:
    """The time axis that the charts of a mission share, and what is marked on it."""

    time_s: Float
    """(T,) time of flight of the ticks."""
    end_s: float
    marks: Sequence[tuple[float, str]] = ()
    """Time and letter of each moment."""
    onsets: Sequence[tuple[float, str]] = ()
    """Time and name of each change of the world."""
    novel: Sequence[tuple[float, float]] = field(default=())
    """Begin and end of the times in which frames were rejected."""

    def x(self, time_s: float) -> float:
        """Return the place of a time, 0 to 1."""
        return min(max(time_s / self.end_s, 0.0), 1.0) if self.end_s > 0.0 else 0.0


def chart(
    axis: TimeAxis,
    title: str,
    note: str,
    curves: Sequence[Curve],
    unit: str,
    band: tuple[Float, Float] | None = None,
    references: Sequence[Reference] = (),
    logarithmic: bool = False,
    with_legend: bool = True,
) -> str:
    """Return a chart as markup; empty when there is nothing to draw.

    Args:
        axis: the time axis.
        title: what it shows.
        note: how to read it, with the unit.
        curves: the curves.
        unit: unit of the values, for the ticks.
        band: lower and upper end of a band behind the curves.
        references: horizontal lines.
        logarithmic: whether the value axis is logarithmic.
        with_legend: whether the curves are named.
    """
    drawn = [curve for curve in curves if np.isfinite(curve.values).any()]
    if not drawn:
        return ''
    pool: list[Float] = [curve.values for curve in drawn]
    pool += band or ()
    pool += [np.array([one.value]) for one in references]
    ticks = _ticks(np.concatenate([np.ravel(one) for one in pool]), logarithmic)
    low, high = ticks[0], ticks[-1]

    def y(values: Float) -> Float:
        share: Float
        if logarithmic:
            share = np.log(np.maximum(values, 1e-12) / low) / math.log(high / low)
        else:
            share = (values - low) / (high - low)
        return _HEIGHT * (1.0 - share)

    picks = _picks(len(axis.time_s))
    x = _WIDTH * np.array([axis.x(time) for time in axis.time_s[picks]])
    parts = _background(axis)
    if band is not None:
        parts.append(_band(x, y(band[0][picks]), y(band[1][picks])))
    for line in references:
        at = float(y(np.array([line.value]))[0])
        parts.append(f'<path class=ref d="M0 {at:.1f}H{_WIDTH:.0f}"/>')
    for curve in drawn:
        style = f'line {curve.style}'.strip()
        parts.append(f'<path class="{style}" d="{_line(x, y(curve.values[picks]))}"/>')
    labels = ''.join(
        f'<span style="bottom:{100 * _share(tick, low, high, logarithmic):.1f}%">'
        f'{tick:g}{" " + text(unit) if number == len(ticks) - 1 and unit else ""}</span>'
        for number, tick in enumerate(ticks)
    )
    named = with_legend and len(drawn) + len(references) > 1
    legend = _legend(drawn, references) if named else ''
    return (
        f'<div class=chart><h4>{text(title)} <span>{text(note)}</span>{legend}</h4>'
        f'<div class=ticks>{labels}</div><div class=plot>'
        f'{_svg(parts, f"{title}: {_in_words(drawn[0], unit)}")}</div></div>'
    )


def heat_map(axis: TimeAxis, title: str, note: str, values: Float, rows: Sequence[str]) -> str:
    """Return values (T, N) as a picture, one row a neuron, each on its own scale.

    Args:
        axis: the time axis.
        title: what it shows.
        note: how to read it.
        values: (T, N) values.
        rows: labels of the first and of the last row.
    """
    if values.ndim != 2 or not np.isfinite(values).all(axis=1).any():
        return ''
    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    end_s = float(axis.time_s[known[-1]])
    values = values[known][_picks(len(known))]
    low, high = values.min(axis=0), values.max(axis=0)
    share = (values - low) / np.maximum(high - low, 1e-9)
    level = (255.0 * share.T).astype(np.uint8)
    data = base64.b64encode(cv2.imencode('.png', level)[1].tobytes()).decode()
    labels = ''.join(
        f'<span style="bottom:{place}%">{text(row)}</span>'
        for row, place in zip(rows, (92, 3), strict=True)
    )
    width = 100.0 * axis.x(end_s)
    return (
        f'<div class=chart><h4>{text(title)} <span>{text(note)}</span></h4>'
        f'<div class=ticks>{labels}</div><div class=plot style="--h:130px">'
        f'<img class=heat style="width:{width:.1f}%" src="data:image/png;base64,{data}" '
        f'alt="{text(title)}">{_svg(_background(axis), title)}</div></div>'
    )


def time_ticks(axis: TimeAxis) -> str:
    """Return the labels of the time axis, and the letters of the moments on it."""
    step = _step(axis.end_s / 5.0)
    times = np.arange(0.0, axis.end_s + 1e-9, step) if step else np.array([0.0])
    labels = ''.join(
        f'<span style="left:{100 * axis.x(time):.2f}%">{time:g}{" s" if number == 0 else ""}</span>'
        for number, time in enumerate(times.tolist())
    )
    return f'<div class=chart>{_flags(axis)}<div class=times>{labels}</div>{_marks(axis)}</div>'


def _flags(axis: TimeAxis) -> str:
    spans = ''.join(
        f'<span style="left:{100 * axis.x(time_s):.2f}%">{text(name)}</span>'
        for time_s, name in axis.onsets
    )
    return f'<div class=flags>{spans}</div>' if spans else ''


def _marks(axis: TimeAxis) -> str:
    # Letters that would cover each other, also on a phone, stand in rows below each other.
    spans, ends = [], [-1.0]
    for time_s, letter in axis.marks:
        place = axis.x(time_s)
        row = next((r for r, end in enumerate(ends) if place >= end), len(ends))
        ends[row:] = [place + _LETTER, *ends[row + 1 :]]
        spans.append(
            f'<span class=badge style="left:{100 * place:.2f}%;top:{1.3 * row:.1f}rem">'
            f'{text(letter)}</span>'
        )
    height = 1.3 * len(ends) + 0.2
    return (
        f'<div class=marks style="height:{height:.1f}rem">{"".join(spans)}</div>' if spans else ''
    )


def _background(axis: TimeAxis) -> list[str]:
    parts = []
    for begin_s, end_s in axis.novel:
        left, right = _WIDTH * axis.x(begin_s), _WIDTH * axis.x(end_s)
        parts.append(
            f'<rect class=novel x="{left:.1f}" y="0" width="{max(right - left, 2.0):.1f}" '
            f'height="{_HEIGHT:.0f}"/>'
        )
    for kind, times in (
        ('mark', [time for time, _ in axis.marks]),
        ('onset', [time for time, _ in axis.onsets]),
    ):
        parts += [
            f'<path class={kind} d="M{_WIDTH * axis.x(time):.1f} 0V{_HEIGHT:.0f}"/>'
            for time in times
        ]
    return parts


def _svg(parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(label)}">{"".join(parts)}</svg>'
    )


def _in_words(curve: Curve, unit: str) -> str:
    low, high = float(np.nanmin(curve.values)), float(np.nanmax(curve.values))
    return f'{curve.label} from {low:.3g} to {high:.3g} {unit}'


def _legend(curves: Sequence[Curve], references: Sequence[Reference]) -> str:
    entries = [(curve.label, f'line {curve.style}'.strip()) for curve in curves]
    entries += [(one.label, 'ref') for one in references]
    return (
        '<ul class=legend>'
        + ''.join(
            f'<li><span><svg viewBox="0 0 24 12" width="24" height="12" aria-hidden="true">'
            f'<path class="{style}" d="M0 6H24"/></svg></span> {text(label)}</li>'
            for label, style in entries
        )
        + '</ul>'
    )


def _picks(count: int) -> npt.NDArray[np.intp]:
    """Return the indices of at most 300 points of a curve, evenly spread."""
    if count <= _MAX_POINTS:
        return np.arange(count)
    return np.unique(np.round(np.linspace(0, count - 1, _MAX_POINTS)).astype(np.intp))


def _line(x: Float, y: Float) -> str:
    parts, pen = [], False
    for across, down in zip(x.tolist(), y.tolist(), strict=True):
        if not math.isfinite(down):
            pen = False
            continue
        parts.append(f'{"L" if pen else "M"}{across:.0f} {down:.1f}')
        pen = True
    return ''.join(parts)


def _band(x: Float, low: Float, high: Float) -> str:
    good = np.isfinite(low) & np.isfinite(high)
    if not good.any():
        return ''
    there, back = _line(x[good], high[good]), _line(x[good][::-1], low[good][::-1])
    return f'<path class=band d="{there}{back.replace("M", "L", 1)}Z"/>'


def _share(value: float, low: float, high: float, logarithmic: bool) -> float:
    if logarithmic:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _step(rough: float) -> float:
    """Return a round step (1, 2 or 5 times a power of ten) of at least this size."""
    if not (math.isfinite(rough) and rough > 0.0):
        return 0.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= rough)


def _ticks(values: Float, logarithmic: bool) -> list[float]:
    """Return two to four round values that span all values."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    if logarithmic:
        low, high = max(low, 1e-9), max(high, 1e-9)
        ladder = [m * 10.0**e for e in range(-9, 10) for m in (1.0, 2.0, 5.0)]
        first = max(step for step in ladder if step <= low * 1.0001)
        last = min(step for step in ladder if step >= high * 0.9999 and step > first)
        kept = [first]
        for step in ladder:
            apart = min(math.log(step / kept[-1]), math.log(last / step))
            if apart > 0.27 * math.log(last / first):
                kept.append(step)
        return [*kept, last]
    step = _step(max(high - low, 1e-3 * max(abs(high), abs(low)), 1e-6) / 2.2)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    last = max(last, first + 1)
    return [round(step * k, 9) for k in range(first, last + 1)]
