"""The lessons by name, and how one is made for a pilot."""

from __future__ import annotations

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.teaching.aim_lesson import AimLesson
from liquid_pilot.onboard.teaching.calibration_lesson import CalibrationLesson
from liquid_pilot.onboard.teaching.gradient_lesson import GradientLesson
from liquid_pilot.onboard.teaching.lesson import Lesson
from liquid_pilot.onboard.teaching.readout_lesson import ReadoutLesson
from liquid_pilot.onboard.teaching.replay import replayed_moment
from liquid_pilot.onboard.teaching.settings import AIM, CALIBRATION, LESSONS, TeachingSettings
from liquid_pilot.pilot_file import PilotFile


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
    if settings.lesson == CALIBRATION:
        return CalibrationLesson(pilot, settings.calibration)
    groups = LESSONS[settings.lesson]
    if groups:
        return GradientLesson(
            pilot, groups, settings.gradient, settings.trust_region.max_taught_change
        )
    statistics, core = pilot.require_statistics(), make_core(pilot)
    moment = np.asarray(statistics.state_moment, np.float64)
    if not moment.size:
        moment = replayed_moment(core, statistics, 1.0 / pilot.specification.rate_hz)
    return ReadoutLesson(moment, core.motors, settings.readout)
