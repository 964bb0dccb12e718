"""Missions in one process and in several: the same flights, in the order of the seeds."""

import pytest

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission, fly_missions
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.process_pool import spawned_pool

SHORT = MissionRules(time_limit_s=1.5)


@pytest.fixture(scope='module')
def pilot():
    return pilot_file.load(pilot_file.resolve('forest-ltc'))


def test_several_processes_fly_what_one_flies(pilot):
    seeds, seen = [14, 12, 13], []
    one = fly_missions(seeds, pilot, rules=SHORT)
    several = fly_missions(
        seeds, pilot, rules=SHORT, workers=2, on_result=lambda r: seen.append(r.seed)
    )
    assert [result.seed for result in one] == seeds == seen
    assert one == several
    assert {result.outcome for result in one} == {'timeout'}


def test_a_flight_leaves_nothing_for_the_next(pilot):
    with Simulation() as simulation:
        flier = InProcessPilot(pilot, simulation)
        first = fly_mission(5, simulation, flier, SHORT)
        fly_mission(6, simulation, flier, SHORT)
        assert fly_mission(5, simulation, flier, SHORT) == first


def test_velocity_and_attitude_commands_are_two_ways_of_flying(pilot):
    (velocity,) = fly_missions([5], pilot, rules=SHORT)
    (attitude,) = fly_missions([5], pilot, 'attitude_thrust', rules=SHORT)
    assert velocity.path != attitude.path
    apart = max(abs(a - b) for a, b in zip(velocity.path[-1], attitude.path[-1], strict=True))
    assert apart < 0.7, 'the same pilot in the same forest'


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
