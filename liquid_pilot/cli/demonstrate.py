"""`liquid-pilot demonstrate`: an expert flies the simulated forest, for a pilot to learn from."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from liquid_pilot.onboard.vehicles.registry import VEHICLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; imports nothing heavy, so that --help is quick."""
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder for the episodes; an interrupted run in it is taken up again',
    )
    parser.add_argument(
        '--episodes',
        type=int,
        default=500,
        metavar='N',
        help='flights, one file each (default: 500)',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=1_000_000,
        metavar='S',
        help='forest of the first flight; the next ones follow it (default: '
        '1000000, far from the forests that missions are flown in)',
    )
    parser.add_argument(
        '--workers', type=int, default=2, metavar='W', help='processes (default: 2)'
    )
    parser.add_argument(
        '--disturbance',
        type=float,
        default=1.3,
        metavar='L',
        help='level of the noise in the commands that are flown, of which the '
        'expert shows how to recover; 0 is none (default: 1.3)',
    )
    parser.add_argument(
        '--vehicle',
        default='quadrotor',
        choices=tuple(VEHICLES),
        help='class of vehicle, and with it its world (default: quadrotor)',
    )
    parser.add_argument(
        '--pilot',
        metavar='PILOT',
        help='let this pilot steer while the expert labels (DAgger): a shipped one '
        'by name, or its folder',
    )
    parser.add_argument(
        '--conditions',
        default='clear',
        metavar='LIST',
        help='weather to fly in, one of them a flight in turn, such as '
        'clear,snow:4,rain:1-3 (`liquid-pilot evaluate --help` has them all)',
    )
    parser.add_argument(
        '--image-size',
        default='128x72',
        metavar='WxH',
        help='pixels that the pilot will see (default: 128x72)',
    )


def run(arguments: argparse.Namespace) -> int:
    """Demonstrate; the exit code."""
    from rich.console import Console

    from liquid_pilot import pilot_file
    from liquid_pilot.interfaces import LiquidPilotError
    from liquid_pilot.learning.data import dataset_index, expert_rollouts
    from liquid_pilot.simulation.base.condition import CLEAR
    from liquid_pilot.simulation.tasks.registry import action_noise_of, expand_conditions
    from liquid_pilot.utils import progress

    console = Console(stderr=True)
    if arguments.episodes < 2 or arguments.seed < 0 or arguments.workers < 1:
        raise LiquidPilotError(
            '--episodes must be at least 2 (one is held out), --workers at '
            'least 1, --seed at least 0'
        )
    if not 0.0 <= arguments.disturbance <= 10.0:
        raise LiquidPilotError('--disturbance must lie in [0, 10]')
    weather = expand_conditions(arguments.conditions, arguments.vehicle)
    settings = expert_rollouts.CollectionSettings(
        *_size(arguments.image_size),
        action_noise_of(arguments.vehicle, arguments.disturbance),
        conditions=() if weather == [CLEAR] else tuple(weather),
        pilot=str(pilot_file.resolve(arguments.pilot).resolve()) if arguments.pilot else None,
        vehicle=arguments.vehicle,
    )
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    outcomes: dict[str, int] = {}
    frames = 0
    with progress.progress_display(console) as announce:

        def on_episode(outcome: str, length: int, done: int, of: int) -> None:
            nonlocal frames
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            frames += length
            announce('demonstrations', done, of, math.nan)

        try:
            expert_rollouts.collect(seeds, arguments.out, settings, arguments.workers, on_episode)
        except KeyboardInterrupt:
            console.print(f'stopped; the same command takes up what is in {arguments.out}')
            return 130
    found = dataset_index.read(arguments.out)
    flown = ', '.join(f'{count} {outcome}' for outcome, count in sorted(outcomes.items()))
    console.print(
        f'[bold]{arguments.out}[/bold]: {len(found.training)} episodes to learn from, '
        f'{len(found.validation)} held out'
        + (f'; flown now: {flown}, {frames} frames' if flown else '')
    )
    console.print(f'next: liquid-pilot train --demonstrations {arguments.out} --out runs/my-pilot')
    return 0


def _size(text: str) -> tuple[int, int]:
    """(width, height) of '128x72'."""
    from liquid_pilot.interfaces import LiquidPilotError

    width, cross, height = text.partition('x')
    if not (
        cross
        and width.isdecimal()
        and height.isdecimal()
        and 16 <= int(width) <= 1024
        and 16 <= int(height) <= 1024
    ):
        raise LiquidPilotError(f'--image-size must be WxH of 16 to 1024 pixels, not {text!r}')
    return int(width), int(height)
