"""`liquid-pilot train`: arguments, progress and closing words."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; imports no torch, so that --help is quick."""
    parser.add_argument('--config', type=Path, metavar='FILE',
                        help='YAML file with settings, such as config/train_forest.yaml')
    parser.add_argument('--set', action='append', default=[], metavar='KEY=VALUE',
                        help='set one value, over the file; may be given several times')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR',
                        help='folder for demonstrations, curves and the pilot; an interrupted run '
                             'in it is taken up again')
    parser.add_argument('--workers', type=int, default=2, metavar='N',
                        help='processes that collect demonstrations (default: 2)')
    parser.add_argument('--threads', type=int, metavar='N',
                        help='threads of the optimiser (default: all cores)')
    parser.add_argument('--show-settings', action='store_true',
                        help='print all settings with their values, and stop')


def run(arguments: argparse.Namespace) -> int:
    """Train; the exit code."""
    import yaml
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    from liquid_pilot.interfaces import LiquidPilotError
    from liquid_pilot.learning.train import TrainingSettings, train

    console = Console(stderr=True)
    settings = (TrainingSettings.from_yaml(arguments.config) if arguments.config
                else TrainingSettings())
    changes: dict[str, Any] = {}
    for text in arguments.set:
        key, equals, value = text.partition('=')
        if not equals:
            raise LiquidPilotError(f'--set {text}: expected KEY=VALUE')
        changes[key] = yaml.safe_load(value)
    settings = TrainingSettings.from_mapping({**asdict(settings), **changes}, '--set')
    if arguments.show_settings:
        for field in fields(settings):
            print(f'{field.name}: {getattr(settings, field.name)}')
        return 0

    tasks: dict[str, Any] = {}
    columns = (TextColumn('{task.description:>14}'), BarColumn(), MofNCompleteColumn(), Elapsed(),
               TextColumn('left'), Remaining(), TextColumn('{task.fields[note]}'))
    with Progress(*columns, console=console, refresh_per_second=4) as progress:

        def announce(stage: str, done: int, of: int, loss: float) -> None:
            if stage not in tasks or (done == 1 and progress.tasks[tasks[stage]].finished):
                tasks[stage] = progress.add_task(stage, total=of, note='')
            progress.update(tasks[stage], completed=done, total=of,
                            note='' if math.isnan(loss) else f'loss {loss:.4f}')

        try:
            pilot = train(settings, arguments.out, announce, arguments.workers, arguments.threads)
        except KeyboardInterrupt:
            progress.stop()
            console.print(f'stopped; the same command takes up what is in {arguments.out}')
            return 130
    card = pilot.specification.card
    console.print(f'[bold]{pilot.path}[/bold]: {card["parameters"]["total"]} parameters, '
                  f'validation loss {card["validation_loss"]}, {card["frames"]} frames')
    console.print(f'curves: {arguments.out / "curves.png"}')
    console.print(f'next: liquid-pilot evaluate {pilot.path} --missions 100')
    return 0
