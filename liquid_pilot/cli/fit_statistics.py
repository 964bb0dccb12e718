"""`liquid-pilot familiarise`: gives a pilot the statistics that it adapts by."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('pilot', metavar='PILOT', help='name of a shipped pilot, or its folder')
    parser.add_argument(
        'episodes',
        type=Path,
        metavar='DIR',
        help='what it was trained on, or the like: a folder of `liquid-pilot '
        'demonstrate` or `liquid-pilot dataset`; up to 80 episodes are replayed',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='the pilot folder to write; that of PILOT itself is replaced in one piece',
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure and save; the exit code."""
    from rich.console import Console

    from liquid_pilot import pilot_file
    from liquid_pilot.learning.data import dataset_index
    from liquid_pilot.learning.training import adaptation_statistics
    from liquid_pilot.utils import progress

    console = Console(stderr=True)
    pilot = pilot_file.load(pilot_file.resolve(arguments.pilot))
    episodes = dataset_index.read(arguments.episodes)
    with progress.progress_display(console) as announce:
        statistics = adaptation_statistics.fit_statistics(pilot, episodes.training, announce)
    saved = adaptation_statistics.save_with_statistics(pilot, statistics, arguments.out)
    low, high = statistics.receptor_pull.tolist()
    console.print(
        f'[bold]{saved.path}[/bold]: {statistics.receptor_tau_s.size} receptor blocks, calm band '
        f'{low:.2f} to {high:.2f}; digest {saved.digest[:12]}'
    )
    console.print(f'next: liquid-pilot fly --pilot {saved.path}')
    return 0
