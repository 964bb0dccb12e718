"""`liquid-pilot train`: a pilot from demonstrations or recorded flights."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from liquid_pilot.cli.common import check_bag, integer, load_pilot, path
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.kernel_cache import require_compiler
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import (
    check_readable_file,
    check_readable_folder,
    check_writable_folder,
)
from liquid_pilot.utils.settings import declared_settings

if TYPE_CHECKING:
    from liquid_pilot.learning.config import TrainingSettings
    from liquid_pilot.learning.data.dataset_index import DataSource
    from liquid_pilot.utils.progress import ProgressCallback


DESCRIPTION = (
    'Trains a pilot: the encoder, the core, on demand rounds of DAgger, and a pilot file at the '
    'end. It learns from demonstrations or from recorded flights, and collects demonstrations '
    'first when it is given neither.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        '--out',
        type=path('--out'),
        required=True,
        metavar='DIR',
        help='folder for checkpoints, curves and the pilot; an interrupted run in it is resumed',
    )
    data = parser.add_mutually_exclusive_group()
    data.add_argument(
        '--demonstrations',
        type=path('--demonstrations'),
        nargs='+',
        metavar='DIR',
        help='folders of `liquid-pilot demonstrate` (default: collect demonstrations into --out '
        'first)',
    )
    data.add_argument(
        '--dataset',
        type=path('--dataset'),
        metavar='DIR_OR_YAML',
        help='recorded flights: a folder of `liquid-pilot dataset`, or the YAML mapping for --bags',
    )
    parser.add_argument(
        '--bags',
        type=path('--bags'),
        nargs='+',
        default=[],
        metavar='BAG',
        help='recordings, where --dataset is a YAML mapping',
    )
    parser.add_argument(
        '--from',
        dest='start',
        metavar='PILOT',
        help='pilot to fine-tune: name of a shipped one, or its folder',
    )
    parser.add_argument(
        '--encoder',
        type=path('--encoder'),
        metavar='RUN',
        help='run folder of another training, or pilot folder, whose encoder is used; only the '
        'core is trained',
    )
    parser.add_argument(
        '--config',
        type=path('--config'),
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
        type=integer('--workers', 1),
        default=2,
        metavar='N',
        help='number of processes that collect demonstrations (default: 2)',
    )
    parser.add_argument(
        '--threads',
        type=integer('--threads', 1),
        metavar='N',
        help='number of threads of the optimiser (default: all cores)',
    )
    parser.add_argument(
        '--device',
        default='cpu',
        metavar='DEVICE',
        help='cpu or cuda (default: cpu, where the LTC is compiled)',
    )
    parser.add_argument(
        '--show-settings',
        action='store_true',
        help='print all settings with their values and meaning, and stop',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse settings, episodes and initial weights that do not go together."""
    settings = _settings(arguments)
    if arguments.show_settings:
        return
    from liquid_pilot.learning.training import compatibility

    require_compiler()
    compatibility.check_device_name(arguments.device)
    check_writable_folder(arguments.out, '--out')
    pilot = load_pilot(arguments.start, '--from') if arguments.start else None
    compatibility.check_one_encoder(pilot, arguments.encoder)
    if arguments.encoder is not None:
        check_readable_folder(arguments.encoder, '--encoder')
        compatibility.find_encoder(arguments.encoder)
    data = _planned_data(arguments, settings)
    chosen = {**_values_of_file(arguments), **_changes(arguments)}.get('vehicle', data.vehicle)
    if chosen != data.vehicle:
        raise LiquidPilotError(
            f'the settings say vehicle {chosen}, and {data.name} is of a {data.vehicle}; leave '
            'vehicle out of --config and --set, or give other data'
        )
    compatibility.check_training(settings, data, pilot, arguments.encoder)
    bags = ('rosbags',) if arguments.bags else ()
    require_modules(('torch', 'onnx', 'onnxscript', 'mujoco', 'matplotlib', *bags), 'training')
    if arguments.device != 'cpu':
        from liquid_pilot.learning.training.plan import check_device

        check_device(arguments.device)


