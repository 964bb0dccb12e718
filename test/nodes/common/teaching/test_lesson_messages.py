"""Labelled arrays of lessons: what is packed is unpacked, and what is damaged is refused."""

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.teaching.lesson_messages import (
    LessonState,
    pack_lesson_state,
    pack_tick,
    unpack_lesson_state,
    unpack_tick,
)
from liquid_pilot.onboard.inference.correction import Correction, no_correction
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.lesson import LessonTick

DIGEST, FLIGHT = 'a' * 64, 'f1'
RNG = np.random.default_rng(3)
TICK = LessonTick(
    0.05,
    RNG.normal(size=8),
    RNG.normal(size=5),
    RNG.normal(size=4),
    None,
    CameraMount(0.1, -0.2, 0.05),
    RNG.normal(size=(3, 8)),
    RNG.normal(size=3),
    RNG.normal(size=3),
    RNG.normal(size=4),
)
TAUGHT = Correction(
    RNG.normal(size=(4, 6)).astype(np.float32),
    ('leak', 'output_map'),
    RNG.normal(size=7).astype(np.float32),
    CameraMount(0.05, 0.0, -0.1),
)


def label(message, name):
    return next(dim for dim in message.layout.dim if dim.label == name)


def test_a_tick_comes_back_with_what_the_hand_wants():
    hand = np.array([0.1, 0.2, 0.3, 0.4])
    flight, found = unpack_tick(pack_tick(TICK, DIGEST, FLIGHT), DIGEST, hand)
    assert flight == FLIGHT and found.dt_s == TICK.dt_s and found.aim == TICK.aim
    arrays = ('core_inputs', 'state', 'output', 'turned_inputs')
    for name in (*arrays, 'rates_rad_s', 'picture_rates_rad_s', 'flown'):
        assert np.array_equal(getattr(found, name), getattr(TICK, name))
    assert found.hand is hand
    bare = TICK._replace(turned_inputs=np.zeros((0, 0)), picture_rates_rad_s=None, flown=None)
    found = unpack_tick(pack_tick(bare, DIGEST, FLIGHT), DIGEST, None)[1]
    assert found.turned_inputs.size == 0 and found.hand is None
    assert found.picture_rates_rad_s is None and found.flown is None


def test_what_was_taught_comes_back():
    state = LessonState(no_correction(5, 4), TAUGHT)
    found = unpack_lesson_state(pack_lesson_state(state, DIGEST), DIGEST, 4)
    assert found.accepted.equals(state.accepted)
    assert found.tried.groups == TAUGHT.groups
    assert np.array_equal(found.tried.readout, TAUGHT.readout)
    assert np.array_equal(found.tried.change, TAUGHT.change)
    assert found.tried.aim == pytest.approx(TAUGHT.aim, abs=1e-7)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda m: setattr(m.layout.dim[0], 'size', 9), 'version 9'),
        (lambda m: setattr(m.layout.dim[1], 'label', 'pilot:b'), 'from the pilot'),
        (lambda m: setattr(label(m, 'state'), 'label', 'x'), "section 'state' is missing"),
        (lambda m: setattr(label(m, 'state'), 'size', 999), 'is cut short'),
        (lambda m: setattr(label(m, 'dt'), 'size', 2), 'elapsed time'),
        (lambda m: setattr(label(m, 'aim'), 'size', 2), 'do not fit each other'),
        (lambda m: setattr(label(m, 'turned_inputs'), 'size', 23), 'do not fit each other'),
        (lambda m: setattr(label(m, 'picture_rates'), 'size', 2), 'do not fit each other'),
        (lambda m: setattr(label(m, 'flown'), 'size', 3), 'do not fit each other'),
        (lambda m: m.data.__setitem__(3, float('nan')), 'not finite, or absurd'),
        (lambda m: m.data.__setitem__(0, -1.0), 'elapsed time'),
    ],
)
def test_a_damaged_tick_is_refused(change, words):
    message = pack_tick(TICK, DIGEST, FLIGHT)
    change(message)
    with pytest.raises(LiquidPilotError, match=words):
        unpack_tick(message, DIGEST, np.zeros(4))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda m: setattr(m.layout.dim[1], 'label', 'pilot:b'), 'from the pilot'),
        (lambda m: setattr(label(m, 'tried_aim'), 'label', 'x'), "'tried_aim' is missing"),
        (lambda m: setattr(label(m, 'accepted_readout'), 'size', 23), 'do not fit each other'),
        (lambda m: m.data.__setitem__(0, float('inf')), 'not finite, or absurd'),
        (lambda m: m.data.__setitem__(label(m, 'tried_groups').stride, 7.0), 'no group'),
        (lambda m: m.data.__setitem__(label(m, 'tried_groups').stride, 0.5), 'no group'),
    ],
)
def test_a_damaged_lesson_is_refused(change, words):
    message = pack_lesson_state(LessonState(no_correction(5, 4), TAUGHT), DIGEST)
    change(message)
    with pytest.raises(LiquidPilotError, match=words):
        unpack_lesson_state(message, DIGEST, 4)
