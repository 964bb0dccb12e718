"""The files of the page, which come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent / 'page'
"""Folder of the page."""
_TYPES = {
    '.html': 'text/html',
    '.css': 'text/css',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
    '.txt': 'text/plain',
}
"""Types of files by the ending of their name; a file of another one is not served."""


class PageFile(NamedTuple):
    """One file."""

    content: bytes
    type: str
    """Media type."""
    charset: str = 'utf-8'


def page_files() -> dict[str, PageFile]:
    """Return the files by the path of their request; that of the page itself is '/'."""
    found = {
        '/' + path.relative_to(PAGE).as_posix(): PageFile(
            path.read_bytes(), _TYPES[path.suffix or '.txt']
        )
        for path in sorted(PAGE.rglob('*'))
        if path.is_file() and (path.suffix or '.txt') in _TYPES
    }
    found['/'] = found['/index.html']
    return found
