"""Flights that are recorded to be explained: they fly as ever, and replay to the bit."""

import math

import numpy as np
import pytest
from gru_pilots import gru_pilot  # noqa: F401
from small_pilots import pilot  # noqa: F401

from liquid_pilot import pilot_file
from liquid_pilot.explanation import ablation
from liquid_pilot.explanation.flights.closed_loop import fly_ablated, neurons_needed
from liquid_pilot.explanation.flights.core_record import record_mission
from liquid_pilot.explanation.flights.state_variables import (
    FAR_M,
    UNITS,
    obstacle_variables,
)
from liquid_pilot.interfaces import VehicleState
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

SHORT = MissionRules(time_limit_s=0.8)


class Disc:
    """A scene of one obstacle 5 m to the east and one 20 m to the north."""

    def obstacle_discs(self):
        return np.array([[5.0, 0.5, 0.25], [0.0, 20.0, 0.3]])


def state(yaw_rad):
    half = 0.5 * yaw_rad
    orientation = (math.cos(half), 0.0, 0.0, math.sin(half))
    return VehicleState(0, (0.0, 0.0, 1.5), orientation, (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_obstacles_are_to_the_left_and_ahead():
    ahead = obstacle_variables(state(0.0), Disc())
    assert ahead['obstacle distance'] == pytest.approx(math.hypot(5.0, 0.5) - 0.25)
    assert ahead['obstacle bearing'] == pytest.approx(math.atan2(0.5, 5.0))
    assert ahead['room to the left'] == ahead['obstacle distance']
    assert ahead['room to the right'] == FAR_M
    turned = obstacle_variables(state(0.3), Disc())
    assert turned['obstacle bearing'] == pytest.approx(math.atan2(0.5, 5.0) - 0.3)
    assert turned['room to the right'] == turned['obstacle distance']
    behind = obstacle_variables(state(math.pi), Disc())
    assert (behind['obstacle distance'], behind['obstacle bearing']) == (FAR_M, 0.0)


@pytest.mark.parametrize(
    ('name', 'mode', 'condition'),
    [
        pytest.param('forest-ltc', 'adapt', 'snow:4', marks=pytest.mark.slow),
        ('road-ltc', '', 'clear'),
    ],
)
def test_a_recorded_mission_is_the_same_flight(name, mode, condition):
    flown = pilot_file.load(pilot_file.resolve(name))
    vehicle = flown.specification.vehicle
    with Simulation(SimulationSettings(vehicle=vehicle)) as simulation:
        record = record_mission(
            flown, simulation, 7, parse_mode(mode), parse(condition), rules=SHORT
        )
        again = InProcessPilot(flown, simulation, adapting=parse_mode(mode))
        result = fly_mission(7, simulation, again, SHORT, conditions=parse(condition))
    assert record.result.path == result.path
    ticks = len(record.ticks)
    assert ticks == 16 and record.outcome == 'timeout' and record.name == 'seed 7'
    assert record.time_s == pytest.approx(np.arange(ticks) * 0.05)
    assert record.before.shape == record.after.shape == record.tau_s.shape == (ticks, 34)
    assert (record.before[1:] == record.after[:-1]).all() and not record.before[0].any()
    assert all(values.shape == (ticks,) for values in record.variables.values())
    assert set(record.variables) <= set(UNITS)
    assert ('offset from the road' in record.variables) == (vehicle == 'rover')
    assert all(picture.shape == (3, 72, 128) for picture in record.pictures)
    if not mode:
        commands = ablation.replay(flown, make_core(flown), [record])
        assert (commands == record.commands).all()
    first, window = record.window(10, 0.2)
    assert (first, len(window)) == (6, 5)
    record.drop_pictures()
    assert record.pictures == [None] * ticks


@pytest.mark.slow
def test_ablated_missions_are_flown_and_counted(pilot, gru_pilot):  # noqa: F811
    for flown in (pilot, gru_pilot):
        with Simulation() as simulation:
            record = record_mission(flown, simulation, 3, rules=SHORT)
            unit = ablation.units(flown)[5]
            change = ablation.clamp(flown, [unit], [record])
            short = {'seeds': [3], 'rules': SHORT}
            whole = fly_ablated(flown, simulation, None, **short)
            without = fly_ablated(flown, simulation, change, **short)
        assert whole.outcomes == {3: 'timeout'} == without.outcomes
        assert (whole.name, without.name) == ('', unit.name)
        assert without.to_json()['successes'] == 0


def test_the_number_of_neurons_that_are_needed_is_found_by_bisection(pilot, monkeypatch):  # noqa: F811
    from liquid_pilot.explanation.flights import closed_loop

    flown = []

    def fly(pilot, simulation, change, seeds, conditions):
        kept = 18 if change is None else int(change.name.split()[-1])
        flown.append(kept)
        outcome = 'success' if kept >= 7 else 'crash'
        return closed_loop.AblatedFlights('', dict.fromkeys(seeds, outcome))

    monkeypatch.setattr(closed_loop, 'fly_ablated', fly)
    zero = np.zeros(4)
    effects = [
        ablation.AblationEffect(unit.name, zero, np.full(4, number / 10.0))
        for number, unit in enumerate(ablation.units(pilot))
    ]

    class Steps:
        ticks, after = [], np.zeros((4, 18), np.float32)

    found = neurons_needed(pilot, None, effects, [Steps()], range(10))
    assert found.needed == 7 and found.neurons == 18
    assert found.order[0] == 'inter 17', 'the strongest one is kept first'
    assert flown[0] == 18 and len(flown) <= 6
    assert found.to_json()['flown']['18']['successes'] == 10
