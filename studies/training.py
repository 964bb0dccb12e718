"""Collects the demonstrations of the studies and trains their pilots."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index, expert_rollouts
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.training.train import Initialisation, train
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.tasks.registry import action_noise_of
from liquid_pilot.utils.progress import ProgressCallback
from studies.common import Display


def collect_demonstrations(
    name: str,
    plan: Mapping[str, Any],
    folder: Path,
    workers: int,
    display: Display,
    conditions: Sequence[str] = (),
    vehicle: str = 'quadrotor',
    pilot: Path | None = None,
) -> DataSource:
    """Collect the demonstrations that are missing in a folder.

    Args:
        name: name of the progress bar.
        plan: first_seed, episodes, held_out_share, the level of the action noise as
            `disturbance`, and `correct_drift` where the expert corrects its drift.
        folder: folder of the episodes.
        workers: number of processes.
        display: the display of the progress.
        conditions: the conditions of the episodes, in turn; none: clear weather.
        vehicle: the vehicle.
        pilot: folder of the pilot that steers while the expert labels; None: the expert steers.
    """
    expert_rollouts.collect(
        range(plan['first_seed'], plan['first_seed'] + plan['episodes']),
        folder,
        expert_rollouts.CollectionSettings(
            disturbance=action_noise_of(vehicle, plan['disturbance']),
            vehicle=vehicle,
            conditions=tuple(conditions),
            pilot=None if pilot is None else str(pilot.resolve()),
            correct_drift=plan.get('correct_drift', False),
        ),
        workers,
        lambda outcome, frames, done, of: display.announce(name, done, of, math.nan),
    )
    return dataset_index.read(folder, plan['held_out_share'])


def train_pilot(
    settings: Mapping[str, Any],
    run: Path,
    workers: int,
    announce: ProgressCallback,
    data: DataSource,
    encoder_source: Path | None = None,
) -> PilotFile:
    """Train a pilot, or go on with a training that was interrupted.

    Args:
        settings: the settings of the training, as in a training's YAML file.
        run: the folder of the training.
        workers: number of processes.
        announce: callback, called with the progress.
        data: the demonstrations.
        encoder_source: folder of a training, or of a pilot, whose encoder is used as it is; None:
            an encoder is trained.
    """
    return train(
        TrainingSettings.from_mapping(dict(settings), 'study.yaml'),
        run,
        announce,
        workers,
        data=data,
        initialisation=Initialisation(encoder_source=encoder_source),
    )


def copy_pilot(pilot: PilotFile, folder: Path) -> None:
    """Copy a pilot's folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(pilot.path, folder)


def load_if_there(folder: Path) -> PilotFile | None:
    """Load a pilot; None when its folder does not exist."""
    return pilot_file.load(folder) if folder.is_dir() else None
