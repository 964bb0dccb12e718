"""Scores the arms over recorded courses, without a flight: who finds the factor, who decides right.

The expert flies; the core of each arm sees what the camera and the IMU saw, is told wrong elapsed
times, and is scaled by its learner as in flight. At the moment of decision the expert turns to the
side that was shown at the start (`studies.adaptation.grid`). An arm has found the factor when its
log-scale at the end of an episode is within FOUND of the right one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.onboard.adaptation.learner import Learner
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.adaptation.time_scales import TimeScaleStore, capacitance_log_range
from liquid_pilot.onboard.adaptation.world_clock.clock_bank import ClockBank
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.recurrent_cores import Core, make_core
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.action_noise import UndecidedSteering
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.conditions.severities import strength
from studies.adaptation.grid import WINDOW, decision_tick
from studies.world_clock import arms
from studies.world_clock.bank_core import BankCore
from studies.world_clock.picture_clock import PictureClockLearner, ShiftMeter

FOUND = 0.5 * math.log(2.0)
"""Largest difference of logarithms at which a factor is found: to the nearest power of 2."""
NEAR = 1.01 * math.log(2.0)
"""The same for a factor that is found up to 2."""
POOLED_EPISODES = arms.WARM_UP_MISSIONS
"""Number of episodes before each whose evidence the arms `arms.POOLED` have."""
TURN = 3
"""Number of the output that turns the vehicle."""


class Course(NamedTuple):
    """One recorded episode of T ticks, encoded for a pilot."""

    seed: int
    family: str
    features: np.ndarray
    """(T, F) features."""
    imu: np.ndarray
    """(T, 6) IMU."""
    dt_s: np.ndarray
    """(T,) true elapsed times, s."""
    shifts_px: list[float | None]
    """Shift of each picture (`picture_clock.ShiftMeter`)."""
    decision: int | None
    """Tick of the decision; None: nothing is decided, or the gyroscope would show the side."""
    turn: float
    """The expert's turn at the decision."""


def read_courses(
    pilot: PilotFile, paths: Sequence[Path], conditions: Sequence[str]
) -> list[Course]:
    """Return the episodes of these files, encoded for a pilot.

    Args:
        pilot: the pilot.
        paths: files of the episodes.
        conditions: conditions that the episodes were flown in, in turn by their seed.
    """
    camera, features = pilot.specification.camera, pilot.specification.features
    encode = Encoder(pilot.encoder, camera.height, camera.width, features)
    courses = []
    for path in paths:
        episode = Episode.load(path)
        (condition,) = parse(conditions[episode.seed % len(conditions)])
        decision = decision_tick(episode, condition.family, strength(condition))
        if not UndecidedSteering(random_stream(episode.seed, 'waver')).duration_s:
            decision = None
        images = episode.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        meter, shifts = ShiftMeter(), []
        for image in images:
            meter.watch(image[None])
            shifts.append(meter.shift_px)
        turn = 0.0 if decision is None else episode.commands[decision:, TURN][WINDOW].mean()
        courses.append(
            Course(
                episode.seed,
                condition.family,
                np.stack([encode(image[None]) for image in images]),
                episode.imu.astype(float),
                episode.dt_s,
                shifts,
                decision,
                float(turn),
            )
        )
    return courses


