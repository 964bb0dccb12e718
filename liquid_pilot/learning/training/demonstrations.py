"""Flights that a training collects itself: demonstrations of the expert, and rounds of DAgger."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.data.expert_rollouts import CollectionSettings, collect
from liquid_pilot.simulation.tasks.registry import action_noise_of
from liquid_pilot.utils.progress import ProgressCallback

_DAGGER_SEED_STRIDE = 100_000
"""Distance of the first seeds of two rounds, larger than any sensible number of flights."""
_DAGGER_NOISE_SHARE = 0.5
"""Action noise of DAgger flights as a share of that of demonstrations. It is smaller, because the
pilot makes errors of its own."""


def collect_demonstrations(
    settings: TrainingSettings, out: Path, workers: int, report_progress: ProgressCallback
) -> DataSource:
    """Fly the demonstrations that the settings ask for.

    Args:
        settings: vehicle, seeds, numbers of episodes, action noise and image size.
        out: folder of the training; flights go to `demonstrations` and `validation` in it.
        workers: processes.
        report_progress: callback, called after each flight.

    Returns:
        The episodes to learn from and those to validate on.
    """
    s = settings
    collection = CollectionSettings(
        s.image_width,
        s.image_height,
        action_noise_of(s.vehicle, s.disturbance),
        vehicle=s.vehicle,
    )
    training, validation = (
        _collect(
            out / folder, collection, range(first, first + count), workers, report_progress, folder
        )
        for folder, first, count in (
            ('demonstrations', s.first_seed, s.episodes),
            ('validation', s.validation_seed, s.validation_episodes),
        )
    )
    source = dataset_index.read(out / 'demonstrations')
    return replace(source, training=training, validation=validation)


def collect_dagger_flights(
    settings: TrainingSettings,
    data: DataSource,
    pilot: Path,
    out: Path,
    round_index: int,
    workers: int,
    report_progress: ProgressCallback,
) -> list[Path]:
    """Fly the episodes of one round of DAgger: the pilot steers, the expert labels.

    Args:
        settings: seeds, number of episodes and action noise.
        data: the episodes so far, whose vehicle, image size and conditions are flown again.
        pilot: folder of the pilot that steers.
        out: folder of the training; flights go to `dagger_K` in it.
        round_index: number K of the round, from 1.
        workers: processes.
        report_progress: callback, called after each flight.

    Returns:
        The files of the episodes.
    """
    collection = CollectionSettings(
        data.camera.width,
        data.camera.height,
        action_noise_of(data.vehicle, settings.disturbance * _DAGGER_NOISE_SHARE),
        str(pilot.resolve()),
        conditions=data.conditions,
        vehicle=data.vehicle,
        correct_drift=data.correct_drift,
    )
    first = settings.first_seed + _DAGGER_SEED_STRIDE * round_index
    return _collect(
        out / f'dagger_{round_index}',
        collection,
        range(first, first + settings.dagger_episodes),
        workers,
        report_progress,
        f'dagger {round_index}',
    )


def _collect(
    folder: Path,
    collection: CollectionSettings,
    seeds: range,
    workers: int,
    report_progress: ProgressCallback,
    stage: str,
) -> list[Path]:
    return collect(
        seeds,
        folder,
        collection,
        workers,
        lambda outcome, frames, done, total: report_progress(stage, done, total, math.nan),
    )
