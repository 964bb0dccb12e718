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
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

ProgressCallback = Callable[[str, int, int, float], None]
"""Callback that receives (stage, steps done, steps in all, loss or NaN) after every step."""


class _NoteColumn(ProgressColumn):
    """The field `note` of a task, where it has one."""

    def render(self, task: Task) -> Text:
        """Return the note, or an empty text."""
        return Text(str(task.fields.get('note', '')))


def make_progress(
    console: Console | None = None, percent: bool = False, transient: bool = False
) -> Progress:
    """Return the progress display of this package: rich's, with one set of columns.

    Args:
        console: where to draw; None: stderr.
        percent: whether to show a percentage, where the count means nothing to a reader.
        transient: whether the bars disappear at the end; they are then not drawn at all where
            there is no terminal.

    Returns:
        A context manager. The field `note` of a task, if there is one, is shown at the end of its
        line.
    """
    console = console or Console(stderr=True)
    return Progress(
        TextColumn('{task.description:>14}'),
        BarColumn(),
        TaskProgressColumn() if percent else MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        _NoteColumn(),
        console=console,
        refresh_per_second=4,
        transient=transient,
        disable=transient and not console.is_terminal,
    )


@contextmanager
def progress_display(
    console: Console | None = None, percent: bool = False, transient: bool = False
) -> Iterator[ProgressCallback]:
    """Draw a bar for each stage that is reported, until the context ends.

    Args:
        console: see `make_progress`.
        percent: see `make_progress`.
        transient: see `make_progress`.

    Yields:
        The callback that takes the progress.
    """
    with make_progress(console, percent, transient) as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, of: int, loss: float) -> None:
            if stage not in tasks or (done == 1 and progress.tasks[tasks[stage]].finished):
                tasks[stage] = progress.add_task(stage, total=of)
            progress.update(
                tasks[stage],
                completed=done,
                total=of,
                note='' if math.isnan(loss) else f'loss {loss:.4f}',
            )

        yield report
