"""`liquid-pilot dataset`: arguments, progress, the report and the pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; imports nothing of weight, so that --help is quick."""
    parser.add_argument(
        'bags', nargs='+', type=Path, metavar='BAG', help='rosbag2 folder, .mcap or .db3 file'
    )
    parser.add_argument(
        '--config',
        type=Path,
        required=True,
        metavar='FILE',
        help='YAML file that says which topic is what, such as config/dataset.yaml',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder for the episodes, dataset.json and two pictures; what is in '
        'it already is used again unless something has changed',
    )
    parser.add_argument(
        '--size',
        metavar='WxH',
        help="size of the stored images, which is the encoder's input, such as "
        "128x72 (default: 128 wide, the camera's aspect)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare; the exit code."""
    size = _size(arguments.size)

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from liquid_pilot.learning.rosbag.dataset import prepare
    from liquid_pilot.learning.rosbag.preview import write_previews

    console = Console(stderr=True)
    tasks: dict[str, Any] = {}
    columns = (
        TextColumn('{task.description:>24}'),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn('left'),
        Remaining(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:

        def announce(bag: str, done: int, of: int) -> None:
            if bag not in tasks:
                tasks[bag] = progress.add_task(bag, total=of)
            progress.update(tasks[bag], completed=done)

        dataset = prepare(arguments.config, arguments.bags, arguments.out, size, announce)
        drawn = write_previews(dataset.training + dataset.validation, arguments.out)
    print('\n'.join(dataset.summary_lines()))
    names = ', '.join(path.name for path in drawn)
    console.print(
        f'{arguments.out}: dataset.json, episodes, {names} (look whether the commands '
        'belong to the images)',
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.lower().partition('x')
    if not (
        width.isdigit()
        and height.isdigit()
        and 8 <= int(width) <= 4096
        and 8 <= int(height) <= 4096
    ):
        raise LiquidPilotError(f'--size {text}: expected WIDTHxHEIGHT, such as 128x72')
    return int(width), int(height)
