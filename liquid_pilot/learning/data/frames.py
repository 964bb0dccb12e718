"""Episodes as arrays: batches of frames for the encoder, windows of features for the core.

Every episode can be mirrored: left and right of the image are swapped, and the quantities that a
mirror reverses change their sign (lateral velocity, yaw rate, roll and yaw rates, lateral force).
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
"""Signs of forward, left, up and steering under a mirror."""
MIRROR_BEARING = np.array([1, -1], np.float32)
"""Signs of cosine and sine of the target's direction under a mirror."""
MIRROR_IMU = np.array([-1, 1, -1, 1, -1, 1], np.float32)
"""Signs of body rates and specific force under a mirror."""


@dataclass
class Frames:
    """All N frames of a set of episodes, concatenated."""

    images: torch.Tensor
    """(N, 3, H, W) uint8 RGB, channels last in memory."""
    imu: np.ndarray
    """(N, 6) float32 mean body rates and specific force since the frame before."""
    dt_s: np.ndarray
    """(N,) float32 time since the frame before, s."""
    commands: np.ndarray
    """(N, 4) float32 commands as motor outputs."""
    starts: np.ndarray
    """(episodes + 1,) int64 first frames of the episodes, then N."""
    outcomes: list[str]
    """Outcome of each episode."""
    bearing: np.ndarray | None = None
    """(N, 2) float32 direction of the target as in `Episode`; None when an episode lacks it."""

    @classmethod
    def load(
        cls,
        paths: list[Path],
        action_scaling: ActionScaling,
        on_episode: Callable[[int, int], None] | None = None,
    ) -> Frames:
        """Read episodes and concatenate their frames.

        Args:
            paths: files of the episodes.
            action_scaling: scaling of the vehicle's commands.
            on_episode: callback, called with the numbers of episodes read and in all.

        Raises:
            LiquidPilotError: a file is broken, or the episodes have images of different sizes.
        """
        episodes = []
        for path in paths:
            episodes.append(Episode.load(path))
            if on_episode:
                on_episode(len(episodes), len(paths))
        if len({episode.images.shape[1:] for episode in episodes}) != 1:
            raise LiquidPilotError('the episodes have no common image size; collect them again')
        lengths = [len(episode.dt_s) for episode in episodes]
        images = torch.empty((sum(lengths), 3, *episodes[0].images.shape[1:3]), dtype=torch.uint8)
        images = images.contiguous(memory_format=torch.channels_last)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        for start, episode in zip(starts[:-1], episodes, strict=True):
            images[start : start + len(episode.dt_s)] = torch.from_numpy(
                episode.images.transpose(0, 3, 1, 2)
            )
            episode.images = episode.images[:0]  # Frees the memory of the second copy.
        bearings = [e.bearing for e in episodes if e.bearing is not None]
        return cls(
            images,
            np.concatenate([e.imu for e in episodes]),
            np.concatenate([e.dt_s for e in episodes]),
            action_scaling.to_outputs(np.concatenate([e.commands for e in episodes])),
            starts,
            [e.outcome for e in episodes],
            np.concatenate(bearings) if len(bearings) == len(episodes) else None,
        )

    @property
    def has_bearing(self) -> bool:
        """Whether every episode holds the direction of the target."""
        return self.bearing is not None

    def __len__(self) -> int:
        return len(self.dt_s)


def windows(starts: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Return the first frames of windows that tile every episode from a random phase.

    The first window of an episode is always among them, since no other starts from rest. Frames
    before the phase and after the last window are left to the phases of other epochs.

    Args:
        starts: first frames of the episodes, then the number of frames.
        length: frames of a window; shorter episodes have none.
        rng: generator of the phases.

    Returns:
        (W,) int64.
    """
    first: list[int] = []
    for begin, end in itertools.pairwise(starts):
        room = int(end - begin) - length
        if room >= 0:
            phase = int(begin + rng.integers(min(room, length - 1) + 1))
            first.extend(range(phase, int(end) - length + 1, length))
            first.append(int(begin))
    return np.array(first, np.int64)
