"""The teachers: hands that fly a vehicle while a pilot watches and learns.

- expert: the expert of the demonstrations, who corrects what it feels the vehicle do by itself.
- random: velocities and turns that have nothing to do with the scene, new ones each second.
- reversed: the expert's command with left and right exchanged.
- delayed: the expert's command of half a second ago.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command, SensorPacket
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.base.drift_correction import DriftCorrection
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.simulator import Simulation

Teacher = Callable[[SensorPacket], Command]
"""Returns the command of a hand in answer to a packet, which is then flown."""
DELAY_S = 0.5
HOLD_S = 1.0
"""Time for which a random command is held, s."""
_FEEL_S = 1.5
"""Time constant with which an expert feels that the vehicle turns by itself, s."""
_REVERSED = (1.0, -1.0, 1.0, -1.0)
"""Signs of the components of a command of which left and right are exchanged."""


def make_teacher(name: str, simulation: Simulation, seed: int) -> Teacher:
    """Return a teacher of one flight.

    Args:
        name: name of the teacher.
        simulation: the simulation, which has been reset.
        seed: seed of the forest or road, of what is random.

    Raises:
        ValueError: there is no such teacher.
    """
    match name:
        case 'expert':
            return Expert(simulation)
        case 'random':
            return RandomHand(simulation, seed)
        case 'reversed':
            expert = simulation.task.expert(simulation.layout)
            return lambda packet: _with_signs(expert.command(packet.state), _REVERSED)
        case 'delayed':
            return Delayed(simulation)
    raise ValueError(f'no teacher {name!r}')


class Expert:
    """The expert of the task, who feels what the vehicle does by itself and steers against it.

    A quadrotor's drift is felt as in the demonstrations (`DriftCorrection`). The turn that the
    vehicle makes beside the commanded one is felt with the time constant `_FEEL_S`.

    Args:
        simulation: the simulation, which has been reset.
    """

    def __init__(self, simulation: Simulation) -> None:
        period_s = simulation.control_period_ns / NANOSECONDS_PER_SECOND
        self._expert = simulation.task.expert(simulation.layout)
        is_drone = simulation.settings.vehicle == 'quadrotor'
        self._drift = DriftCorrection(period_s) if is_drone else None
        self._share = -np.expm1(-period_s / _FEEL_S)
        self._turn_rad_s, self._flown_rad_s = 0.0, 0.0

    def __call__(self, packet: SensorPacket) -> Command:
        """Return the command in answer to a packet; it is the one that is flown."""
        state = packet.state
        command = self._expert.command(state)
        if self._drift is not None:
            command = self._drift(command, state)
            self._drift.observe(command, state)
        beside = state.angular_velocity_flu_rad_s[2] - self._flown_rad_s
        self._turn_rad_s += self._share * (beside - self._turn_rad_s)
        self._flown_rad_s = command.yaw_rate_rad_s - self._turn_rad_s
        return command._replace(yaw_rate_rad_s=self._flown_rad_s)


class RandomHand:
    """Commands that have nothing to do with the scene.

    Args:
        simulation: the simulation, for the limits of its vehicle.
        seed: seed of the commands.
    """

    def __init__(self, simulation: Simulation, seed: int) -> None:
        self._largest = np.array(get_vehicle(simulation.settings.vehicle).limits.maximum)
        self._rng = random_stream(seed, 'random hand')
        self._until_ns = 0
        self._values = np.zeros(4)

    def __call__(self, packet: SensorPacket) -> Command:
        """Return the command of this second."""
        if packet.stamp_ns >= self._until_ns:
            self._until_ns = packet.stamp_ns + int(HOLD_S * NANOSECONDS_PER_SECOND)
            self._values = self._rng.uniform(-1.0, 1.0, 4) * self._largest
        return Command(packet.stamp_ns, *self._values.tolist())


class Delayed:
    """The expert of the task, whose commands come late.

    Args:
        simulation: the simulation, which has been reset.
    """

    def __init__(self, simulation: Simulation) -> None:
        ticks = round(DELAY_S * NANOSECONDS_PER_SECOND / simulation.control_period_ns)
        self._expert = simulation.task.expert(simulation.layout)
        self._late: deque[Command] = deque(maxlen=ticks + 1)

    def __call__(self, packet: SensorPacket) -> Command:
        """Return the command of `DELAY_S` ago; at first the oldest one that there is."""
        self._late.append(self._expert.command(packet.state))
        return self._late[0]._replace(stamp_ns=packet.stamp_ns)


def _with_signs(command: Command, signs: tuple[float, ...]) -> Command:
    values = np.array(signs) * command.values
    return Command(command.stamp_ns, *values.tolist())
