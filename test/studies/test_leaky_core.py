"""A core that leaks more on ice: as if a learner had proposed it, and bounded."""

import math
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, CoreScales, TimeScales
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.vehicles.friction_estimator import FRICTION_RATIOS
from studies.driving.leaky_core import LEAK_ONLY, leaky_stages

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def rover():
    return pilot_file.load(ROOT / 'pilots' / 'road-ltc')


def leaky_engine(pilot, exponent):
    return Engine(pilot, adaptation=LEAK_ONLY, replace_stages=leaky_stages(pilot, exponent))


def test_a_core_leaks_more_on_ice(rover):
    image = ImageBuffer(bytes(128 * 72 * 3), 128, 72, 384, 'rgb8')
    seen = Observation(10**9, image, (ImuSample(10**9, (0.0, 0.0, 0.0), (0.0, 0.0, 9.8)),))
    plain, engine = Engine(rover), leaky_engine(rover, 0.5)
    dry = engine.tick(engine.initial_state(), seen)
    # While nothing tells, dry is as likely as training has it.
    usual = 0.5 * -math.log(dry.state.friction.friction_ratio)
    neurons = engine.scalable_neurons
    scales = [
        TimeScales(
            core=CoreScales(np.zeros(neurons, np.float32), np.full(neurons, leak, np.float32))
        )
        for leak in (usual, 0.5 * -math.log(0.3), 0.25)
    ]
    assert dry.command == plain.tick(plain.initial_state(), seen, scales[0]).command
    ice = dry.state.friction._replace(
        log_likelihood=np.array([*[-50.0] * (len(FRICTION_RATIOS) - 1), 0.0])
    )
    on_ice = engine.initial_state()._replace(friction=ice)
    slow = engine.tick(on_ice, seen)
    assert slow.command == plain.tick(plain.initial_state(), seen, scales[1]).command
    assert slow.command != dry.command
    assert (engine.time_constants(slow) < engine.time_constants(dry)).all()
    # It is added to what the learner proposes, and bounded.
    engine = leaky_engine(rover, 9.0)
    both = TimeScales(
        core=CoreScales(
            np.zeros(neurons, np.float32),
            np.full(neurons, 0.25 + CORE_LOG_SCALE_RANGE[1], np.float32),
        )
    )
    assert (
        engine.tick(on_ice, seen, scales[2]).command
        == plain.tick(plain.initial_state(), seen, both).command
    )


def test_only_a_car_with_a_liquid_core_can_leak_more():
    forest = pilot_file.load(ROOT / 'pilots' / 'forest-ltc')
    with pytest.raises(LiquidPilotError, match='a car with a liquid core'):
        leaky_stages(forest, 0.5)
