"""Inputs of the core: the encoder's features of every frame, computed once and cached."""

from __future__ import annotations

import hashlib
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data.augmentation import Augmentation
from liquid_pilot.learning.data.frames import MIRROR_BEARING, MIRROR_COMMAND, MIRROR_IMU, Frames
from liquid_pilot.learning.models.encoder import Encoder
from liquid_pilot.learning.random_streams import torch_generator
from liquid_pilot.utils.atomic_write import atomic_writer
from liquid_pilot.utils.progress import ProgressCallback

IMU_MEAN = (0.0, 0.0, 0.0, 0.0, 0.0, 9.81)
"""Body rates in rad/s and specific force in m/s^2 of a vehicle at rest and level."""
IMU_SCALE = (1.0, 1.0, 1.0, 4.0, 4.0, 4.0)
"""Typical deviations from `IMU_MEAN`, rad/s and m/s^2."""
_BATCH = 256


def normalised_imu(imu: np.ndarray) -> np.ndarray:
    """Return the IMU (..., 6) as the core takes it: minus IMU_MEAN, divided by IMU_SCALE."""
    mean, scale = np.array(IMU_MEAN, np.float32), np.array(IMU_SCALE, np.float32)
    return ((imu - mean) / scale).astype(np.float32)


@dataclass
class Sequences:
    """Inputs of the core and their labels, for one or several copies of the same N frames."""

    inputs: np.ndarray
    """(N, F + 6) float32 features and normalised IMU."""
    dt_s: np.ndarray
    """(N,) float32 elapsed times, s."""
    commands: np.ndarray
    """(N, 4) float32 commands as motor outputs."""
    starts: np.ndarray
    """First frames of the episodes, then N."""
    bearing: np.ndarray | None = None
    """(N, 2) cosine and sine of the target's direction; None when it is not known."""

    @property
    def features(self) -> int:
        """The number of features F."""
        return self.inputs.shape[1] - len(IMU_MEAN)

    @classmethod
    def from_frames(
        cls, features: np.ndarray, frames: Frames, mirrored: tuple[bool, ...] = (False,)
    ) -> Sequences:
        """Combine features with the IMU and the labels of their frames.

        Args:
            features: (copies * N, F) features of every copy of the frames.
            frames: the N frames.
            mirrored: for each copy, whether it is a mirror image.
        """
        n, copies = len(frames), len(mirrored)
        imu = [frames.imu * (MIRROR_IMU if mirror else 1) for mirror in mirrored]
        commands = [frames.commands * (MIRROR_COMMAND if mirror else 1) for mirror in mirrored]
        bearing = None
        if frames.bearing is not None:
            bearing = np.concatenate(
                [frames.bearing * (MIRROR_BEARING if mirror else 1) for mirror in mirrored]
            )
        return cls(
            np.concatenate([features, normalised_imu(np.concatenate(imu))], 1),
            np.tile(frames.dt_s, copies),
            np.concatenate(commands).astype(np.float32),
            np.concatenate([[0]] + [frames.starts[1:] + k * n for k in range(copies)]),
            bearing,
        )


def padded_index(
    starts: np.ndarray, chosen: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of whole episodes, padded to the length of the longest.

    Args:
        starts: first frames of the episodes, then the number of frames.
        chosen: numbers of the episodes; None for all of them.

    Returns:
        (E, T) numbers of the frames, the last one of each episode repeated, and (E, T) whether a
        frame counts.
    """
    begins, ends = starts[:-1], starts[1:]
    if chosen is not None:
        begins, ends = begins[chosen], ends[chosen]
    steps = np.arange((ends - begins).max())
    index = np.minimum(begins[:, None] + steps, ends[:, None] - 1)
    return index, steps < (ends - begins)[:, None]


@torch.no_grad()
def encode(
    encoder: Encoder,
    frames: Frames,
    device: str,
    mirrored: bool = False,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    report_progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Return the features of every frame, (N, F) float32.

    Args:
        encoder: the encoder, on `device`.
        frames: the N frames.
        device: torch device.
        mirrored: whether to encode mirror images.
        augmentation: change of the images; None leaves them as they are.
        seed: seed of the augmentation.
        report_progress: callback, called after each batch.
    """
    features = np.empty((len(frames), encoder.features), np.float32)
    for start in range(0, len(frames), _BATCH):
        images = frames.images[start : start + _BATCH].to(device).float().div_(255)
        if mirrored:
            images = images.flip(3)
        if augmentation is not None:
            rng = torch_generator(seed, f'features {mirrored}', start)
            images = augmentation.images(images, rng)
        features[start : start + _BATCH] = encoder(images).cpu().numpy()
        if report_progress:
            report_progress('features', min(start + _BATCH, len(frames)), len(frames), math.nan)
    return features


def load_or_encode(
    cache: Path,
    encoder: Encoder,
    frames: Frames,
    fingerprint: str,
    device: str,
    augmentation: Augmentation,
    mirror: bool,
    seed: int,
    report_progress: ProgressCallback,
    borrowed: Path | None = None,
) -> Sequences:
    """Return the features of all frames, plain and augmented, and of their mirror images.

    Args:
        cache: file that keeps the features; used when it is of the same encoder, episodes and
            augmentation.
        encoder: the trained encoder, on `device`.
        frames: all frames.
        fingerprint: fingerprint of the episodes of the frames.
        device: torch device.
        augmentation: change of the augmented copies.
        mirror: whether to add mirror images.
        seed: seed of the augmentation.
        report_progress: callback, called after each batch.
        borrowed: the cache of another training, which is used in the same way.

    Raises:
        LiquidPilotError: a cache is broken or cannot be written.
    """
    sides = (False, True) if mirror else (False,)
    copies: list[tuple[bool, Augmentation | None]] = [(side, None) for side in sides]
    if augmentation.changes_images:
        copies += [(side, augmentation) for side in sides]
    weights = hashlib.sha256()
    for tensor in encoder.state_dict().values():
        weights.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    key = repr((weights.hexdigest(), fingerprint, augmentation, mirror, seed))
    for path in (cache, borrowed):
        features = _read(path, key) if path is not None else None
        if features is not None:
            break
    else:
        features = np.concatenate(
            [
                encode(encoder, frames, device, side, changes, seed, report_progress)
                for side, changes in copies
            ]
        )
        with atomic_writer(cache) as file:
            np.savez(file, key=key, features=features)
    return Sequences.from_frames(features, frames, tuple(side for side, _ in copies))


def _read(path: Path, key: str) -> np.ndarray | None:
    """Return the features that a cache holds under a key; None where it holds others."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as data:
            return data['features'] if str(data['key']) == key else None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LiquidPilotError(
            f'{path}: broken ({error}); delete it, it is computed again'
        ) from None
