"""Imitation in three stages: the encoder, then the core, then both together.

1. The encoder learns frame by frame, under a throw-away read-out.
2. Its features are computed once, and the core learns on windows of them, or on whole episodes, by
   back-propagation through time, with the real elapsed time between frames.
3. Encoder and core are tuned together, end to end, on such windows or episodes of images.

The loss is the mean squared error of the commands, each divided by its scale. It is judged on
episodes that nothing is learned from, each flown through from rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

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
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.learning.random_streams import numpy_generator, torch_generator
from liquid_pilot.learning.training.stage import Stage

MAX_VALIDATIONS = 20
"""How often the encoder and the joint stage are judged, at most: images take long."""


def _loss(outputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return nn.functional.mse_loss(outputs, wanted)


class TargetRecallLoss(nn.Module):
    """What makes a core remember: a read-out of its state, thrown away after training.

    State (B, T, S) to cosine and sine (B, T, 2) of the target's direction, which the demonstrator
    knows also while the camera does not see it (privileged information, as in Chen et al. 2020,
    'Learning by cheating'). The flown core is the same with or without.
    """

    def __init__(self, core: nn.Module, weight: float, seed: int) -> None:
        super().__init__()
        self.weight = weight
        size = core.wiring.neurons if isinstance(core, LiquidCore) else core.state_size
        self.layer = nn.Linear(size, 2)
        bound, generator = size**-0.5, torch_generator(seed, 'recall', 0)
        for parameter in self.layer.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(
        self, states: torch.Tensor, bearing: torch.Tensor, flown: torch.Tensor
    ) -> torch.Tensor:
        """The weighted loss over the frames (B, T) that were flown."""
        return self.weight * _masked_loss(self.layer(states), bearing, flown)


def _masked_loss(outputs: torch.Tensor, wanted: torch.Tensor, flown: torch.Tensor) -> torch.Tensor:
    """Over the frames (B, T) that were flown; the others pad a batch."""
    return (((outputs - wanted) ** 2).mean(2) * flown).sum() / flown.sum()


@dataclass(frozen=True)
class StageFactory:
    """The stages of one training, over frames that are read when they are first needed."""

    settings: TrainingSettings
    training: Callable[[], Frames]
    held_out: Callable[[], Frames]
    device: str
    rate_factor: float = 1.0
    """On every learning rate."""

    def encoder(self, encoder: Encoder, key: str) -> Stage:
        """Stage 1: an encoder whose features a small read-out can fly from."""
        s, augment = self.settings, Augmentation.of(self.settings)
        generator = torch_generator(s.seed, 'read-out', 0)
        frames = self.training()
        # With recall the features must hold the target as soon as it is seen, however long it will
        # not matter for the command.
        recalls = bool(s.recall) and frames.bearing is not None
        read_out = _ReadoutHead(s.features, generator, 6 if recalls else 4).to(self.device)

        def judged(
            outputs: torch.Tensor, wanted: torch.Tensor, bearing: np.ndarray | None
        ) -> torch.Tensor:
            found = _loss(outputs[:, :4], wanted)
            if recalls:
                found = found + s.recall * _loss(outputs[:, 4:], self._tensor(bearing))
            return found

        size = min(s.encoder_batch, len(frames))
        per_epoch = len(frames) // size

        @functools.lru_cache(maxsize=1)
        def order(epoch: int) -> np.ndarray:
            return numpy_generator(s.seed, 'encoder order', epoch).permutation(len(frames))

        def loss(step: int) -> torch.Tensor:
            epoch, place = divmod(step, per_epoch)
            chosen = order(epoch)[place * size : (place + 1) * size]
            coins = numpy_generator(s.seed, 'encoder mirror', step).random(size) < 0.5
            mirrored = coins & s.mirror
            images, imu, wanted = self._batch(frames, chosen, mirrored)
            images = augment.images(images, torch_generator(s.seed, 'encoder images', step))
            bearing = None
            if recalls:
                bearing = np.where(mirrored[:, None], MIRROR_BEARING, 1) * frames.bearing[chosen]
            return judged(read_out(encoder(images), imu), wanted, bearing)

        def validate() -> float:
            held_out = self.held_out()
            found = torch.from_numpy(encode(encoder, held_out, self.device))
            imu = torch.from_numpy(normalised_imu(held_out.imu))
            outputs = read_out(found.to(self.device), imu.to(self.device))
            return judged(outputs, self._tensor(held_out.commands), held_out.bearing).item()

        steps = per_epoch * s.encoder_epochs
        return Stage(
            'encoder',
            {'encoder': encoder, 'read_out': read_out},
            steps,
            self.rate_factor * s.encoder_rate,
            loss,
            validate,
            max(per_epoch // 2, steps // MAX_VALIDATIONS, 1),
            key,
        )

    def core(
        self,
        core: nn.Module,
        data: Sequences,
        held_out: Sequences,
        key: str,
        recall: TargetRecallLoss | None = None,
    ) -> Stage:
        """Stage 2: back-propagation through time, over windows or over whole episodes."""
        s, augment = self.settings, Augmentation.of(self.settings)
        length = s.sequence_length

        def drawn(rng: np.random.Generator) -> np.ndarray:
            return windows(data.starts, length, rng) if length else np.arange(len(data.starts) - 1)

        @functools.lru_cache(maxsize=1)
        def batches(epoch: int) -> list[np.ndarray]:
            rng = numpy_generator(s.seed, 'core windows', epoch)
            first = rng.permutation(drawn(rng))
            # The number of windows differs a little from phase to phase; that of steps must not.
            return np.array_split(first, per_epoch)

        count = len(drawn(numpy_generator(s.seed, 'core count', 0)))
        if not count:
            raise_too_short(length)
        per_epoch = max(count // s.core_batch, 1)

        def loss(step: int) -> torch.Tensor:
            epoch, place = divmod(step, per_epoch)
            if length:
                index = batches(epoch)[place][:, None] + np.arange(length)
                flown = np.ones(index.shape, bool)
            else:
                index, flown = padded_index(data.starts, batches(epoch)[place])
            rng = numpy_generator(s.seed, 'core times', step)
            index, flown, dt_s, imu = augment.drop_frames(
                index, flown, data.dt_s, data.inputs[:, data.features :], rng, not length
            )
            inputs = np.concatenate([data.inputs[index, : data.features], imu], 2)
            return self._through(
                core,
                recall,
                self._tensor(inputs),
                dt_s,
                data.commands[index],
                None if data.bearing is None else data.bearing[index],
                flown,
            )

        modules = {'core': core} if recall is None else {'core': core, 'recall': recall}
        return Stage(
            'core',
            modules,
            per_epoch * s.core_epochs,
            self.rate_factor * s.core_rate,
            loss,
            lambda: self.episode_loss(core, held_out, recall),
            per_epoch,
            key,
        )

    def joint(
        self, encoder: Encoder, core: nn.Module, key: str, recall: TargetRecallLoss | None = None
    ) -> Stage:
        """Stage 3: windows of images through encoder and core, at a small learning rate."""
        s, augment = self.settings, Augmentation.of(self.settings)
        frames, length = self.training(), self.settings.sequence_length
        imu, commands = normalised_imu(frames.imu), frames.commands
        if length and not len(windows(frames.starts, length, np.random.default_rng(0))):
            raise_too_short(length)

        def loss(step: int) -> torch.Tensor:
            rng = numpy_generator(s.seed, 'joint', step)
            if length:
                first = rng.choice(windows(frames.starts, length, rng), s.joint_batch)
                index = first[:, None] + np.arange(length)
                flown = np.ones(index.shape, bool)
            else:
                episodes = rng.choice(len(frames.starts) - 1, s.joint_batch)
                index, flown = padded_index(frames.starts, episodes)
            index, flown, dt_s, seen = augment.drop_frames(
                index, flown, frames.dt_s, imu, rng, not length
            )
            wanted = commands[index]
            bearing = None if frames.bearing is None else frames.bearing[index]
            images = frames.images[torch.from_numpy(index.flatten())].to(self.device).float() / 255
            if s.mirror and rng.random() < 0.5:
                # Signs change under a mirror; the mean that is taken off lies on an axis that is
                # not mirrored, so that the order of the two does not matter.
                images, seen, wanted = images.flip(3), seen * MIRROR_IMU, wanted * MIRROR_COMMAND
                bearing = None if bearing is None else bearing * MIRROR_BEARING
            images = augment.images(images, torch_generator(s.seed, 'joint images', step))
            found = encoder(images).unflatten(0, index.shape)
            inputs = torch.cat([found, self._tensor(seen)], 2)
            return self._through(core, recall, inputs, dt_s, wanted, bearing, flown)

        def validate() -> float:
            held_out = self.held_out()
            return self.episode_loss(
                core, Sequences.of(encode(encoder, held_out, self.device), held_out), recall
            )

        modules = {'encoder': encoder, 'core': core}
        if recall is not None:
            modules['recall'] = recall
        return Stage(
            'joint',
            modules,
            s.joint_steps,
            self.rate_factor * s.joint_rate,
            loss,
            validate,
            max(s.joint_steps // (MAX_VALIDATIONS // 4), 1),
            key,
        )

    def _through(
        self,
        core: nn.Module,
        recall: TargetRecallLoss | None,
        inputs: torch.Tensor,
        dt_s: np.ndarray,
        wanted: np.ndarray,
        bearing: np.ndarray | None,
        flown: np.ndarray,
    ) -> torch.Tensor:
        """The loss of sequences (B, T) that the core flies through from rest."""
        outputs, states = core(inputs, self._tensor(dt_s))
        flown = self._tensor(flown)
        found = _masked_loss(outputs, self._tensor(wanted), flown)
        if recall is not None:
            found = found + recall(states, self._tensor(bearing), flown)
        return found

    @torch.no_grad()
    def episode_loss(
        self, core: nn.Module, data: Sequences, recall: TargetRecallLoss | None = None
    ) -> float:
        """Mean loss over whole episodes, each flown through by the core from rest."""
        index, flown = padded_index(data.starts)
        outputs, states = core(self._tensor(data.inputs[index]), self._tensor(data.dt_s[index]))
        error = ((outputs - self._tensor(data.commands[index])) ** 2).mean(2).cpu().numpy()
        found = float(np.mean((error * flown).sum(1) / flown.sum(1)))
        if recall is not None:
            found += recall(states, self._tensor(data.bearing[index]), self._tensor(flown)).item()
        return found

    def _batch(
        self, frames: Frames, chosen: np.ndarray, mirrored: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(images float, IMU and commands as the network has them), some of them mirrored."""
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


class _ReadoutHead(nn.Module):
    """What the encoder learns under: features (B,F) and IMU (B,6) -> commands (B,4), scaled.

    With 6 outputs the last two are cosine and sine of the target's direction.
    """

    def __init__(self, features: int, generator: torch.Generator, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Tanh(), nn.Linear(features + 6, 48), nn.Tanh(), nn.Linear(48, outputs)
        )
        for layer in (self.layers[1], self.layers[3]):
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, features: torch.Tensor, imu: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([features, imu], 1))


def fit_input_scale(core: nn.Module, inputs: np.ndarray) -> None:
    """Start the core's input mapping where every input has mean 0 and deviation 1."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    with torch.no_grad():
        core.input_w.copy_(torch.from_numpy(1 / deviation))
        core.input_b.copy_(torch.from_numpy(-mean / deviation))


def raise_too_short(length: int) -> None:
    """LiquidPilotError: no episode has as many frames as a window."""
    from liquid_pilot.interfaces import LiquidPilotError

    raise LiquidPilotError(f'no episode has sequence_length = {length} frames; lower it')