class Replay:
    """The core of one pilot, and what scales it, over recorded courses.

    Args:
        pilot: the pilot.
        learner: what scales the core; None: nothing does.
        fixed_dt: whether the core is stepped by one period of the training, whatever is told.
        core: the core; None: that of the pilot.
    """

    def __init__(
        self,
        pilot: PilotFile,
        learner: Learner | None,
        fixed_dt: bool = False,
        core: Core | None = None,
    ) -> None:
        specification = pilot.specification
        self._specification, self._learner = specification, learner
        self._core = core or make_core(pilot)
        statistics = pilot.training_statistics
        self._grid = (0, 0) if statistics is None else statistics.filter_tau_s.shape
        self._log_cm_range = capacitance_log_range(arms.with_trust_region(pilot).specification)
        self._dt_range_s = (specification.dt_min_s, specification.dt_max_s)
        if fixed_dt:
            self._dt_range_s = (1.0 / specification.rate_hz,) * 2

    def run(
        self, course: Course, told: float, keep_learned: bool = False
    ) -> tuple[bool | None, float]:
        """Run over one course.

        Args:
            course: the course.
            told: factor from the true elapsed times to those that are told.
            keep_learned: whether the learner keeps what it has learned.

        Returns:
            Whether the decision was right, None where there is none; and the last log-scale.
        """
        s, learner, core = self._specification, self._learner, self._core
        neurons = core.neurons if core.liquid else 0
        store = TimeScaleStore(self._grid, neurons, log_cm_range=self._log_cm_range)
        if learner is not None and not keep_learned:
            if isinstance(learner, arms.RandomFactor):
                learner.mission = course.seed
            learner.reset()
        state, turns, zeros = core.initial_state(), [], np.zeros(self._grid)
        imu = (course.imu - np.array(s.imu_mean)) / np.array(s.imu_scale)
        inputs = np.concatenate([course.features, imu], axis=1).astype(np.float32)
        for k, x in enumerate(inputs):
            dt_s = min(max(told * float(course.dt_s[k]), self._dt_range_s[0]), self._dt_range_s[1])
            scales = store.scales(k, dt_s).core if k else None
            state, output = core.step(state, x, dt_s, scales)
            turns.append(float(output[TURN]))
            if learner is None:
                continue
            if isinstance(learner, PictureClockLearner):
                learner.meter.shift_px = course.shifts_px[k]
            tick = LearnerInput(
                k + 1,
                dt_s,
                zeros,
                zeros,
                False,
                dt_s=dt_s,
                features=course.features[k],
                imu=course.imu[k],
            )
            store.accept(learner.update(tick), k + 1)
        last = store.scales(len(inputs), dt_s).core
        log_scale = 0.0 if last is None else float(last.log_cm[0])
        if course.decision is None:
            return None, log_scale
        turn = float(np.mean(turns[course.decision :][WINDOW]))
        return turn * course.turn > 0.0, log_scale


def score(
    pilot: PilotFile, courses: Sequence[Course], arm: str, told: float
) -> dict[str, int | dict[str, list[int]]]:
    """Return how an arm does over all courses.

    Args:
        pilot: the pilot.
        courses: the courses, encoded for it.
        arm: name of an arm.
        told: factor from the true elapsed times to those that are told.

    Returns:
        episodes, found and near; decided: family to [right decisions, decisions].
    """
    learner = None if arm in arms.UNSCALED else arms.learner_of(arm, pilot, None, told)
    core = BankCore(arms.with_trust_region(pilot)) if arm == 'mixture' else None
    replay = Replay(pilot, learner, arm == 'fixed_dt', core)
    errors: list[float] = []
    decided: dict[str, tuple[int, int]] = {}
    for number, course in enumerate(courses):
        if arm in arms.POOLED and learner is not None:
            learner.reset()
            for back in range(POOLED_EPISODES, 0, -1):
                replay.run(courses[number - back], told, keep_learned=True)
        right, log_scale = replay.run(course, told, keep_learned=arm in arms.POOLED)
        errors.append(abs(log_scale - math.log(told)))
        if right is not None:
            good, of = decided.get(course.family, (0, 0))
            decided[course.family] = good + int(right), of + 1
    found = np.array(errors)
    return {
        'episodes': len(errors),
        'found': int((found <= FOUND).sum()),
        'near': int((found <= NEAR).sum()),
        'decided': {family: list(counts) for family, counts in sorted(decided.items())},
    }


def error_curve(pilot: PilotFile, courses: Sequence[Course]) -> dict[str, list[float]]:
    """Return how badly copies of each factor predict, at the right clock.

    The rule can tell the clock of a pilot only if the error is smallest at the factor 1.

    Returns:
        factors, and the mean errors of the copies over all courses.
    """
    bank, total = ClockBank(arms.with_trust_region(pilot)), []
    for course in courses:
        bank.reset()
        for k, (features, imu) in enumerate(zip(course.features, course.imu, strict=True)):
            inputs = bank.core_inputs(features, imu)
            if k:
                total.append(bank.errors(inputs))
            bank.step(inputs, float(course.dt_s[k]))
    errors: list[float] = np.mean(total, axis=0).round(4).tolist()
    return {'factors': bank.factors.tolist(), 'errors': errors}


def score_pilot(
    folder: str,
    paths: Sequence[Path],
    conditions: Sequence[str],
    chosen: dict[str, str],
    told: Sequence[float],
) -> dict[str, Any]:
    """Return the scores of all arms of one pilot.

    Args:
        folder: the folder of the pilot.
        paths: files of the episodes.
        conditions: their conditions, in turn.
        chosen: name to arm.
        told: factors from the true elapsed times to those that are told.

    Returns:
        arms: name to factor to `score`; curve: `error_curve` of a liquid core.
    """
    pilot = pilot_file.load(folder)
    courses = read_courses(pilot, paths, conditions)
    content: dict[str, Any] = {
        'arms': {
            name: {f'{factor:g}': score(pilot, courses, arm, factor) for factor in told}
            for name, arm in chosen.items()
        }
    }
    if pilot.parameters is not None:
        content['curve'] = error_curve(pilot, courses)
    return content
