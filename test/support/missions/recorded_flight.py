"""Camera, IMU and odometry of a real flight in simulation, to be sent again in real time."""

from typing import NamedTuple

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import CameraGeometry, Command, SensorPacket
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

PERIOD_S = 0.05
SEED = 7
REST, FLIGHT = 30, 160
"""Number of packets at rest, and in flight."""


class Recording(NamedTuple):
    """What a vehicle senses at rest, and while it flies."""

    camera: CameraGeometry
    rest: list[SensorPacket]
    flight: list[SensorPacket]


def record(pilot: str) -> Recording:
    """Fly in this process, in lock-step, and keep what was sensed."""
    settings = SimulationSettings(camera_width=128, camera_height=72)
    with Simulation(settings) as simulation:
        rest = [simulation.reset(SEED)]
        for _ in range(REST - 1):
            rest.append(simulation.advance(Command(rest[-1].stamp_ns, 0.0, 0.0, 0.0, 0.0)))
        flight: list[SensorPacket] = []
        flown = InProcessPilot(pilot_file.load(pilot_file.resolve(pilot)), simulation)
        fly_mission(SEED, simulation, flown, on_packet=flight.append)
        # The first second is that of take-off.
        return Recording(simulation.camera, rest, flight[20 : 20 + FLIGHT])
