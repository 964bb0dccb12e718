"""Offsets between the clocks of images, IMU and commands of one bag.

Three things tell of them: the pictures turn when the gyroscope does, the gyroscope follows the
commanded yaw rate, and each message was recorded soon after its stamp. The first two hold to a few
hundredths of a second where the vehicle turns; the third tells of offsets above a message's way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND
from liquid_pilot.learning.rosbag.alignment import BagStreams
from liquid_pilot.learning.rosbag.checks.picture_motion import PictureTurns
from liquid_pilot.learning.rosbag.checks.rate_match import UNKNOWN, RateMatch, match_rate
from liquid_pilot.learning.rosbag.stamps import MISSING_NS

_MAX_OFFSET_S = 0.1
"""Offset of the gyroscope against the pictures from which it is named, s."""
_MAX_LAG_DIFFERENCE_S = 1.0
"""Difference of the times to the recording from which it is named, where nothing turns, s. Pictures
take up to a second over a wireless link."""
_FAR_S = 4.0
"""Difference of the times to the recording from which the offset is sought near it, too, s."""
_RESPONSE_S = (-0.15, 1.0)
"""Delays of the gyroscope behind the command that a vehicle can have, s."""
_HOLD_S = 0.05
"""Length of the intervals in which a commanded yaw rate is compared, s."""
_MAX_INTERVALS = 6000


@dataclass
class ClockReport:
    """What is known of the clocks of one bag."""

    pictures: RateMatch = UNKNOWN
    """Gyroscope beside the turn of the pictures."""
    command: RateMatch = UNKNOWN
    """Gyroscope beside the commanded yaw rate."""
    offsets_s: dict[str, float] = field(default_factory=dict)
    """Time to add to the stamps, s, by 'image', 'imu' or 'command', of those that are off."""
    reasons: dict[str, str] = field(default_factory=dict)
    """What was found, by the same names."""


def compare_clocks(streams: BagStreams, turns: PictureTurns, max_age_s: float) -> ClockReport:
    """Return the offsets between the clocks of a bag.

    Args:
        streams: messages of the bag.
        turns: turns of its pictures.
        max_age_s: time for which a command is valid, s.
    """
    known = streams.frames_ns[streams.frames_ns != MISSING_NS]
    if not len(known) or not len(streams.imu_ns):
        return ClockReport()
    # Seconds from here on are differences to the first frame.
    first_ns = int(known.min())
    by_time = np.argsort(streams.imu_ns, kind='stable')
    imu_s = _seconds(streams.imu_ns[by_time], first_ns)
    gyro_rad_s = streams.imu[by_time, 2]
    lags_s = {name: streams.lags_s.get(name, math.nan) for name in ('image', 'imu', 'command')}
    report = ClockReport(
        _best_match(
            (_seconds(turns.start_ns, first_ns), _seconds(turns.end_ns, first_ns)),
            turns.yaw_rate_rad_s,
            imu_s,
            gyro_rad_s,
            lags_s['image'] - lags_s['imu'],
        )
    )
    starts_s, rates = _commanded_turns(streams, first_ns, max_age_s)
    report.command = _best_match(
        (starts_s, starts_s + _HOLD_S),
        rates,
        imu_s,
        gyro_rad_s,
        lags_s['command'] - lags_s['imu'],
    )
    _compare_pictures(report, lags_s)
    _compare_commands(report, lags_s)
    return report


def shifted(streams: BagStreams, offsets_s: Mapping[str, float]) -> BagStreams:
    """Return the messages of a bag with times added to their stamps.

    Args:
        streams: messages of the bag.
        offsets_s: time to add, s, by 'image', 'imu' and 'command'.
    """
    added = {name: round(value * NANOSECONDS_PER_SECOND) for name, value in offsets_s.items()}
    frames_ns = streams.frames_ns + added.get('image', 0)
    return replace(
        streams,
        frames_ns=np.where(streams.frames_ns == MISSING_NS, MISSING_NS, frames_ns),
        imu_ns=streams.imu_ns + added.get('imu', 0),
        commands_ns=streams.commands_ns + added.get('command', 0),
    )


def _seconds(stamps_ns: np.ndarray, first_ns: int) -> np.ndarray:
    seconds: np.ndarray = (stamps_ns - first_ns) / NANOSECONDS_PER_SECOND
    return seconds


def _best_match(
    spans_s: tuple[np.ndarray, np.ndarray],
    rates: np.ndarray,
    imu_s: np.ndarray,
    gyro_rad_s: np.ndarray,
    by_lags_s: float,
) -> RateMatch:
    """Return the match of the gyroscope near no delay, or near what the times of recording say."""
    near = match_rate(*spans_s, rates, imu_s, gyro_rad_s)
    if near.certain or not abs(by_lags_s) > _FAR_S:
        return near
    return match_rate(*spans_s, rates, imu_s, gyro_rad_s, by_lags_s, 2.0)


def _commanded_turns(
    streams: BagStreams, first_ns: int, max_age_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return starts of intervals, s, and the yaw rate that is commanded in each of them, rad/s."""
    by_time = np.argsort(streams.commands_ns, kind='stable')
    commands_s = _seconds(streams.commands_ns[by_time], first_ns)
    yaw_rates = streams.commands[by_time, 3]
    if len(commands_s) < 2:
        return np.zeros(0), np.zeros(0)
    count = min(_MAX_INTERVALS, int((commands_s[-1] - commands_s[0]) / _HOLD_S) + 1)
    starts_s = np.linspace(commands_s[0], commands_s[-1], count)
    middle_s = starts_s + 0.5 * _HOLD_S
    latest = np.searchsorted(commands_s, middle_s, 'right') - 1
    rates = yaw_rates[latest]
    valid = (middle_s - commands_s[latest] <= max_age_s) & np.isfinite(rates)
    return starts_s[valid], rates[valid]


