"""A correction in words: what a hand has changed, by how much, and in which neurons."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from liquid_pilot.liquid.recurrent_learning.columns import Columns
from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.pilot_file import PilotFile

_OUTPUTS = ('forward', 'left', 'up', 'turn')
_SHOWN_NEURONS = 3


def describe(correction: Correction, pilot: PilotFile) -> str:
    """Return what a correction changes, in one line.

    Args:
        correction: the correction.
        pilot: the pilot that it corrects.
    """
    words = []
    if not correction.aim.is_straight:
        angles = ', '.join(f'{math.degrees(angle):+.1f}' for angle in correction.aim)
        words.append(f'camera turned by {angles} degrees (yaw, pitch, roll)')
    offsets = correction.readout[:, -1]
    if offsets.any():
        named = zip(_OUTPUTS, offsets, strict=True)
        words.append('outputs moved: ' + ', '.join(f'{name} {value:+.3f}' for name, value in named))
    of_state = correction.readout[:, :-1]
    if of_state.any():
        words.append(f'a read-out of the state, most of {_largest(np.abs(of_state).max(axis=0))}')
    if correction.change.any() and pilot.ltc_parameters is not None:
        columns = Columns.of(pilot.ltc_parameters, correction.groups)
        largest = float(np.abs(correction.change).max())
        words.append(
            f'{np.count_nonzero(correction.change)} parameters ({", ".join(correction.groups)}) by '
            f'at most {largest:.3f}' + _of_neurons(correction.change, columns)
        )
    return '; '.join(words) or 'nothing'


def _of_neurons(change: np.ndarray, columns: Columns) -> str:
    """Return in which neurons parameters have changed most; empty: in none."""
    sizes = [np.abs(change[a:b]).max(initial=0.0) for a, b in pairwise(columns.of_neuron)]
    return f', most in {_largest(np.array(sizes))}' if any(sizes) else ''


def _largest(sizes: np.ndarray) -> str:
    """Return the neurons of the largest changes, with these, as words."""
    order = np.argsort(-sizes)[:_SHOWN_NEURONS]
    found = [f'{k} ({sizes[k]:.3f})' for k in order.tolist() if sizes[k]]
    return f'neuron{"s" if len(found) > 1 else ""} {", ".join(found)}'
