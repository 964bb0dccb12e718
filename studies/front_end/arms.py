"""The controls of the front-end study: modes that exist for this study only, 'study:...'.

- study:random: as `adapt`, with one factor on the trained time constants of the temporal filter for
  all blocks, drawn for each mission from the trust region, uniformly in its logarithm.
- study:turns(RATE,HALF,LOW,HIGH):MODE: as MODE, on a vehicle that is turned by a disturbance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from liquid_pilot.evaluation import workers
from liquid_pilot.interfaces import AttitudeThrust, Command, SensorPacket
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import FILTER_LOG_SCALE_RANGE
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.rollout import InProcessPilot, MissionPilot
from liquid_pilot.simulation.simulator import Simulation
from studies.fixed_time_scales import FixedTimeScales

RANDOM = 'study:random'
_TURNS = re.compile(r'study:turns\(([^)]*)\):(.*)')


def turned(mode: str, rate_rad_s: float, half_s: float, pause_s: Sequence[float]) -> str:
    """Return the mode of a pilot on a vehicle that is turned.

    >>> turned('adapt', 2.0, 0.3, (0.5, 1.5))
    'study:turns(2,0.3,0.5,1.5):adapt'

    Args:
        mode: mode of the pilot.
        rate_rad_s: yaw rate of the disturbance, rad/s.
        half_s: time that it turns to one side, and back, s.
        pause_s: shortest and longest time between two disturbances, s.
    """
    numbers = ','.join(f'{value:g}' for value in (rate_rad_s, half_s, *pause_s))
    return f'study:turns({numbers}):{mode}'


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> MissionPilot:
    """Make a pilot of a mode of the package or of this study; see `workers.make_pilot`.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        mode: adaptation mode of the package, or 'study:...'.
    """
    found = _TURNS.fullmatch(mode)
    if found is not None:
        rate_rad_s, half_s, *pause_s = map(float, found[1].split(','))
        pilot = make_pilot(file, simulation, adapter, found[2])
        return TurnedPilot(pilot, simulation, rate_rad_s, half_s, pause_s)
    if mode != RANDOM:
        return workers.make_pilot(file, simulation, adapter, mode)
    grid = file.require_statistics().filter_tau_s.shape
    learner = RandomConstant(grid, Engine(file).scalable_neurons, simulation)
    return InProcessPilot(file, simulation, adapter, adapting=AdaptationSettings(), learner=learner)


class RandomConstant(FixedTimeScales):
    """One log-scale for all blocks of the temporal filter, drawn by the seed of the forest.

    Args:
        grid: (R, C) of the temporal filter's blocks.
        neurons: number of neurons of the core, whose time constants stay as trained.
        simulation: the simulation; it is reset before the learner.
    """

    def __init__(self, grid: tuple[int, ...], neurons: int, simulation: Simulation) -> None:
        super().__init__(np.zeros(grid), neurons)
        self._simulation = simulation

    def reset(self) -> None:
        """Draw the log-scale of the next mission."""
        layout = self._simulation.layout
        rng = random_stream(layout.seed if layout else 0, 'constant')
        self._filter[:] = rng.uniform(*FILTER_LOG_SCALE_RANGE)


class TurnedPilot:
    """A pilot whose vehicle is turned by a disturbance that it does not command.

    From time to time the yaw rate of the setpoint is changed by +rate and then by -rate, so that
    the vehicle sways and points where it did before. The gyroscope measures it, as it does a gust.
    Sides and pauses depend on the seed of the forest alone.

    Args:
        pilot: the pilot, whose setpoints are commands.
        simulation: the simulation whose camera the pilot sees.
        rate_rad_s: yaw rate of the disturbance, rad/s.
        half_s: time that it turns to one side, and back, s.
        pause_s: shortest and longest time between two disturbances, s.
    """

    def __init__(
        self,
        pilot: MissionPilot,
        simulation: Simulation,
        rate_rad_s: float,
        half_s: float,
        pause_s: Sequence[float],
    ) -> None:
        self._pilot, self._simulation = pilot, simulation
        self._rate_rad_s, self._half_s = rate_rad_s, half_s
        self._shortest_s, self._longest_s = pause_s
        self._begin_flight()

    @property
    def command(self) -> Command | None:
        """The last command that left the guard; None before the first one."""
        return self._pilot.command

    def reset(self) -> None:
        """Prepare for the next mission."""
        self._pilot.reset()
        self._begin_flight()

    def warm_up(self) -> None:
        """Run everything once."""
        self._pilot.warm_up()

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Return the pilot's setpoint, disturbed; None when the packet has no frame."""
        setpoint = self._pilot.setpoint(packet)
        if setpoint is None:
            return None
        yaw_rate_rad_s = setpoint.yaw_rate_rad_s + self._disturbance(self._simulation.flight_time_s)
        return setpoint._replace(yaw_rate_rad_s=yaw_rate_rad_s)

    def _begin_flight(self) -> None:
        layout = self._simulation.layout
        self._rng = random_stream(layout.seed if layout else 0, 'turns')
        self._begin_s = 0.0
        self._plan_turn(0.0)

    def _plan_turn(self, after_s: float) -> None:
        self._begin_s = after_s + self._rng.uniform(self._shortest_s, self._longest_s)
        self._side = self._rng.choice((-1.0, 1.0))

    def _disturbance(self, time_s: float) -> float:
        """Return the yaw rate to add at a time of flight, rad/s."""
        while time_s >= self._begin_s + 2.0 * self._half_s:
            self._plan_turn(self._begin_s + 2.0 * self._half_s)
        if time_s < self._begin_s:
            return 0.0
        back = time_s >= self._begin_s + self._half_s
        return float(self._side) * self._rate_rad_s * (-1.0 if back else 1.0)
