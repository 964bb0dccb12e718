"""Release of memory that is not needed any more."""

from __future__ import annotations

import ctypes
from pathlib import Path

_MADV_DONTNEED = 4
"""Advice MADV_DONTNEED of madvise(2)."""


def release_code_pages(library: str) -> int:
    """Release the pages of a loaded library's machine code, for code that has done its work.

    The pages are read from the file again if the library is called again. Only pages that are
    unchanged are released. Nothing happens where the library is not loaded, or off Linux.

    Args:
        library: beginning of the name of the library's file.

    Returns:
        The number of bytes that were resident.
    """
    try:
        lines = Path('/proc/self/smaps').read_text().splitlines()
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError, TypeError):
        return 0
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    released = 0
    span: tuple[int, ...] | None = None
    sizes: dict[str, str] = {}
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
                released += 1024 * kilobytes['Rss']
        ours = rest.startswith('r-xp') and Path(rest).name.startswith(library)
        span = tuple(int(end, 16) for end in key.split('-')) if ours else None
        sizes = {}
    return released


def release_free_heap() -> bool:
    """Give free pages of the heap back to the system, those between used ones too.

    It takes about 2 ms. Nothing happens where the C library has no malloc_trim(3).

    Returns:
        Whether anything was given back.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return False
    trim.argtypes = (ctypes.c_size_t,)
    return bool(trim(0))