def _compare_pictures(report: ClockReport, lags_s: Mapping[str, float]) -> None:
    """Add the offset between images and IMU to the report."""
    match = report.pictures
    if match.certain:
        offset_s = match.delay_s
        if abs(offset_s) <= _MAX_OFFSET_S:
            return
        evidence = f'gyroscope against picture motion, correlation {match.correlation:.2f}'
    else:
        offset_s = lags_s['image'] - lags_s['imu']
        if not abs(offset_s) > _MAX_LAG_DIFFERENCE_S:
            return
        evidence = 'times of recording'
    # Positive: what the pictures show, the IMU stamps later.
    wrong, doubt = _culprit(report.command, offset_s, lags_s)
    _add(report, wrong, offset_s if wrong == 'image' else -offset_s, f'{evidence}{doubt}')


def _culprit(command: RateMatch, offset_s: float, lags_s: Mapping[str, float]) -> tuple[str, str]:
    """Return whose clock is off, 'image' or 'imu', and a doubt about it for the reader."""
    if command.certain:
        if _can_respond(command.delay_s):
            return 'image', ''
        if _can_respond(command.delay_s - offset_s):
            return 'imu', ''
    image_s, imu_s = lags_s['image'], lags_s['imu']
    if abs(image_s - imu_s) > _MAX_LAG_DIFFERENCE_S:
        # The one that is recorded long after its stamp, or before it.
        reference_s = lags_s['command'] if math.isfinite(lags_s['command']) else 0.0
        return ('image' if abs(image_s - reference_s) > abs(imu_s - reference_s) else 'imu'), ''
    return 'imu', ', whose clock is off is not known: it may be that of the images'


def _compare_commands(report: ClockReport, lags_s: Mapping[str, float]) -> None:
    """Add the offset of the commands to the report, with the others corrected."""
    if report.command.certain:
        delay_s = report.command.delay_s + report.offsets_s.get('imu', 0.0)
        if not _can_respond(delay_s):
            evidence = f'command against gyroscope, correlation {report.command.correlation:.2f}'
            _add(report, 'command', delay_s, evidence)
        return
    differences_s = [
        lags_s['command'] - (lags_s[name] - report.offsets_s.get(name, 0.0))
        for name in ('image', 'imu')
    ]
    offset_s = min(filter(math.isfinite, differences_s), key=abs, default=0.0)
    if abs(offset_s) > _MAX_LAG_DIFFERENCE_S:
        _add(report, 'command', offset_s, 'times of recording')


def _can_respond(delay_s: float) -> bool:
    return _RESPONSE_S[0] <= delay_s <= _RESPONSE_S[1]


def _add(report: ClockReport, name: str, offset_s: float, evidence: str) -> None:
    offset_s = round(offset_s, 2)
    late = 'late' if offset_s < 0.0 else 'early'
    report.offsets_s[name] = offset_s
    report.reasons[name] = f'{abs(offset_s):.2f} s too {late} ({evidence})'
