"""Imitation in three stages: the encoder, then the core, then both together.

1. The encoder learns frame by frame, with a read-out head that is discarded afterwards.
2. Its features are computed once. The core learns on windows of them, or on whole episodes, by
   back-propagation through time, with the real elapsed time between frames.
3. Encoder and core are tuned together, end to end, on such windows or episodes of images.

The loss is the mean squared error of the commands, each divided by its scale. Validation runs
through held-out episodes from rest.

Shapes: B sequences of T frames, F features, S values of the core's state, N frames in all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from torch import nn

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.augmentation import Augmentation
from liquid_pilot.learning.data.features import Sequences, encode, normalised_imu, padded_index
from liquid_pilot.learning.data.frames import (
    MIRROR_BEARING,
    MIRROR_COMMAND,
    MIRROR_IMU,
    Frames,
    windows,
)
from liquid_pilot.learning.models.encoder import Encoder
from liquid_pilot.learning.models.factory import MOTORS, TrainableCore
from liquid_pilot.learning.random_streams import numpy_generator, torch_generator
from liquid_pilot.learning.training.heads import ReadoutHead, TargetRecallLoss, masked_loss
from liquid_pilot.learning.training.stage import Stage

MAX_VALIDATIONS = 20
"""Largest number of validations of the encoder stage: encoding the held-out images takes long."""
_MAX_JOINT_VALIDATIONS = MAX_VALIDATIONS // 4


@dataclass(frozen=True)
class StageFactory:
    """Makes the stages of one training, over frames that are read when they are first needed."""

    settings: TrainingSettings
    training: Callable[[], Frames]
    """Function that returns the frames to learn from."""
    held_out: Callable[[], Frames]
    """Function that returns the frames to validate on."""
    device: str
    """Torch device of all tensors."""
    learning_rate_scale: float = 1.0
    """Factor on every learning rate."""

    def encoder_stage(self, encoder: Encoder, key: str) -> Stage:
        """Make stage 1, which trains an encoder under a small read-out head.

        Args:
            encoder: the module to train.
            key: key of the checkpoint.
        """
        s, augmentation = self.settings, Augmentation.from_settings(self.settings)
        generator = torch_generator(s.seed, 'read-out', 0)
        frames = self.training()
        # With recall the features must hold the target as soon as it is visible, however long it
        # does not matter for the command.
        recalls = bool(s.recall) and frames.has_bearing
        head = ReadoutHead(s.features, generator, MOTORS + 2 if recalls else MOTORS)
        head = head.to(self.device)

        def frame_loss(
            outputs: torch.Tensor, targets: torch.Tensor, bearing: np.ndarray | None
        ) -> torch.Tensor:
            total = nn.functional.mse_loss(outputs[:, :MOTORS], targets)
            if bearing is not None:
                direction = self._tensor(bearing)
                total = total + s.recall * nn.functional.mse_loss(outputs[:, MOTORS:], direction)
            return total

        size = min(s.encoder_batch, len(frames))
        steps_per_epoch = len(frames) // size

        @functools.lru_cache(maxsize=1)
        def order(epoch: int) -> np.ndarray:
            return numpy_generator(s.seed, 'encoder order', epoch).permutation(len(frames))

        def loss(step: int) -> torch.Tensor:
            epoch, batch = divmod(step, steps_per_epoch)
            chosen = order(epoch)[batch * size : (batch + 1) * size]
            coins = numpy_generator(s.seed, 'encoder mirror', step).random(size) < 0.5
            mirrored = coins & s.mirror
            images, imu, targets = self._batch(frames, chosen, mirrored)
            images = augmentation.images(images, torch_generator(s.seed, 'encoder images', step))
            bearing = None
            if recalls:
                sign = np.where(mirrored[:, None], MIRROR_BEARING, 1)
                bearing = sign * _known(frames.bearing)[chosen]
            return frame_loss(head(encoder(images), imu), targets, bearing)

        def validate() -> float:
            held_out = self.held_out()
            features = torch.from_numpy(encode(encoder, held_out, self.device))
            imu = torch.from_numpy(normalised_imu(held_out.imu))
            outputs = head(features.to(self.device), imu.to(self.device))
            bearing = _known(held_out.bearing) if recalls else None
            return frame_loss(outputs, self._tensor(held_out.commands), bearing).item()

        steps = steps_per_epoch * s.encoder_epochs
        return Stage(
            'encoder',
            {'encoder': encoder, 'read_out': head},
            steps,
            self.learning_rate_scale * s.encoder_rate,
            loss,
            validate,
            max(steps_per_epoch // 2, steps // MAX_VALIDATIONS, 1),
            key,
        )

    def core_stage(
        self,
        core: TrainableCore,
        data: Sequences,
        held_out: Sequences,
        key: str,
        recall: TargetRecallLoss | None = None,
    ) -> Stage:
        """Make stage 2, which trains a core on features, over windows or whole episodes.

        Args:
            core: the module to train.
            data: sequences to learn from.
            held_out: sequences to validate on.
            key: key of the checkpoint.
            recall: auxiliary loss; None leaves it out.
        """
        s, augmentation = self.settings, Augmentation.from_settings(self.settings)
        length = s.sequence_length

        def draw_sequences(rng: np.random.Generator) -> np.ndarray:
            return windows(data.starts, length, rng) if length else np.arange(len(data.starts) - 1)

        @functools.lru_cache(maxsize=1)
        def batches(epoch: int) -> list[np.ndarray]:
            rng = numpy_generator(s.seed, 'core windows', epoch)
            first = rng.permutation(draw_sequences(rng))
            # The number of windows differs a little from phase to phase; that of steps must not.
            return np.array_split(first, steps_per_epoch)

        count = len(draw_sequences(numpy_generator(s.seed, 'core count', 0)))
        if not count:
            raise_too_short(length)
        steps_per_epoch = max(count // s.core_batch, 1)

        def loss(step: int) -> torch.Tensor:
            epoch, batch = divmod(step, steps_per_epoch)
            if length:
                index = batches(epoch)[batch][:, None] + np.arange(length)
                valid = np.ones(index.shape, bool)
            else:
                index, valid = padded_index(data.starts, batches(epoch)[batch])
            rng = numpy_generator(s.seed, 'core times', step)
            index, valid, dt_s, imu = augmentation.drop_frames(
                index, valid, data.dt_s, data.inputs[:, data.features :], rng, not length
            )
            inputs = np.concatenate([data.inputs[index, : data.features], imu], 2)
            return self._sequence_loss(
                core,
                recall,
                self._tensor(inputs),
                dt_s,
                data.commands[index],
                None if data.bearing is None else data.bearing[index],
                valid,
            )

        modules: dict[str, nn.Module] = {'core': core}
        if recall is not None:
            modules['recall'] = recall
        return Stage(
            'core',
            modules,
            steps_per_epoch * s.core_epochs,
            self.learning_rate_scale * s.core_rate,
            loss,
            lambda: self.episode_loss(core, held_out, recall),
            steps_per_epoch,
            key,
        )

    def joint_stage(
        self,
        encoder: Encoder,
        core: TrainableCore,
        key: str,
        recall: TargetRecallLoss | None = None,
    ) -> Stage:
        """Make stage 3, which trains encoder and core end to end at a small learning rate.

        Args:
            encoder: the trained encoder.
            core: the trained core.
            key: key of the checkpoint.
            recall: auxiliary loss; None leaves it out.
        """
        s, augmentation = self.settings, Augmentation.from_settings(self.settings)
        frames, length = self.training(), self.settings.sequence_length
        imu, commands = normalised_imu(frames.imu), frames.commands
        if length and not len(windows(frames.starts, length, np.random.default_rng(0))):
            raise_too_short(length)

        def loss(step: int) -> torch.Tensor:
            rng = numpy_generator(s.seed, 'joint', step)
            if length:
                first = rng.choice(windows(frames.starts, length, rng), s.joint_batch)
                index = first[:, None] + np.arange(length)
                valid = np.ones(index.shape, bool)
            else:
                episodes = rng.choice(len(frames.starts) - 1, s.joint_batch)
                index, valid = padded_index(frames.starts, episodes)
            index, valid, dt_s, imu_inputs = augmentation.drop_frames(
                index, valid, frames.dt_s, imu, rng, not length
            )
            targets = commands[index]
            bearing = None if frames.bearing is None else frames.bearing[index]
            images = frames.images[torch.from_numpy(index.flatten())].to(self.device).float() / 255
            if s.mirror and rng.random() < 0.5:
                # Signs change under a mirror. The mean that was subtracted lies on an axis that is
                # not mirrored, so that the order of the two operations does not matter.
                images = images.flip(3)
                imu_inputs, targets = imu_inputs * MIRROR_IMU, targets * MIRROR_COMMAND
                bearing = None if bearing is None else bearing * MIRROR_BEARING
            images = augmentation.images(images, torch_generator(s.seed, 'joint images', step))
            features = encoder(images).unflatten(0, index.shape)
            inputs = torch.cat([features, self._tensor(imu_inputs)], 2)
            return self._sequence_loss(core, recall, inputs, dt_s, targets, bearing, valid)

        def validate() -> float:
            held_out = self.held_out()
            features = encode(encoder, held_out, self.device)
            return self.episode_loss(core, Sequences.from_frames(features, held_out), recall)

        modules: dict[str, nn.Module] = {'encoder': encoder, 'core': core}
        if recall is not None:
            modules['recall'] = recall
        return Stage(
            'joint',
            modules,
            s.joint_steps,
            self.learning_rate_scale * s.joint_rate,
            loss,
            validate,
            max(s.joint_steps // _MAX_JOINT_VALIDATIONS, 1),
            key,
        )

    @torch.no_grad()
    def episode_loss(
        self, core: TrainableCore, data: Sequences, recall: TargetRecallLoss | None = None
    ) -> float:
        """Return the mean loss over whole episodes, each run through the core from rest.

        Args:
            core: the core.
            data: the episodes.
            recall: auxiliary loss to add; None leaves it out.
        """
        index, valid = padded_index(data.starts)
        outputs, states = core(self._tensor(data.inputs[index]), self._tensor(data.dt_s[index]))
        error = ((outputs - self._tensor(data.commands[index])) ** 2).mean(2).cpu().numpy()
        total = float(np.mean((error * valid).sum(1) / valid.sum(1)))
        if recall is not None:
            bearing = self._tensor(_known(data.bearing)[index])
            total += float(recall(states, bearing, self._tensor(valid)).item())
        return total

    def _sequence_loss(
        self,
        core: TrainableCore,
        recall: TargetRecallLoss | None,
        inputs: torch.Tensor,
        dt_s: np.ndarray,
        targets: np.ndarray,
        bearing: np.ndarray | None,
        valid: np.ndarray,
    ) -> torch.Tensor:
        """Return the loss of sequences (B, T) that the core runs through from rest."""
        outputs, states = core(inputs, self._tensor(dt_s))
        weights = self._tensor(valid)
        total = masked_loss(outputs, self._tensor(targets), weights)
        if recall is not None:
            total = total + recall(states, self._tensor(_known(bearing)), weights)
        return total

    def _batch(
        self, frames: Frames, chosen: np.ndarray, mirrored: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return float images, normalised IMU and commands of frames, some of them mirrored."""
        images = frames.images[torch.from_numpy(chosen)]
        flip = torch.from_numpy(mirrored)
        images[flip] = images[flip].flip(3)
        imu = np.where(mirrored[:, None], MIRROR_IMU, 1) * frames.imu[chosen]
        commands = np.where(mirrored[:, None], MIRROR_COMMAND, 1) * frames.commands[chosen]
        return (
            images.to(self.device).float().div_(255),
            self._tensor(normalised_imu(imu)),
            self._tensor(commands),
        )

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self.device)


def fit_input_scale(core: TrainableCore, inputs: np.ndarray) -> None:
    """Set the core's input mapping so that every input has mean 0 and standard deviation 1.

    Args:
        core: a new core.
        inputs: (N, F + 6) inputs of all training frames.
    """
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    with torch.no_grad():
        core.input_w.copy_(torch.from_numpy(1 / deviation))
        core.input_b.copy_(torch.from_numpy(-mean / deviation))


def raise_too_short(length: int) -> NoReturn:
    """Raise LiquidPilotError: no episode has as many frames as a window of `length`."""
    raise LiquidPilotError(f'no episode has sequence_length = {length} frames; lower it')


def _known(bearing: np.ndarray | None) -> np.ndarray:
    """Return the bearing; LiquidPilotError for episodes that do not hold it."""
    if bearing is None:
        raise LiquidPilotError(
            'the episodes do not hold the direction of the target, which recall needs; collect the '
            'demonstrations again'
        )
    return bearing
