"""One training episode: frames, IMU, commands and elapsed times, and its file."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import atomic_writer


def episode_file_name(number: int) -> str:
    """Return the name of an episode's file, from its seed or its number in a dataset."""
    return f'episode_{number:08d}.npz'


@dataclass
class Episode:
    """One flight or drive of T frames."""

    seed: int
    """Seed of the simulated mission; the number of a recorded episode."""
    outcome: str
    """Outcome of the simulated mission; 'recorded' for a recorded episode."""
    images: np.ndarray
    """(T, H, W, 3) uint8 RGB, in the size that the encoder takes."""
    imu: np.ndarray
    """(T, 6) float32 mean body rates in rad/s and specific force in m/s^2 since the frame
    before."""
    dt_s: np.ndarray
    """(T,) float32 time since the frame before, s; the nominal period for the first frame."""
    commands: np.ndarray
    """(T, 4) float32 the expert's forward, left and up in m/s and yaw rate in rad/s."""
    bearing: np.ndarray | None = None
    """(T, 2) float32 cosine and sine of the target's direction, left of the nose, whether it is
    visible or not; None in recorded flights, where it is not known."""

    def save(self, path: Path) -> None:
        """Write the episode atomically, so that an interrupted collection leaves no partial file.

        Raises:
            LiquidPilotError: the file cannot be written.
        """
        arrays: dict[str, Any] = {
            'seed': self.seed,
            'outcome': self.outcome,
            'images': self.images,
            'imu': self.imu,
            'dt_s': self.dt_s,
            'commands': self.commands,
        }
        if self.bearing is not None:
            arrays['bearing'] = self.bearing
        with atomic_writer(path) as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> Episode:
        """Read an episode.

        Raises:
            LiquidPilotError: the file is broken; the message names it.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(
                    int(data['seed']),
                    str(data['outcome']),
                    data['images'],
                    data['imu'],
                    data['dt_s'],
                    data['commands'],
                    data.get('bearing'),
                )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise LiquidPilotError(f'{path}: not an episode ({error}); delete it') from error
