"""Lessons: rules that learn a correction from the commands of a human who has taken over.

A lesson sees one `LessonTick` for each tick of the pilot. While a hand commands, the tick says what
the hand wants, in the units of the core's outputs. A lesson has no clock and does no input or
output, so that a flight through ROS equals one in process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.onboard.perception.picture_rotation import PictureRotation

if TYPE_CHECKING:
    from liquid_pilot.onboard.inference.engine import Engine, Tick

Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.floating]
_NO_INPUTS = np.zeros((0, 0), np.float32)
_NO_RATES = np.zeros(3)


class LessonTick(NamedTuple):
    """One tick of a pilot, for a lesson."""

    dt_s: float
    """Elapsed time that the core was stepped by, s."""
    core_inputs: FloatArray
    """(I,) inputs of the core: features, then the normalised IMU."""
    state: FloatArray
    """(N,) state of the core after the tick."""
    output: FloatArray
    """(M,) outputs of the core, before any read-out correction."""
    hand: FloatArray | None
    """(M,) what the hand commands, in the units of the outputs; None while no hand commands."""
    aim: CameraMount = STRAIGHT
    """How the camera was believed to be turned in this tick."""
    turned_inputs: FloatArray = _NO_INPUTS
    """(3, I) inputs of the core if the picture were turned further (`aimed_encoder.TURNS`); empty
    unless the lesson needs them and a hand commands."""
    rates_rad_s: FloatArray = _NO_RATES
    """(3,) angular velocity that the gyroscope tells, body FLU, rad/s."""
    picture_rates_rad_s: FloatArray | None = None
    """(3,) angular velocity of the camera that pictures tell, in its optical axes, rad/s; None
    where they do not, or the lesson does not need it."""
    flown: FloatArray | None = None
    """(4,) forward, left, up (m/s) and yaw rate (rad/s) that the vehicle was told in the tick
    before, by whoever commands it; None where it is not known."""


def lesson_tick_of(
    engine: Engine,
    tick: Tick,
    hand: FloatArray | None,
    with_turned_pictures: bool,
    rotation: PictureRotation | None = None,
    flown: FloatArray | None = None,
) -> LessonTick:
    """Return the last tick of an engine as a lesson sees it.

    Args:
        engine: the engine.
        tick: its last tick.
        hand: what the hand commands, see `LessonTick`.
        with_turned_pictures: whether the lesson needs pictures that are turned further.
        rotation: what has seen the pictures of the engine; None: the lesson does not need it.
        flown: see `LessonTick`.
    """
    turn_rad = None if rotation is None else rotation.turn_rad()
    return LessonTick(
        tick.dt_s,
        tick.core_inputs,
        engine.core.neuron_states(tick.state.core),
        tick.core_output,
        hand,
        engine.aim,
        engine.turned_inputs(tick) if with_turned_pictures else _NO_INPUTS,
        tick.imu[:3],
        None if turn_rad is None else turn_rad / tick.dt_s,
        flown,
    )


class Lesson(Protocol):
    """A rule that learns a correction of one pilot."""

    def reset(self) -> None:
        """Return to the pilot as trained, with nothing learned."""
        ...

    def begin_flight(self) -> None:
        """Expect the core to start from rest; what was learned stays."""
        ...

    def observe(self, tick: LessonTick) -> None:
        """Learn from one tick; without a hand nothing changes that is learned from one."""
        ...

    @property
    def correction(self) -> Correction:
        """What has been learned so far."""
        ...

    @property
    def taught_s(self) -> float:
        """How long there was something to learn from, s."""
        ...

    def save(self) -> dict[str, FloatArray]:
        """Return the arrays of all that was learned, by name."""
        ...

    def restore(self, parts: dict[str, FloatArray]) -> None:
        """Take over what `save` returned."""
        ...
