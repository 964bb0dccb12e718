"""One training episode: frames, IMU, commands and time stamps."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liquid_pilot.interfaces import (
    LiquidPilotError,
)
from liquid_pilot.utils.atomic_write import atomic_writer


@dataclass
class Episode:
    """One flight of T frames."""

    seed: int
    outcome: str
    images: np.ndarray
    """(T, H, W, 3) uint8 RGB, already of the encoder's size."""
    imu: np.ndarray
    """(T, 6) float32: mean body rates and specific force since the frame before."""
    dt_s: np.ndarray
    """(T,) float32: time since the frame before; the nominal period for the first."""
    commands: np.ndarray
    """(T, 4) float32: the expert's forward, left, up in m/s and yaw rate in rad/s."""
    bearing: np.ndarray | None = None
    """(T, 2) float32: cosine and sine of the target's direction, left of the nose, whether it is
    seen or not; None in recorded flights, where nobody knows it."""

    def save(self, path: Path) -> None:
        """Write atomically, so that an interrupted collection leaves no half file."""
        with atomic_writer(path) as file:
            known = {} if self.bearing is None else {'bearing': self.bearing}
            np.savez(
                file,
                seed=self.seed,
                outcome=self.outcome,
                images=self.images,
                imu=self.imu,
                dt_s=self.dt_s,
                commands=self.commands,
                **known,
            )

    @classmethod
    def load(cls, path: Path) -> Episode:
        """Read an episode; LiquidPilotError names a file that is broken."""
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
