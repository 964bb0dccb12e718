"""The keeper of scales: whatever is proposed, a pilot flies by bounded ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.time_scales import (
    CORE_LOG_SCALE_RANGE,
    FILTER_LOG_SCALE_RANGE,
    TimeScaleStore,
    TimeScaleUpdate,
    capacitance_log_range,
)

GRID, NEURONS = (2, 3), 5
DT_S = 0.05


def proposal(sequence=0, temporal_filter=0.5, log_cm=0.1, log_gleak=-0.2):
    return TimeScaleUpdate(
        sequence,
        np.full(GRID, temporal_filter, np.float32),
        np.full(NEURONS, log_cm, np.float32),
        np.full(NEURONS, log_gleak, np.float32),
    )


def flown(keeper):
    """The scales as they are, (R, C) and (2, N); just answered, so that nothing eases."""
    log_scale, core = keeper.scales(keeper.last_sequence, DT_S)
    return log_scale.copy(), np.zeros((2, NEURONS)) if core is None else np.array(core)


def assert_within(keeper):
    for values, (low, high) in zip(
        flown(keeper), (FILTER_LOG_SCALE_RANGE, CORE_LOG_SCALE_RANGE), strict=True
    ):
        assert np.isfinite(values).all()
        assert (values >= np.float32(low)).all()
        assert (values <= np.float32(high)).all()


def test_scales_are_the_trained_ones_before_anything_came():
    keeper = TimeScaleStore(GRID, NEURONS)
    for newest in (-1, 0, 1000):
        log_scale, core = keeper.scales(newest, DT_S)
        assert log_scale.shape == GRID
        assert not log_scale.any()
        assert core is None


def test_what_is_accepted_is_flown_and_reset_forgets_it():
    keeper = TimeScaleStore(GRID, NEURONS)
    given = proposal(3)
    keeper.accept(given._replace(temporal_filter=np.arange(6) / 10), 3)
    log_scale, core = keeper.scales(3, DT_S)
    np.testing.assert_allclose(log_scale, [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]])
    assert log_scale.dtype == core.log_cm.dtype == np.float32
    np.testing.assert_array_equal(core, [given.log_cm, given.log_gleak])
    # The learner may propose for the log_scale alone.
    keeper.accept(TimeScaleUpdate(4, given.temporal_filter, np.empty(0), np.empty(0)), 4)
    assert keeper.scales(4, DT_S).core is None
    keeper.reset()
    assert keeper.last_sequence == -1
    assert not keeper.scales(-1, DT_S).temporal_filter.any()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'sequence': 4}, 'answer tick 4, expected one after 4 and up to 9'),
        ({'sequence': 10}, 'answer tick 10'),
        ({'temporal_filter': np.zeros(7)}, 'of 7 blocks of the temporal filter, the pilot has 6'),
        ({'log_cm': np.zeros(4)}, 'of 4 and 5 neurons, the pilot has 5'),
        ({'log_gleak': np.full(NEURONS, math.nan)}, 'not finite'),
    ],
)
def test_a_refusal_says_what_does_not_fit(change, words):
    keeper = TimeScaleStore(GRID, NEURONS)
    keeper.accept(proposal(4), 9)
    with pytest.raises(LiquidPilotError, match=words):
        keeper.accept(proposal(9)._replace(**change), 9)


def test_silence_eases_back_to_the_trained_values():
    keeper = TimeScaleStore(GRID, NEURONS, timeout_ticks=20, decay_s=3.0)
    keeper.accept(proposal(7), 7)
    before = flown(keeper)
    for newest in range(7, 28):
        log_scale, core = keeper.scales(newest, DT_S)
        np.testing.assert_array_equal(log_scale, before[0])
        np.testing.assert_array_equal(core, before[1])
    for newest in range(28, 28 + 60):
        log_scale, core = keeper.scales(newest, DT_S)
    # Three seconds of silence beyond patience.
    np.testing.assert_allclose(log_scale, math.exp(-1) * before[0], rtol=1e-4)
    np.testing.assert_allclose(core, math.exp(-1) * before[1], rtol=1e-4)
    # An answer ends it.
    keeper.accept(proposal(88, temporal_filter=0.7), 88)
    np.testing.assert_array_equal(keeper.scales(88, DT_S).temporal_filter, np.float32(0.7))
    for newest in range(200, 1000):
        log_scale, core = keeper.scales(newest, DT_S)
    assert log_scale.max() < 1e-4


def numbers(size):
    """Arrays of that size, one more, or none, of any numbers."""
    wild = st.sampled_from([0.0, 1.0, -1.0, 0.3, 1e-40, 1e30, -1e300, math.nan, math.inf])
    return st.one_of(
        st.lists(wild, min_size=size, max_size=size),
        st.lists(st.floats(-3.0, 3.0), min_size=size, max_size=size),
        st.lists(st.floats(-3.0, 3.0), max_size=size + 1),
    ).map(np.array)


@settings(max_examples=100, deadline=None)
@given(
    proposals=st.lists(
        st.builds(
            TimeScaleUpdate,
            st.integers(-3, 12),
            numbers(GRID[0] * GRID[1]),
            numbers(NEURONS),
            numbers(NEURONS),
        ),
        min_size=1,
        max_size=4,
    )
)
@pytest.mark.filterwarnings('ignore:overflow encountered in cast')
def test_whatever_is_proposed_what_is_flown_stays_within_bounds(proposals):
    keeper = TimeScaleStore(GRID, NEURONS)
    keeper.accept(proposal(1), 1)
    for given_one in proposals:
        before, answered = flown(keeper), keeper.last_sequence
        try:
            keeper.accept(given_one, 9)
        except LiquidPilotError:
            assert keeper.last_sequence == answered
            for ours, theirs in zip(flown(keeper), before, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        else:
            assert answered < keeper.last_sequence == given_one.sequence <= 9
            assert_within(keeper)


def test_neurons_in_another_shape_are_taken_or_refused_as_a_whole():
    keeper = TimeScaleStore(GRID, NEURONS)
    keeper.accept(proposal(1), 1)
    before = flown(keeper)
    column = proposal(2, temporal_filter=1.5)._replace(log_cm=np.full((NEURONS, 1), 0.3))
    try:
        keeper.accept(column, 2)
    except LiquidPilotError:
        np.testing.assert_array_equal(flown(keeper)[0], before[0])
    else:
        np.testing.assert_array_equal(flown(keeper)[1][0], np.float32(0.3))


def test_a_restarted_sequence_keeps_the_scales():
    keeper = TimeScaleStore(GRID, NEURONS)
    keeper.accept(proposal(7), 7)
    before = flown(keeper)
    keeper.restart_sequence()
    np.testing.assert_array_equal(keeper.scales(0, DT_S).temporal_filter, before[0])
    with pytest.raises(LiquidPilotError, match='answer tick 2'):
        keeper.accept(proposal(2), 1)
    keeper.accept(proposal(1, temporal_filter=0.9), 1)
    np.testing.assert_array_equal(keeper.scales(1, DT_S).temporal_filter, np.float32(0.9))


def test_the_trust_region_of_the_capacitances_is_the_pilots_and_that_of_the_leak_is_not():
    keeper = TimeScaleStore(GRID, NEURONS, log_cm_range=(math.log(0.125), math.log(16.0)))
    for sequence, (sent, log_cm) in enumerate(((9.0, math.log(16.0)), (-9.0, math.log(0.125)))):
        keeper.accept(proposal(sequence, log_cm=sent, log_gleak=sent), sequence)
        _, core = keeper.scales(sequence, DT_S)
        np.testing.assert_array_equal(core.log_cm, np.float32(log_cm))
        leak = CORE_LOG_SCALE_RANGE[int(sent > 0.0)]
        np.testing.assert_array_equal(core.log_gleak, np.float32(leak))


def test_a_pilot_that_says_nothing_has_the_default_trust_region(pilot):
    assert capacitance_log_range(pilot.specification) == CORE_LOG_SCALE_RANGE
