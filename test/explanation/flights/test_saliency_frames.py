"""Frames of a mission fit their masks, and their maps are scored."""

import math

import numpy as np
import pytest

from liquid_pilot.explanation.flights.saliency_frames import (
    RANDOM,
    StateRecorder,
    mission_frames,
    score_frame,
)
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.simulation.base.condition import parse


@pytest.fixture(scope='module')
def frames(forest_pilot):
    """Three frames of mission 7."""
    with StateRecorder() as simulation:
        return list(mission_frames(forest_pilot, simulation, 7, every=40))


@pytest.mark.slow
def test_masks_are_of_the_picture_of_their_frame(frames, forest_pilot):
    with StateRecorder() as simulation:
        (first, *_) = mission_frames(forest_pilot, simulation, 7, every=40)
        preprocess = Preprocessor(forest_pilot.specification.camera, simulation.camera)
        again = preprocess(simulation.render_from(simulation.states[20]))
    # Pictures of a record are kept with 11 bits.
    np.testing.assert_allclose(first.picture, again, atol=1e-3)
    assert len(frames) >= 2
    assert [frame.time_s for frame in frames] == sorted({frame.time_s for frame in frames})
    red = first.picture[0, 0] - first.picture[0, 1:].max(axis=0)
    chair = first.masks['goal'] == 1.0
    assert chair.any() and red[chair].mean() > 0.4
    assert red[first.masks['goal'] == 0.0].mean() < 0.05
    for frame in frames:
        assert frame.by_feature.shape == (32,) and frame.by_feature.any()
        # No pixel is covered more than once; each mask is rounded to 8 bits.
        assert sum(frame.masks.values()).max() <= 1.0 + len(frame.masks) * 0.5 / 255


@pytest.mark.slow
def test_scores_tell_a_map_from_a_random_one(frames, explainer):
    chance = score_frame(explainer, frames[0], RANDOM, None)
    found = score_frame(explainer, frames[0], 'visual_backprop', None)
    assert chance['goal share'] == pytest.approx(chance['goal area'], rel=0.2)
    assert found['goal share'] > 10 * found['goal area'] and found['goal hit'] == 1.0
    assert found['deletion'] < 0.3 < chance['deletion']
    assert found['all ssim'] < 0.5 < found['last ssim']
    assert found['stability'] > 0.9
    assert 'stability' not in chance
    assert not any(map(math.isinf, found.values()))


@pytest.mark.slow
def test_conditions_that_delay_pictures_are_refused(forest_pilot):
    with StateRecorder() as simulation, pytest.raises(LiquidPilotError, match='arrive late'):
        list(mission_frames(forest_pilot, simulation, 7, conditions=parse('latency:3')))
