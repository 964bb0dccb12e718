"""Checks of whether episodes, settings and initial weights go together, without loading torch."""

from __future__ import annotations

import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.settings import SimulationSettings

_DEVICE = re.compile(r'cpu|cuda(:\d{1,2})?')


def check_training(
    settings: TrainingSettings, data: DataSource, pilot: PilotFile | None, encoder: Path | None
) -> None:
    """Check what a training is to be made of.

    Args:
        settings: values of the training.
        data: episodes to learn from.
        pilot: the pilot that is fine-tuned; None: there is none.
        encoder: folder whose encoder is used; None: there is none.

    Raises:
        LiquidPilotError: they do not go together; the message says what to change.
    """
    if pilot is not None:
        check_one_encoder(pilot, encoder)
        pilot.require_image_size(data.camera.width, data.camera.height, data.name)
        pilot.require_vehicle(data.vehicle, data.name)
    if settings.recall and (settings.sequence_length or not data.simulated):
        raise LiquidPilotError(
            'recall is for whole episodes of simulated demonstrations: set it '
            'to 0, or sequence_length to 0'
        )
    if settings.dagger_rounds and not data.simulated:
        raise LiquidPilotError(
            f'{data.name}: dagger_rounds must be 0 for recorded flights, which '
            'no expert can fly again'
        )


def check_one_encoder(pilot: PilotFile | None, encoder: Path | None) -> None:
    """Refuse two sources of the encoder: a pilot to fine-tune, and another folder."""
    if pilot is not None and encoder is not None:
        raise LiquidPilotError('--from brings an encoder of its own: leave --encoder out')


def check_device_name(device: str) -> None:
    """Check the name of a torch device, and that the installed torch is not for the CPU alone.

    Whether this machine has the device is for torch to say, which takes seconds to load.

    Raises:
        LiquidPilotError: there is no such device, or torch cannot use it.
    """
    if not _DEVICE.fullmatch(device):
        raise LiquidPilotError(f'--device must be cpu, cuda or cuda:N, not {device!r}')
    if device == 'cpu' or find_spec('torch') is None:
        return
    version = metadata.version('torch')
    if version.endswith('+cpu'):
        raise LiquidPilotError(
            f'--device {device}: this torch ({version}), a build for the CPU alone, finds no CUDA '
            'GPU here; use --device cpu, or install a CUDA build of torch'
        )


def find_encoder(source: Path) -> Path:
    """Return where the encoder of a pilot, or of the last round of a training, is stored.

    Args:
        source: folder of a pilot, or of a training.

    Returns:
        The folder of the pilot, or the checkpoint of the training.

    Raises:
        LiquidPilotError: the folder holds no encoder.
    """
    if (source / 'pilot.json').is_file():
        return source
    checkpoints = sorted(
        (source / 'stages').glob('*_encoder.ckpt'), key=lambda path: int(path.name.split('_')[0])
    )
    if not checkpoints:
        raise LiquidPilotError(
            f'{source}: holds no encoder; give the --out of a `liquid-pilot train`, or a pilot'
        )
    return checkpoints[-1]


def planned_episodes(settings: TrainingSettings, vehicle: str, simulated: bool) -> DataSource:
    """Return a source that stands for episodes which are yet to be flown or converted.

    Args:
        settings: values of the training, which say the size of the images.
        vehicle: class of the vehicle.
        simulated: whether the simulator will fly them.
    """
    simulation = SimulationSettings()
    camera = CameraGeometry.from_vertical_fov(
        settings.image_width, settings.image_height, simulation.camera_vertical_fov_rad
    )
    name = 'this training' if simulated else 'the recording'
    return DataSource(
        [Path('training')],
        [Path('validation')],
        camera,
        float(simulation.camera_rate_hz),
        vehicle,
        name,
        simulated,
    )
