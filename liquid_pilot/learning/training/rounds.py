"""One round of a training: encoder, features, core and, in the last round, both together."""

from __future__ import annotations

import functools
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data import features
from liquid_pilot.learning.data.features import Sequences
from liquid_pilot.learning.data.frames import Frames
from liquid_pilot.learning.models import warm_start
from liquid_pilot.learning.models.encoder import Encoder
from liquid_pilot.learning.models.factory import TrainableCore, make_core, parameter_count
from liquid_pilot.learning.models.wired_core import WiredCore
from liquid_pilot.learning.training.heads import TargetRecallLoss
from liquid_pilot.learning.training.imitation import StageFactory, fit_input_scale
from liquid_pilot.learning.training.plan import RoundPlan
from liquid_pilot.learning.training.stage import Stage, TrainingHistory, run_stage
from liquid_pilot.pilot_file import PilotFile, PilotSpecification
from liquid_pilot.utils.progress import ProgressCallback

_MIN_DT_PERIODS = 0.1
_MAX_DT_PERIODS = 20
"""Shortest and longest elapsed time that a pilot takes, in periods of its camera."""


def load_finished_round(plan: RoundPlan) -> PilotFile | None:
    """Return the pilot of a round that is already finished; None where there is none.

    Raises:
        LiquidPilotError: the pilot there is of another training.
    """
    if not plan.folder.exists():
        return None
    pilot = pilot_file.load(plan.folder)
    if pilot.specification.card.get('key') != plan.digest:
        raise LiquidPilotError(
            f'{plan.folder} was trained with other settings or other episodes; choose another --out'
        )
    return pilot


def run_round(
    plan: RoundPlan, curves: dict[str, TrainingHistory], report_progress: ProgressCallback
) -> PilotFile:
    """Run the stages of a round and save its pilot.

    Args:
        plan: the round.
        curves: histories by stage; those of this round are added.
        report_progress: callback, called at every step.

    Returns:
        The pilot, without the statistics that it adapts by.
    """
    return _Round(plan, curves, report_progress).run()


