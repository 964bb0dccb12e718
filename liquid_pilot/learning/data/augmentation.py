"""Augmentation of training images and sequences.

Each part has a strength, and 0 switches it off. Images are changed frame by frame. Dropped frames
and irregular times change a sequence; the elapsed times stay true.

Shapes: B images or sequences, T frames of a sequence, K of them kept, N frames in all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.occluders import paint_occluders
from liquid_pilot.learning.data.picture_operations import mean_3x3
from liquid_pilot.learning.data.picture_randomisation import (
    convolve_randomly,
    light_unevenly,
    mix_operations,
)


@dataclass(frozen=True)
class Augmentation:
    """The strength of each part; `TrainingSettings` describes each strength."""

    brightness: float = 0.0
    contrast: float = 0.0
    channel_gain: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    erasing: float = 0.0
    random_convolution: float = 0.0
    mixture: float = 0.0
    uneven_light: float = 0.0
    occluders: float = 0.0
    dropped_frames: float = 0.0
    irregular_dt: float = 0.0

    @classmethod
    def from_settings(cls, settings: TrainingSettings) -> Augmentation:
        """Return the preset of the settings, with the strengths that the settings override."""
        preset = PRESETS[settings.augmentation]
        return cls(
            **{
                part.name: override
                if (override := getattr(settings, part.name)) >= 0.0
                else getattr(preset, part.name)
                for part in fields(cls)
            }
        )

    @property
    def changes_images(self) -> bool:
        """Whether any part changes single images."""
        return any(
            (
                self.brightness,
                self.contrast,
                self.channel_gain,
                self.noise,
                self.blur,
                self.erasing,
                self.random_convolution,
                self.mixture,
                self.uneven_light,
                self.occluders,
            )
        )

    def images(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return augmented images, changed in place where possible.

        Args:
            images: (B, 3, H, W) float in [0, 1].
            rng: generator on the CPU; every strength is drawn once per image.
        """
        n, width = images.shape[0], images.shape[3]

        def draw(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=rng).to(images.device)

        self._randomise_scene(images, rng)
        if self.blur:
            images = images.lerp_(mean_3x3(images), self.blur * draw(n, 1, 1, 1))
        if self.brightness or self.contrast or self.channel_gain:
            gain = (
                1
                + self.contrast * (2 * draw(n, 1, 1, 1) - 1)
                + self.channel_gain * (2 * draw(n, 3, 1, 1) - 1)
            )
            shift = self.brightness * (2 * draw(n, 1, 1, 1) - 1)
            shift = 0.5 - 0.5 * gain + shift
            # Whole lines of factors and shifts are read many times faster than one per channel.
            gain, shift = (
                each.expand(n, 3, 1, width).contiguous(memory_format=torch.channels_last)
                for each in (gain, shift)
            )
            images = images.mul_(gain).add_(shift)
        if self.noise:
            # One image of noise, shifted and scaled differently for each image of the batch, since
            # drawing noise for all of them would cost as much as the convolutions.
            grain = torch.randn(1, *images.shape[1:], generator=rng).to(images.device)
            grain = torch.cat([grain, grain], 3).contiguous(memory_format=torch.channels_last)
            offsets = torch.randint(width, (n,), generator=rng).tolist()
            sigmas = (self.noise * torch.rand(n, generator=rng)).tolist()
            for image, offset, sigma in zip(images, offsets, sigmas, strict=True):
                image.add_(grain[0, :, :, offset : offset + width], alpha=sigma)
        if self.erasing:
            _random_erase(images, self.erasing, rng)
        return images.clamp_(0, 1)

    def _randomise_scene(self, images: torch.Tensor, rng: torch.Generator) -> None:
        """Change how the scene looks, and what stands before the lens, in place.

        Values may exceed one.
        """
        if self.random_convolution:
            convolve_randomly(images, self.random_convolution, rng)
        if self.mixture:
            mix_operations(images, self.mixture, rng)
        if self.uneven_light:
            light_unevenly(images, self.uneven_light, rng)
        if self.occluders:
            paint_occluders(images, self.occluders, rng)

    def kept_count(self, length: int, rng: np.random.Generator) -> int:
        """Draw how many of a window's `length` frames are kept, at least two."""
        return max(length - int(rng.uniform(0, self.dropped_frames) * length), 2)

    def kept(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray | None:
        """Draw which frames are kept.

        Args:
            shape: (B, T) of the windows.
            rng: generator of this batch.

        Returns:
            (B, K) indices in order; None when all frames are kept.
        """
        count = self.kept_count(shape[1], rng) if self.dropped_frames else shape[1]
        if count == shape[1]:
            return None
        every = np.tile(np.arange(shape[1]), (shape[0], 1))
        return np.sort(rng.permuted(every, axis=1)[:, :count], 1)

    def times(self, dt_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return elapsed times (B, T) with the jitter of inexact stamps, in seconds."""
        if not self.irregular_dt:
            return dt_s
        return (
            dt_s * np.exp(rng.uniform(-self.irregular_dt, self.irregular_dt, dt_s.shape))
        ).astype(np.float32)

    def drop_frames(
        self,
        index: np.ndarray,
        valid: np.ndarray,
        dt_s: np.ndarray,
        imu: np.ndarray,
        rng: np.random.Generator,
        from_episode_start: bool,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Drop frames of sequences and jitter their elapsed times.

        Args:
            index: (B, T) numbers of the sequences' frames, in order.
            valid: (B, T) whether a frame counts; the others are padding.
            dt_s: (N,) elapsed time of every frame, in seconds.
            imu: (N, 6) IMU of every frame.
            rng: generator of this batch.
            from_episode_start: whether the sequences begin at the start of an episode, whose first
                frame is never dropped.

        Returns:
            The remaining `index` and `valid`, (B, K), and their times (B, K) and IMU (B, K, 6).
        """
        times, imu_sequences = dt_s[index], imu[index]
        kept = self.kept(index.shape, rng)
        if kept is not None:
            if from_episode_start:
                kept[:, 0] = 0
            times = reduce_between_kept(times, kept, True)
            imu_sequences = reduce_between_kept(imu_sequences, kept, False)
            index, valid = (np.take_along_axis(values, kept, 1) for values in (index, valid))
        return index, valid, self.times(times, rng), imu_sequences


PRESETS = {
    'none': Augmentation(),
    'photometric': Augmentation(brightness=0.12, contrast=0.25, channel_gain=0.10, noise=0.03),
    'strong': Augmentation(
        brightness=0.25,
        contrast=0.5,
        channel_gain=0.2,
        noise=0.15,
        blur=0.8,
        erasing=0.15,
        dropped_frames=0.5,
        irregular_dt=0.2,
    ),
    'broad': Augmentation(
        brightness=0.15,
        contrast=0.3,
        channel_gain=0.15,
        noise=0.08,
        blur=0.5,
        erasing=0.08,
        random_convolution=0.25,
        mixture=0.9,
        uneven_light=0.5,
        occluders=0.2,
        dropped_frames=0.3,
        irregular_dt=0.1,
    ),
}
"""Strengths of each preset, by the value of the setting `augmentation`."""


def reduce_between_kept(values: np.ndarray, kept: np.ndarray, total: bool) -> np.ndarray:
    """Reduce values to the kept frames, each with what came since the kept frame before it.

    Dropped frames thus leave their elapsed time (a sum) and their IMU samples (a mean) to the next
    kept frame.

    Args:
        values: (B, T, ...) values of every frame.
        kept: (B, K) indices of the kept frames, in order.
        total: whether to sum; otherwise the mean is taken.

    Returns:
        (B, K, ...) float32.
    """
    sums = np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(values, 1, np.float64)], 1)
    ends = np.take_along_axis(sums, _expand(kept + 1, values), 1)
    begins = np.concatenate([np.zeros_like(ends[:, :1]), ends[:, :-1]], 1)
    reduced = ends - begins
    if not total:
        steps = np.diff(kept, axis=1, prepend=-1)
        reduced = reduced / _expand(steps, values)
    return reduced.astype(np.float32)


def _expand(index: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return `index` with as many dimensions as `values`."""
    return index.reshape(*index.shape, *[1] * (values.ndim - 2))


def _random_erase(images: torch.Tensor, area: float, rng: torch.Generator) -> None:
    """Paint a rectangle of a random colour over every second image, in place.

    Args:
        images: (B, 3, H, W).
        area: largest area of a rectangle, as a share of the image.
        rng: generator on the CPU.
    """
    n, _, height, width = images.shape
    draws = torch.rand(n, 8, generator=rng)
    for image, (coin, share, shape, x, y, *colour) in zip(images, draws.tolist(), strict=True):
        if coin < 0.5:
            continue
        pixels = share * area * height * width
        rows = min(max(int(pixels**0.5 * 2 ** (2 * shape - 1)), 1), height)
        columns = min(max(int(pixels / rows), 1), width)
        top, left = int(y * (height - rows + 1)), int(x * (width - columns + 1))
        image[:, top : top + rows, left : left + columns] = image.new_tensor(colour)[:, None, None]