def _planned_data(arguments: argparse.Namespace, settings: TrainingSettings) -> DataSource:
    """Return the episodes, or what stands for those that are yet to be made."""
    from liquid_pilot.learning.data import dataset_index
    from liquid_pilot.learning.rosbag import topic_mapping
    from liquid_pilot.learning.training.compatibility import planned_episodes
    from liquid_pilot.simulation.tasks.registry import task_of

    source = arguments.dataset
    if arguments.bags and (source is None or source.is_dir()):
        raise LiquidPilotError('--bags needs the YAML mapping of their topics: --dataset FILE')
    if arguments.demonstrations:
        for folder in arguments.demonstrations:
            check_readable_folder(folder, '--demonstrations')
        return _demonstrations(arguments, settings)
    if source is None:
        task_of(settings.vehicle)
        return planned_episodes(settings, settings.vehicle, simulated=True)
    if source.is_dir():
        return dataset_index.read(source, settings.held_out_share)
    check_readable_file(source, '--dataset')
    mapping = topic_mapping.load(source)
    if not arguments.bags:
        raise LiquidPilotError(f'{source} is a mapping: name its recordings with --bags')
    for bag in arguments.bags:
        check_bag(bag, '--bags')
    return planned_episodes(settings, mapping.vehicle, simulated=False)


def _demonstrations(arguments: argparse.Namespace, settings: TrainingSettings) -> DataSource:
    """Return the episodes of all folders of --demonstrations."""
    from liquid_pilot.learning.data import dataset_index

    share = settings.held_out_share
    return dataset_index.join(
        [dataset_index.read(folder, share) for folder in arguments.demonstrations]
    )


def run(arguments: argparse.Namespace) -> int:
    """Train and return the exit code."""
    from rich.console import Console

    console = Console(stderr=True)
    settings = _settings(arguments)
    if arguments.show_settings:
        for name, declared in declared_settings(type(settings)).items():
            print(f'{name}: {getattr(settings, name)}  # {declared.description}')
        return 0

    # Threads that spin while they wait take the core from the thread they wait for: on a busy
    # machine of two cores a step takes three times as long. Torch reads it when it is loaded.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    from liquid_pilot.learning.training.plan import Initialisation
    from liquid_pilot.learning.training.train import train
    from liquid_pilot.utils import progress

    initialisation = Initialisation(
        load_pilot(arguments.start, '--from') if arguments.start else None,
        arguments.encoder,
    )
    with progress.progress_display(console) as report_progress:
        try:
            data = _data(arguments, settings, report_progress)
            for warning in data.warnings if data else ():
                console.print(f'warning: {warning}', highlight=False, markup=False, soft_wrap=True)
            pilot = train(
                settings,
                arguments.out,
                report_progress,
                arguments.workers,
                arguments.threads,
                data,
                initialisation,
                arguments.device,
            )
        except KeyboardInterrupt:
            console.print(f'stopped; run the same command again to resume from {arguments.out}')
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
    """Return the settings of --config, changed by those of --set."""
    from liquid_pilot.learning.config import TrainingSettings

    settings = TrainingSettings.from_mapping(_values_of_file(arguments), str(arguments.config))
    return TrainingSettings.from_mapping({**asdict(settings), **_changes(arguments)}, '--set')


def _values_of_file(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the values of --config by name; none without it."""
    from liquid_pilot.learning.config import TrainingSettings

    if arguments.config is None:
        return {}
    check_readable_file(arguments.config, '--config')
    return TrainingSettings.values_of_yaml(arguments.config)


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the values of --set by name."""
    import yaml

    changes: dict[str, Any] = {}
    for text in arguments.set:
        key, equals, value = text.partition('=')
        if not equals:
            raise LiquidPilotError(f'--set {text}: expected KEY=VALUE')
        try:
            changes[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise LiquidPilotError(f'--set {text}: {value!r} is not a value') from None
    return changes


def _data(
    arguments: argparse.Namespace, settings: TrainingSettings, report_progress: ProgressCallback
) -> DataSource | None:
    """Return the episodes to learn from; None: the training collects its own demonstrations."""
    from liquid_pilot.learning.data import dataset_index

    source = arguments.dataset
    if arguments.demonstrations:
        return _demonstrations(arguments, settings)
    if source is None:
        return None
    if source.is_dir():
        return dataset_index.read(source, settings.held_out_share)
    from liquid_pilot.learning.rosbag import dataset

    size = settings.image_width, settings.image_height
    return dataset.prepare_source(
        source, arguments.bags, arguments.out / 'dataset', size, report_progress
    )
