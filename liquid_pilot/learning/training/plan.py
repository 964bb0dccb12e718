"""The plan of a training: everything that its outcome depends on, resolved and checked once.

`make_plan` decides the vehicle, the episodes, the initial weights and the device. `plan_round`
adds the episodes of one round and the keys that distinguish its checkpoints from those of other
trainings. Later steps only receive the plan: none of them decides any of this again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.augmentation import Augmentation
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.training.compatibility import (
    check_device_name,
    check_training,
    find_encoder,
)
from liquid_pilot.learning.training.demonstrations import collect_demonstrations
from liquid_pilot.learning.training.stage import StageOptions, load_checkpoint
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.onboard.vehicles.spec import VehicleSpec
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.utils.progress import ProgressCallback

_SETTINGS_WITHOUT_EFFECT_ON_WEIGHTS = ('name', 'tuning', 'checkpoint_s', 'checkpoint_steps')
"""Settings that no weight depends on."""
_SETTINGS_OF_THE_EPISODES = (
    'episodes',
    'first_seed',
    'validation_episodes',
    'validation_seed',
    'held_out_share',
)
"""Settings that choose the episodes; the fingerprints of the episodes stand for them in keys."""
_ENCODER_SETTINGS = (
    'seed',
    'features',
    'mirror',
    'encoder_epochs',
    'encoder_batch',
    'encoder_rate',
    'patience',
    'recall',
)
"""Settings that the weights of the encoder stage depend on, besides the augmentation."""


@dataclass(frozen=True)
class Initialisation:
    """Weights that a training starts from, in place of random ones."""

    pilot: PilotFile | None = None
    """Pilot that is fine-tuned: encoder and core start from its weights."""
    encoder_source: Path | None = None
    """Folder of another training, or of a pilot, whose encoder is used as it is."""


@dataclass(frozen=True)
class BorrowedEncoder:
    """The trained encoder of another training or of a pilot, located and identified."""

    source: Path
    """Folder that the user named."""
    identity: str
    """Digest of the pilot, or key of the encoder stage, that distinguishes it from every other
    encoder."""
    pilot: PilotFile | None = None
    """The pilot that holds it; None where it comes from a checkpoint."""
    checkpoint: Path | None = None
    """The checkpoint that holds it; None where it comes from a pilot."""
    weights: Mapping[str, torch.Tensor] | None = None
    """State dict of the checkpoint's encoder."""

    @property
    def features(self) -> Path | None:
        """The file in which the other training keeps its features; None for a pilot."""
        if self.checkpoint is None:
            return None
        return self.checkpoint.with_name(
            self.checkpoint.name.replace('encoder.ckpt', 'features.npz')
        )


@dataclass(frozen=True)
class TrainingPlan:
    """A whole training, resolved and checked."""

    settings: TrainingSettings
    out: Path
    """Folder for checkpoints, features, rounds, curves and the pilot."""
    data: DataSource
    """Episodes of the first round; later rounds add DAgger flights to them."""
    vehicle: VehicleSpec
    """The vehicle of the episodes."""
    initial_pilot: PilotFile | None = None
    borrowed_encoder: BorrowedEncoder | None = None
    device: str = 'cpu'
    """Torch device: 'cpu', 'cuda' or 'cuda:N'."""
    workers: int = 2
    """Processes that fly demonstrations and DAgger flights."""

    @property
    def rounds(self) -> int:
        """The number of rounds: one, and one more for each round of DAgger."""
        return self.settings.dagger_rounds + 1

    @property
    def augmentation(self) -> Augmentation:
        """The strengths of the augmentation."""
        return Augmentation.from_settings(self.settings)

    @property
    def learning_rate_scale(self) -> float:
        """The factor on every learning rate, which is below one for fine-tuning."""
        return self.settings.fine_tune_rate if self.initial_pilot else 1.0

    @property
    def trains_encoder(self) -> bool:
        """Whether the encoder stage runs, rather than weights being taken from elsewhere."""
        return self.initial_pilot is None and self.borrowed_encoder is None

    @property
    def encoder_frozen(self) -> bool:
        """Whether no stage changes the encoder."""
        return self.settings.encoder_frozen and not self.trains_encoder

    @property
    def stage_options(self) -> StageOptions:
        """The options with which the stages are run."""
        s = self.settings
        return StageOptions(s.patience, s.checkpoint_s, s.checkpoint_steps)


