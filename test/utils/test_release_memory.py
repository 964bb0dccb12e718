"""Machine code that is given back, and works again afterwards."""

import numba
import numpy as np

from liquid_pilot.utils.release_memory import release_code_pages


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
