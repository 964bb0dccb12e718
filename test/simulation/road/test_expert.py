"""The expert of the road, in the simulator: it stays on the road, and returns to it."""

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.road.expert import RoadExpert, RoadExpertSettings
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import task_of

SMALL = SimulationSettings(vehicle='rover', camera_width=32, camera_height=18)


@pytest.fixture(scope='module')
def simulation():
    with Simulation(SMALL) as made:
        yield made


def drive(simulation, seed, condition='clear', settings=None, limit_s=None):
    packet = simulation.reset(seed, conditions=parse(condition))
    driver = RoadExpert(simulation.layout, settings)
    mission = Mission(seed, simulation.layout, task_of('rover').rules)
    while mission.update(packet) is None and (limit_s is None or mission.flight_time_s < limit_s):
        packet = simulation.advance(driver.command(packet.state))
    return mission.result


@pytest.mark.parametrize('seed', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_it_drives_roads_to_their_end(simulation, seed):
    result = drive(simulation, seed)
    assert (result.outcome, result.reason) == ('success', 'drove the road to its end')
    assert result.distance_flown_m > 290.0
    assert result.distance_flown_m / result.duration_s > 6.5
    aside = simulation.layout.lateral_offsets_m(np.array(result.path)[:, 1:3])
    assert np.sqrt((aside**2).mean()) < 0.15


@pytest.mark.slow
def test_half_the_friction_ends_in_a_crash_unless_it_is_known_before(simulation):
    slid = drive(simulation, 0, 'friction=0.5@0.1s')
    assert (slid.outcome, slid.reason) == ('crash', 'hit the verge')
    assert drive(simulation, 0, 'friction=0.5').outcome == 'success'
    assert (
        drive(
            simulation,
            0,
            'friction=0.5@0.1s',
            RoadExpertSettings(max_lateral_acceleration_m_s2=2.7),
        ).outcome
        == 'success'
    )


def test_reduced_friction_begins_at_its_onset(simulation):
    dry = drive(simulation, 2, limit_s=9.0).path
    late = drive(simulation, 2, 'friction=0.8@6s', limit_s=9.0).path
    assert dry[:120] == late[:120]
    assert dry[140:] != late[140:]


def test_patches_are_here_and_not_there(simulation):
    simulation.reset(4, conditions=parse('patches:3'))
    simulation.advance(None)
    factors = np.array(
        [
            simulation.vehicle.friction_factor(x, y)
            for x, y in np.random.default_rng(0).uniform(-200, 200, (2000, 2))
        ]
    )
    assert set(np.round(factors, 6)) == {1.0, 0.4}
    assert 0.3 < (factors < 0.9).mean() < 0.5
    simulation.reset(4)
    simulation.advance(None)
    assert simulation.vehicle.friction_factor(3.0, 4.0) == 1.0


def test_it_comes_back_to_the_middle(simulation):
    packet = simulation.reset(6)
    driver, heading = RoadExpert(simulation.layout), simulation.layout.start_yaw_rad
    simulation.data.qpos[:2] += 1.2 * np.array([-np.sin(heading), np.cos(heading)])
    for _ in range(120):
        packet = simulation.advance(driver.command(packet.state))
    x, y, _ = packet.state.position_enu_m
    assert abs(simulation.layout.locate(x, y)[1]) < 0.25


def test_what_a_rover_does_not_have_is_refused(simulation):
    for condition in ('target:2', 'two_legs:3', 'motor:2'):
        with pytest.raises(LiquidPilotError, match='the world of a rover has no'):
            simulation.reset(1, conditions=parse(condition))
    with (
        Simulation(SimulationSettings(camera_width=32, camera_height=18)) as other,
        pytest.raises(LiquidPilotError, match='the world of a quadrotor has no friction'),
    ):
        other.reset(1, conditions=parse('friction:2'))


def test_weather_of_the_picture_is_the_same_for_both(simulation):
    packet = simulation.reset(1, conditions=parse('rain:3+night:2+noise:2'))
    clear = simulation.reset(1)
    assert bytes(packet.observation.image.data) != bytes(clear.observation.image.data)
