"""Labelled arrays of lessons: packing and unpacking of `lesson/tick` and `lesson/correction`.

Their layout is that of `pilot/trace` (`nodes.common.trace_messages`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from std_msgs.msg import Float32MultiArray, Float64MultiArray

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.recurrent_learning.groups import GROUPS
from liquid_pilot.nodes.common.trace_messages import pack_sections
from liquid_pilot.onboard.inference.aimed_encoder import TURNS
from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.inference.trace import unpack_sections
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.lesson import LessonTick

TICK_SCHEMA = ('liquid_pilot/lesson_tick', 2)
"""Name and version of the content of `lesson/tick`."""
CORRECTION_SCHEMA = ('liquid_pilot/lesson_correction', 1)
"""Name and version of the content of `lesson/correction`."""
_GROUP_NAMES = tuple(GROUPS)
_TICK_SECTIONS = (
    *('dt', 'core_inputs', 'state', 'output', 'aim', 'turned_inputs'),
    *('rates', 'picture_rates', 'flown'),
)
_SIZES = {'aim': (3,), 'rates': (3,), 'picture_rates': (0, 3), 'flown': (0, 4)}
"""Possible numbers of values of sections of a tick."""
_CORRECTION_SECTIONS = ('aim', 'readout', 'groups', 'change')
_MAX_ABS_VALUE = 1e6


class LessonState(NamedTuple):
    """The state of a lesson."""

    accepted: Correction
    """The correction that flies."""
    tried: Correction
    """The correction that was learned so far: the pilot's own wish while a hand has the vehicle."""


def pack_tick(tick: LessonTick, digest: str, flight: str) -> Float64MultiArray:
    """Convert a tick to std_msgs/Float64MultiArray; what the hand commands is not part of it.

    Args:
        tick: the tick.
        digest: SHA-256 of the pilot file.
        flight: identifier of the flight.
    """
    message = Float64MultiArray()
    values: tuple[npt.ArrayLike, ...] = (
        [tick.dt_s],
        tick.core_inputs,
        tick.state,
        tick.output,
        tick.aim,
        np.ravel(tick.turned_inputs),
        tick.rates_rad_s,
        _or_empty(tick.picture_rates_rad_s),
        _or_empty(tick.flown),
    )
    sections = list(zip(_TICK_SECTIONS, values, strict=True))
    pack_sections(message, TICK_SCHEMA, digest, flight, sections, np.float64)
    return message


def unpack_tick(
    message: Float64MultiArray, digest: str, hand: npt.NDArray[np.float64] | None
) -> tuple[str, LessonTick]:
    """Convert std_msgs/Float64MultiArray to the identifier of its flight and the tick.

    Args:
        message: the message.
        digest: SHA-256 of the pilot file that it must come from.
        hand: what the hand commands in this tick, see `LessonTick`.

    Raises:
        LiquidPilotError: it is of another version or pilot, is truncated, lacks a section, or holds
            absurd numbers.
    """
    _, flight, parts = unpack_sections(message, TICK_SCHEMA, digest, np.float64)
    _require('lesson tick', parts, _TICK_SECTIONS)
    inputs, turned = parts['core_inputs'], parts['turned_inputs']
    fits = turned.size in (0, len(TURNS) * inputs.size)
    for name, sizes in _SIZES.items():
        fits &= parts[name].size in sizes
    if not fits:
        raise LiquidPilotError('lesson tick: its sections do not fit each other')
    if parts['dt'].size != 1 or not 0.0 < float(parts['dt'][0]) <= 10.0:
        raise LiquidPilotError('lesson tick: its elapsed time is not possible')
    aim = CameraMount(*parts['aim'].tolist())
    return flight, LessonTick(
        float(parts['dt'][0]),
        inputs,
        parts['state'],
        parts['output'],
        hand,
        aim,
        turned.reshape(-1, inputs.size) if turned.size else np.zeros((0, 0)),
        parts['rates'],
        _or_none(parts['picture_rates']),
        _or_none(parts['flown']),
    )


def _or_empty(values: npt.NDArray[np.floating] | None) -> npt.NDArray[np.floating]:
    return np.zeros(0) if values is None else values


def _or_none(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating] | None:
    return values if values.size else None


def pack_lesson_state(state: LessonState, digest: str) -> Float32MultiArray:
    """Convert what a lesson has taught to std_msgs/Float32MultiArray.

    Args:
        state: what was taught.
        digest: SHA-256 of the pilot file.
    """
    message, sections = Float32MultiArray(), []
    for prefix, correction in state._asdict().items():
        values: tuple[npt.ArrayLike, ...] = (
            correction.aim,
            np.ravel(correction.readout),
            [_GROUP_NAMES.index(group) for group in correction.groups],
            correction.change,
        )
        names = [f'{prefix}_{name}' for name in _CORRECTION_SECTIONS]
        sections += list(zip(names, values, strict=True))
    pack_sections(message, CORRECTION_SCHEMA, digest, '', sections, np.float32)
    return message


def unpack_lesson_state(message: Float32MultiArray, digest: str, motors: int) -> LessonState:
    """Convert std_msgs/Float32MultiArray to what a lesson has taught; its values are not bounded.

    Args:
        message: the message.
        digest: SHA-256 of the pilot file that it must be for.
        motors: number of outputs of the core.

    Raises:
        LiquidPilotError: it is of another version or pilot, is truncated, lacks a section, or holds
            absurd numbers.
    """
    _, _, parts = unpack_sections(message, CORRECTION_SCHEMA, digest, np.float32)
    return LessonState(_correction('accepted', parts, motors), _correction('tried', parts, motors))


def _correction(prefix: str, parts: dict[str, npt.NDArray[np.floating]], motors: int) -> Correction:
    names = [f'{prefix}_{name}' for name in _CORRECTION_SECTIONS]
    _require('lesson', parts, names)
    aim, readout, groups, change = (parts[name] for name in names)
    if aim.size != 3 or readout.size % motors:
        raise LiquidPilotError('lesson: its sections do not fit each other')
    numbers = groups.tolist()
    if not all(number in range(len(_GROUP_NAMES)) for number in numbers):
        raise LiquidPilotError(f'lesson: there is no group of parameters {numbers}')
    return Correction(
        readout.reshape(motors, -1).astype(np.float32),
        tuple(_GROUP_NAMES[int(number)] for number in numbers),
        change.astype(np.float32),
        CameraMount(*map(float, aim)),
    )


def _require(
    what: str, parts: dict[str, npt.NDArray[np.floating]], names: tuple[str, ...] | list[str]
) -> None:
    """Reject a message that lacks a section, or holds a number that is not finite or absurd."""
    for name in names:
        if name not in parts:
            raise LiquidPilotError(f'{what}: section {name!r} is missing')
        # Written so that NaN is refused too.
        if not (np.abs(parts[name]) < _MAX_ABS_VALUE).all():
            raise LiquidPilotError(f'{what}: section {name!r} is not finite, or absurd')
