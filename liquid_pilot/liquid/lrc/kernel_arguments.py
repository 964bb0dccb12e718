"""The elastance of an LRC core in the form in which the kernels read it."""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.liquid.synapse_layout import SynapseLayout


def folded_elastance(p: LrcParameters, layout: SynapseLayout) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and rows of the elastance that `_kernels.step` reads.

    Returns:
        (E, LANES) float32 weights, and the rows (3, N) of `elastance_rows`. The input mapping is
        folded into both.
    """
    gain, offset = (mapping.astype(np.float64) for mapping in (p.input_w, p.input_b))
    weights = layout.pack((p.sensory_elastance_w * gain[:, None], p.elastance_w))[:, 0]
    rows = elastance_rows(p)
    rows[0] += offset @ p.sensory_elastance_w.astype(np.float64)
    return np.ascontiguousarray(weights), rows


def plain_elastance(p: LrcParameters, layout: SynapseLayout) -> np.ndarray:
    """Return the weights (E, LANES) float32 that `_kernels.backward_group` reads."""
    return np.ascontiguousarray(layout.pack((p.sensory_elastance_w, p.elastance_w))[:, 0])


def elastance_rows(p: LrcParameters) -> np.ndarray:
    """Return (3, N): elastance_b, and tanh and 1/cosh of elastance_shift."""
    shift = p.elastance_shift.astype(np.float64)
    # A large shift overflows; the inverse is then 0, as it should be.
    with np.errstate(over='ignore'):
        return np.stack([p.elastance_b, np.tanh(shift), 1.0 / np.cosh(shift)])
