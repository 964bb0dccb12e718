"""Without a teacher, a vehicle finds how its camera is turned, and how it turns by itself."""

import math

import numpy as np
import pytest

from liquid_pilot import load_pilot
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.onboard.teaching.calibration_lesson import CalibrationLesson
from liquid_pilot.onboard.teaching.lesson import LessonTick
from liquid_pilot.onboard.teaching.settings import CalibrationSettings

DT_S = 0.05
TO_OPTICAL = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def flight(pilot, seconds, mount=STRAIGHT, trim_rad_s=0.0, seed=0, axes=(1, 1, 1), **noise):
    """Ticks of a vehicle that turns about, with a camera that is turned, and a trim."""
    rng = np.random.default_rng(seed)
    rates, commanded = np.zeros(3), 0.0
    bias = np.array(noise.get('bias', (0.0, 0.0, 0.0)))
    for k in range(round(seconds / DT_S)):
        rates = rates * (0.9, 0.9, 1.0) + rng.normal(0.0, 0.08, 3) * axes
        # It follows its command with a lag, and turns beside it.
        rates[2] += 0.2 * (commanded + trim_rad_s - rates[2])
        seen = mount.to_straight.T @ TO_OPTICAL @ rates + bias
        seen += rng.normal(0.0, noise.get('noise', 0.03), 3)
        if rng.random() < noise.get('outliers', 0.0):
            seen = rng.normal(0.0, 2.0, 3)
        flown = np.array([1.5, 0.0, 0.0, commanded])
        yield LessonTick(
            DT_S,
            np.zeros(38),
            np.zeros(34),
            np.zeros(4),
            None,
            rates_rad_s=rates.copy(),
            picture_rates_rad_s=seen,
            flown=flown,
        )
        if k % 40 == 0:
            commanded = rng.uniform(-0.6, 0.6)


def learned(lesson):
    """Angles in degrees, and the offset of the turn."""
    correction = lesson.correction
    assert not correction.readout[:, :-1].any() and not correction.readout[:-1].any()
    return np.degrees(correction.aim), float(correction.readout[-1, -1])


@pytest.fixture(scope='module')
def shipped():
    return load_pilot('forest-ltc')


@pytest.mark.parametrize(
    'angles', [(0, 0, 0), (20, 0, 0), (0, -15, 0), (0, 0, 25), (-12, 8, -10), (30, 20, 0)]
)
def test_it_finds_how_the_camera_is_turned(shipped, angles):
    lesson = CalibrationLesson(shipped)
    mount = CameraMount.from_degrees(*angles)
    for tick in flight(shipped, 20.0, mount, bias=(0.1, -0.05, 0.02), outliers=0.1):
        lesson.observe(tick)
    found, offset = learned(lesson)
    assert found == pytest.approx(angles, abs=2.0)
    assert abs(offset) < 0.06
    assert lesson.taught_s == pytest.approx(20.0)


@pytest.mark.parametrize('trim_rad_s', [0.4, -0.25])
def test_it_finds_how_the_vehicle_turns_by_itself(shipped, trim_rad_s):
    lesson = CalibrationLesson(shipped)
    for tick in flight(shipped, 30.0, trim_rad_s=trim_rad_s):
        lesson.observe(tick)
    scale = shipped.specification.command_scale[3]
    assert learned(lesson)[1] == pytest.approx(-trim_rad_s / scale, abs=0.06)


def test_a_camera_that_is_straightened_again_is_found_too(shipped):
    lesson = CalibrationLesson(shipped, CalibrationSettings(memory_s=10.0))
    for tick in flight(shipped, 20.0, CameraMount.from_degrees(20, 0, 0)):
        lesson.observe(tick)
    for tick in flight(shipped, 40.0, seed=1):
        lesson.observe(tick)
    assert learned(lesson)[0] == pytest.approx((0, 0, 0), abs=2.0)


def test_what_the_turns_do_not_tell_stays_as_it_is(shipped):
    """A vehicle that turns about the vertical alone tells nothing of the yaw of its camera."""
    lesson = CalibrationLesson(shipped)
    for tick in flight(shipped, 30.0, CameraMount.from_degrees(20, 0, 10), axes=(0, 0, 1)):
        lesson.observe(tick)
    yaw, _, roll = learned(lesson)[0]
    assert abs(yaw) < 5.0 and roll == pytest.approx(10.0, abs=3.0)


def test_pictures_that_do_not_move_with_the_vehicle_teach_nothing(shipped):
    lesson = CalibrationLesson(shipped)
    rng = np.random.default_rng(3)
    for tick in flight(shipped, 20.0):
        # Dirt on the lens stays where it is; noise goes anywhere.
        lesson.observe(tick._replace(picture_rates_rad_s=rng.normal(0.0, 0.02, 3)))
    assert np.abs(learned(lesson)[0]).max() < 4.0


def test_a_camera_that_looks_down_as_in_training_is_straight():
    """The rover's camera looks 8 degrees down; turned by 5 more, only these are learned."""
    rover = load_pilot('road-ltc')
    down = CameraMount.from_degrees(0, 5 + math.degrees(0.14), 0)
    lesson = CalibrationLesson(rover)
    for tick in flight(rover, 20.0, down):
        lesson.observe(tick._replace(flown=None))
    assert learned(lesson)[0] == pytest.approx((0, 5, 0), abs=2.0)


def test_ticks_that_say_nothing_teach_nothing(shipped):
    lesson = CalibrationLesson(shipped)
    for tick in flight(shipped, 5.0, CameraMount.from_degrees(20, 0, 0)):
        lesson.observe(tick._replace(picture_rates_rad_s=None, flown=None))
        lesson.observe(tick._replace(picture_rates_rad_s=np.full(3, np.nan), flown=None))
        lesson.observe(tick._replace(picture_rates_rad_s=np.full(3, 9.0), flown=None))
        lesson.observe(
            tick._replace(picture_rates_rad_s=None, flown=np.array([1.0, 0.0, 0.0, 50.0]))
        )
    assert lesson.correction.is_none and lesson.taught_s == 0.0


def test_it_changes_no_faster_than_it_may(shipped):
    settings = CalibrationSettings(max_aim_rate_deg_s=2.0, max_trim_rate_1_s=0.02)
    lesson = CalibrationLesson(shipped, settings)
    last = learned(lesson)
    for tick in flight(shipped, 4.0, CameraMount.from_degrees(30, 20, 20), trim_rad_s=0.5):
        lesson.observe(tick)
        new = learned(lesson)
        assert np.abs(new[0] - last[0]).max() <= 2.0 * DT_S + 1e-9
        assert abs(new[1] - last[1]) <= 0.02 * DT_S + 1e-7
        last = new
    assert last[0].max() > 4.0


def test_what_is_saved_is_restored_to_the_bit(shipped):
    ticks = list(flight(shipped, 10.0, CameraMount.from_degrees(10, -5, 8), trim_rad_s=0.3))
    lesson, again = CalibrationLesson(shipped), CalibrationLesson(shipped)
    for tick in ticks[:100]:
        lesson.observe(tick)
    again.restore(lesson.save())
    for tick in ticks[100:]:
        lesson.observe(tick)
        again.observe(tick)
    assert again.correction.equals(lesson.correction) and again.taught_s == lesson.taught_s
    lesson.reset()
    assert lesson.correction.is_none and lesson.taught_s == 0.0
