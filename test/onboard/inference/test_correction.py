"""Corrections: what is added to a pilot is bounded, and nothing is the pilot as trained."""

import math

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.correction import (
    Correction,
    NoCorrection,
    TrustRegion,
    check_fits,
    make_correction_stage,
    no_correction,
)
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount

NEURONS, MOTORS = 5, 4
NO_TRIM = (0.0,) * MOTORS


def bounded(correction, **bounds):
    return TrustRegion(**bounds).bounded(correction)


def test_nothing_is_none_and_passes_outputs_through():
    nothing = no_correction(NEURONS, MOTORS)
    assert nothing.is_none and nothing.equals(bounded(nothing))
    stage = make_correction_stage(nothing, TrustRegion(), NO_TRIM)
    assert isinstance(stage, NoCorrection)
    output = np.ones(MOTORS, np.float32)
    assert stage.correct(np.ones(NEURONS, np.float32), output) is output


@pytest.mark.parametrize(
    'change',
    [
        {'readout': np.ones((MOTORS, NEURONS + 1), np.float32)},
        {'aim': CameraMount(0.1, 0.0, 0.0)},
        {'groups': ('leak',), 'change': np.ones(3, np.float32)},
    ],
    ids=['readout', 'aim', 'change'],
)
def test_each_part_makes_it_another(change):
    changed = no_correction(NEURONS, MOTORS)._replace(**change)
    assert not changed.is_none
    assert not changed.equals(no_correction(NEURONS, MOTORS)) and changed.equals(changed)


def test_what_is_beyond_the_bounds_is_cut():
    wild = no_correction(NEURONS, MOTORS)._replace(
        aim=CameraMount(1.0, -1.0, 0.01), groups=('leak',), change=np.array([-5.0, 0.1, 5.0])
    )
    found = bounded(wild, max_taught_change=0.5, max_taught_aim_deg=9.0)
    assert found.aim == pytest.approx((math.radians(9.0), -math.radians(9.0), 0.01))
    assert found.change.tolist() == pytest.approx([-0.5, 0.1, 0.5])


def test_the_readout_adds_a_map_of_the_state_within_its_bound():
    readout = np.zeros((MOTORS, NEURONS + 1), np.float32)
    readout[0, 1], readout[1, -1], readout[2, 0] = 0.1, -0.05, 7.0
    stage = make_correction_stage(Correction(readout), TrustRegion(max_taught_output=0.3), NO_TRIM)
    state = np.array([1.0, 2.0, 0.0, 0.0, 0.0], np.float32)
    corrected = stage.correct(state, np.ones(MOTORS, np.float32))
    assert corrected.tolist() == pytest.approx([1.2, 0.95, 1.3, 1.0])


def test_a_trim_of_the_file_is_added_beside_what_is_bounded():
    readout = np.zeros((MOTORS, NEURONS + 1), np.float32)
    readout[:, -1] = 0.5
    stage = make_correction_stage(
        Correction(readout), TrustRegion(max_taught_output=0.2), (0.4, 0, 0, 0)
    )
    corrected = stage.correct(np.zeros(NEURONS, np.float32), np.zeros(MOTORS, np.float32))
    assert corrected.tolist() == pytest.approx([0.6, 0.2, 0.2, 0.2])


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'readout': np.zeros((MOTORS, NEURONS))}, r'read-out has the shape \(4, 5\)'),
        ({'readout': np.full((MOTORS, NEURONS + 1), math.nan)}, 'not finite'),
        ({'change': np.zeros(2)}, 'changes 2 parameters, this pilot has 0'),
        ({'aim': CameraMount(math.nan, 0.0, 0.0)}, 'an angle of its aim is not finite'),
        ({'aim': CameraMount(0.0, math.inf, 0.0)}, 'an angle of its aim is not finite'),
    ],
)
def test_what_does_not_fit_is_refused(change, words):
    correction = no_correction(NEURONS, MOTORS)._replace(**change)
    with pytest.raises(LiquidPilotError, match=words):
        check_fits(bounded(correction), NEURONS, MOTORS, 0)


def test_a_straight_camera_is_one_without_angles():
    assert STRAIGHT.is_straight and STRAIGHT.plus(CameraMount(0.0, 0.1, 0.0)).pitch_rad == 0.1


def test_offsets_are_bounded_as_they_are_shown():
    readout = np.zeros((MOTORS, NEURONS + 1), np.float32)
    readout[:, -1] = (0.5, -0.5, 0.1, 0.0)
    found = bounded(Correction(readout), max_taught_output=0.2)
    assert found.readout[:, -1].tolist() == pytest.approx([0.2, -0.2, 0.1, 0.0])
    assert readout[0, -1] == 0.5
