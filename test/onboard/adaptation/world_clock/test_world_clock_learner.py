"""The learner `world_clock`: it finds by how much stamps lie, and nothing where they do not."""

import dataclasses
import json
import math
import sys
from dataclasses import replace

import clock_pilots
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import (
    ConfigurableLearner,
    LearnerSettings,
    PersistentLearner,
    TimeScaleLearner,
)
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.adaptation.learner_registry import make_learner
from liquid_pilot.onboard.adaptation.world_clock.clock_bank import ClockBank, copy_factors
from liquid_pilot.onboard.adaptation.world_clock.learner import WorldClockLearner
from liquid_pilot.pilot_file import TrainingStatistics

TICKS = 2000


@pytest.fixture
def learner(clock_pilot):
    return WorldClockLearner(clock_pilot)


def feed(learner, ticks):
    """Feed a flight and return the log-scale of the capacitances after each tick."""
    scales = []
    for tick in ticks:
        update = learner.update(tick)
        assert update.sequence == tick.sequence
        assert np.ptp(update.log_cm) == 0.0 and not update.log_gleak.any()
        scales.append(float(update.log_cm[0]))
    return scales


def state_of(learner):
    return {name: part.copy() for name, part in learner.evidence.parts().items()}


def assert_unchanged(learner, before):
    for name, part in learner.evidence.parts().items():
        np.testing.assert_array_equal(part, before[name])


@pytest.mark.parametrize('told', [0.125, 0.25, 0.5, 2.0, 4.0, 8.0, 16.0])
def test_the_factor_of_lying_stamps_is_found(clock_pilot, learner, told):
    found = []
    for seed in range(3):
        learner.reset()
        found.append(feed(learner, clock_pilots.flight(clock_pilot, TICKS, seed, told))[-1])
    assert np.abs(np.array(found) - math.log(told)).max() < 0.5 * math.log(2.0)
    state, reason = learner.describe()
    assert state == ('clock_slow' if told < 1.0 else 'clock_fast')
    wrong = 'slow' if told < 1.0 else 'fast'
    ratio = f'{max(told, 1 / told):.1f}'
    assert f'the stamps run {ratio} times too {wrong} (log-odds +' in reason
    assert f'core {ratio} times as {"fast" if told < 1.0 else "slow"} as trained; frames' in reason


def test_the_clock_of_an_lrc_core_is_found_too(lrc_clock_pilot):
    learner = WorldClockLearner(lrc_clock_pilot)
    for told in (0.25, 1.0, 4.0):
        learner.reset()
        last = feed(learner, clock_pilots.flight(lrc_clock_pilot, TICKS, 0, told))[-1]
        assert abs(last - math.log(told)) < 0.5 * math.log(2.0), told


def test_at_the_right_clock_the_core_stays_as_trained_to_the_bit(clock_pilot, learner):
    for seed in range(12):
        assert not any(feed(learner, clock_pilots.flight(clock_pilot, TICKS, seed))), seed
        learner.reset()
    assert learner.describe()[1].startswith('the stamps fit the training')


@pytest.mark.parametrize('skipped', [2, 4])
def test_a_slower_camera_with_right_stamps_is_no_wrong_clock(clock_pilot, learner, skipped):
    for seed in range(6):
        ticks = clock_pilots.flight(clock_pilot, TICKS, seed)[::skipped]
        slower = [
            replace(tick, sequence=k, dt_s=skipped * tick.dt_s) for k, tick in enumerate(ticks, 1)
        ]
        assert not any(feed(learner, slower)), seed
        learner.reset()


def test_the_filter_is_learned_as_by_the_shipped_learner(clock_pilot):
    chosen = LearnerSettings(filter_learning_rate=3.0)
    ours = make_learner('world_clock', None, 0, LearnerSettings(), clock_pilot)
    theirs = TimeScaleLearner(clock_pilot.training_statistics, clock_pilot.wiring.neurons, chosen)
    assert isinstance(ours, ConfigurableLearner) and isinstance(ours, PersistentLearner)
    ours.configure(chosen)
    for tick in clock_pilots.flight(clock_pilot, 50, 1, 0.25):
        flicker = replace(tick, error=9.0 * tick.error, gradient=-2.0 * tick.error)
        one, other = (each.update(flicker).temporal_filter for each in (ours, theirs))
        np.testing.assert_array_equal(one, other)
    assert one.min() > 0.1


