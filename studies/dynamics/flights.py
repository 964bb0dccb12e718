"""Flies many vehicles side by side, with a network or a controller.

Each flight has a wanted velocity that jumps every few seconds, and dynamics that nobody tells.
They change in the middle of the flight.

Shapes: B flights of T control periods, N values of a state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2
from liquid_pilot.learning.models.factory import TrainableCore
from liquid_pilot.onboard.geometry import rotation_rows
from studies.dynamics.controllers import Controller, Privileged
from studies.dynamics.plant import CONTROL_HZ, CONTROL_S, Dynamics, FloatArray, Sky, draw_dynamics

INPUTS = 14
"""Wanted velocity, error of the velocity, body z, body rates, and the last command."""
OUTPUTS = 3
FORCE_SCALE_M_S2 = 5.0
"""What an output of one commands beside hovering, m/s^2."""
MAX_OUTPUT = 2.5
"""Largest output that is commanded: the vertical force is bounded to 22 m/s^2."""
_HOVER = np.array([0.0, 0.0, STANDARD_GRAVITY_M_S2])


class Flight(NamedTuple):
    """What one flight is like."""

    first: Dynamics
    second: Dynamics
    """The dynamics from the change on."""
    change: int
    """The control period of the change."""
    wanted_m_s: FloatArray
    """(T, 3) wanted velocity."""


class Flown(NamedTuple):
    """What B flights were like; a flight that is lost stands still in these arrays."""

    inputs: FloatArray
    """(B, T, 14) what the network has read, float32."""
    labels: FloatArray
    """(B, T, 3) what the privileged controller commands there, as outputs, float32."""
    valid: np.ndarray
    """(B, T) whether the flight was not yet lost."""
    errors_m_s: FloatArray
    """(B, T) size of the error of the velocity after the period."""
    states: FloatArray
    """(B, T, N) states of the network; N is 0 for a controller."""


def draw_flight(seed: Sequence[int], ranges: Mapping[str, list[float]], seconds: float) -> Flight:
    """Draw a flight.

    Args:
        seed: seed of all that is drawn.
        ranges: of the dynamics, see `draw_dynamics`.
        seconds: its duration.
    """
    rng = np.random.default_rng(list(seed))
    ticks = round(seconds * CONTROL_HZ)
    first, second = (draw_dynamics(rng, dict(ranges)) for _ in range(2))
    wanted = np.zeros((ticks, 3))
    at = 0
    while at < ticks:
        until = at + round(rng.uniform(1.0, 2.5) * CONTROL_HZ)
        wanted[at:until] = [*rng.uniform(-2.0, 2.0, 2), rng.uniform(-0.8, 0.8)]
        at = until
    change = round(rng.uniform(0.4, 0.6) * ticks)
    return Flight(first, second, change, wanted)


class Pilot(Protocol):
    """What commands B vehicles at once."""

    def reset(self, count: int) -> None:
        """Begin B flights."""
        ...

    def __call__(
        self, skies: Sequence[Sky], wanted_m_s: FloatArray, inputs: FloatArray
    ) -> FloatArray:
        """Return the (B, 3) outputs of one control period.

        Args:
            skies: the vehicles.
            wanted_m_s: (B, 3) wanted velocities.
            inputs: (B, 14) what a network reads.
        """
        ...

    @property
    def states(self) -> FloatArray:
        """(B, N) states after the last call."""
        ...


class ControllerPilot:
    """A controller for each of B vehicles.

    Args:
        make: makes a controller.
    """

    def __init__(self, make: Callable[[], Controller]) -> None:
        self._make = make

    def reset(self, count: int) -> None:
        """Begin B flights."""
        self._controllers = [self._make() for _ in range(count)]

    def __call__(
        self, skies: Sequence[Sky], wanted_m_s: FloatArray, inputs: FloatArray
    ) -> FloatArray:
        """Return the outputs; see `Pilot`."""
        commands = [
            controller(sky, wanted)
            for controller, sky, wanted in zip(self._controllers, skies, wanted_m_s, strict=True)
        ]
        return to_outputs(np.array(commands))

    @property
    def states(self) -> FloatArray:
        """(B, 0) no states."""
        return np.zeros((len(self._controllers), 0))


@dataclass
class NetworkPilot:
    """A network that flies B vehicles."""

    core: TrainableCore
    forget_s: float = 0.0
    """Time after which its state is set to zero again and again, s; 0: never."""

    def reset(self, count: int) -> None:
        """Begin B flights from rest."""
        self._state = torch.zeros(count, self.core.state_size)
        self._tick = 0

    @torch.no_grad()
    def __call__(
        self, skies: Sequence[Sky], wanted_m_s: FloatArray, inputs: FloatArray
    ) -> FloatArray:
        """Return the outputs; see `Pilot`."""
        if self.forget_s and self._tick % round(self.forget_s * CONTROL_HZ) == 0:
            self._state.zero_()
        self._tick += 1
        x = torch.from_numpy(np.ascontiguousarray(inputs[:, None], np.float32))
        outputs, states = self.core(x, torch.full((len(x), 1), CONTROL_S), self._state)
        self._state = states[:, -1].contiguous()
        return outputs[:, 0].numpy().astype(np.float64)

    @property
    def states(self) -> FloatArray:
        """(B, N) the states."""
        return self._state.numpy().astype(np.float64)


def fly(
    flights: Sequence[Flight],
    pilot: Pilot,
    teacher: Controller | None = None,
    noise: np.random.Generator | None = None,
) -> Flown:
    """Fly vehicles side by side.

    Args:
        flights: the flights, all of the same duration.
        pilot: who flies.
        teacher: who says what should be commanded; None: nobody.
        noise: source of what disturbs the commands; None: nothing does.
    """
    count, ticks = len(flights), len(flights[0].wanted_m_s)
    skies = [Sky(flight.first) for flight in flights]
    last = np.zeros((count, OUTPUTS))
    disturbance = np.zeros((count, OUTPUTS))
    pilot.reset(count)
    inputs = np.zeros((count, ticks, INPUTS), np.float32)
    labels = np.zeros((count, ticks, OUTPUTS), np.float32)
    valid = np.zeros((count, ticks), bool)
    errors = np.zeros((count, ticks))
    states: list[FloatArray] = []
    for tick in range(ticks):
        wanted = np.array([flight.wanted_m_s[tick] for flight in flights])
        for sky, flight in zip(skies, flights, strict=True):
            if tick == flight.change:
                sky.change(flight.second)
        valid[:, tick] = [not sky.is_lost for sky in skies]
        inputs[:, tick] = [
            observation(sky, one, command)
            for sky, one, command in zip(skies, wanted, last, strict=True)
        ]
        if teacher is not None:
            wishes = [teacher(sky, one) for sky, one in zip(skies, wanted, strict=True)]
            labels[:, tick] = to_outputs(np.array(wishes))
        last = pilot(skies, wanted, inputs[:, tick])
        states.append(pilot.states)
        if noise is not None:
            disturbance = 0.95 * disturbance + 0.1 * noise.normal(size=disturbance.shape)
            last = last + disturbance
        for index, (sky, output) in enumerate(zip(skies, last, strict=True)):
            # A vehicle that is lost stays where it is.
            if valid[index, tick]:
                sky.advance(to_command(output))
            errors[index, tick] = float(np.linalg.norm(sky.velocity_m_s - wanted[index]))
    valid = np.logical_and.accumulate(valid, axis=1)
    return Flown(inputs, labels, valid, errors, np.stack(states, axis=1))


def observation(sky: Sky, wanted_m_s: FloatArray, last_output: FloatArray) -> FloatArray:
    """Return the (14,) inputs of a network."""
    state = sky.state
    body_z = [row[2] for row in rotation_rows(*state.orientation_wxyz)]
    return np.concatenate(
        [
            wanted_m_s / 2.0,
            (wanted_m_s - sky.velocity_m_s) / 2.0,
            np.array(body_z[:2]) * 3.0,
            np.array(state.angular_velocity_flu_rad_s) / 2.0,
            last_output,
        ]
    )


def to_outputs(commands_m_s2: FloatArray) -> FloatArray:
    """Return commands (B, 3) as outputs of a network, bounded as the vehicle bounds them."""
    return np.clip((commands_m_s2 - _HOVER) / FORCE_SCALE_M_S2, -MAX_OUTPUT, MAX_OUTPUT)


def to_command(output: FloatArray) -> FloatArray:
    """Return the (3,) command of an output."""
    bounded = np.clip(np.nan_to_num(output), -MAX_OUTPUT, MAX_OUTPUT)
    return FORCE_SCALE_M_S2 * bounded + _HOVER


def labelled(flights: Sequence[Flight], pilot: Pilot, noise: np.random.Generator | None) -> Flown:
    """Fly, with the privileged controller as the teacher."""
    return fly(flights, pilot, Privileged(), noise)


def targets_of(dynamics: Dynamics) -> dict[str, Any]:
    """Return what a probe looks for in a state, by name."""
    return {
        'mass': float(np.log(dynamics.mass)),
        'motor lag': float(np.log(dynamics.motor_s)),
        'thrust lost': dynamics.thrust_lost,
        'latency': float(dynamics.latency),
    }
