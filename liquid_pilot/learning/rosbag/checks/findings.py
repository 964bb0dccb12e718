"""What is suspicious in a bag and does not stop its conversion, in one line each."""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND
from liquid_pilot.learning.rosbag.alignment import BagStreams
from liquid_pilot.learning.rosbag.checks.clocks import ClockReport
from liquid_pilot.learning.rosbag.checks.picture_motion import PictureTurns
from liquid_pilot.learning.rosbag.checks.rate_match import RateMatch
from liquid_pilot.learning.rosbag.topic_mapping import COMMAND_VALUES, BagMapping
from liquid_pilot.onboard.perception.pixel_depth import FULL_BITS, too_deep, too_shallow
from liquid_pilot.onboard.safety.imu_checks import (
    ImuFinding,
    ImuLimits,
    gravity_findings,
    range_findings,
    rest_findings,
    stamp_findings,
)
from liquid_pilot.onboard.safety.turn_checks import TurnResponse, response_findings
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits

_UNITS = ('m/s', 'm/s', 'm/s', 'rad/s')
_MAX_SHALLOW_BITS = 14
"""Number of bits that are used of 16 up to which the others are missing."""
_MAX_BLACK_LEVEL = 3.0
_MAX_BLANK_SPREAD = 1.0
_MAX_REPEATED = 0.5
"""Share of pictures that equal the one before, from which the camera hangs."""
_REST_S = 1.0
"""Length of the time in which the vehicle must be still to be at rest, s."""
_MAX_REST_SPREAD = (0.1, 1.0)
"""Standard deviations of gyroscope (rad/s) and accelerometer (m/s^2) at rest."""
_WHILE_MOVING = ImuLimits(gravity_tolerance=0.25, max_tilt_deg=55.0)
"""Limits of the mean specific force of a vehicle that moves."""
_TOLERANCE = 1.001
_MAX_BEYOND, _FAR_BEYOND = 0.01, 1.5
"""Share of the commands that may exceed a limit, as the noise of a demonstration does, and multiple
of the limit that none may exceed."""


def clock_findings(clocks: ClockReport, mapping: BagMapping, corrected: bool) -> list[str]:
    """Return the offsets between the clocks of a bag.

    Args:
        clocks: what is known of them.
        mapping: the mapping.
        corrected: whether they are corrected.
    """
    found = []
    for name, offset_s in clocks.offsets_s.items():
        section = getattr(mapping, name)
        advice = (
            'corrected'
            if corrected
            else f'set {name}.offset_s: {section.offset_s + offset_s:.2f}, or give --correct-clocks'
        )
        found.append(f'topic {section.topic}: its stamps are {clocks.reasons[name]}; {advice}')
    return found


def depth_findings(topic: str, largest: int, mono16_bits: int) -> list[str]:
    """Return whether the pixels of 16 bits use fewer bits than count, or more.

    Args:
        topic: topic of the images.
        largest: largest value of a pixel of 16 bits; 0 where there are none.
        mono16_bits: number of bits that count.
    """
    unused = FULL_BITS - _MAX_SHALLOW_BITS
    found = (
        too_shallow(mono16_bits - unused, largest, mono16_bits),
        too_deep(largest, mono16_bits),
    )
    return [f'topic {topic}: {text}' for text in found if text]


def picture_findings(topic: str, turns: PictureTurns) -> list[str]:
    """Return whether the pictures show nothing.

    Args:
        topic: topic of the images.
        turns: what was measured of the pictures.
    """
    found = []
    if turns.mean_level < _MAX_BLACK_LEVEL:
        found.append(f'topic {topic}: the pictures are black; look at exposure and encoding')
    elif turns.spread < _MAX_BLANK_SPREAD:
        found.append(f'topic {topic}: the pictures are of one colour; look at the camera')
    if turns.repeated > _MAX_REPEATED:
        found.append(
            f'topic {topic}: {round(100 * turns.repeated)} % of the pictures are copies of the one '
            'before; look at the camera, or set rate_hz to its rate'
        )
    return found


