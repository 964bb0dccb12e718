"""Episodes as arrays: batches of frames for the encoder, windows of features for the core.

Every episode also exists mirrored: left and right of the image are swapped, and with them the
signs of what a mirror changes (lateral velocity, yaw rate, roll and yaw rates, lateral force).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling

MIRROR_COMMAND = np.array([1, -1, 1, -1], np.float32)
MIRROR_BEARING = np.array([1, -1], np.float32)
MIRROR_IMU = np.array([-1, 1, -1, 1, -1, 1], np.float32)


@dataclass
class Frames:
    """All frames of a set of episodes, concatenated; `starts` are the episodes' first frames."""

    images: torch.Tensor
    """(N, 3, H, W) uint8."""
    imu: np.ndarray
    dt_s: np.ndarray
    commands: np.ndarray
    """(N, 4) float32, as motor outputs."""
    starts: np.ndarray
    """(episodes + 1,) int64; the last entry is N."""
    outcomes: list[str]
    bearing: np.ndarray | None = None
    """(N, 2) of the target, see `Episode`; None when an episode does not know it."""

    @classmethod
    def load(
        cls,
        paths: list[Path],
        coding: ActionScaling,
        on_episode: Callable[[int, int], None] | None = None,
    ) -> Frames:
        """Read episodes, telling how many are done; LiquidPilotError when their sizes differ."""
        episodes = []
        for path in paths:
            episodes.append(Episode.load(path))
            if on_episode:
                on_episode(len(episodes), len(paths))
        if len({episode.images.shape[1:] for episode in episodes}) != 1:
            raise LiquidPilotError('the episodes have no common image size; collect them anew')
        lengths = [len(episode.dt_s) for episode in episodes]
        images = torch.empty((sum(lengths), 3, *episodes[0].images.shape[1:3]), dtype=torch.uint8)
        images = images.contiguous(memory_format=torch.channels_last)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        for start, episode in zip(starts[:-1], episodes, strict=True):
            images[start : start + len(episode.dt_s)] = torch.from_numpy(
                episode.images.transpose(0, 3, 1, 2)
            )
            episode.images = episode.images[:0]  # the memory of one copy is enough
        return cls(
            images,
            np.concatenate([e.imu for e in episodes]),
            np.concatenate([e.dt_s for e in episodes]),
            coding.outputs(np.concatenate([e.commands for e in episodes])),
            starts,
            [e.outcome for e in episodes],
            None
            if any(e.bearing is None for e in episodes)
            else np.concatenate([e.bearing for e in episodes]),
        )

    def __len__(self) -> int:
        return len(self.dt_s)


def windows(starts: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """First frames of windows that tile every episode from a random phase.

    An episode shorter than `length` is left out; its remainder falls to another epoch's phase.
    """
    first = []
    for begin, end in itertools.pairwise(starts):
        room = int(end - begin) - length
        if room >= 0:
            first.extend(
                range(
                    int(begin + rng.integers(min(room, length - 1) + 1)),
                    int(end) - length + 1,
                    length,
                )
            )
            first.append(int(begin))  # take-off: the only window that starts from rest
    return np.array(first, np.int64)
