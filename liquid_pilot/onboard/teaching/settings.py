"""The settings of lessons, and their names; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, field

from liquid_pilot.liquid.recurrent_learning.groups import GROUPS
from liquid_pilot.onboard.inference.correction import TrustRegion
from liquid_pilot.utils.settings import setting

NO_LESSON = 'none'
"""Name for a pilot that is not taught."""
AIM = 'aim'
CALIBRATION = 'calibration'
READOUT = 'readout'
ALL_PARAMETERS = 'all'
LESSONS: dict[str, tuple[str, ...]] = {
    AIM: (),
    CALIBRATION: (),
    READOUT: (),
    **{group: (group,) for group in GROUPS},
    ALL_PARAMETERS: tuple(GROUPS),
}
"""Name of a lesson to the groups of parameters that it moves; the first three move none."""


@dataclass(frozen=True)
class LessonNeeds:
    """What a lesson needs of each tick."""

    hand: bool = True
    """Whether it learns only while a hand commands."""
    turned_pictures: bool = False
    """Whether it needs what the core had read in pictures that are turned further."""
    picture_rotation: bool = False
    """Whether it needs the turn of the camera that the pictures tell."""


_NEEDS = {
    AIM: LessonNeeds(turned_pictures=True),
    CALIBRATION: LessonNeeds(hand=False, picture_rotation=True),
}


def needs_of(lesson: str) -> LessonNeeds:
    """Return what a lesson needs, by its name."""
    return _NEEDS.get(lesson, LessonNeeds())


@dataclass(frozen=True)
class AimSettings:
    """Settings of the lesson that learns angles of the camera and offsets of the outputs."""

    aim_deg: float = setting(
        15.0, 'by how much the camera may be turned, as one expects', 'deg', low=0.1, high=90.0
    )
    trim: float = setting(
        0.05,
        'offset of an output, as one expects; outputs of one are full speed or turn',
        low=1e-3,
        high=1.0,
    )
    hand_error: float = setting(
        0.3, 'by how much a hand differs from the pilot where both are right', low=0.01, high=10.0
    )
    correlation_s: float = setting(
        0.5, 'time within which differences are one', 's', low=0.01, high=10.0
    )
    max_aim_deg: float = setting(
        8.0, 'largest angle that a hand teaches', 'deg', low=0.0, high=45.0
    )
    max_trim: float = setting(
        0.2,
        'largest offset that a hand teaches; outputs of one are full speed or turn',
        low=0.0,
        high=1.0,
    )
    max_aim_rate_deg_s: float = setting(
        10.0, 'largest change of an angle per second of a lesson', 'deg/s', low=0.1, high=180.0
    )
    max_trim_rate_1_s: float = setting(
        0.2, 'largest change of an offset per second of a lesson', '1/s', low=1e-3, high=10.0
    )


@dataclass(frozen=True)
class CalibrationSettings:
    """Settings of the lesson that needs no teacher."""

    aim_deg: float = setting(
        15.0, 'by how much the camera may be turned, as one expects', 'deg', low=0.1, high=90.0
    )
    trim: float = setting(
        0.2, 'turn that a vehicle makes by itself, as one expects; one is the full turn', low=1e-3
    )
    memory_s: float = setting(60.0, 'time within which what was seen fades', 's', low=1.0)
    correlation_s: float = setting(
        0.5, 'time within which errors of the turn that pictures tell are one', 's', low=0.01
    )
    turn_correlation_s: float = setting(
        1.0, 'time within which differences of the turn felt are one', 's', low=0.01
    )
    outlier_rad_s: float = setting(
        0.3, 'error of a turn at which it counts half', 'rad/s', low=0.01
    )
    max_turn_error: float = setting(
        1.0, 'largest difference of the turn felt that counts; one is the full turn', low=0.01
    )
    max_aim_rate_deg_s: float = setting(
        10.0, 'largest change of an angle per second of a lesson', 'deg/s', low=0.1, high=180.0
    )
    max_trim_rate_1_s: float = setting(
        0.1, 'largest change of the trim per second of a lesson', '1/s', low=1e-3, high=10.0
    )


@dataclass(frozen=True)
class ReadoutSettings:
    """Settings of the lesson that learns a read-out."""

    replay_weight: float = setting(
        1.0,
        'weight of what the pilot does in training against what the hand wants',
        low=0.0,
        high=100.0,
    )
    ridge_s: float = setting(
        0.15,
        'weight of the size of the read-out, as seconds of a lesson',
        's',
        low=1e-3,
        high=100.0,
    )
    max_rate_1_s: float = setting(
        0.2,
        'largest change of an output per second of a lesson; outputs of one are full speed or turn',
        '1/s',
        low=1e-3,
        high=10.0,
    )


@dataclass(frozen=True)
class GradientSettings:
    """Settings of the lesson that moves parameters of the core."""

    learning_rate: float = setting(
        0.01, 'change of a parameter per tick of a lesson', low=1e-6, high=1.0
    )
    replay_weight: float = setting(
        1.0,
        'weight of what the pilot does in training against what the hand wants',
        low=0.0,
        high=100.0,
    )


@dataclass(frozen=True)
class TeachingSettings:
    """What is learned from a hand, and within which bounds."""

    lesson: str = setting(
        NO_LESSON,
        'what is learned: from a hand that takes over, the aim of the camera and offsets of the '
        'outputs (aim), or parameters of the network; without a teacher, how the camera is turned '
        'and how the vehicle turns by itself (calibration); none: nothing '
        '(docs/how_to/pilots/teach.md)',
        choices=(NO_LESSON, *LESSONS),
    )
    aim: AimSettings = field(default_factory=AimSettings)
    """Settings of the lesson of the aim."""
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    """Settings of the lesson that needs no teacher."""
    readout: ReadoutSettings = field(default_factory=ReadoutSettings)
    """Settings of the read-out lesson."""
    gradient: GradientSettings = field(default_factory=GradientSettings)
    """Settings of the lessons that move parameters."""
    trust_region: TrustRegion = field(default_factory=TrustRegion)
    """How far a correction may move the pilot."""
