"""`liquid-pilot fit-statistics`: adds to a pilot the statistics that adaptation needs."""

from __future__ import annotations

import argparse

from liquid_pilot.cli.common import check_pilot_folder, load_pilot, path
from liquid_pilot.liquid.kernel_cache import require_compiler
from liquid_pilot.utils.path_checks import check_readable_folder

DESCRIPTION = (
    'Replays training episodes through a pilot and adds to its file the statistics with which an '
    'adapting pilot compares a flight. `liquid-pilot train` does so itself; this command is for '
    'pilots from other sources.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument('pilot', metavar='PILOT', help='name of a shipped pilot, or its folder')
    parser.add_argument(
        'episodes',
        type=path('DIR'),
        metavar='DIR',
        help='training episodes of the pilot, or similar ones: a folder of `liquid-pilot '
        'demonstrate` or `liquid-pilot dataset`; up to 80 episodes are replayed',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
        required=True,
        metavar='DIR',
        help='pilot folder to write; the folder of PILOT itself is replaced atomically',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse episodes that are not of the pilot, and a folder that cannot be written."""
    from liquid_pilot.learning.data import dataset_index

    require_compiler()
    pilot = load_pilot(arguments.pilot)
    check_readable_folder(arguments.episodes, 'DIR')
    episodes = dataset_index.read(arguments.episodes)
    pilot.require_vehicle(episodes.vehicle, episodes.name)
    pilot.require_image_size(episodes.camera.width, episodes.camera.height, episodes.name)
    check_pilot_folder(arguments.out, '--out')


def run(arguments: argparse.Namespace) -> int:
    """Fit the statistics, save the pilot and return the exit code."""
    from rich.console import Console

    from liquid_pilot.learning.data import dataset_index
    from liquid_pilot.learning.training import adaptation_statistics
    from liquid_pilot.utils import progress

    console = Console(stderr=True)
    pilot = load_pilot(arguments.pilot)
    episodes = dataset_index.read(arguments.episodes)
    with progress.progress_display(console) as report_progress:
        statistics = adaptation_statistics.fit_statistics(pilot, episodes.training, report_progress)
    saved = adaptation_statistics.save_with_statistics(pilot, statistics, arguments.out)
    low, high = statistics.filter_gradient_range.tolist()
    console.print(
        f'[bold]{saved.path}[/bold]: temporal filter of {statistics.filter_tau_s.size} blocks, '
        f'normalised gradient in training {low:.2f} to {high:.2f}; digest {saved.digest[:12]}'
    )
    console.print(f'next: liquid-pilot fly --pilot {saved.path}')
    return 0
