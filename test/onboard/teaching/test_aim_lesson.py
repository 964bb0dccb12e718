"""The lesson of the aim finds how a camera is turned, and what a vehicle does by itself."""

import math

import numpy as np
import pytest

from liquid_pilot.onboard.inference.aimed_encoder import TURNS
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT
from liquid_pilot.onboard.teaching.aim_lesson import AimLesson
from liquid_pilot.onboard.teaching.lesson import LessonTick
from liquid_pilot.onboard.teaching.settings import AimSettings


@pytest.fixture
def lesson(pilot):
    return AimLesson(pilot)


class Flight:
    """Ticks of a pilot whose outputs a hand answers by a linear rule of its own."""

    def __init__(self, pilot, seed=0):
        self.engine = Engine(pilot)
        self.core, self.rng = self.engine.core, np.random.default_rng(seed)
        self.state = self.core.initial_state()
        self.sensitivity = self.rng.normal(0.0, 1.0, (len(TURNS), self.core.inputs - 6))

    def ticks(self, count, turned_rad=(0.0, 0.0, 0.0), trim=(0.0,) * 4, hand=True, lesson=None):
        """Features move in proportion to the angles; the hand wants what a straight one gives.

        With a lesson, the pilot looks at each picture with the aim that was learned so far.
        """
        straight_state = self.state
        for _ in range(count):
            aim = lesson.correction.aim if lesson else STRAIGHT
            straight = self.rng.normal(0.0, 0.5, self.core.inputs).astype(np.float32)
            seen, turned = straight.copy(), []
            seen[:-6] += (np.array(aim) - turned_rad) @ self.sensitivity
            for k, turn in enumerate(TURNS):
                turned.append(seen.copy())
                turned[-1][:-6] += turn[k] * self.sensitivity[k]
            self.state, output = self.core.step(self.state, seen, 0.05)
            straight_state, wanted = self.core.step(straight_state, straight, 0.05)
            yield LessonTick(
                0.05,
                seen,
                self.core.neuron_states(self.state),
                output,
                np.array(wanted) + trim if hand else None,
                aim,
                np.array(turned) if hand else np.zeros((0, 0)),
            )


def test_it_finds_the_angles_that_a_hand_makes_up_for(pilot):
    settings = AimSettings(hand_error=0.02, aim_deg=20.0, trim=0.01)
    lesson, flight = AimLesson(pilot, settings), Flight(pilot)
    angles = np.radians((6.0, -4.0, 5.0))
    for tick in flight.ticks(600, angles, lesson=lesson):
        lesson.observe(tick)
    assert np.array(lesson.correction.aim) == pytest.approx(angles, abs=math.radians(1.0))
    assert lesson.taught_s == pytest.approx(30.0)
    # Once the aim is right, no more is learned.
    aim = np.array(lesson.correction.aim)
    for tick in flight.ticks(200, angles, lesson=lesson):
        lesson.observe(tick)
    assert np.array(lesson.correction.aim) == pytest.approx(aim, abs=math.radians(0.5))


def test_it_finds_what_the_vehicle_does_by_itself(pilot):
    lesson, trim = AimLesson(pilot, AimSettings(hand_error=0.02)), (0.05, -0.1, 0.0, 0.08)
    for tick in Flight(pilot).ticks(400, trim=trim):
        lesson.observe(tick)
    assert lesson.correction.readout[:, -1] == pytest.approx(trim, abs=0.02)
    assert not lesson.correction.readout[:, :-1].any()
    assert np.abs(lesson.correction.aim).max() < math.radians(1.0)


def test_without_a_hand_nothing_changes(lesson, pilot):
    flight = Flight(pilot)
    for tick in flight.ticks(20, (0.2, 0.0, 0.0)):
        lesson.observe(tick)
    before = lesson.save()
    for tick in flight.ticks(50, (0.2, 0.0, 0.0), hand=False):
        lesson.observe(tick)
    after = lesson.save()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_it_changes_no_faster_than_it_may(pilot):
    settings = AimSettings(max_aim_rate_deg_s=2.0, max_trim_rate_1_s=0.01, hand_error=0.01)
    lesson, flight = AimLesson(pilot, settings), Flight(pilot)
    last = lesson.correction
    for tick in flight.ticks(40, np.radians((15.0, 15.0, 15.0)), (0.5, 0.5, -0.5, 0.5)):
        lesson.observe(tick)
        new = lesson.correction
        turned = np.abs(np.subtract(new.aim, last.aim)).max()
        assert turned <= math.radians(2.0) * 0.05 + 1e-9
        assert np.abs(new.readout - last.readout).max() <= 0.01 * 0.05 + 1e-7
        last = new
    assert max(map(abs, last.aim)) == pytest.approx(math.radians(4.0), rel=0.3)


def test_what_is_saved_is_restored_to_the_bit(pilot):
    lesson, again = AimLesson(pilot), AimLesson(pilot)
    ticks = list(Flight(pilot).ticks(60, (0.1, -0.1, 0.05)))
    for tick in ticks[:30]:
        lesson.observe(tick)
    lesson.begin_flight()
    again.restore(lesson.save())
    for tick in ticks[30:]:
        lesson.observe(tick)
        again.observe(tick)
    assert again.correction.equals(lesson.correction) and again.taught_s == lesson.taught_s
    lesson.reset()
    assert lesson.correction.is_none and lesson.taught_s == 0.0


def test_a_hand_that_agrees_teaches_nothing(pilot):
    lesson = AimLesson(pilot)
    for tick in Flight(pilot).ticks(100):
        lesson.observe(tick)
    assert np.abs(lesson.correction.aim).max() < 1e-6
    assert np.abs(lesson.correction.readout).max() < 1e-6
