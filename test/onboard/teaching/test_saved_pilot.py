"""A taught pilot on disk flies as the corrected one does."""

import math
from dataclasses import replace

import numpy as np
import pytest

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.onboard.inference.correction import Correction, TrustRegion, no_correction
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.gradient_lesson import GradientLesson
from liquid_pilot.onboard.teaching.lesson import LessonTick
from liquid_pilot.onboard.teaching.saved_pilot import save_taught
from liquid_pilot.pilot_file.summary import describe, summarize

BOUNDS = TrustRegion(max_taught_output=0.2)


def commands(pilot, correction=None, count=12):
    """Commands of a pilot for a made-up flight."""
    engine, rng, found = Engine(pilot), np.random.default_rng(4), []
    if correction is not None:
        engine.teach(correction, BOUNDS)
    camera = pilot.specification.camera
    size = camera.width, camera.height
    state = engine.initial_state()
    for k in range(1, count + 1):
        stamp_ns = k * 50_000_000
        pixels = rng.integers(0, 255, 3 * size[0] * size[1], np.uint8).tobytes()
        image = ImageBuffer(pixels, *size, 3 * size[0], 'rgb8')
        imu = ImuSample(stamp_ns, (0.0, 0.1, 0.1), (0.0, 0.3, 9.8))
        tick = engine.tick(state, Observation(stamp_ns, image, (imu,)))
        state = tick.state
        found.append(tick.command.values)
    return np.array(found)


def aim_and_trim(pilot):
    core = Engine(pilot).core
    readout = np.zeros((core.motors, core.neurons + 1), np.float32)
    readout[:, -1] = (0.05, -0.3, 0.0, 0.11)
    return Correction(readout, aim=CameraMount.from_degrees(6.0, -3.0, 1.0))


def changed_parameters(pilot):
    lesson = GradientLesson(pilot, ('leak', 'output_map'))
    rng = np.random.default_rng(1)
    for _ in range(40):
        inputs = rng.normal(0.0, 1.0, pilot.wiring.inputs)
        lesson.observe(LessonTick(0.05, inputs, inputs, inputs, np.full(4, 0.4)))
    return lesson.correction


@pytest.mark.parametrize('make', [aim_and_trim, changed_parameters])
def test_it_flies_as_the_corrected_one(adaptive_pilot, tmp_path, make):
    correction = make(adaptive_pilot)
    saved = save_taught(adaptive_pilot, correction, BOUNDS, tmp_path / 'taught', 'by a test')
    expected = commands(adaptive_pilot, correction)
    assert np.abs(expected - commands(adaptive_pilot)).max() > 1e-3
    assert commands(saved) == pytest.approx(expected, abs=1e-5)
    assert saved.specification.card['taught'] == 'by a test'
    assert saved.training_statistics is not None and saved.digest != adaptive_pilot.digest


def test_a_pilot_can_be_taught_again_on_top(adaptive_pilot, tmp_path):
    correction = aim_and_trim(adaptive_pilot)
    once = save_taught(adaptive_pilot, correction, BOUNDS, tmp_path / 'once')
    twice = save_taught(once, correction, BOUNDS, tmp_path / 'twice')
    assert once.specification.camera_aim_deg == pytest.approx((6.0, -3.0, 1.0), abs=1e-5)
    assert twice.specification.camera_aim_deg == pytest.approx((12.0, -6.0, 2.0), abs=1e-5)
    # What one lesson adds is bounded, and so is each of two.
    assert once.specification.output_trim == pytest.approx((0.05, -0.2, 0.0, 0.11), abs=1e-6)
    assert twice.specification.output_trim == pytest.approx((0.1, -0.4, 0.0, 0.22), abs=1e-6)
    assert commands(twice) == pytest.approx(commands(once, correction), abs=1e-5)


def test_a_graph_is_taught_its_aim_too(gru_pilot, tmp_path):
    correction = aim_and_trim(gru_pilot)
    saved = save_taught(gru_pilot, correction, BOUNDS, tmp_path / 'taught')
    assert commands(saved) == pytest.approx(commands(gru_pilot, correction), abs=1e-5)


def test_what_has_no_place_in_a_file_is_refused(adaptive_pilot, tmp_path):
    core = Engine(adaptive_pilot).core
    readout = np.full((core.motors, core.neurons + 1), 0.01, np.float32)
    with pytest.raises(LiquidPilotError, match='cannot be saved as a pilot'):
        save_taught(adaptive_pilot, Correction(readout), BOUNDS, tmp_path / 'taught')
    assert not (tmp_path / 'taught').exists()


def test_the_file_and_its_summary_say_what_was_taught(adaptive_pilot, tmp_path):
    saved = save_taught(adaptive_pilot, aim_and_trim(adaptive_pilot), BOUNDS, tmp_path / 'taught')
    assert summarize(saved.path)['taught'] == {
        'camera_aim_deg': [6.0, -3.0, 1.0],
        'output_trim': [0.05, -0.2, 0.0, 0.11],
    }
    assert 'taught    camera turned by  6  -3  1  degrees' in describe(saved.path)
    plain = save_taught(
        adaptive_pilot,
        no_correction(saved.wiring.neurons, saved.wiring.motors),
        BOUNDS,
        tmp_path / 'plain',
    )
    text = (plain.path / 'pilot.json').read_text()
    assert 'camera_aim_deg' not in text and 'output_trim' not in text
    assert summarize(plain.path)['taught'] is None and 'taught' not in describe(plain.path)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'camera_aim_deg': (61.0, 0.0, 0.0)}, 'camera_aim_deg must lie in'),
        ({'camera_aim_deg': (1.0, 0.0)}, 'camera_aim_deg must have 3 entries'),
        ({'output_trim': (0.0, 0.0, 0.0, 2.5)}, 'output_trim must lie in'),
        ({'output_trim': (math.nan, 0.0, 0.0, 0.0)}, 'pilot.json cannot be written'),
    ],
)
def test_a_file_with_absurd_numbers_is_refused(pilot, tmp_path, change, words):
    specification = replace(pilot.specification, **change)
    with pytest.raises(LiquidPilotError, match=words):
        pilot_file.save(
            tmp_path / 'odd', specification, pilot.wiring, pilot.parameters, pilot.encoder
        )