@dataclass(frozen=True)
class RoundPlan:
    """One round of a training: its episodes, its stages and the keys of its checkpoints."""

    training: TrainingPlan
    index: int
    """0 for the first round, k for the k-th round of DAgger."""
    data: DataSource
    """All episodes of this round."""
    fingerprint: str
    """Fingerprint of the training episodes."""
    key: str
    """JSON of all that the weights of core and joint stage depend on."""
    encoder_key: str
    """JSON of all that the weights of the encoder stage depend on."""

    @property
    def digest(self) -> str:
        """SHA-256 of the key, as the pilot's card holds it."""
        return hashlib.sha256(self.key.encode()).hexdigest()

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages that this round runs, in their order."""
        plan = self.training
        last = self.index == plan.settings.dagger_rounds
        joint = bool(plan.settings.joint_steps) and last and not plan.encoder_frozen
        return (
            *(('encoder',) if plan.trains_encoder else ()),
            'core',
            *(('joint',) if joint else ()),
        )

    @property
    def folder(self) -> Path:
        """The folder of the pilot that this round ends in."""
        return self.training.out / f'round_{self.index}'

    @property
    def features_cache(self) -> Path:
        """The file that keeps the features of this round's frames."""
        return self.training.out / 'stages' / f'{self.index}_features.npz'

    def checkpoint(self, stage: str) -> Path:
        """Return the checkpoint file of a stage."""
        return self.training.out / 'stages' / f'{self.index}_{stage}.ckpt'

    def curve_name(self, stage: str) -> str:
        """Return the name of a stage's curve, with the round's number where there are several."""
        return f'{stage} {self.index}' if self.training.settings.dagger_rounds else stage


def make_plan(
    settings: TrainingSettings,
    out: Path,
    report_progress: ProgressCallback,
    workers: int = 2,
    data: DataSource | None = None,
    initialisation: Initialisation | None = None,
    device: str = 'cpu',
) -> TrainingPlan:
    """Resolve and check everything that a training depends on.

    Args:
        settings: values of the training.
        out: folder of the training.
        report_progress: callback, called while demonstrations are flown.
        workers: processes that fly demonstrations.
        data: episodes to learn from; None flies demonstrations into `out` first.
        initialisation: weights to start from; None starts from random ones.
        device: torch device.

    Raises:
        LiquidPilotError: the device, the episodes, the initial weights and the settings do not fit
            together.
    """
    initialisation = initialisation or Initialisation()
    check_device(device)
    data = data or collect_demonstrations(settings, out, workers, report_progress)
    vehicle = get_vehicle(data.vehicle)
    pilot, source = initialisation.pilot, initialisation.encoder_source
    check_training(settings, data, pilot, source)
    borrowed = None if source is None else _locate_encoder(source)
    if borrowed is not None and borrowed.pilot is not None:
        borrowed.pilot.require_image_size(data.camera.width, data.camera.height, data.name)
    return TrainingPlan(settings, out, data, vehicle, pilot, borrowed, device, workers)


def plan_round(plan: TrainingPlan, index: int, added: list[Path]) -> RoundPlan:
    """Resolve one round.

    Args:
        plan: the training.
        index: 0 for the first round, k for the k-th round of DAgger.
        added: episodes of the DAgger flights so far.

    Raises:
        LiquidPilotError: an episode cannot be read.
    """
    data = replace(plan.data, training=[*plan.data.training, *added])
    fingerprints = (
        dataset_index.fingerprint(data.training),
        dataset_index.fingerprint(data.validation),
    )
    ignored = (*_SETTINGS_WITHOUT_EFFECT_ON_WEIGHTS, *_SETTINGS_OF_THE_EPISODES)
    values = {name: value for name, value in asdict(plan.settings).items() if name not in ignored}
    initial = {
        'pilot': plan.initial_pilot.digest if plan.initial_pilot else None,
        'encoder': plan.borrowed_encoder.identity if plan.borrowed_encoder else None,
    }
    key = json.dumps([values, initial, fingerprints, index, plan.device], sort_keys=True)
    encoder_values = {name: values[name] for name in _ENCODER_SETTINGS}
    encoder_key = json.dumps(
        [encoder_values, asdict(plan.augmentation), fingerprints, plan.device], sort_keys=True
    )
    return RoundPlan(plan, index, data, fingerprints[0], key, encoder_key)


def check_device(device: str) -> None:
    """Check that torch can use a device on this machine.

    Raises:
        LiquidPilotError: the device is of another kind, or there is no such GPU.
    """
    check_device_name(device)
    if device == 'cpu':
        return
    if not torch.cuda.is_available():
        raise LiquidPilotError(
            f'--device {device}: this torch ({torch.__version__}) finds no CUDA '
            'GPU here; use --device cpu, or install a CUDA build of torch'
        )
    number = int(device.partition(':')[2] or 0)
    if number >= torch.cuda.device_count():
        raise LiquidPilotError(
            f'--device {device}: this machine has {torch.cuda.device_count()} GPUs, counted from 0'
        )


def _locate_encoder(source: Path) -> BorrowedEncoder:
    """Return the encoder of a pilot, or that of the last round of a training."""
    checkpoint = find_encoder(source)
    if checkpoint == source:
        pilot = pilot_file.load(source)
        return BorrowedEncoder(source, pilot.digest, pilot=pilot)
    state: dict[str, Any] = load_checkpoint(checkpoint)
    if not state['finished']:
        raise LiquidPilotError(
            f'{checkpoint}: its encoder is not finished; end that training first'
        )
    return BorrowedEncoder(
        source, state['key'], checkpoint=checkpoint, weights=state['best_modules']['encoder']
    )
