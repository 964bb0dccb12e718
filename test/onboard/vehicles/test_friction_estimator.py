"""Friction estimated from IMU and commands, and the speed limited by it, on simulated tyres."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_makers import make_statistics

from liquid_pilot.interfaces import Command, ImageBuffer, ImuSample, Observation
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.vehicles.action_scaling import (
    curvature_to_yaw_rate,
    yaw_rate_to_curvature,
)
from liquid_pilot.onboard.vehicles.car_model import BUGGY
from liquid_pilot.onboard.vehicles.friction_estimator import (
    FRICTION_RATIOS,
    FrictionEstimator,
)
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.onboard.vehicles.speed_limiter import SpeedLimiter, SpeedLimiterSettings
from liquid_pilot.simulation.mujoco.rendering import mujoco
from liquid_pilot.simulation.vehicles.rover import Rover

LIMITS = get_vehicle('rover').limits
WORLD = (
    '<mujoco><compiler angle="radian"/><option timestep="0.005" integrator="implicitfast"/>'
    '<default><default class="visual"><geom contype="0" conaffinity="0" mass="0"/></default>'
    '</default><worldbody>{0}</worldbody><sensor>{2}</sensor></mujoco>'
)


def slalom(time_s):
    """Speed in m/s and curvature in 1/m: bends of 14 m, left and right."""
    return 7.0, 0.07 * math.sin(2.0 * math.pi * time_s / 3.0)


def drive(friction_at, seconds, handling=BUGGY):
    """Return (n, 2) every 50 ms: the estimated friction ratio, and the speed in m/s."""
    rover = Rover()
    model = mujoco.MjModel.from_xml_string(WORLD.format(*rover.mjcf(0.9)))
    data = mujoco.MjData(model)
    rover.reset_pose(data, (0.0, 0.0, 0.0), 0.0)
    estimator, limiter = FrictionEstimator(handling, LIMITS), SpeedLimiter(handling)
    state, samples, rows = estimator.initial_state(), [], []
    command = Command(0, 0.0, 0.0, 0.0, 0.0)
    for step in range(round(seconds / 0.005)):
        time_s, stamp_ns = 0.005 * step, 5_000_000 * step
        rover.friction_factor = lambda x, y, now=time_s: friction_at(now)
        vehicle = rover.state(data, stamp_ns)
        if step % 2 == 0:
            samples.append(ImuSample(stamp_ns, *map(tuple, data.sensordata.reshape(2, 3))))
        if step % 10 == 0:
            speed, curvature = slalom(time_s)
            state, samples = estimator.update(state, samples), []
            values = (speed, 0.0, 0.0, curvature_to_yaw_rate(curvature, speed))
            state = estimator.with_command(state, limiter.limit_speed(values, state), 0.05)
            command = Command(stamp_ns, *state.last_command)
            rows.append((state.friction_ratio, vehicle.velocity_flu_m_s[0]))
        rover.actuate(data, command, vehicle)
        mujoco.mj_step(model, data)
    return np.array(rows)


@pytest.mark.parametrize('friction_ratio', [1.0, 0.7, 0.5, 0.4])
def test_the_friction_ratio_is_estimated(friction_ratio):
    estimates = drive(lambda time_s: friction_ratio, 8.0)[60:, 0]
    assert estimates.mean() == pytest.approx(friction_ratio, abs=0.09)
    assert estimates.std() < 0.1


def test_a_fall_is_noticed_within_two_seconds_and_a_return_gradually():
    estimates = drive(lambda time_s: 1.0 if time_s < 5.0 or time_s > 10.0 else 0.5, 22.0)[:, 0]
    assert estimates[80:100].min() > 0.9
    assert estimates[130:200].max() < 0.8
    assert estimates[-20:].min() > 0.75


def test_the_speed_follows_the_root_of_the_friction_ratio():
    dry, wet = drive(lambda time_s: 1.0, 8.0), drive(lambda time_s: 0.5, 8.0)
    assert dry[60:, 1].mean() == pytest.approx(7.0, rel=0.06)
    assert wet[60:, 1].mean() / dry[60:, 1].mean() == pytest.approx(math.sqrt(0.5), abs=0.06)


def test_another_inertia_than_it_knows_is_not_taken_for_ice():
    heavy = replace(
        BUGGY, mass_kg=1.2 * BUGGY.mass_kg, yaw_inertia_kg_m2=1.2 * BUGGY.yaw_inertia_kg_m2
    )
    assert drive(lambda time_s: 1.0, 8.0, handling=heavy)[60:, 0].mean() > 0.9


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SPEEDS = st.floats(-20.0, 20.0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(10**9), 10**10), NUMBERS, NUMBERS), max_size=6),
    st.lists(st.tuples(SPEEDS, SPEEDS), min_size=1, max_size=3),
)
def test_whatever_comes_the_command_is_finite_and_no_faster(samples, commands):
    estimator, limiter = FrictionEstimator(BUGGY, LIMITS), SpeedLimiter(BUGGY)
    state = estimator.initial_state()
    for forward, yaw_rate in commands:
        state = estimator.update(
            state,
            [ImuSample(stamp, (0.0, 0.0, turn), (0.0, side, 9.8)) for stamp, turn, side in samples],
        )
        assert min(FRICTION_RATIOS) - 1e-9 <= state.friction_ratio <= 1.0
        given_values = (forward, 0.1, -0.1, yaw_rate)
        values = limiter.limit_speed(given_values, state)
        state = estimator.with_command(state, values, 0.05)
        assert np.isfinite([*values, *state.last_command]).all()
        assert abs(values[0]) <= abs(forward)
        assert values[1:3] == given_values[1:3]
        assert yaw_rate_to_curvature(values[3], values[0]) == pytest.approx(
            yaw_rate_to_curvature(yaw_rate, forward)
        )


def test_brakes_leave_the_tyres_something_to_turn_by():
    estimator = FrictionEstimator(BUGGY, LIMITS)
    limiter = SpeedLimiter(BUGGY, SpeedLimiterSettings(max_brake_fraction=0.25))
    ice = estimator.initial_state()._replace(
        speed_m_s=8.0, log_likelihood=np.array([*[-50.0] * (len(FRICTION_RATIOS) - 1), 0.0])
    )
    forward, *_ = limiter.limit_speed((8.0, 0.0, 0.0, 0.0), ice)
    push = BUGGY.commanded_acceleration_m_s2(forward, 8.0)
    assert push == pytest.approx(-0.25 * 0.3 * BUGGY.friction_coefficient * 9.80665)


def test_old_samples_change_nothing_and_after_a_gap_the_friction_ratio_is_kept():
    estimator = FrictionEstimator(BUGGY, LIMITS)
    wet = estimator.initial_state()._replace(
        log_likelihood=np.array([-8.0, -8.0, -8.0, -8.0, 0.0, -8.0, -8.0]),
        last_command=(5.0, 0.0, 0.0, 0.0),
    )
    state = estimator.update(wet, [ImuSample(10**9, (0.0, 0.0, 0.0), (0.0, 0.0, 9.8))])
    again = estimator.update(
        state,
        [
            ImuSample(10**9, (0.0, 0.0, 9.0), (0.0, 9.0, 9.8)),
            ImuSample(9 * 10**8, (0.0, 0.0, 9.0), (0.0, 9.0, 9.8)),
        ],
    )
    assert again == state
    later = estimator.update(state, [ImuSample(5 * 10**9, (0.0, 0.0, 9.0), (0.0, 9.0, 9.8))])
    assert later.friction_ratio == pytest.approx(state.friction_ratio)
    assert later.speed_m_s == 5.0


@pytest.fixture(scope='module')
def rover(make_pilot):
    made = make_pilot(
        vehicle='rover', steering='curvature', limits=LIMITS, command_scale=(8.0, 1.0, 1.0, 0.12)
    )
    neurons = made.parameters.cm.size
    return replace(made, training_statistics=make_statistics(made.specification.features, neurons))


@pytest.mark.parametrize('govern', [True, False])
def test_an_adapting_car_slows_down_on_ice_and_keeps_its_path(rover, govern):
    quiet = AdaptationSettings(
        FrontendSettings(
            photometric=False,
            temporal_filter=False,
            reject_novel_frames=False,
            slow_core_on_novelty=False,
            slowdown_on_blindness=False,
        ),
        friction_speed_governor=govern,
    )
    image = ImageBuffer(bytes(128 * 72 * 3), 128, 72, 384, 'rgb8')
    seen = Observation(10**9, image, (ImuSample(10**9, (0.0, 0.0, 0.0), (0.0, 0.0, 9.8)),))
    plain, engine = Engine(rover), Engine(rover, adaptation=quiet)
    expected = plain.tick(plain.initial_state(), seen).command
    tick = engine.tick(engine.initial_state(), seen)
    assert (tick.state.friction is not None) is govern
    if not govern:
        assert tick.command == expected
        return
    ice = tick.state.friction._replace(
        log_likelihood=np.array([*[-50.0] * (len(FRICTION_RATIOS) - 1), 0.0])
    )
    slow = engine.tick(engine.initial_state()._replace(friction=ice), seen).command
    assert slow.forward_m_s == pytest.approx(math.sqrt(0.3) * expected.forward_m_s)
    assert yaw_rate_to_curvature(slow.yaw_rate_rad_s, slow.forward_m_s) == pytest.approx(
        yaw_rate_to_curvature(expected.yaw_rate_rad_s, expected.forward_m_s)
    )
