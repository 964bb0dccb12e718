"""`liquid-pilot dataset`: rosbag2 bags become training episodes."""

from __future__ import annotations

import argparse
import math

from liquid_pilot.cli.common import check_bag, image_size, path
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_readable_file, check_writable_folder

DESCRIPTION = (
    'Turns rosbag2 bags into training episodes. The bags may be of any robot that a mapping file '
    'describes. Reports what was found, and what was left out and why.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'bags',
        nargs='+',
        type=path('BAG'),
        metavar='BAG',
        help='rosbag2 folder, .mcap or .db3 file',
    )
    parser.add_argument(
        '--config',
        type=path('--config'),
        required=True,
        metavar='FILE',
        help='YAML file that maps topics to image, IMU and command, such as config/dataset.yaml',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
        required=True,
        metavar='DIR',
        help='folder for the episodes, dataset.json and two pictures; episodes in it are used '
        'again unless bags or mapping have changed',
    )
    parser.add_argument(
        '--correct-clocks',
        action='store_true',
        help='correct the offsets between the clocks of images, IMU and commands that are found; '
        'without it they are only reported',
    )
    parser.add_argument(
        '--size',
        type=image_size('--size', 8, 4096),
        metavar='WxH',
        help="size of the stored images, which becomes the encoder's input, such as 128x72 "
        "(default: 128 pixels wide, with the camera's aspect ratio)",
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse bags, a mapping and a folder that cannot be used."""
    from liquid_pilot.learning.data.dataset_index import EPISODES, INDEX
    from liquid_pilot.learning.rosbag import topic_mapping

    check_readable_file(arguments.config, '--config')
    topic_mapping.load(arguments.config)
    for bag in arguments.bags:
        check_bag(bag, 'BAG')
    out = arguments.out
    check_writable_folder(out, '--out')
    if (out / EPISODES).exists() and not (out / INDEX).exists():
        raise LiquidPilotError(f'--out: {out} holds something other than a dataset; choose another')
    require_modules(('rosbags', 'matplotlib'), 'the conversion of bags')


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
            arguments.correct_clocks,
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
