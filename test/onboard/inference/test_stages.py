"""The stages of the engine: null stages pass through, and stages can be replaced."""

import dataclasses

import numpy as np
import pytest
from statistics_makers import make_statistics

from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.onboard.adaptation.frontend import (
    AdaptiveFrontend,
    FrontendOutput,
    FrontendState,
    PassThroughFrontend,
)
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.stages import NoveltyCoreScales
from liquid_pilot.onboard.vehicles.friction_estimator import FrictionEstimator, NoFrictionEstimate
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.onboard.vehicles.speed_limiter import NoSpeedLimit, SpeedLimiter

IMAGE = ImageBuffer(bytes(range(256)) * 108, 128, 72, 384, 'rgb8')


def seen(stamp_ns=10**9):
    return Observation(stamp_ns, IMAGE, (ImuSample(stamp_ns, (0.0, 0.0, 0.1), (0.0, 0.0, 9.8)),))


@pytest.fixture(scope='module')
def rover(make_pilot):
    limits = get_vehicle('rover').limits
    made = make_pilot(
        vehicle='rover', steering='curvature', limits=limits, command_scale=(8.0, 1.0, 1.0, 0.12)
    )
    statistics = make_statistics(made.specification.features, made.parameters.neurons)
    return dataclasses.replace(made, training_statistics=statistics)


def output(log_core_time_scale=0.0):
    empty = np.zeros((0, 0), np.float32)
    return FrontendOutput(
        np.zeros(2, np.float32),
        FrontendState(),
        empty,
        empty,
        0.05,
        log_core_time_scale=log_core_time_scale,
    )


def test_a_pilot_that_flies_as_trained_has_null_stages(rover):
    engine = Engine(rover)
    stages = engine.stages
    assert isinstance(stages.frontend, PassThroughFrontend)
    assert isinstance(stages.friction, NoFrictionEstimate)
    assert isinstance(stages.speed_limit, NoSpeedLimit)
    tick = engine.tick(engine.initial_state(), seen())
    assert tick.state.frontend == FrontendState()
    assert tick.state.friction is None
    assert tick.frontend_output.elapsed_s == tick.dt_s
    assert tick.frontend_output.filter_tau_s.size == 0
    with pytest.raises(LiquidPilotError, match='flies as trained'):
        engine.configure(AdaptationSettings())


def test_the_governor_is_switched_between_two_ticks(rover):
    engine = Engine(rover, adaptation=AdaptationSettings())
    assert isinstance(engine.stages.frontend, AdaptiveFrontend)
    assert isinstance(engine.stages.friction, FrictionEstimator)
    assert isinstance(engine.stages.speed_limit, SpeedLimiter)
    state = engine.tick(engine.initial_state(), seen()).state
    assert state.friction is not None
    engine.configure(AdaptationSettings(friction_speed_governor=False))
    state = engine.tick(state, seen(11 * 10**8)).state
    assert state.friction is None
    engine.configure(AdaptationSettings())
    assert engine.tick(state, seen(12 * 10**8)).state.friction is not None


def test_a_replaced_stage_is_used_and_outlives_other_settings(rover):
    class Scaled:
        def __init__(self, base):
            self.base = base

        def combine(self, scales, frontend, friction):
            assert self.base.combine(scales, frontend, friction) is None
            neurons = rover.parameters.neurons
            return CoreScales(*np.full((2, neurons), 0.3, np.float32))

    quiet = AdaptationSettings(
        FrontendSettings(
            photometric=False,
            temporal_filter=False,
            reject_novel_frames=False,
            slow_core_on_novelty=False,
            slowdown_on_blindness=False,
        ),
        friction_speed_governor=False,
    )

    def replaced(stages):
        return stages._replace(core_scales=Scaled(stages.core_scales))

    engine = Engine(rover, adaptation=quiet, replace_stages=replaced)
    plain = Engine(rover)
    expected, _ = plain.core.step(
        plain.core.initial_state(),
        plain.tick(plain.initial_state(), seen()).core_inputs,
        0.05,
        CoreScales(*np.full((2, rover.parameters.neurons), 0.3, np.float32)),
    )
    for _ in range(2):
        tick = engine.tick(engine.initial_state(), seen())
        np.testing.assert_array_equal(tick.state.core, expected)
        engine.configure(quiet)


def test_core_scales_are_those_of_the_learner_and_of_the_novelty_gate():
    stage, scales = NoveltyCoreScales(3), CoreScales(*np.full((2, 3), 0.25, np.float32))
    assert stage.combine(None, output(), None) is None
    assert stage.combine(scales, output(), None) is scales
    slowed = stage.combine(scales, output(1.5), None)
    np.testing.assert_array_equal(slowed.log_cm, np.full(3, 1.75))
    np.testing.assert_array_equal(slowed.log_gleak, scales.log_gleak)
    alone = stage.combine(None, output(1.5), None)
    np.testing.assert_array_equal(alone, [[1.5] * 3, [0.0] * 3])
    # A core that cannot be scaled is left alone.
    assert NoveltyCoreScales(0).combine(None, output(1.5), None) is None