def test_evidence_is_pooled_over_flights_and_survives_a_snapshot(clock_pilot, learner):
    """Flights too short to convince anybody do so together, in this process and in another."""
    flights = [clock_pilots.flight(clock_pilot, 60, seed, 4.0) for seed in range(60)]
    alone = []
    for ticks in flights[:10]:
        learner.reset()
        alone.append(feed(learner, ticks)[-1])
    learner.reset()
    for ticks in flights[:30]:
        feed(learner, ticks)
    text = learner.snapshot(clock_pilot.digest)
    other = WorldClockLearner(clock_pilot)
    other.restore(text, clock_pilot.digest)
    assert other.snapshot(clock_pilot.digest) == text
    for ticks in flights[30:]:
        assert feed(learner, ticks) == feed(other, ticks)
    pooled = learner.evidence.log_scale
    assert abs(pooled - math.log(4.0)) < 0.35
    assert not any(alone)
    learner.reset()
    assert not any(feed(learner, clock_pilots.flight(clock_pilot, 3, 0)))


def test_a_snapshot_that_does_not_fit_changes_nothing(clock_pilot, learner):
    feed(learner, clock_pilots.flight(clock_pilot, 40, 0, 4.0))
    before = state_of(learner)
    content = json.loads(learner.snapshot(clock_pilot.digest))
    theirs = TimeScaleLearner(clock_pilot.training_statistics, clock_pilot.wiring.neurons)
    for text, words in (
        (theirs.snapshot(clock_pilot.digest), 'is of another rule'),
        (json.dumps({**content, 'clock_log_likelihood': [0.0]}), 'does not fit'),
        (json.dumps({**content, 'clock_decision': [1.0, math.nan]}), 'does not fit'),
        (json.dumps({**content, 'receptors': 1}), 'does not fit'),
        (json.dumps({**content, 'pilot': 'cd' * 32}), 'it is of the pilot cdcdcd'),
        ('{}', 'cannot be read'),
    ):
        with pytest.raises(LiquidPilotError, match=words):
            learner.restore(text, clock_pilot.digest)
        assert_unchanged(learner, before)
    # The other rule reads what it needs.
    theirs.restore(json.dumps(content), clock_pilot.digest)


def test_novel_frames_and_frames_after_gaps_do_not_count(clock_pilot, learner):
    ticks = clock_pilots.flight(clock_pilot, 60, 0, 4.0)
    for k, change in enumerate(
        ({'novel': True}, {'sequence': 43}, {'dt_s': 4.1 * ticks[0].dt_s}), 20
    ):
        learner.reset()
        feed(learner, ticks[:k])
        before = learner.evidence.log_likelihood.copy()
        feed(learner, [replace(ticks[k], **change)])
        np.testing.assert_array_equal(learner.evidence.log_likelihood, before)
        follows = replace(ticks[k + 1], sequence=change.get('sequence', ticks[k].sequence) + 1)
        feed(learner, [follows])
        changed = not np.array_equal(learner.evidence.log_likelihood, before)
        # The features of a novel frame are old ones, from which nothing follows.
        assert changed == ('novel' not in change)


def test_the_first_tick_of_a_flight_has_not_been_predicted(clock_pilot, learner):
    ticks = clock_pilots.flight(clock_pilot, 30, 0, 4.0)
    feed(learner, ticks)
    before = learner.evidence.log_likelihood.copy()
    feed(learner, ticks[:1])
    np.testing.assert_array_equal(learner.evidence.log_likelihood, before)
    # The copies begin at rest, like the core of the pilot.
    alone = WorldClockLearner(clock_pilot)
    feed(alone, ticks[:9])
    feed(learner, ticks[1:9])
    np.testing.assert_array_equal(learner._bank._copies.states, alone._bank._copies.states)


def test_copies_are_slowed_down_with_the_core(clock_pilot, learner):
    """A core that is 16 times slower for a tick is stepped by a sixteenth of the time."""
    ticks = clock_pilots.flight(clock_pilot, 10, 0)
    feed(learner, [replace(tick, log_core_time_scale=math.log(16.0)) for tick in ticks])
    states = learner._bank._copies.states.copy()
    learner.reset()
    feed(learner, [replace(tick, dt_s=tick.dt_s / 16.0) for tick in ticks])
    np.testing.assert_allclose(learner._bank._copies.states, states, rtol=1e-5, atol=1e-6)


WILD = st.sampled_from([0.0, 1.0, -1.0, 1e5, -1e5, 1e30, math.nan, math.inf, -math.inf])


