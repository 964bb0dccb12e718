"""RAPTOR's foundation policy as the pilot: one that commands rotors, and knows no vehicle.

J. Eschmann, D. Albani and G. Loianno, 'RAPTOR: A Foundation Policy for Quadrotor Control',
arXiv:2509.11481, as the package `foundation-policy` of PyPI gives it. It reads position, attitude,
velocities and its last action at 100 Hz and commands four rotors, so that it takes the place of all
inner loops. Where its interface does not fit ours:

- It holds a position. It is given the position and the velocity from a point that moves with the
  wanted velocity, as its authors let it follow a path.
- Where the wanted velocity jumps, that of the point changes by at most `MAX_ACCELERATION_M_S2`: a
  policy that was trained to hold a position tips over otherwise.
- Its rotors spin the other way round than ours; the vehicle is built so for it.
- Its action is the speed of a rotor; the thrust is taken as its square.
- What is delayed, by whole control periods, is its action.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from liquid_pilot.onboard.geometry import rotation_rows
from studies.dynamics.flights import Flight, Flown
from studies.dynamics.plant import CONTROL_HZ, CONTROL_S, FloatArray, Sky

PACKAGE = 'foundation_policy'
_HZ = 100
_MAX_DISTANCE_M = 0.6
"""Largest distance from the moving point that the policy is told, m."""
MAX_ACCELERATION_M_S2 = 2.0
"""Acceleration of the moving point, m/s^2."""
_ORDER = (0, 2, 3, 1)
"""Its rotors front right, back right, back left, front left in the order of ours."""


def is_there() -> bool:
    """Return whether the package is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def fly(flights: Sequence[Flight]) -> Flown:
    """Fly vehicles one after another; see `flights.fly`.

    Args:
        flights: the flights.
    """
    policy = importlib.import_module(PACKAGE).Raptor()
    rows = [_fly_one(flight, policy) for flight in flights]
    errors, valid = (np.array(part) for part in zip(*rows, strict=True))
    nothing = np.zeros((*errors.shape, 0))
    return Flown(nothing, nothing, valid, errors, nothing)


def _fly_one(flight: Flight, policy: Any) -> tuple[list[float], list[bool]]:
    sky = Sky(flight.first, spins_otherwise=True)
    policy.reset()
    action, point, moving = np.full(4, -0.2), np.zeros(3), np.zeros(3)
    pending: deque[FloatArray] = deque()
    errors, valid, lost = [], [], False
    for tick, wanted in enumerate(flight.wanted_m_s):
        if tick == flight.change:
            sky.change(flight.second)
        lost = lost or sky.is_lost
        valid.append(not lost)
        change = wanted - moving
        largest = MAX_ACCELERATION_M_S2 * CONTROL_S
        moving = moving + change * min(1.0, largest / max(float(np.linalg.norm(change)), 1e-9))
        for _ in range(_HZ // CONTROL_HZ if not lost else 0):
            action = policy.evaluate_step(_observation(sky, point, moving, action))[0]
            pending.append(action)
            late = sky.dynamics.latency * _HZ // CONTROL_HZ
            flown = pending.popleft() if len(pending) > late else pending[0]
            while len(pending) > late:
                flown = pending.popleft()
            speed = 0.5 * (np.clip(flown, -1.0, 1.0)[list(_ORDER)] + 1.0)
            sky.advance_rotors(sky.max_thrust_n * speed**2)
        point = point + CONTROL_S * moving
        # A point that runs away is not chased.
        away = sky.position_m - point
        distance = float(np.linalg.norm(away))
        point = point + away * max(0.0, 1.0 - _MAX_DISTANCE_M / max(distance, 1e-9))
        errors.append(float(np.linalg.norm(sky.velocity_m_s - wanted)))
    return errors, valid


def _observation(
    sky: Sky, point: FloatArray, wanted_m_s: FloatArray, action: FloatArray
) -> FloatArray:
    """Return the (1, 22) inputs of the policy."""
    state = sky.state
    away = np.clip(sky.position_m - point, -_MAX_DISTANCE_M, _MAX_DISTANCE_M)
    return np.concatenate(
        [
            away,
            np.ravel(rotation_rows(*state.orientation_wxyz)),
            sky.velocity_m_s - wanted_m_s,
            state.angular_velocity_flu_rad_s,
            action,
        ]
    )[None].astype(np.float32)
