"""Progress of long work on the terminal: a bar, a count and the time left for each stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

ProgressCallback = Callable[[str, int, int, float], None]
"""(stage, done, of, loss or NaN): called often; whoever is called draws the progress."""


@contextmanager
def progress_display(console: Console) -> Iterator[ProgressCallback]:
    """Draws what is announced until the context ends."""
    columns = (
        TextColumn('{task.description:>14}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        TextColumn('{task.fields[note]}'),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        tasks: dict[str, int] = {}

        def announce(stage: str, done: int, of: int, loss: float) -> None:
            if stage not in tasks or (done == 1 and progress.tasks[tasks[stage]].finished):
                tasks[stage] = progress.add_task(stage, total=of, note='')
            progress.update(
                tasks[stage],
                completed=done,
                total=of,
                note='' if math.isnan(loss) else f'loss {loss:.4f}',
            )

        yield announce
