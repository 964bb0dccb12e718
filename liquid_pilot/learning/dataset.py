"""Episodes as arrays: batches of frames for the encoder, windows of features for the core.

Every episode also exists mirrored: left and right of the image are swapped, and with them the
signs of what a mirror changes (lateral velocity, yaw rate, roll and yaw rates, lateral force).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.demonstrations import Episode

MIRROR_COMMAND = np.array([1, -1, 1, -1], np.float32)
MIRROR_IMU = np.array([-1, 1, -1, 1, -1, 1], np.float32)


@dataclass
class Frames:
    """All frames of a set of episodes, concatenated; `starts` are the episodes' first frames."""

    images: torch.Tensor
    """(N, 3, H, W) uint8."""
    imu: np.ndarray
    dt_s: np.ndarray
    commands: np.ndarray
    starts: np.ndarray
    """(episodes + 1,) int64; the last entry is N."""
    outcomes: list[str]

    @classmethod
    def load(cls, paths: list[Path]) -> Frames:
        """Read episodes; LiquidPilotError when there are none or their sizes differ."""
        episodes = [Episode.load(path) for path in paths]
        if len({episode.images.shape[1:] for episode in episodes}) != 1:
            raise LiquidPilotError('the episodes have no common image size; collect them anew')
        lengths = [len(episode.dt_s) for episode in episodes]
        images = torch.empty((sum(lengths), 3, *episodes[0].images.shape[1:3]), dtype=torch.uint8)
        images = images.contiguous(memory_format=torch.channels_last)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        for start, episode in zip(starts[:-1], episodes, strict=True):
            images[start:start + len(episode.dt_s)] = torch.from_numpy(
                episode.images.transpose(0, 3, 1, 2))
            episode.images = episode.images[:0]  # the memory of one copy is enough
        return cls(
            images, np.concatenate([e.imu for e in episodes]),
            np.concatenate([e.dt_s for e in episodes]),
            np.concatenate([e.commands for e in episodes]), starts,
            [e.outcome for e in episodes],
        )

    def __len__(self) -> int:
        return len(self.dt_s)


@dataclass(frozen=True)
class Photometric:
    """Random changes of light and sensor, each drawn once a frame; shares of full scale."""

    brightness: float = 0.12
    contrast: float = 0.25
    channel_gain: float = 0.10
    noise: float = 0.03

    def __call__(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """(B, 3, H, W) float in [0, 1], changed and clipped."""
        n = len(images)

        def draw(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=rng) * 2 - 1

        gain = 1 + self.contrast * draw(n, 1, 1, 1) + self.channel_gain * draw(n, 3, 1, 1)
        images = (images - 0.5) * gain + 0.5 + self.brightness * draw(n, 1, 1, 1)
        # One picture's worth of noise, at another phase and strength in each image: drawing fresh
        # noise for all of them would cost as much as the convolutions.
        grain = torch.randn(1, *images.shape[1:], generator=rng)
        turns = torch.randint(images.shape[3], (n,), generator=rng)
        for image, turn, sigma in zip(images, turns, torch.rand(n, generator=rng), strict=True):
            image.add_(grain[0].roll(int(turn), 2), alpha=float(self.noise * sigma))
        return images.clamp_(0, 1)


def frame_batches(frames: Frames, size: int, rng: np.random.Generator
                  ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """One epoch of shuffled (images float, imu, commands), each frame mirrored by a coin toss."""
    for chosen in np.array_split(rng.permutation(len(frames)), max(len(frames) // size, 1)):
        mirrored = rng.random(len(chosen)) < 0.5
        images = frames.images[torch.from_numpy(chosen)].float() / 255
        flip = torch.from_numpy(mirrored)
        images[flip] = images[flip].flip(3)
        imu = np.where(mirrored[:, None], MIRROR_IMU, 1) * frames.imu[chosen]
        commands = np.where(mirrored[:, None], MIRROR_COMMAND, 1) * frames.commands[chosen]
        yield images, torch.from_numpy(imu.astype(np.float32)), torch.from_numpy(
            commands.astype(np.float32))


def windows(starts: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """First frames of windows that tile every episode from a random phase.

    An episode shorter than `length` is left out; its remainder falls to another epoch's phase.
    """
    first = []
    for begin, end in itertools.pairwise(starts):
        room = int(end - begin) - length
        if room >= 0:
            first.extend(range(int(begin + rng.integers(min(room, length - 1) + 1)),
                               int(end) - length + 1, length))
            first.append(int(begin))  # take-off: the only window that starts from rest
    return np.array(first, np.int64)
