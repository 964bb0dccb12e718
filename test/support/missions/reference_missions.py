"""Missions one after another in this process: what other ways to fly are compared with."""

from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation


def fly_reference(seeds, pilot, adapter='cmd_vel', rules=None, settings=None):
    """Return the `MissionResult` of each seed, flown by a pilot that does not adapt."""
    settings = settings or SimulationSettings(vehicle=pilot.specification.vehicle)
    with Simulation(settings) as simulation:
        flier = InProcessPilot(pilot, simulation, adapter)
        return [fly_mission(seed, simulation, flier, rules) for seed in seeds]
