"""Fly every shipped condition under the checks of picture and IMU, and say how near they came.

    python benchmarks/conditions/sensor_checks.py [--vehicle quadrotor] [--missions 1] [--quick]

A check that trips in a shipped condition is wrong. Each family is flown at the severities given,
as trained and adapting, in one process, with the checks of the pilot node beside the pilot, which
flies on whatever they say. Printed are, of all flights: the checks that tripped (there must be
none), the least texture of a picture that is not blank, the longest run of blank pictures, the
longest run of pictures of low coherence, the longest run of unchanged pictures, and the extremes of
the IMU. The last line printed is one JSON object; the exit code is 1 if a check tripped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command, ObservationError, SensorPacket
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.sensors.sensor_checks import SensorChecks
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.base.condition import FAMILIES, parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

FIRST_SEED = 40_000
ENGAGED = {'state': 'engaged'}


@dataclass
class Extremes:
    """What the checks saw at worst."""

    tripped: list[str] = field(default_factory=list)
    flights: int = 0
    ticks: int = 0
    least_texture: float = math.inf
    longest_blank_s: float = 0.0
    longest_incoherent_s: float = 0.0
    longest_still_s: float = 0.0
    greatest_rate_rad_s: float = 0.0
    greatest_force_m_s2: float = 0.0


class _Run:
    """The length of the run of ticks in which something holds."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def update(self, holds: bool, now_s: float) -> float:
        """Return the length of the run up to now, s."""
        if not holds:
            self._since_s = None
            return 0.0
        self._since_s = now_s if self._since_s is None else self._since_s
        return now_s - self._since_s


def fly(
    pilot: InProcessPilot,
    simulation: Simulation,
    seed: int,
    condition: str,
    seen: Extremes,
    rules: MissionRules | None = None,
    also: Callable[[Command], None] = lambda command: None,
) -> str:
    """Fly a mission with the checks beside the pilot, and return its outcome.

    Args:
        pilot: the pilot, of the simulation.
        simulation: the simulation.
        seed: seed of the mission.
        condition: the condition, such as 'snow:4'.
        seen: what is seen is added to it.
        rules: rules of the mission; None: those of the task.
        also: called with each command.
    """
    parameters = PilotParameters()
    checks = SensorChecks(parameters)
    pilot.engine.watch_picture = checks.on_picture
    blank, incoherent, still = _Run(), _Run(), _Run()
    newest: list[SensorPacket] = []

    def on_packet(packet: SensorPacket) -> None:
        newest[:] = [packet]

    def on_command(command: Command) -> None:
        observation, tick = newest[0].observation, pilot.tick
        assert observation is not None and tick is not None
        now_s = observation.stamp_ns / NANOSECONDS_PER_SECOND
        checks.on_guard(ENGAGED, now_s)
        for check, argument in ((checks.check_imu, observation.imu), (checks.check_tick, tick)):
            try:
                check(argument, now_s)
            except ObservationError as error:
                seen.tripped.append(f'{condition} seed {seed} at {now_s:.2f} s: {error}')
        picture = checks.picture
        is_blank = picture.texture < parameters.min_picture_texture
        if not is_blank:
            seen.least_texture = min(seen.least_texture, picture.texture)
        low = not is_blank and picture.coherence < parameters.min_picture_coherence
        seen.longest_blank_s = max(seen.longest_blank_s, blank.update(is_blank, now_s))
        seen.longest_incoherent_s = max(seen.longest_incoherent_s, incoherent.update(low, now_s))
        unchanged = picture.still and not is_blank
        seen.longest_still_s = max(seen.longest_still_s, still.update(unchanged, now_s))
        for sample in observation.imu:
            rate, force = (max(map(abs, values)) for values in sample[1:])
            seen.greatest_rate_rad_s = max(seen.greatest_rate_rad_s, rate)
            seen.greatest_force_m_s2 = max(seen.greatest_force_m_s2, force)
        seen.ticks += 1
        also(command)

    result = fly_mission(
        seed, simulation, pilot, rules, on_packet, parse(condition), on_command=on_command
    )
    seen.flights += 1
    return result.outcome


def main(arguments: list[str] | None = None) -> int:
    """Fly, print one JSON object, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--vehicle', default='quadrotor', choices=('quadrotor', 'rover'))
    parser.add_argument('--severities', default='1,3,5', help='severities, with commas')
    parser.add_argument('--families', default='', help='families, with commas; empty: all')
    parser.add_argument('--missions', type=int, default=1, help='missions of each condition')
    parser.add_argument('--time-limit', type=float, help='length of a mission at most, s')
    parser.add_argument('--limit', type=float, default=1e9, help='no new mission after this, s')
    parser.add_argument('--quick', action='store_true', help='two short missions, for a test')
    given = parser.parse_args(arguments)
    drives = get_vehicle(given.vehicle).drives
    unfit = (
        {'motor', 'range', 'target', 'forest', 'two_legs', 'glimpse', 'hidden'}
        if drives
        else {'friction', 'patches'}
    )
    families = (
        given.families.split(',') if given.families else [f for f in FAMILIES if f not in unfit]
    )
    if given.quick:
        families, given.severities, given.time_limit = ['noise'], '5', 3.0
    conditions = [
        f'{family}:{severity}' for family in families for severity in given.severities.split(',')
    ]
    seen, started_s = Extremes(), time.monotonic()
    with Simulation(SimulationSettings(vehicle=given.vehicle)) as simulation:
        file = pilot_file.load(pilot_file.resolve(get_vehicle(given.vehicle).default_pilot))
        rules = simulation.task.rules
        if given.time_limit is not None:
            rules = replace(rules, time_limit_s=given.time_limit)
        pilots = [
            InProcessPilot(file, simulation, adapting=parse_mode(mode)) for mode in ('', 'adapt')
        ]
        for seed in range(FIRST_SEED, FIRST_SEED + given.missions):
            for condition in conditions:
                for mode, pilot in zip(('as trained', 'adapting'), pilots, strict=True):
                    if time.monotonic() - started_s > given.limit:
                        continue
                    outcome = fly(pilot, simulation, seed, condition, seen, rules)
                    print(f'{condition} {mode} seed {seed}: {outcome}', file=sys.stderr, flush=True)
    values = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in vars(seen).items()
    }
    print(json.dumps({'vehicle': given.vehicle, **values}))
    return 1 if seen.tripped else 0


if __name__ == '__main__':
    sys.exit(main())
