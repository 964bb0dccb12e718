"""The lessons by name, and how one is made for a pilot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.recurrent_learning.columns import GROUPS
from liquid_pilot.onboard.inference.correction import TrustRegion
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.teaching.aim_lesson import AimLesson, AimSettings
from liquid_pilot.onboard.teaching.gradient_lesson import GradientLesson, GradientSettings
from liquid_pilot.onboard.teaching.lesson import Lesson
from liquid_pilot.onboard.teaching.readout_lesson import ReadoutLesson, ReadoutSettings
from liquid_pilot.onboard.teaching.replay import replayed_moment
from liquid_pilot.pilot_file import PilotFile

AIM = 'aim'
READOUT = 'readout'
ALL_PARAMETERS = 'all'
LESSONS: dict[str, tuple[str, ...]] = {
    AIM: (),
    READOUT: (),
    **{group: (group,) for group in GROUPS},
    ALL_PARAMETERS: tuple(GROUPS),
}
"""Name of a lesson to the groups of parameters that it moves; the first two move none."""


@dataclass(frozen=True)
class TeachingSettings:
    """What is learned from a hand, and within which bounds."""

    lesson: str = AIM
    """Name of the lesson, of LESSONS."""
    aim: AimSettings = field(default_factory=AimSettings)
    """Settings of the lesson of the aim."""
    readout: ReadoutSettings = field(default_factory=ReadoutSettings)
    """Settings of the read-out lesson."""
    gradient: GradientSettings = field(default_factory=GradientSettings)
    """Settings of the lessons that move parameters."""
    trust_region: TrustRegion = field(default_factory=TrustRegion)
    """How far a correction may move the pilot."""


def make_lesson(pilot: PilotFile, settings: TeachingSettings) -> Lesson:
    """Return the lesson that settings name, for a pilot.

    Args:
        pilot: the pilot, with training statistics.
        settings: name and settings of the lesson.

    Raises:
        LiquidPilotError: there is no such lesson, or it does not fit the pilot.
    """
    if settings.lesson not in LESSONS:
        raise LiquidPilotError(
            f'there is no lesson {settings.lesson!r}; there are {", ".join(LESSONS)}'
        )
    if settings.lesson == AIM:
        return AimLesson(pilot, settings.aim)
    groups = LESSONS[settings.lesson]
    if groups:
        return GradientLesson(pilot, groups, settings.gradient)
    statistics, core = pilot.require_statistics(), make_core(pilot)
    moment = np.asarray(statistics.state_moment, np.float64)
    if not moment.size:
        moment = replayed_moment(core, statistics, 1.0 / pilot.specification.rate_hz)
    return ReadoutLesson(moment, core.motors, settings.readout)
