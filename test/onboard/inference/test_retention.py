"""The retention: how the time of the core passes by picture and by who has the vehicle."""

import dataclasses
import math

import numpy as np
import pytest
from frontend_makers import ALL_OFF, DT_S
from statistics_makers import make_statistics

from liquid_pilot.interfaces import ImageBuffer, ImuSample, Observation
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import CoreScales, TimeScales
from liquid_pilot.onboard.inference.engine import Engine, learner_input_of
from liquid_pilot.onboard.inference.retention import NoRetention, Retention, RetentionState
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, make_trace

FEATURES, FACTOR, THRESHOLD, SETTLING_S = 16, 8.0, 0.5, 0.2
WAITING = FrontendSettings(
    slow_core_while_held=True,
    core_time_scale_while_held=FACTOR,
    scene_change_threshold=THRESHOLD,
    settling_time_s=SETTLING_S,
)
SLOW = math.log(FACTOR)


@pytest.fixture
def retention():
    # One deviation of training is one unit of each feature.
    return Retention(make_statistics(feature_whitening=np.eye(FEATURES)), WAITING)


def scales(retention, ticks, state=None):
    """Return the log-scales of ticks of (level of all features, whether the pilot has it)."""
    found = []
    for level, has_authority in ticks:
        features = np.full(FEATURES, level, np.float32)
        scale, state = retention.process(features, state, DT_S, has_authority)
        found.append(scale)
    return found


def test_time_is_slowed_a_settling_time_after_the_last_change(retention):
    still = scales(retention, [(0.0, False)] * 8)
    assert still == [0.0] * 4 + [SLOW] * 4
    changed = scales(retention, [(0.0, False)] * 6 + [(0.6, False)] * 6)
    assert changed == [0.0] * 4 + [SLOW] * 2 + [0.0] * 4 + [SLOW] * 2


def test_the_pilot_that_gets_the_vehicle_is_freed_in_the_same_tick(retention):
    ticks = [(0.0, False)] * 6 + [(0.0, True)] * 3 + [(0.0, False)]
    assert scales(retention, ticks) == [0.0] * 4 + [SLOW] * 2 + [0.0] * 3 + [SLOW]
    assert not any(scales(retention, [(0.0, True)] * 50))


def test_changes_below_the_threshold_add_up(retention):
    """A slow drift is a change too, sooner or later; fluctuations about a point are none."""
    drift = scales(retention, [(0.02 * k, False) for k in range(60)])
    # After 26 ticks the drift exceeds 0.5 and the core runs for the four ticks that it settles in.
    assert drift[:30] == [0.0] * 4 + [SLOW] * 22 + [0.0] * 4
    wobble = scales(retention, [(0.24 * (-1) ** k, False) for k in range(60)])
    assert wobble[4:] == [SLOW] * 56


def test_the_distance_is_that_of_mahalanobis():
    statistics = make_statistics()
    stage, rng = Retention(statistics, WAITING), np.random.default_rng(1)
    a, b = rng.normal(size=(2, FEATURES)).astype(np.float32)
    whitened = statistics.feature_whitening.astype(float) @ (a - b)
    assert stage.distance(a, b) == pytest.approx(np.linalg.norm(whitened) / 4.0)
    assert NoRetention().process(a, RetentionState(b, 9.0), DT_S, False) == (0.0, None)


def observation(k):
    stamp_ns = k * 50_000_000
    pixels = np.random.default_rng(7).integers(0, 255, (72, 128, 3), np.uint8)
    imu = ImuSample(stamp_ns, (0.3 * math.sin(k), 0.1, -0.2), (0.3, 0.0, 9.7))
    return Observation(stamp_ns, ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8'), (imu,))


@pytest.fixture(scope='module')
def adaptable(pilot):
    statistics = make_statistics(pilot.specification.features, pilot.wiring.neurons)
    return dataclasses.replace(pilot, training_statistics=statistics)


def settings(**changes):
    waiting = dataclasses.replace(
        ALL_OFF,
        slow_core_while_held=True,
        core_time_scale_while_held=FACTOR,
        settling_time_s=0.1,
    )
    return AdaptationSettings(dataclasses.replace(waiting, **changes))


def ticks_of(engine, held, scales_of=lambda k: None):
    """Return the ticks of a flight; `held` are those in which the pilot does not have it."""
    state, ticks = engine.initial_state(), []
    for k in range(1, 13):
        tick = engine.tick(state, observation(k), scales_of(k), has_authority=k not in held)
        ticks.append(tick)
        state = tick.state
    return ticks


def states(ticks):
    return np.array([tick.state.core for tick in ticks])


HELD = range(4, 10)


def test_a_liquid_core_is_stepped_as_with_larger_capacitances(adaptable):
    waiting = Engine(adaptable, adaptation=settings(slow_core_while_held=True))
    plain = Engine(adaptable, adaptation=settings(slow_core_while_held=False))
    neurons = adaptable.wiring.neurons
    larger = np.full(neurons, SLOW, np.float32)
    scaled = TimeScales(core=CoreScales(larger, np.zeros(neurons, np.float32)))
    ticks = ticks_of(waiting, HELD)
    expected = ticks_of(plain, (), lambda k: scaled if k in HELD else None)
    np.testing.assert_allclose(states(ticks), states(expected), atol=2e-6)
    assert np.abs(states(ticks) - states(ticks_of(plain, HELD))).max() > 1e-3
    for k, tick in enumerate(ticks, 1):
        assert tick.dt_s == 0.05
        slowed = tick.frontend_output.log_core_time_scale
        assert slowed == pytest.approx(SLOW if k in HELD else 0.0)
        # Trace, plots, learners and explanations see it as they see the novelty gate's.
        gate = dict(zip(GATE_FIELDS, make_trace(waiting, tick, '', k, None).gate, strict=True))
        assert (
            gate['log_core_time_scale'] == slowed == learner_input_of(tick, k).log_core_time_scale
        )
        intrinsic_s = waiting.core.time_constants(tick.state.core, tick.core_inputs)
        shown_s = waiting.time_constants(tick)
        np.testing.assert_allclose(shown_s, intrinsic_s * math.exp(slowed), rtol=1e-5)


def test_a_flight_in_which_the_pilot_has_the_vehicle_is_the_same_to_the_bit(adaptable):
    waiting = Engine(adaptable, adaptation=settings(slow_core_while_held=True))
    plain = Engine(adaptable, adaptation=settings(slow_core_while_held=False))
    assert (states(ticks_of(waiting, ())) == states(ticks_of(plain, ()))).all()
    # Off unless chosen, whoever has the vehicle, and of a pilot that flies as trained.
    assert FrontendSettings().slow_core_while_held is False
    assert (states(ticks_of(plain, HELD)) == states(ticks_of(plain, ()))).all()
    trained = Engine(adaptable)
    assert (states(ticks_of(trained, HELD)) == states(ticks_of(trained, ()))).all()


def test_it_is_switched_between_two_ticks(adaptable):
    engine, state = Engine(adaptable, adaptation=settings()), None
    state = engine.initial_state()
    found = []
    for k in range(1, 13):
        if k in (5, 9):
            engine.configure(settings(slow_core_while_held=k == 9))
        tick = engine.tick(state, observation(k), has_authority=False)
        state = tick.state
        found.append(tick.frontend_output.log_core_time_scale > 0.0)
    assert found == [False] * 2 + [True] * 2 + [False] * 6 + [True] * 2
