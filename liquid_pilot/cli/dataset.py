"""`liquid-pilot dataset`: rosbag2 bags become training episodes."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from liquid_pilot.cli.common import image_size

DESCRIPTION = (
    'Turns rosbag2 bags into training episodes. The bags may be of any robot that a mapping file '
    'describes. Reports what was found, and what was left out and why.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'bags', nargs='+', type=Path, metavar='BAG', help='rosbag2 folder, .mcap or .db3 file'
    )
    parser.add_argument(
        '--config',
        type=Path,
        required=True,
        metavar='FILE',
        help='YAML file that maps topics to image, IMU and command, such as config/dataset.yaml',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder for the episodes, dataset.json and two pictures; episodes in it are used '
        'again unless bags or mapping have changed',
    )
    parser.add_argument(
        '--size',
        type=image_size('--size', 8, 4096),
        metavar='WxH',
        help="size of the stored images, which becomes the encoder's input, such as 128x72 "
        "(default: 128 pixels wide, with the camera's aspect ratio)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare the episodes and return the exit code."""
    from rich.console import Console

    from liquid_pilot.learning.rosbag.dataset import prepare
    from liquid_pilot.learning.rosbag.preview import write_previews
    from liquid_pilot.utils.progress import progress_display

    console = Console(stderr=True)
    with progress_display(console, percent=True, transient=True) as report_progress:
        dataset = prepare(
            arguments.config,
            arguments.bags,
            arguments.out,
            arguments.size,
            lambda bag, done, of: report_progress(bag, done, of, math.nan),
        )
        previews = write_previews(dataset.training + dataset.validation, arguments.out)
    print('\n'.join(dataset.summary_lines()))
    names = ', '.join(path.name for path in previews)
    console.print(
        f'{arguments.out}: dataset.json, episodes, {names} (check that the commands '
        'fit the images)',
        highlight=False,
        soft_wrap=True,
    )
    return 0