def command_findings(streams: BagStreams, mapping: BagMapping) -> list[str]:
    """Return which commands the vehicle cannot carry out.

    Args:
        streams: messages of the bag.
        mapping: the mapping, which names the vehicle.
    """
    commands = streams.commands[np.isfinite(streams.commands).all(axis=1)]
    found = []
    limits = get_vehicle_limits(mapping.vehicle).maximum
    for name, values, limit, unit in zip(COMMAND_VALUES, commands.T, limits, _UNITS, strict=True):
        beyond = np.abs(values) > _TOLERANCE * limit
        largest = float(np.abs(values).max(initial=0.0))
        if beyond.any() and (beyond.mean() > _MAX_BEYOND or largest > _FAR_BEYOND * limit):
            found.append(
                f'topic {mapping.command.topic}: {np.count_nonzero(beyond)} of {len(values)} '
                f'commands exceed the limit of the {mapping.vehicle}, {name} {largest:.3g} {unit} '
                f'instead of at most {limit:g}; check command.{name} and command.scale'
            )
    return found


def imu_findings(streams: BagStreams, mapping: BagMapping, clocks: ClockReport) -> list[str]:
    """Return what is wrong with units and axes of the IMU.

    Args:
        streams: messages of the bag.
        mapping: the mapping.
        clocks: how the gyroscope goes with pictures and commands.
    """
    by_time = np.argsort(streams.imu_ns, kind='stable')
    stamps_ns, samples = streams.imu_ns[by_time], streams.imu[by_time]
    usable = samples[np.isfinite(samples).all(axis=1)]
    if not len(usable):
        return []
    rest = _rest(stamps_ns, samples, streams)
    if rest is not None:
        found = rest_findings(stamps_ns[rest], samples[rest])
    else:
        found = stamp_findings(stamps_ns)
        found += gravity_findings(np.median(usable[:, 3:], axis=0), _WHILE_MOVING)
    named = {finding.check for finding in found}
    found += [finding for finding in range_findings(usable) if finding.check not in named]
    found += _turn_findings(clocks)
    return [f'topic {mapping.imu.topic}: {finding.message}' for finding in found]


def _turn_findings(clocks: ClockReport) -> list[ImuFinding]:
    """Return what pictures and commands say about sign and scale of the gyroscope."""
    by_pictures = _response(clocks.pictures)
    by_command = _response(clocks.command)
    if by_command.correlation < 0.0 < by_pictures.correlation:
        return [
            ImuFinding(
                'turn',
                'the gyroscope turns with the pictures and against the commanded yaw rate '
                f'(correlation {by_command.correlation:.2f}); reverse command.yaw_rate',
            )
        ]
    if by_pictures.correlation < 0.0 < by_command.correlation:
        return [
            ImuFinding(
                'turn',
                'the gyroscope turns with the commanded yaw rate and against the pictures '
                f'(correlation {by_pictures.correlation:.2f}); they are mirrored or upside down, '
                'or imu.rotation and command.yaw_rate are both wrong',
            )
        ]
    return response_findings(by_pictures, 'the turn of the pictures') or response_findings(
        by_command, 'the commanded yaw rate'
    )


def _response(match: RateMatch) -> TurnResponse:
    """Return a match as a response; NaN where it is not certain."""
    if not match.certain:
        return TurnResponse(math.nan, math.nan, math.nan)
    return TurnResponse(match.correlation, match.delay_s, match.gain)


def _rest(stamps_ns: np.ndarray, samples: np.ndarray, streams: BagStreams) -> slice | None:
    """Return the calmest time in which nothing is commanded; None where there is none."""
    best: tuple[float, slice] | None = None
    active = np.sort(streams.commands_ns[~(np.abs(streams.commands) < 1e-3).all(axis=1)])
    commanded = np.sort(streams.commands_ns)
    span_ns = round(_REST_S * NANOSECONDS_PER_SECOND)
    # Only seconds that have samples: between two of them may lie centuries.
    for second in np.unique(stamps_ns // span_ns):
        start_ns = int(second) * span_ns
        # A second before and after it nothing may be commanded either.
        around = (start_ns - span_ns, start_ns + 2 * span_ns)
        first, last = np.searchsorted(commanded, around)
        if first == last or np.ptp(np.searchsorted(active, around)):
            continue
        first, last = np.searchsorted(stamps_ns, (start_ns, start_ns + span_ns))
        part = samples[first:last]
        if len(part) < 10 or not np.isfinite(part).all():
            continue
        with np.errstate(over='ignore', invalid='ignore'):
            spread = part.std(axis=0)
            calm = max(
                float(spread[:3].max()) / _MAX_REST_SPREAD[0],
                float(spread[3:].max()) / _MAX_REST_SPREAD[1],
            )
        if calm < min(1.0, best[0] if best else 1.0):
            best = (calm, slice(int(first), int(last)))
    return best[1] if best else None
