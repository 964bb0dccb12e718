"""Teach a pilot by the keys of a hand that knows the way, and save it.

    python benchmarks/teaching/key_lesson.py [--condition camera_left=25] [--seconds 15] \
        [--lag-s 0.3] [--out runs/taught]

A stand-in for a person at `liquid-pilot hand`: it knows what the expert would command, and presses
left or right, `a` or `d`, where the pilot wants something else by more than a threshold, --lag-s
later. Keys add 0.3 of the largest command. Everything runs in this process, in lock-step, from
--seed on. What was taught is accepted and saved as a pilot, which `liquid-pilot evaluate` can fly.
The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from pathlib import Path

import numpy as np

from liquid_pilot import load_pilot
from liquid_pilot.interfaces import Command, SensorPacket
from liquid_pilot.onboard.teaching.description import describe
from liquid_pilot.onboard.teaching.hand_keys import HandKeys
from liquid_pilot.onboard.teaching.saved_pilot import save_taught
from liquid_pilot.onboard.teaching.settings import AIM, TeachingSettings
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import Expert
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.taught_pilot import TaughtPilot

SHARE = 0.3
"""How much a key adds, as a share of the largest command."""
TURN_RAD_S, LEFT_M_S = 0.35, 0.5
"""Differences from which on a key is pressed."""


class KeyHand:
    """A hand that presses keys where the pilot differs from an expert.

    Args:
        pilot: the pilot that is taught.
        expert: who knows the way.
        lag_ticks: number of ticks after which the hand acts on what it has seen.
    """

    def __init__(self, pilot: TaughtPilot, expert: Expert, lag_ticks: int) -> None:
        self._pilot, self._expert = pilot, expert
        self._keys = HandKeys(pilot.engine.pilot.specification.limits, SHARE)
        self._seen: deque[np.ndarray] = deque(maxlen=lag_ticks + 1)

    def __call__(self, packet: SensorPacket) -> Command:
        """Return what the hand commands in answer to a packet."""
        assert self._pilot.tick is not None
        now_s, wish = packet.stamp_ns * 1e-9, self._pilot.tick.command.values
        self._seen.append(np.subtract(self._expert.command(packet.state).values, wish))
        if len(self._seen) == self._seen.maxlen:
            _, left, _, turn = self._seen[0].tolist()
            if abs(turn) > TURN_RAD_S:
                self._keys.press('left' if turn > 0.0 else 'right', now_s)
            if abs(left) > LEFT_M_S:
                self._keys.press('a' if left > 0.0 else 'd', now_s)
        return Command(packet.stamp_ns, *self._keys.command(wish, now_s))


def main(arguments: list[str] | None = None) -> None:
    """Teach, save, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc')
    parser.add_argument('--condition', default='camera_left=25')
    parser.add_argument('--seconds', type=float, default=15.0)
    parser.add_argument('--lag-s', type=float, default=0.3)
    parser.add_argument('--seed', type=int, default=17_900_000)
    parser.add_argument('--out', type=Path, default=Path('runs/taught'))
    given = parser.parse_args(arguments)
    file = load_pilot(given.pilot)
    settings = TeachingSettings(lesson=AIM)
    conditions, seed, outcomes = parse(given.condition), given.seed, []
    with Simulation(SimulationSettings(vehicle=file.specification.vehicle)) as simulation:
        taught = TaughtPilot(file, simulation, settings)
        lesson = taught.book.lesson
        lag_ticks = round(given.lag_s * simulation.settings.camera_rate_hz)
        while lesson.taught_s < given.seconds:
            packet = simulation.reset(seed, conditions=conditions)
            taught.reset()
            expert = simulation.task.expert(simulation.layout)
            taught.hand = KeyHand(taught, expert, lag_ticks)
            mission = Mission(seed, simulation.layout, simulation.task.rules)
            while mission.update(packet) is None and lesson.taught_s < given.seconds:
                packet = simulation.advance(taught.setpoint(packet))
            outcomes.append(mission.outcome or 'taught enough')
            seed += 1
    learned = taught.book.accept()
    note = f'{file.specification.name}, taught by the keys of key_lesson.py in {given.condition}'
    saved = save_taught(file, learned, settings.trust_region, given.out, note)
    print(f'{describe(learned, file)}\n{saved.path}')
    print(
        json.dumps(
            {
                'taught_s': round(lesson.taught_s, 2),
                'aim_deg': np.degrees(learned.aim).round(2).tolist(),
                'trim': learned.readout[:, -1].astype(float).round(4).tolist(),
                'outcomes': outcomes,
            }
        )
    )


if __name__ == '__main__':
    main()
