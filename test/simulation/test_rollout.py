"""Missions in one process."""

import numpy as np
import pytest
from reference_missions import fly_reference

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.processes.process_pool import spawned_pool

SHORT = MissionRules(time_limit_s=1.5)


@pytest.fixture(scope='module')
def pilot():
    return pilot_file.load(pilot_file.resolve('forest-ltc'))


def test_a_flight_leaves_nothing_for_the_next(pilot):
    with Simulation() as simulation:
        flier = InProcessPilot(pilot, simulation)
        first = fly_mission(5, simulation, flier, SHORT)
        fly_mission(6, simulation, flier, SHORT)
        assert fly_mission(5, simulation, flier, SHORT) == first


def test_velocity_and_attitude_commands_are_two_ways_of_flying(pilot):
    (velocity,) = fly_reference([5], pilot, rules=SHORT)
    (attitude,) = fly_reference([5], pilot, 'attitude_thrust', rules=SHORT)
    assert velocity.path != attitude.path
    apart = max(abs(a - b) for a, b in zip(velocity.path[-1], attitude.path[-1], strict=True))
    assert apart < 0.7, 'the same pilot in the same forest'


class RecordingLearner:
    """A learner that slows the temporal filter by a fixed factor and counts its calls."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.resets, self.sequences = shape, 0, []

    def reset(self) -> None:
        self.resets += 1

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        self.sequences.append(learner_input.sequence)
        nothing = np.empty(0)
        return TimeScaleUpdate(learner_input.sequence, np.full(self.shape, 1.5), nothing, nothing)

    def describe(self) -> tuple[str, str]:
        return 'constant', 'the temporal filter is slow'


def test_a_learner_of_ones_own_decides_the_time_scales(pilot):
    shape = pilot.require_statistics().filter_tau_s.shape
    with Simulation() as simulation:
        shipped = InProcessPilot(pilot, simulation, adapting=AdaptationSettings())
        learner = RecordingLearner(shape)
        flier = InProcessPilot(pilot, simulation, adapting=AdaptationSettings(), learner=learner)
        resets = learner.resets
        usual = fly_mission(5, simulation, shipped, SHORT)
        slow = fly_mission(5, simulation, flier, SHORT)
    assert learner.resets == resets + 1
    assert learner.sequences == list(range(1, len(learner.sequences) + 1))
    assert len(learner.sequences) > 20
    assert slow.path != usual.path


def test_what_was_learned_outlives_missions_where_it_is_kept(pilot):
    shape = pilot.require_statistics().filter_tau_s.shape
    with Simulation() as simulation:
        for keep in (False, True):
            learner = RecordingLearner(shape)
            flier = InProcessPilot(
                pilot,
                simulation,
                adapting=AdaptationSettings(),
                learner=learner,
                keep_learned=keep,
            )
            first = learner.resets
            fly_mission(5, simulation, flier, SHORT)
            flier.reset()
            assert learner.resets == (first if keep else first + 2)
            flier.setpoint(simulation.reset(5))
            flier.setpoint(simulation.advance(None))
            # The sequence of ticks begins again in any case.
            assert learner.sequences[-2:] == [1, 2]


def _nothing() -> None:
    pass


def _die() -> None:
    import os

    os._exit(9)


def test_a_worker_that_dies_is_said_in_words():
    with (
        pytest.raises(LiquidPilotError, match='worker process died'),
        spawned_pool(1, _nothing, ()) as pool,
    ):
        pool.submit(_die).result()
