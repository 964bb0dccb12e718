"""Tables for the terminal and for Markdown pages, in one style."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def terminal_table(
    columns: Sequence[str], left: Collection[str] = (), header: bool = True
) -> Table:
    """Return an empty table without lines, for `rich` to print.

    A word that is longer than its column, such as a path, goes on in the next line.

    Args:
        columns: titles of the columns.
        left: titles of those that are aligned to the left; the others are aligned to the right.
        header: whether titles are shown.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style='bold', show_header=header)
    for name in columns:
        table.add_column(name, justify='left' if name in left else 'right', overflow='fold')
    return table


def markdown_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table as Markdown, without a newline at its end.

    >>> print(markdown_table(('pilot', 'success'), [('forest-ltc', '98 %')]))
    | pilot | success |
    | --- | --- |
    | forest-ltc | 98 % |
    """
    lines = (head, ['---'] * len(head), *body)
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)
