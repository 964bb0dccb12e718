"""From episodes to a pilot file: learn in stages, export, and say what came of it."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index, expert_rollouts, features
from liquid_pilot.learning.data.augmentation import Augmentation
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.data.features import Sequences
from liquid_pilot.learning.data.frames import Frames
from liquid_pilot.learning.models import warm_start
from liquid_pilot.learning.models.encoder import Encoder
from liquid_pilot.learning.models.factory import make_core, parameter_count
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.learning.training import adaptation_statistics
from liquid_pilot.learning.training import stage as stages
from liquid_pilot.learning.training.curves import draw_curves
from liquid_pilot.learning.training.imitation import StageFactory, TargetRecallLoss, fit_input_scale
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.pilot_file import PilotFile, PilotSpecification
from liquid_pilot.simulation.tasks.registry import action_noise_of
from liquid_pilot.utils.progress import ProgressCallback

_SETTINGS_WITHOUT_EFFECT_ON_WEIGHTS = ('name', 'tuning', 'checkpoint_s', 'checkpoint_steps')
"""Settings that no weight depends on."""
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


@dataclass(frozen=True)
class Initialisation:
    """What a training does not learn itself."""

    pilot: PilotFile | None = None
    """Fine-tuning: the pilot whose weights it starts from."""
    encoder_source: Path | None = None
    """Folder of a training, or of a pilot, whose encoder is taken as it is."""


def train(
    settings: TrainingSettings,
    out: Path,
    announce: ProgressCallback,
    workers: int = 2,
    threads: int | None = None,
    data: DataSource | None = None,
    beginning: Initialisation | None = None,
    device: str = 'cpu',
) -> PilotFile:
    """Learn from `data`, or from demonstrations collected into `out`, and write `out`/pilot.

    Demonstrations, finished rounds, finished stages and checkpoints that are already in `out` are
    used again, so an interrupted run goes on where it was and, on a CPU with the same `threads`,
    ends with the same bits.
    """
    beginning = beginning or Initialisation()
    check_device(device)
    torch.set_num_threads(threads or os.cpu_count() or 1)
    data = data or _collect_demonstrations(settings, out, workers, announce)
    _check(settings, data, beginning)
    curves: dict[str, stages.TrainingHistory] = {}
    added: list[Path] = []
    for turn in range(settings.dagger_rounds + 1):
        if turn:
            added += _collect_episodes(
                settings,
                out / f'dagger_{turn}',
                settings.first_seed + 100_000 * turn,
                settings.dagger_episodes,
                workers,
                announce,
                f'dagger {turn}',
                out / f'round_{turn - 1}',
                data.conditions,
            )
        episodes = replace(data, training=[*data.training, *added])
        one = _DaggerRound(settings, out, turn, episodes, beginning, device, announce)
        pilot = one.finished()
        if pilot is None:
            pilot = one.learn(curves)
    saved = _saved_pilot(out / 'pilot', pilot.specification)
    if saved is None:
        saved = adaptation_statistics.save_with_statistics(
            pilot,
            adaptation_statistics.fit_statistics(pilot, data.training, announce),
            out / 'pilot',
        )
    if curves:
        draw_curves(curves, out)
    return saved


def _saved_pilot(path: Path, specification: PilotSpecification) -> PilotFile | None:
    """The pilot that is saved there, if it is of this training and knows what is familiar."""
    if not path.exists():
        return None
    pilot = pilot_file.load(path)
    same = pilot.specification.card.get('key') == specification.card['key']
    return pilot if same and pilot.training_statistics is not None else None


class _DaggerRound:
    """One round: encoder, features, core, and, in the last round, both together."""

    def __init__(
        self,
        settings: TrainingSettings,
        out: Path,
        turn: int,
        data: DataSource,
        beginning: Initialisation,
        device: str,
        announce: ProgressCallback,
    ) -> None:
        self._s, self._out, self._round_index, self._data = settings, out, turn, data
        self._initialisation, self._device, self._announce = beginning, device, announce
        self._training = functools.cache(lambda: self._read(data.training))
        self._held_out = functools.cache(lambda: self._read(data.validation))
        self._run_options = stages.RunOptions(
            settings.patience, settings.checkpoint_s, settings.checkpoint_steps
        )
        self._learner = StageFactory(
            settings,
            self._training,
            self._held_out,
            device,
            settings.fine_tune_rate if beginning.pilot else 1.0,
        )
        prints = (
            dataset_index.fingerprint(data.training),
            dataset_index.fingerprint(data.validation),
        )
        self._episodes = prints[0]
        chosen = {
            name: value
            for name, value in asdict(settings).items()
            if name not in _SETTINGS_WITHOUT_EFFECT_ON_WEIGHTS
        }
        for name in (
            'episodes',
            'first_seed',
            'validation_episodes',
            'validation_seed',
            'held_out_share',
        ):  # what the fingerprints say better
            del chosen[name]
        begun = {
            'pilot': beginning.pilot.digest if beginning.pilot else None,
            'encoder': _encoder_identity(beginning.encoder_source)
            if beginning.encoder_source
            else None,
        }
        self._key = json.dumps([chosen, begun, prints, turn, device], sort_keys=True)
        self._digest = hashlib.sha256(self._key.encode()).hexdigest()
        self._encoder_key = json.dumps(
            [
                {name: chosen[name] for name in _ENCODER_SETTINGS},
                asdict(Augmentation.of(settings)),
                prints,
                device,
            ],
            sort_keys=True,
        )

    def finished(self) -> PilotFile | None:
        """The pilot of this round, if it was finished before."""
        path = self._out / f'round_{self._round_index}'
        if not path.exists():
            return None
        pilot = pilot_file.load(path)
        if pilot.specification.card.get('key') != self._digest:
            raise LiquidPilotError(
                f'{path} was trained with other settings or other episodes; choose another --out'
            )
        return pilot

    def learn(self, curves: dict[str, stages.TrainingHistory]) -> PilotFile:
        """All stages of the round, and its pilot file."""
        s, turn = self._s, self._round_index
        last = turn == s.dagger_rounds
        if s.recall and self._training().bearing is None:
            raise LiquidPilotError(
                f'{self._data.name}: its episodes do not know where the target '
                'is, which recall needs; demonstrate anew'
            )
        encoder = self._encoder(curves)
        borrowed = self._initialisation.encoder_source
        sequences = features.load_or_encode(
            self._out / 'stages' / f'{turn}_features.npz',
            encoder,
            self._training(),
            self._episodes,
            self._device,
            Augmentation.of(s),
            s.mirror,
            s.seed,
            self._announce,
            _features_path(_encoder_checkpoint(borrowed)[0])
            if borrowed and not _is_pilot(borrowed)
            else None,
        )
        held_out = Sequences.of(
            features.encode(encoder, self._held_out(), self._device), self._held_out()
        )
        core = self._core()
        if self._initialisation.pilot is None:
            fit_input_scale(core, sequences.inputs)
        recall = TargetRecallLoss(core, s.recall, s.seed).to(self._device) if s.recall else None
        self._run(self._learner.core(core, sequences, held_out, self._key, recall), curves)
        if s.joint_steps and last and not self._frozen:
            self._run(self._learner.joint(encoder, core, self._key, recall), curves)
            held_out = Sequences.of(
                features.encode(encoder, self._held_out(), self._device), self._held_out()
            )
        loss = self._learner.episode_loss(core, held_out)
        return self._export(encoder, core, loss, curves)

    @property
    def _frozen(self) -> bool:
        begun = (
            self._initialisation.pilot is not None
            or self._initialisation.encoder_source is not None
        )
        return begun and self._s.encoder_frozen

    def _encoder(self, curves: dict[str, stages.TrainingHistory]) -> Encoder:
        if self._initialisation.pilot is not None:
            return warm_start.load_encoder(self._initialisation.pilot).to(self._device).eval()
        borrowed = self._initialisation.encoder_source
        if borrowed is not None and _is_pilot(borrowed):
            return warm_start.load_encoder(pilot_file.load(borrowed)).to(self._device).eval()
        camera = self._data.camera
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._s.seed)
            encoder = Encoder(camera.height, camera.width, self._s.features)
        encoder = encoder.to(self._device, memory_format=torch.channels_last)
        if borrowed is not None:
            path, state = _encoder_checkpoint(borrowed)
            try:
                encoder.load_state_dict(state['best_modules']['encoder'])
            except RuntimeError:
                raise LiquidPilotError(
                    f'{path}: an encoder of other sizes; train with the same '
                    'features and image size'
                ) from None
            return encoder.eval()
        self._run(self._learner.encoder(encoder, self._encoder_key), curves)
        return encoder

    def _core(self) -> nn.Module:
        s, pilot = self._s, self._initialisation.pilot
        if pilot is None:
            return make_core(s, self._data.rate_hz, self._device)
        backend = 'numba' if self._device == 'cpu' and s.backend != 'torch' else 'torch'
        return warm_start.load_core(pilot, backend).to(self._device)

    def _run(self, stage: stages.Stage, curves: dict[str, stages.TrainingHistory]) -> None:
        checkpoint = self._out / 'stages' / f'{self._round_index}_{stage.name}.ckpt'
        name = f'{stage.name} {self._round_index}' if self._s.dagger_rounds else stage.name
        curves[name] = stages.run(stage, checkpoint, self._run_options, self._announce)

    def _read(self, paths: list[Path]) -> Frames:
        return Frames.load(
            paths,
            get_vehicle(self._data.vehicle).coding,
            lambda done, of: self._announce('reading', done, of, math.nan),
        )

    def _export(
        self,
        encoder: Encoder,
        core: nn.Module,
        loss: float,
        curves: dict[str, stages.TrainingHistory],
    ) -> PilotFile:
        s, data = self._s, self._data
        outcomes = self._training().outcomes
        sizes = {
            'encoder': sum(p.numel() for p in encoder.parameters()),
            'core': parameter_count(core),
        }
        begun = self._initialisation
        card: dict[str, Any] = {
            'settings': asdict(s),
            'key': self._digest,
            'tuning': s.tuning or 'not stated',
            'episodes': Path(data.name).name,
            'frames': len(self._training()),
            'demonstration_outcomes': {o: outcomes.count(o) for o in sorted(set(outcomes))},
            'stages': {
                name: {'best_step': one.best_step, 'validation_loss': round(one.best, 5)}
                for name, one in curves.items()
            },
            'validation_loss': round(loss, 5),
            'parameters': {**sizes, 'total': sum(sizes.values())},
        }
        if begun.pilot is not None:
            card['started_from'] = {
                'pilot': begun.pilot.specification.name,
                'digest': begun.pilot.digest,
            }
        if begun.encoder_source is not None:
            card['encoder_of'] = begun.encoder_source.name
        liquid = isinstance(core, LiquidCore)
        period_s = 1.0 / data.rate_hz
        limits, coding, *_ = get_vehicle(data.vehicle)
        specification = PilotSpecification(
            name=s.name,
            vehicle=data.vehicle,
            rate_hz=data.rate_hz,
            dt_min_s=0.1 * period_s,
            dt_max_s=20 * period_s,
            camera=data.camera,
            core={'type': 'ltc', 'unfolds': core.unfolds, 'wiring': core.wiring.to_dict()}
            if liquid
            else core.specification,
            features=encoder.features,
            imu_mean=features.IMU_MEAN,
            imu_scale=features.IMU_SCALE,
            command_scale=coding.scale,
            limits=limits,
            card=card,
            rectify=data.rectify,
            steering=coding.steering,
        )
        encoder, core = encoder.cpu(), core.cpu()
        graph = begun.pilot.encoder if begun.pilot and self._frozen else encoder.to_onnx()
        return pilot_file.save(
            self._out / f'round_{self._round_index}',
            specification,
            core.wiring if liquid else None,
            core.export() if liquid else None,
            graph,
            None if liquid else core.to_onnx(),
        )


def check_device(device: str) -> None:
    """LiquidPilotError when torch cannot use it here."""
    if device == 'cpu':
        return
    if device.partition(':')[0] != 'cuda':
        raise LiquidPilotError(f'--device must be cpu or cuda, not {device!r}')
    if not torch.cuda.is_available():
        raise LiquidPilotError(
            f'--device {device}: this torch ({torch.__version__}) finds no CUDA '
            'GPU here; use --device cpu, or install a CUDA build of torch'
        )


def _check(settings: TrainingSettings, data: DataSource, beginning: Initialisation) -> None:
    get_vehicle(data.vehicle)
    if beginning.pilot is not None:
        had = beginning.pilot.specification
        if beginning.encoder_source is not None:
            raise LiquidPilotError('--from brings an encoder of its own: leave --encoder out')
        _check_size(beginning.pilot, data)
        if had.vehicle != data.vehicle:
            raise LiquidPilotError(
                f'{beginning.pilot.path} flies a {had.vehicle}, {data.name} is of a {data.vehicle}'
            )
    elif beginning.encoder_source is not None and _is_pilot(beginning.encoder_source):
        _check_size(pilot_file.load(beginning.encoder_source), data)
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


def _check_size(pilot: PilotFile, data: DataSource) -> None:
    camera = pilot.specification.camera
    if (camera.width, camera.height) != (data.camera.width, data.camera.height):
        raise LiquidPilotError(
            f'{pilot.path} sees {camera.width}x{camera.height} pixels, {data.name} holds '
            f'{data.camera.width}x{data.camera.height}; prepare the episodes in the size of the '
            'pilot'
        )


def _is_pilot(folder: Path) -> bool:
    return (folder / 'pilot.json').is_file()


def _encoder_identity(folder: Path) -> str:
    """What tells the encoder of a training, or of a pilot, from every other one."""
    if _is_pilot(folder):
        return pilot_file.load(folder).digest
    return _encoder_checkpoint(folder)[1]['key']


def _encoder_checkpoint(run: Path) -> tuple[Path, dict[str, Any]]:
    """The encoder of the last round of a training, finished."""
    found = sorted(
        (run / 'stages').glob('*_encoder.ckpt'), key=lambda path: int(path.name.split('_')[0])
    )
    if not found:
        raise LiquidPilotError(
            f'{run}: holds no encoder; give the --out of a `liquid-pilot train`, or a pilot'
        )
    state = stages.load(found[-1])
    if not state['finished']:
        raise LiquidPilotError(f'{found[-1]}: its encoder is not finished; end that training first')
    return found[-1], state


def _features_path(checkpoint: Path) -> Path:
    """Where the run of an encoder keeps its features."""
    return checkpoint.with_name(checkpoint.name.replace('encoder.ckpt', 'features.npz'))


def _collect_demonstrations(
    settings: TrainingSettings, out: Path, workers: int, announce: ProgressCallback
) -> DataSource:
    """The simulator's demonstrations of the settings, collected into `out`."""
    s = settings
    paths = _collect_episodes(
        s, out / 'demonstrations', s.first_seed, s.episodes, workers, announce, 'demonstrations'
    )
    held_out = _collect_episodes(
        s,
        out / 'validation',
        s.validation_seed,
        s.validation_episodes,
        workers,
        announce,
        'validation',
    )
    found = dataset_index.read(out / 'demonstrations')
    return replace(found, training=paths, validation=held_out)


def _collect_episodes(
    settings: TrainingSettings,
    folder: Path,
    first_seed: int,
    count: int,
    workers: int,
    announce: ProgressCallback,
    stage: str,
    pilot: Path | None = None,
    conditions: tuple[str, ...] = (),
) -> list[Path]:
    collection = expert_rollouts.CollectionSettings(
        settings.image_width,
        settings.image_height,
        action_noise_of(settings.vehicle, settings.disturbance * (0.5 if pilot else 1.0)),
        str(pilot.resolve()) if pilot else None,
        conditions=conditions,
        vehicle=settings.vehicle,
    )
    return expert_rollouts.collect(
        range(first_seed, first_seed + count),
        folder,
        collection,
        workers,
        lambda outcome, frames, done, of: announce(stage, done, of, math.nan),
    )