@settings(max_examples=25, deadline=None)
@given(
    wild=st.lists(
        st.fixed_dictionaries(
            {
                'sequence': st.integers(-3, 40),
                'dt_s': st.one_of(st.floats(1e-4, 10.0), WILD),
                'log_core_time_scale': st.one_of(st.floats(-9.0, 9.0), WILD),
                'novel': st.booleans(),
                'features': st.lists(WILD, min_size=7, max_size=9),
                'imu': st.lists(WILD, min_size=6, max_size=6),
                'elapsed_s': WILD | st.just(0.05),
            }
        ),
        max_size=40,
    )
)
def test_whatever_arrives_the_scale_stays_in_the_trust_region_and_moves_in_bounded_steps(
    clock_pilot, wild
):
    learner = WorldClockLearner(clock_pilot)
    good = clock_pilots.flight(clock_pilot, 40, 0, 4.0)
    last, step = 0.0, learner.evidence.settings.max_change_per_tick
    for k, tick in enumerate(good):
        change = wild[k] if k < len(wild) else {}
        change = {
            name: np.array(value) if isinstance(value, list) else value
            for name, value in change.items()
        }
        before = state_of(learner)
        try:
            scale = float(learner.update(replace(tick, **change)).log_cm[0])
        except LiquidPilotError:
            assert_unchanged(learner, before)
            continue
        assert math.log(0.125) - 1e-6 <= scale <= math.log(16.0) + 1e-6
        assert abs(scale - last) <= step + 1e-6
        last = scale
        assert np.isfinite(learner.evidence.log_likelihood).all()
    # Nothing that came has broken it.
    learner.update(replace(good[0], sequence=1))
    scales = feed(learner, clock_pilots.flight(clock_pilot, 700, 3, 4.0))
    assert scales[-1] == pytest.approx(math.log(4.0), abs=0.35)


def test_readings_of_another_size_or_none_are_refused(clock_pilot, learner):
    tick = clock_pilots.flight(clock_pilot, 1, 0)[0]
    for change, words in (
        ({'features': np.zeros(7)}, r'readings of \[7, 6\] numbers do not fit'),
        ({'imu': np.zeros(3)}, r'readings of \[8, 3\]'),
        ({'features': np.empty(0), 'imu': np.empty(0)}, r'readings of \[0, 0\]'),
        ({'imu': np.full(6, np.nan)}, 'not finite'),
        ({'dt_s': 0.0}, 'elapsed time of 0.0 s'),
        ({'error': np.full((2, 4), np.nan)}, 'errors or gradients are not finite'),
    ):
        with pytest.raises(LiquidPilotError, match=words):
            learner.update(replace(tick, **change))
    # An input of before has no readings at all.
    old = LearnerInput(1, 0.05, tick.error, tick.gradient, False)
    with pytest.raises(LiquidPilotError, match='readings of'):
        learner.update(old)


def test_factors_are_the_powers_of_two_in_the_trust_region(clock_pilot):
    assert copy_factors((0.125, 16.0)).tolist() == [0.125, 0.25, 0.5, 1, 2, 4, 8, 16]
    assert copy_factors((0.5, 2.0)).tolist() == [0.5, 1.0, 2.0]
    assert copy_factors((0.3, 3.9)).tolist() == [0.5, 1.0, 2.0]
    assert copy_factors((1.0, 1.9)).tolist() == [1.0]


def with_specification(pilot, **changes):
    return replace(pilot, specification=replace(pilot.specification, **changes))


def test_a_narrow_trust_region_bounds_the_factor(clock_pilot):
    learner = WorldClockLearner(with_specification(clock_pilot, capacitance_scale_range=(0.5, 2.0)))
    scales = feed(learner, clock_pilots.flight(clock_pilot, TICKS, 0, 0.25))
    assert scales[-1] == pytest.approx(math.log(0.5), abs=0.01)
    fixed = with_specification(clock_pilot, capacitance_scale_range=(1.0, 1.5))
    with pytest.raises(LiquidPilotError, match=r'allows 1 to 1.5, and .* widen it'):
        ClockBank(fixed)


def test_a_pilot_whose_core_has_no_clock_is_refused_in_one_line(gru_pilot, clock_pilot):
    statistics = clock_pilot.training_statistics
    gru = replace(gru_pilot, training_statistics=statistics)
    with pytest.raises(LiquidPilotError, match='this core is a gru; choose the rule') as caught:
        make_learner('world_clock', statistics, 0, LearnerSettings(), gru)
    assert '\n' not in str(caught.value)
    unfitted = TrainingStatistics(
        **{
            **{
                field.name: getattr(statistics, field.name)
                for field in dataclasses.fields(statistics)
            },
            'predictor': np.zeros((14, 0), np.float32),
        }
    )
    with pytest.raises(LiquidPilotError, match='hold no predictor; fit them again'):
        WorldClockLearner(replace(clock_pilot, training_statistics=unfitted))
    with pytest.raises(LiquidPilotError, match='world_clock needs the pilot file'):
        make_learner('world_clock', statistics, 0, LearnerSettings())


def test_the_other_rule_does_not_load_the_compiler():
    import subprocess

    text = (
        'import sys; from liquid_pilot.onboard.adaptation import learner_registry as r; '
        'r.check_learner_name("world_clock"); print("numba" in sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', text], capture_output=True, text=True, check=True)
    assert done.stdout == 'False\n'
