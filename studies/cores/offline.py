"""Scores of cores over the episodes of `selection`, without a flight.

The same episodes are given at every frame rate of the flights: the frames between are left out, the
elapsed time and the mean of the IMU go to the next frame that is kept, and the command is the one
of the frame. At 20 Hz, on irregular frames as well as on slow ones, the loss is the mean square of
the error of the commands over the frames that are kept.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

from liquid_pilot.learning.data.augmentation import reduce_between_kept
from liquid_pilot.learning.data.features import Sequences, padded_index
from liquid_pilot.learning.models.factory import TrainableCore
from studies.cores.study import Candidate, Study

STRIDES = {'20 Hz': 1, '5 Hz': 4, '2 Hz': 10}
"""Frames of 20 Hz from one that is kept to the next one."""
IRREGULAR = 'irregular'
_KEPT_SHARE = 0.2
"""Share of irregular frames that is kept."""
_SEED = 20260


def kept_frames(ticks: int, rate: str) -> np.ndarray:
    """Return the frames (K,) of the first `ticks` that are kept at a rate; always the first one."""
    if rate in STRIDES:
        return np.arange(0, ticks, STRIDES[rate])
    kept = np.random.default_rng(_SEED).random(ticks) < _KEPT_SHARE
    kept[0] = True
    return np.flatnonzero(kept)


@torch.no_grad()
def losses_of(core: TrainableCore, data: Sequences) -> dict[str, float]:
    """Return the loss of a core over whole episodes, by frame rate."""
    core.eval()
    index, valid = padded_index(data.starts)
    found = {}
    for rate in (*STRIDES, IRREGULAR):
        kept = np.tile(kept_frames(index.shape[1], rate), (len(index), 1))
        dt_s = reduce_between_kept(data.dt_s[index], kept, True)
        imu = reduce_between_kept(data.inputs[index, data.features :], kept, False)
        frames, counts = (np.take_along_axis(each, kept, 1) for each in (index, valid))
        inputs = np.concatenate([data.inputs[frames, : data.features], imu], 2)
        outputs, _ = core(torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(dt_s))
        error = ((outputs.numpy() - data.commands[frames]) ** 2).mean(2)
        found[rate] = round(float(np.mean((error * counts).sum(1) / counts.sum(1))), 5)
    return found


def searched(study: Study, candidate: Candidate) -> dict[str, Any]:
    """Return what a candidate of the search reached."""
    content: dict[str, Any] = json.loads(study.search_file(candidate).read_text())
    return content


def chosen_candidate(study: Study, core: str) -> Candidate:
    """Return the rate and size of a core: those of the lowest loss at the rate of training."""
    return min(study.candidates(core), key=lambda each: searched(study, each)['losses']['20 Hz'])
