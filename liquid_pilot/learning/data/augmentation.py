"""What training images and sequences go through, so that a pilot meets more than was recorded.

Each part has a strength, and 0 leaves it out. Images are changed frame by frame; dropped frames and
irregular times are changes of a sequence, with the elapsed times kept true.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch.nn import functional

from liquid_pilot.learning.config import TrainingSettings


@dataclass(frozen=True)
class Augmentation:
    """Strengths; see TrainingSettings for what each means."""

    brightness: float = 0.0
    contrast: float = 0.0
    channel_gain: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    erasing: float = 0.0
    dropped_frames: float = 0.0
    irregular_dt: float = 0.0

    @classmethod
    def of(cls, settings: TrainingSettings) -> Augmentation:
        """The preset of the settings, with what they set by itself."""
        preset = PRESETS[settings.augmentation]
        return cls(
            **{
                part.name: own
                if (own := getattr(settings, part.name)) >= 0.0
                else getattr(preset, part.name)
                for part in fields(cls)
            }
        )

    def images(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """(B, 3, H, W) float in [0, 1] -> the same, changed in place where it can be.

        Everything is drawn once an image, on the CPU.
        """
        n, width = images.shape[0], images.shape[3]

        def draw(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=rng).to(images.device)

        if self.blur:
            soft = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
            images = images.lerp_(soft, self.blur * draw(n, 1, 1, 1))
        if self.brightness or self.contrast or self.channel_gain:
            gain = (
                1
                + self.contrast * (2 * draw(n, 1, 1, 1) - 1)
                + self.channel_gain * (2 * draw(n, 3, 1, 1) - 1)
            )
            shift = self.brightness * (2 * draw(n, 1, 1, 1) - 1)
            images = images.mul_(gain).add_(0.5 - 0.5 * gain + shift)
        if self.noise:
            # One picture's worth of noise, at another phase and strength in each image: drawing
            # fresh noise for all of them would cost as much as the convolutions.
            grain = torch.randn(1, *images.shape[1:], generator=rng).to(images.device)
            grain = torch.cat([grain, grain], 3).contiguous(memory_format=torch.channels_last)
            turns = torch.randint(width, (n,), generator=rng).tolist()
            strengths = (self.noise * torch.rand(n, generator=rng)).tolist()
            for image, turn, sigma in zip(images, turns, strengths, strict=True):
                image.add_(grain[0, :, :, turn : turn + width], alpha=sigma)
        if self.erasing:
            _random_erase(images, self.erasing, rng)
        return images.clamp_(0, 1)

    def kept_count(self, length: int, rng: np.random.Generator) -> int:
        """How many of a window's `length` frames are kept."""
        return max(length - int(rng.uniform(0, self.dropped_frames) * length), 2)

    def kept(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray | None:
        """(B, K) indices of the frames of (B, T) windows that are kept, in order; None for all."""
        count = self.kept_count(shape[1], rng) if self.dropped_frames else shape[1]
        if count == shape[1]:
            return None
        every = np.tile(np.arange(shape[1]), (shape[0], 1))
        return np.sort(rng.permuted(every, axis=1)[:, :count], 1)

    def times(self, dt_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Elapsed times (B, T) with jitter, as of stamps that are not quite right."""
        if not self.irregular_dt:
            return dt_s
        return (
            dt_s * np.exp(rng.uniform(-self.irregular_dt, self.irregular_dt, dt_s.shape))
        ).astype(np.float32)

    def drop_frames(
        self,
        index: np.ndarray,
        flown: np.ndarray,
        dt_s: np.ndarray,
        imu: np.ndarray,
        rng: np.random.Generator,
        whole: bool,
    ) -> tuple[np.ndarray, ...]:
        """Sequences without the frames that are left out, and with jitter in their times.

        Args:
            index: (B, T) of their frames, in order.
            flown: (B, T) which of them count; the others pad a batch.
            dt_s: (N,) of all frames.
            imu: (N, 6) likewise.
            rng: of this batch.
            whole: they begin where an episode does; its first frame always arrives.

        Returns:
            What is left of `index` and `flown`, (B, K), and its times (B, K) and IMU (B, K, 6).
        """
        times, seen = dt_s[index], imu[index]
        kept = self.kept(index.shape, rng)
        if kept is not None:
            if whole:
                kept[:, 0] = 0
            times, seen = (
                reduce_between_kept(times, kept, True),
                reduce_between_kept(seen, kept, False),
            )
            index, flown = (np.take_along_axis(each, kept, 1) for each in (index, flown))
        return index, flown, self.times(times, rng), seen


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
}


def reduce_between_kept(values: np.ndarray, kept: np.ndarray, total: bool) -> np.ndarray:
    """Of values (B, T, ...) since the last kept frame, at each kept one (B, K): sum or mean.

    So frames that were dropped leave their time (a sum) and their IMU samples (a mean) to the next.
    """
    sums = np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(values, 1, np.float64)], 1)
    ends = np.take_along_axis(sums, _wide(kept + 1, values), 1)
    begins = np.concatenate([np.zeros_like(ends[:, :1]), ends[:, :-1]], 1)
    found = ends - begins
    if not total:
        steps = np.diff(kept, axis=1, prepend=-1)
        found = found / _wide(steps, values)
    return found.astype(np.float32)


def _wide(index: np.ndarray, values: np.ndarray) -> np.ndarray:
    return index.reshape(*index.shape, *[1] * (values.ndim - 2))


def _random_erase(images: torch.Tensor, area: float, rng: torch.Generator) -> None:
    """Paint a rectangle of a random colour over every second image."""
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
