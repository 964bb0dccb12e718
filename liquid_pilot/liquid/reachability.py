"""Which neurons a path of synapses leads to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def reachable_from(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return from which neurons a path of synapses leads to a neuron.

    >>> chain = np.array([[False, True, False], [False, False, True], [False, False, False]])
    >>> reachable_from(chain).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])

    Args:
        present: (N, N) booleans, [j, i]: j feeds i.

    Returns:
        (N, N) booleans, [i, j]: a path leads from j to i, or i is j.
    """
    reachable = present.T | np.eye(len(present), dtype=bool)
    while True:
        wider = (reachable.astype(np.float32) @ reachable.astype(np.float32)) > 0
        if (wider == reachable).all():
            return reachable
        reachable = wider
