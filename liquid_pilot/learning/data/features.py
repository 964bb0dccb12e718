"""What the core learns from: the encoder's features of every frame, computed once and kept."""

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
IMU_SCALE = (1.0, 1.0, 1.0, 4.0, 4.0, 4.0)
_BATCH = 256


def normalised_imu(imu: np.ndarray) -> np.ndarray:
    """IMU as the core sees it: (..., 6), minus IMU_MEAN, divided by IMU_SCALE."""
    return ((imu - np.float32(IMU_MEAN)) / np.float32(IMU_SCALE)).astype(np.float32)


@dataclass
class Sequences:
    """Inputs of the core and their labels, of one or several copies of the same frames."""

    inputs: np.ndarray
    """(N, F + 6) float32."""
    dt_s: np.ndarray
    commands: np.ndarray
    """(N, 4) float32, as motor outputs."""
    starts: np.ndarray
    """First frames of the episodes, and N."""
    bearing: np.ndarray | None = None
    """(N, 2) of the target, see `Episode`."""

    @property
    def features(self) -> int:
        """F."""
        return self.inputs.shape[1] - 6

    @classmethod
    def of(
        cls, features: np.ndarray, frames: Frames, mirrored: tuple[bool, ...] = (False,)
    ) -> Sequences:
        """From features (copies * N, F) of the frames, each copy mirrored or not."""
        n, copies = len(frames), len(mirrored)
        imu = [frames.imu * (MIRROR_IMU if side else 1) for side in mirrored]
        commands = [frames.commands * (MIRROR_COMMAND if side else 1) for side in mirrored]
        return cls(
            np.concatenate([features, normalised_imu(np.concatenate(imu))], 1),
            np.tile(frames.dt_s, copies),
            np.concatenate(commands).astype(np.float32),
            np.concatenate([[0]] + [frames.starts[1:] + k * n for k in range(copies)]),
            None
            if frames.bearing is None
            else np.concatenate(
                [frames.bearing * (MIRROR_BEARING if side else 1) for side in mirrored]
            ),
        )


def padded_index(
    starts: np.ndarray, chosen: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(E, T) frames of whole episodes, the last one of each repeated, and which of them count.

    `chosen`: the numbers of the episodes; None for all of them.
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
    augment: Augmentation | None = None,
    seed: int = 0,
    announce: ProgressCallback | None = None,
) -> np.ndarray:
    """(N, F) float32: features of every frame."""
    found = np.empty((len(frames), encoder.features), np.float32)
    for start in range(0, len(frames), _BATCH):
        images = frames.images[start : start + _BATCH].to(device).float().div_(255)
        if mirrored:
            images = images.flip(3)
        if augment is not None:
            images = augment.images(images, torch_generator(seed, f'features {mirrored}', start))
        found[start : start + _BATCH] = encoder(images).cpu().numpy()
        if announce:
            announce('features', min(start + _BATCH, len(frames)), len(frames), math.nan)
    return found


def load_or_encode(
    cache: Path,
    encoder: Encoder,
    frames: Frames,
    episodes: str,
    device: str,
    augment: Augmentation,
    mirror: bool,
    seed: int,
    announce: ProgressCallback,
    borrowed: Path | None = None,
) -> Sequences:
    """Features of all frames, plain and augmented, and of their mirror images.

    They are kept in `cache`; those there, or in `borrowed`, are used again when they are of the
    same encoder, episodes (by their fingerprint) and augmentation.
    """
    sides = (False, True) if mirror else (False,)
    changed = any(
        (
            augment.brightness,
            augment.contrast,
            augment.channel_gain,
            augment.noise,
            augment.blur,
            augment.erasing,
        )
    )
    copies = [(side, None) for side in sides]
    copies += [(side, augment) for side in sides] if changed else []
    weights = hashlib.sha256()
    for tensor in encoder.state_dict().values():
        weights.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    key = repr((weights.hexdigest(), episodes, augment, mirror, seed))
    for path in (cache, borrowed):
        found = _read(path, key) if path is not None else None
        if found is not None:
            break
    else:
        found = np.concatenate(
            [
                encode(encoder, frames, device, side, changes, seed, announce)
                for side, changes in copies
            ]
        )
        with atomic_writer(cache) as file:
            np.savez(file, key=key, features=found)
    return Sequences.of(found, frames, tuple(side for side, _ in copies))


def _read(path: Path, key: str) -> np.ndarray | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as data:
            return data['features'] if str(data['key']) == key else None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LiquidPilotError(f'{path}: broken ({error}); delete it, it is made anew') from None
