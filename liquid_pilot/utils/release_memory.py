"""Giving back memory that a flight does not need."""

from __future__ import annotations

import ctypes
from pathlib import Path

_MADV_DONTNEED = 4
"""MADV_DONTNEED of madvise(2)."""


def release_code_pages(library: str) -> int:
    """Give back the pages of a loaded library's machine code; how many bytes were resident.

    They are read again from the file if the library is called again. For code that ran once, as a
    compiler's does. Only pages that are as they are in the file are given back. Does nothing, and
    returns 0, where the library is not loaded or this is not Linux.
    """
    try:
        lines = Path('/proc/self/smaps').read_text().splitlines()
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError, TypeError):
        return 0
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    given_back = 0
    span, sizes = None, {}
    for line in (*lines, '0-0 end'):
        key, _, rest = line.partition(' ')
        if key.endswith(':'):
            sizes[key] = rest
            continue
        if span is not None:
            kilobytes = {
                name: int(sizes.get(f'{name}:', '1').split()[0])
                for name in ('Rss', 'Anonymous', 'Private_Dirty')
            }
            if (
                not kilobytes['Anonymous']
                and not kilobytes['Private_Dirty']
                and madvise(span[0], span[1] - span[0], _MADV_DONTNEED) == 0
            ):
                given_back += 1024 * kilobytes['Rss']
        ours = rest.startswith('r-xp') and Path(rest).name.startswith(library)
        span = tuple(int(end, 16) for end in key.split('-')) if ours else None
        sizes = {}
    return given_back
