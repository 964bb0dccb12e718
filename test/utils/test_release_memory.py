"""Memory that is given back: machine code, which works again afterwards, and gaps in the heap."""

import ctypes
from pathlib import Path

import numba
import numpy as np

from liquid_pilot.utils.release_memory import release_code_pages, release_free_heap


def test_the_compilers_code_is_given_back_and_still_compiles():
    first = numba.njit(lambda x: x + 1)
    assert first(1) == 2
    released = release_code_pages('libllvmlite')
    assert released > 1 << 20
    # Nothing called it since.
    assert release_code_pages('libllvmlite') < released / 4
    second = numba.njit(lambda x: np.sqrt(x) - 2)
    assert second(9.0) == 1.0 and first(2.5) == 3.5


def test_a_library_that_is_not_loaded_gives_nothing_back():
    assert release_code_pages('libnobodyhasthis') == 0


def resident_mb():
    for line in Path('/proc/self/smaps_rollup').read_text().splitlines():
        if line.startswith('Anonymous:'):
            return int(line.split()[1]) / 1024
    raise AssertionError


def test_what_is_free_between_used_parts_of_the_heap_is_given_back():
    release_free_heap()
    before = resident_mb()
    # Below the size from which on each has pages of its own; what is kept stands between.
    blocks = [bytearray(b'x' * 30_000) for _ in range(2_000)]
    kept = blocks[::20]
    grown = resident_mb() - before
    del blocks
    left = resident_mb() - before
    assert grown > 50.0
    assert release_free_heap()
    given_back = before + left - resident_mb()
    assert len(kept) == 100 and given_back > 0.5 * grown, (grown, left, given_back)


def test_where_the_library_cannot_nothing_happens(monkeypatch):
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: object())
    assert not release_free_heap()
