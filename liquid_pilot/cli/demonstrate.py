"""`liquid-pilot demonstrate`: the expert flies in simulation, for a pilot to learn from."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from liquid_pilot.cli.common import (
    add_setting,
    check_conditions,
    image_size,
    integer,
    load_pilot,
    path,
)
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.kernel_cache import require_compiler
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_writable_folder

if TYPE_CHECKING:
    from liquid_pilot.learning.data.expert_rollouts import CollectionSettings

DESCRIPTION = (
    'An expert that knows the map flies in simulation with noise added to its commands. For every '
    'frame the command of the expert is stored as the label.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        '--out',
        type=path('--out'),
        required=True,
        metavar='DIR',
        help='folder for the episodes; an interrupted run in it is resumed',
    )
    parser.add_argument(
        '--episodes',
        # One of them is held out.
        type=integer('--episodes', 2),
        default=500,
        metavar='N',
        help='number of flights, one file each (default: 500)',
    )
    add_setting(
        parser,
        FlightSettings,
        'seed',
        default=1_000_000,
        description='seed of the first flight; later ones count up from it, far from the seeds of '
        'missions',
    )
    parser.add_argument(
        '--workers',
        type=integer('--workers', 1),
        default=2,
        metavar='N',
        help='number of processes (default: 2)',
    )
    add_setting(
        parser,
        FlightSettings,
        'disturbance',
        description='level of the noise added to the commands, from which the expert shows how to '
        'recover; 0: none',
        metavar='LEVEL',
    )
    add_setting(parser, FlightSettings, 'vehicle')
    parser.add_argument(
        '--pilot',
        metavar='PILOT',
        help='pilot that steers while the expert labels (DAgger): name of a shipped one, or its '
        'folder',
    )
    parser.add_argument(
        '--conditions',
        default='clear',
        metavar='LIST',
        help='conditions to fly in, one after the other, such as clear,snow:4,rain:1-3 '
        '(docs/reference/conditions.md; default: clear)',
    )
    parser.add_argument(
        '--correct-drift',
        action='store_true',
        help='the expert corrects its drift, so that it shows how to fly in wind, with a payload, '
        'or with a weak rotor (quadrotor only)',
    )
    parser.add_argument(
        '--image-size',
        type=image_size('--image-size', 16, 1024),
        default=(128, 72),
        metavar='WxH',
        help="size of the stored images, which becomes the encoder's input (default: 128x72)",
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse vehicle, pilot, conditions and folder that do not go together."""
    check_conditions(arguments.conditions, arguments.vehicle)
    if arguments.correct_drift and arguments.vehicle != 'quadrotor':
        raise LiquidPilotError('--correct-drift: only the expert of a quadrotor corrects its drift')
    if arguments.pilot:
        require_compiler()
        pilot = load_pilot(arguments.pilot, '--pilot')
        pilot.require_vehicle(arguments.vehicle, 'the flight')
    check_writable_folder(arguments.out, '--out')
    require_modules(('mujoco',), 'the simulator')
    if arguments.out.is_dir():
        # Only then, because it loads the simulator.
        from liquid_pilot.learning.data import expert_rollouts

        expert_rollouts.check_folder(arguments.out, _settings(arguments))


def _settings(arguments: argparse.Namespace) -> CollectionSettings:
    """Return what the episodes are made with."""
    from liquid_pilot import pilot_file
    from liquid_pilot.learning.data.expert_rollouts import CollectionSettings
    from liquid_pilot.simulation.base.condition import CLEAR
    from liquid_pilot.simulation.tasks.registry import action_noise_of, expand_conditions

    labels = expand_conditions(arguments.conditions, arguments.vehicle)
    width, height = arguments.image_size
    return CollectionSettings(
        width,
        height,
        action_noise_of(arguments.vehicle, arguments.disturbance),
        conditions=() if labels == [CLEAR] else tuple(labels),
        pilot=str(pilot_file.resolve(arguments.pilot).resolve()) if arguments.pilot else None,
        vehicle=arguments.vehicle,
        correct_drift=arguments.correct_drift,
    )


def run(arguments: argparse.Namespace) -> int:
    """Collect the demonstrations and return the exit code."""
    from rich.console import Console

    from liquid_pilot.learning.data import dataset_index, expert_rollouts
    from liquid_pilot.utils import progress

    console = Console(stderr=True)
    settings = _settings(arguments)
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    outcomes: dict[str, int] = {}
    frames = 0
    with progress.progress_display(console) as report_progress:

        def on_episode(outcome: str, length: int, done: int, of: int) -> None:
            nonlocal frames
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            frames += length
            report_progress('demonstrations', done, of, math.nan)

        try:
            expert_rollouts.collect(seeds, arguments.out, settings, arguments.workers, on_episode)
        except KeyboardInterrupt:
            console.print(f'stopped; run the same command again to resume from {arguments.out}')
            return 130
    index = dataset_index.read(arguments.out)
    counts = ', '.join(f'{count} {outcome}' for outcome, count in sorted(outcomes.items()))
    console.print(
        f'[bold]{arguments.out}[/bold]: {len(index.training)} episodes to learn from, '
        f'{len(index.validation)} held out'
        + (f'; flown now: {counts}, {frames} frames' if counts else '')
    )
    console.print(f'next: liquid-pilot train --demonstrations {arguments.out} --out runs/my-pilot')
    return 0
