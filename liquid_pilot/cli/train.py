"""`liquid-pilot train`: arguments, progress and closing words."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liquid_pilot.learning.config import TrainingSettings
    from liquid_pilot.learning.data.dataset_index import DataSource
    from liquid_pilot.utils.progress import ProgressCallback


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; imports no torch, so that --help is quick."""
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder for checkpoints, curves and the pilot; an interrupted run in '
        'it is taken up again',
    )
    data = parser.add_mutually_exclusive_group()
    data.add_argument(
        '--demonstrations',
        type=Path,
        nargs='+',
        metavar='DIR',
        help='learn from what `liquid-pilot demonstrate` made (default: demonstrate '
        'into --out first)',
    )
    data.add_argument(
        '--dataset',
        type=Path,
        metavar='DIR_OR_YAML',
        help='learn from recorded flights: a prepared folder, or the YAML mapping '
        'for the recordings of --bags',
    )
    parser.add_argument(
        '--bags',
        type=Path,
        nargs='+',
        default=[],
        metavar='BAG',
        help='recordings, where --dataset is a YAML mapping',
    )
    parser.add_argument(
        '--from',
        dest='start',
        metavar='PILOT',
        help='fine-tune this pilot (a shipped one by name, or its folder)',
    )
    parser.add_argument(
        '--encoder',
        type=Path,
        metavar='RUN',
        help='take the encoder of another training (its --out) or of a pilot (its '
        'folder), so that only the core is trained',
    )
    parser.add_argument(
        '--config',
        type=Path,
        metavar='FILE',
        help='YAML file with settings, such as config/train_forest.yaml',
    )
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='KEY=VALUE',
        help='set one value, over the file; may be given several times',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=2,
        metavar='N',
        help='processes that collect demonstrations (default: 2)',
    )
    parser.add_argument(
        '--threads', type=int, metavar='N', help='threads of the optimiser (default: all cores)'
    )
    parser.add_argument(
        '--device',
        default='cpu',
        metavar='DEVICE',
        help='cpu or cuda (default: cpu, where the ltc is compiled)',
    )
    parser.add_argument(
        '--show-settings',
        action='store_true',
        help='print all settings with their values and meaning, and stop',
    )


def run(arguments: argparse.Namespace) -> int:
    """Train; the exit code."""
    from rich.console import Console

    from liquid_pilot.interfaces import LiquidPilotError

    console = Console(stderr=True)
    settings = _settings(arguments)
    if arguments.show_settings:
        for field in fields(settings):
            print(f'{field.name}: {getattr(settings, field.name)}  # {field.metadata["text"]}')
        return 0
    if arguments.workers < 1 or (arguments.threads is not None and arguments.threads < 1):
        raise LiquidPilotError('--workers and --threads must be at least 1')

    # Threads that wait for each other by spinning take the core from whoever they wait for: on a
    # busy machine of two cores a step takes three times as long. Read when torch is loaded.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    from liquid_pilot import pilot_file
    from liquid_pilot.learning.training.train import Initialisation, check_device, train
    from liquid_pilot.utils import progress

    check_device(arguments.device)
    beginning = Initialisation(
        pilot_file.load(pilot_file.resolve(arguments.start)) if arguments.start else None,
        arguments.encoder,
    )
    with progress.progress_display(console) as announce:
        try:
            data = _data(arguments, settings, announce)
            pilot = train(
                settings,
                arguments.out,
                announce,
                arguments.workers,
                arguments.threads,
                data,
                beginning,
                arguments.device,
            )
        except KeyboardInterrupt:
            console.print(f'stopped; the same command takes up what is in {arguments.out}')
            return 130
    card = pilot.specification.card
    sizes = card['parameters']
    console.print(
        f'[bold]{pilot.path}[/bold]: {sizes["total"]} parameters ({sizes["core"]} in the '
        f'core), validation loss {card["validation_loss"]}, {card["frames"]} frames'
    )
    console.print(f'curves: {arguments.out / "curves.png"}')
    console.print(f'next: liquid-pilot evaluate {pilot.path} --missions 100')
    return 0


def _settings(arguments: argparse.Namespace) -> TrainingSettings:
    """The settings of the file, and over them those of --set."""
    import yaml

    from liquid_pilot.interfaces import LiquidPilotError
    from liquid_pilot.learning.config import TrainingSettings

    settings = (
        TrainingSettings.from_yaml(arguments.config) if arguments.config else TrainingSettings()
    )
    changes: dict[str, Any] = {}
    for text in arguments.set:
        key, equals, value = text.partition('=')
        if not equals:
            raise LiquidPilotError(f'--set {text}: expected KEY=VALUE')
        try:
            changes[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise LiquidPilotError(f'--set {text}: {value!r} is not a value') from None
    return TrainingSettings.from_mapping({**asdict(settings), **changes}, '--set')


def _data(
    arguments: argparse.Namespace, settings: TrainingSettings, announce: ProgressCallback
) -> DataSource | None:
    """The episodes to learn from; None for demonstrations of the training's own."""
    from liquid_pilot.interfaces import LiquidPilotError
    from liquid_pilot.learning.data import dataset_index
    from liquid_pilot.learning.rosbag import dataset

    folder = arguments.dataset
    if arguments.bags and (arguments.dataset is None or arguments.dataset.is_dir()):
        raise LiquidPilotError('--bags needs the YAML mapping of their topics: --dataset FILE')
    if arguments.demonstrations:
        return dataset_index.join(
            [dataset_index.read(each, settings.held_out_share) for each in arguments.demonstrations]
        )
    if folder is None:
        return None
    if arguments.dataset is not None and not folder.is_dir():
        size = settings.image_width, settings.image_height
        return dataset.prepare_source(
            folder, arguments.bags, arguments.out / 'dataset', size, announce
        )
    return dataset_index.read(folder, settings.held_out_share)
