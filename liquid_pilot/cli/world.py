"""`liquid-pilot world`: the place of a seed as a Gazebo world, to look at or to build on."""

from __future__ import annotations

import argparse
from pathlib import Path

from liquid_pilot.onboard.vehicles.registry import VEHICLES
from liquid_pilot.simulation.gazebo.sdf import RENDER_ENGINES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--seed', type=int, default=7, metavar='S', help='which forest, or road (default: 7)'
    )
    parser.add_argument(
        '--vehicle',
        default='quadrotor',
        choices=tuple(VEHICLES),
        help='class of vehicle, and with it its world (default: quadrotor)',
    )
    parser.add_argument(
        '--condition',
        default='clear',
        metavar='CONDITION',
        help="range, target and forest of a severity, such as 'target:4' (default: clear)",
    )
    parser.add_argument(
        '--render-engine',
        default='ogre2',
        choices=RENDER_ENGINES,
        help='what draws the camera (default: ogre2)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='DIR',
        help='folder for the world and its files; files of the same names are '
        'replaced (default: VEHICLE_S)',
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the world; the exit code."""
    from liquid_pilot.interfaces import LiquidPilotError
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.base.settings import SimulationSettings
    from liquid_pilot.simulation.conditions.pipeline import appearance_of
    from liquid_pilot.simulation.gazebo import world
    from liquid_pilot.simulation.tasks.registry import layout_of

    if arguments.seed < 0:
        raise LiquidPilotError(f'seed must be at least 0, not {arguments.seed}')
    conditions = parse(arguments.condition)
    world.check_conditions(conditions)
    out = arguments.out or Path(f'{arguments.vehicle}_{arguments.seed}')
    try:
        path = world.write_world(
            out,
            layout_of(arguments.vehicle, arguments.seed, conditions),
            SimulationSettings(vehicle=arguments.vehicle),
            look=appearance_of(arguments.seed, conditions),
            render_engine=arguments.render_engine,
        )
    except OSError as error:
        raise LiquidPilotError(f'out: {out} cannot be written: {error}') from None
    print(f'{path}: look at it with\n  gz sim -r {path}')
    return 0