class _Round:
    def __init__(
        self, plan: RoundPlan, curves: dict[str, TrainingHistory], report_progress: ProgressCallback
    ) -> None:
        self._plan, self._training = plan, plan.training
        self._settings, self._device = plan.training.settings, plan.training.device
        self._curves, self._report_progress = curves, report_progress
        self._frames = functools.cache(lambda: self._read(plan.data.training))
        self._held_out_frames = functools.cache(lambda: self._read(plan.data.validation))
        self._stage_factory = StageFactory(
            self._settings,
            self._frames,
            self._held_out_frames,
            self._device,
            self._training.learning_rate_scale,
        )

    def run(self) -> PilotFile:
        s, plan, training = self._settings, self._plan, self._training
        if s.recall and not (self._frames().has_bearing and self._held_out_frames().has_bearing):
            raise LiquidPilotError(
                f'{plan.data.name}: its episodes do not hold the direction of the target, which '
                'recall needs; collect the demonstrations again'
            )
        encoder = self._encoder()
        borrowed = training.borrowed_encoder
        sequences = features.load_or_encode(
            plan.features_cache,
            encoder,
            self._frames(),
            plan.fingerprint,
            self._device,
            training.augmentation,
            s.mirror,
            s.seed,
            self._report_progress,
            borrowed.features if borrowed else None,
        )
        held_out = self._encode_held_out(encoder)
        core = self._core()
        if training.initial_pilot is None:
            fit_input_scale(core, sequences.inputs)
        recall = TargetRecallLoss(core, s.recall, s.seed).to(self._device) if s.recall else None
        self._run_stage(self._stage_factory.core_stage(core, sequences, held_out, plan.key, recall))
        if 'joint' in plan.stages:
            self._run_stage(self._stage_factory.joint_stage(encoder, core, plan.key, recall))
            held_out = self._encode_held_out(encoder)
        loss = self._stage_factory.episode_loss(core, held_out)
        return self._export(encoder, core, loss)

    def _encoder(self) -> Encoder:
        """Return the encoder: a pilot's, another training's, or one trained by the first stage."""
        training, camera = self._training, self._plan.data.camera
        borrowed = training.borrowed_encoder
        lender = training.initial_pilot or (borrowed.pilot if borrowed else None)
        if lender is not None:
            return warm_start.load_encoder(lender).to(self._device).eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._settings.seed)
            encoder = Encoder(camera.height, camera.width, self._settings.features)
        encoder.to(self._device)
        encoder.use_channels_last()
        if borrowed is not None and borrowed.weights is not None:
            try:
                encoder.load_state_dict(borrowed.weights)
            except RuntimeError:
                raise LiquidPilotError(
                    f'{borrowed.checkpoint}: an encoder of other sizes; train with the same '
                    'features and image size'
                ) from None
            return encoder.eval()
        self._run_stage(self._stage_factory.encoder_stage(encoder, self._plan.encoder_key))
        return encoder

    def _core(self) -> TrainableCore:
        """Return the core: that of the pilot that is fine-tuned, or a new one."""
        s, pilot = self._settings, self._training.initial_pilot
        if pilot is None:
            return make_core(s, self._plan.data.rate_hz, self._device)
        backend = 'numba' if self._device == 'cpu' and s.backend != 'torch' else 'torch'
        return warm_start.load_core(pilot, backend).to(self._device)

    def _encode_held_out(self, encoder: Encoder) -> Sequences:
        frames = self._held_out_frames()
        return Sequences.from_frames(features.encode(encoder, frames, self._device), frames)

    def _run_stage(self, stage: Stage) -> None:
        self._curves[self._plan.curve_name(stage.name)] = run_stage(
            stage,
            self._plan.checkpoint(stage.name),
            self._training.stage_options,
            self._report_progress,
        )

    def _read(self, paths: list[Path]) -> Frames:
        return Frames.load(
            paths,
            self._training.vehicle.action_scaling,
            lambda done, total: self._report_progress('reading', done, total, math.nan),
        )

    def _export(self, encoder: Encoder, core: TrainableCore, loss: float) -> PilotFile:
        """Save the pilot of the round."""
        training, data = self._training, self._plan.data
        period_s = 1.0 / data.rate_hz
        scaling = training.vehicle.action_scaling
        card = self._card(encoder, core, loss)
        specification = PilotSpecification(
            name=self._settings.name,
            vehicle=data.vehicle,
            rate_hz=data.rate_hz,
            dt_min_s=_MIN_DT_PERIODS * period_s,
            dt_max_s=_MAX_DT_PERIODS * period_s,
            camera=data.camera,
            core=core.specification,
            features=encoder.features,
            imu_mean=features.IMU_MEAN,
            imu_scale=features.IMU_SCALE,
            command_scale=scaling.scale,
            limits=training.vehicle.limits,
            card=card,
            rectify=data.rectify,
            steering=scaling.steering,
        )
        encoder, core = encoder.cpu(), core.cpu()
        pilot = training.initial_pilot
        graph = pilot.encoder if pilot and training.encoder_frozen else encoder.to_onnx()
        if isinstance(core, WiredCore):
            return pilot_file.save(
                self._plan.folder, specification, core.wiring, core.export(), graph
            )
        return pilot_file.save(self._plan.folder, specification, None, None, graph, core.to_onnx())

    def _card(self, encoder: Encoder, core: TrainableCore, loss: float) -> dict[str, Any]:
        """Return the notes about the training for the pilot file."""
        s, training, frames = self._settings, self._training, self._frames()
        sizes = {
            'encoder': sum(parameter.numel() for parameter in encoder.parameters()),
            'core': parameter_count(core),
        }
        card: dict[str, Any] = {
            'settings': asdict(s),
            'key': self._plan.digest,
            'tuning': s.tuning or 'not stated',
            'episodes': Path(self._plan.data.name).name,
            'frames': len(frames),
            'demonstration_outcomes': {
                outcome: frames.outcomes.count(outcome) for outcome in sorted(set(frames.outcomes))
            },
            'stages': {
                name: {'best_step': history.best_step, 'validation_loss': round(history.best, 5)}
                for name, history in self._curves.items()
            },
            'validation_loss': round(loss, 5),
            'parameters': {**sizes, 'total': sum(sizes.values())},
        }
        if training.initial_pilot is not None:
            card['started_from'] = {
                'pilot': training.initial_pilot.specification.name,
                'digest': training.initial_pilot.digest,
            }
        if training.borrowed_encoder is not None:
            card['encoder_of'] = training.borrowed_encoder.source.name
        return card
