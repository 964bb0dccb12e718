"""Small flights for the tests of training: seeded, of few pixels, with something to learn."""

from __future__ import annotations

import numpy as np
import pytest

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.episode import Episode

WIDTH, HEIGHT, LENGTH = 32, 24, 40


@pytest.fixture(scope='session')
def episodes(tmp_path_factory):
    """A folder of 12 episodes: fly towards the bright bar."""
    folder = tmp_path_factory.mktemp('episodes')
    dataset_index.write_index(
        folder,
        CameraGeometry.from_vertical_fov(WIDTH, HEIGHT, 0.9),
        20.0,
        'quadrotor',
        {'by': 'test'},
    )
    for seed in range(12):
        rng = np.random.default_rng(seed)
        place = np.clip(np.cumsum(rng.normal(0, 1.5, LENGTH)) + WIDTH / 2, 3, WIDTH - 4)
        images = rng.integers(0, 60, (LENGTH, HEIGHT, WIDTH, 3), np.uint8)
        for image, x in zip(images, place.astype(int), strict=True):
            image[:, x - 2 : x + 3] = 220
        side = (place / WIDTH * 2 - 1).astype(np.float32)
        commands = np.stack([1 - side**2, -side, 0 * side, -side], 1).astype(np.float32)
        imu = rng.normal(0, 0.1, (LENGTH, 6)).astype(np.float32) + np.float32([0] * 5 + [9.81])
        Episode(seed, 'success', images, imu, np.full(LENGTH, 0.05, np.float32), commands).save(
            folder / f'episode_{seed:08d}.npz'
        )
    return folder
