"""`liquid-pilot export-world`: the forest or road of a seed as a Gazebo world."""

from __future__ import annotations

import argparse
from pathlib import Path

from liquid_pilot.cli.common import add_setting, check_conditions, path
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.simulation.gazebo.sdf import RENDER_ENGINES
from liquid_pilot.utils.path_checks import check_writable_folder

DESCRIPTION = (
    'Writes the forest or the road of a seed, with the vehicle in it, as an SDF world for Gazebo, '
    'and the meshes and textures that the world uses.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_setting(
        parser,
        FlightSettings,
        'seed',
        default=7,
        description='seed of the forest or road',
    )
    add_setting(parser, FlightSettings, 'vehicle')
    add_setting(
        parser,
        FlightSettings,
        'condition',
        description="range, target and forest of a severity, such as 'target:4'",
    )
    parser.add_argument(
        '--render-engine',
        default=RENDER_ENGINES[0],
        choices=RENDER_ENGINES,
        help=f'renderer of the camera (default: {RENDER_ENGINES[0]})',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
        metavar='DIR',
        help='folder for the world and its files; files of the same names are replaced (default: '
        'VEHICLE_SEED)',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse a condition that the world has not, and a folder that cannot be written."""
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.gazebo import world
    from liquid_pilot.simulation.tasks.registry import gazebo_task_of

    gazebo_task_of(arguments.vehicle)
    check_conditions(arguments.condition, arguments.vehicle, '--condition')
    world.check_conditions(parse(arguments.condition))
    check_writable_folder(_folder(arguments), '--out')


def _folder(arguments: argparse.Namespace) -> Path:
    """Return the folder of the world."""
    return arguments.out or Path(f'{arguments.vehicle}_{arguments.seed}')


def run(arguments: argparse.Namespace) -> int:
    """Write the world and return the exit code."""
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.base.settings import SimulationSettings
    from liquid_pilot.simulation.conditions.pipeline import appearance_of
    from liquid_pilot.simulation.gazebo import world
    from liquid_pilot.simulation.tasks.registry import gazebo_task_of, layout_of

    conditions = parse(arguments.condition)
    out = _folder(arguments)
    try:
        path = world.write_world(
            out,
            gazebo_task_of(arguments.vehicle),
            layout_of(arguments.vehicle, arguments.seed, conditions),
            SimulationSettings(vehicle=arguments.vehicle),
            appearance=appearance_of(arguments.seed, conditions),
            render_engine=arguments.render_engine,
        )
    except OSError as error:
        raise LiquidPilotError(f'--out: {out} cannot be written: {error}') from None
    print(f'{path}: open it with\n  gz sim -r {path}')
    return 0
