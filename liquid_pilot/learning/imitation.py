"""Imitation in three stages: the encoder, then the liquid core, then both together.

1. The encoder learns frame by frame, under a throw-away read-out, with photometric augmentation.
2. Its features are computed once, and the LTC core learns on windows of them by back-propagation
   through time, with the real elapsed time between frames.
3. Encoder and core are tuned together on short windows of images.

The loss is the mean squared error of the commands, each divided by its scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from liquid_pilot.learning.dataset import (
    MIRROR_COMMAND,
    MIRROR_IMU,
    Frames,
    Photometric,
    frame_batches,
    windows,
)
from liquid_pilot.learning.encoder import Encoder
from liquid_pilot.learning.ltc import LiquidCore

COMMAND_SCALE = (2.0, 1.0, 0.6, 1.0)
"""Forward, left, up in m/s and yaw rate in rad/s that a motor output of one stands for."""
IMU_MEAN = (0.0, 0.0, 0.0, 0.0, 0.0, 9.81)
IMU_SCALE = (1.0, 1.0, 1.0, 4.0, 4.0, 4.0)

Report = Callable[[str, int, int, float], None]
"""(stage, step done, steps in all, latest loss)."""


@dataclass(frozen=True)
class Optimisation:
    """Learning rates and lengths of the three stages."""

    seed: int = 1
    encoder_epochs: int = 8
    encoder_batch: int = 64
    encoder_rate: float = 2e-3
    core_epochs: int = 60
    core_batch: int = 32
    core_rate: float = 4e-3
    sequence_length: int = 64
    joint_steps: int = 0
    joint_batch: int = 4
    joint_rate: float = 3e-4


def normalised_imu(imu: np.ndarray) -> np.ndarray:
    """IMU as the core sees it: (..., 6), minus IMU_MEAN, divided by IMU_SCALE."""
    return ((imu - np.float32(IMU_MEAN)) / np.float32(IMU_SCALE)).astype(np.float32)


def _loss(outputs: torch.Tensor, commands: torch.Tensor) -> torch.Tensor:
    return nn.functional.mse_loss(outputs, commands / torch.tensor(COMMAND_SCALE))


class _Schedule:
    """Adam with a linear warm-up and a cosine decay to a hundredth."""

    def __init__(self, parameters: list, rate: float, steps: int) -> None:
        self.optimiser = torch.optim.Adam(parameters, lr=rate)
        warm = max(steps // 20, 1)

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm + 1)))

        self._schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, factor)
        self._parameters = parameters

    def step(self, loss: torch.Tensor) -> float:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self.optimiser.step()
        self._schedule.step()
        return loss.item()


def train_encoder(frames: Frames, features: int, settings: Optimisation, report: Report) -> Encoder:
    """Stage 1: an encoder whose features a small read-out can fly from."""
    torch.manual_seed(settings.seed)
    height, width = frames.images.shape[2:]
    encoder = Encoder(height, width, features).to(memory_format=torch.channels_last)
    read_out = nn.Sequential(nn.Tanh(), nn.Linear(features + 6, 48), nn.Tanh(), nn.Linear(48, 4))
    per_epoch = max(len(frames) // settings.encoder_batch, 1)
    steps = per_epoch * settings.encoder_epochs
    schedule = _Schedule([*encoder.parameters(), *read_out.parameters()],
                         settings.encoder_rate, steps)
    rng = np.random.default_rng(settings.seed)
    noise = torch.Generator().manual_seed(settings.seed)
    augment, done, smooth = Photometric(), 0, math.nan
    for _ in range(settings.encoder_epochs):
        for images, imu, commands in frame_batches(frames, settings.encoder_batch, rng):
            found = encoder(augment(images, noise))
            inputs = torch.cat([found, torch.from_numpy(normalised_imu(imu.numpy()))], dim=1)
            loss = schedule.step(_loss(read_out(inputs), commands))
            smooth = loss if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss
            done += 1
            report('encoder', done, steps, smooth)
    return encoder.eval()


@torch.no_grad()
def core_inputs(encoder: Encoder, frames: Frames, mirrored: bool, report: Report,
                augment_seed: int | None = None) -> np.ndarray:
    """(N, F + 6) float32: features and normalised IMU of every frame, perhaps mirrored."""
    found = np.empty((len(frames), encoder.features), np.float32)
    noise = torch.Generator().manual_seed(augment_seed or 0)
    size = 256
    for start in range(0, len(frames), size):
        images = frames.images[start:start + size].float() / 255
        if mirrored:
            images = images.flip(3)
        if augment_seed is not None:
            images = Photometric()(images, noise)
        found[start:start + size] = encoder(images).numpy()
        report('features', min(start + size, len(frames)), len(frames), math.nan)
    imu = frames.imu * MIRROR_IMU if mirrored else frames.imu
    return np.concatenate([found, normalised_imu(imu)], axis=1)


@dataclass
class Sequences:
    """Inputs of the core and their labels, of one or several copies of the same frames."""

    inputs: np.ndarray
    dt_s: np.ndarray
    commands: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, encoder: Encoder, frames: Frames, report: Report, mirror: bool = True,
           augment_seed: int | None = None) -> Sequences:
        """Compute the features of all frames, and of their mirror images."""
        sides = (False, True) if mirror else (False,)
        seeds = (None,) if augment_seed is None else (None, augment_seed)
        copies = [(side, seed) for seed in seeds for side in sides]
        n = len(frames)
        return cls(
            np.concatenate([core_inputs(encoder, frames, *copy[:1], report, copy[1])
                            for copy in copies]),
            np.tile(frames.dt_s, len(copies)),
            np.concatenate([frames.commands * (MIRROR_COMMAND if side else 1)
                            for side, _ in copies]).astype(np.float32),
            np.concatenate([[0]] + [frames.starts[1:] + k * n for k in range(len(copies))]),
        )

    def window(self, first: np.ndarray, length: int) -> tuple[torch.Tensor, ...]:
        """(B, T, ...) tensors of inputs, dt and commands that begin at the frames given."""
        index = first[:, None] + np.arange(length)
        return (torch.from_numpy(self.inputs[index]), torch.from_numpy(self.dt_s[index]),
                torch.from_numpy(self.commands[index]))


def fit_input_scale(core: LiquidCore, inputs: np.ndarray) -> None:
    """Start the core's input mapping where every input has mean 0 and deviation 1."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    with torch.no_grad():
        core.input_w.copy_(torch.from_numpy(1 / deviation))
        core.input_b.copy_(torch.from_numpy(-mean / deviation))


def train_core(core: LiquidCore, data: Sequences, settings: Optimisation, report: Report) -> None:
    """Stage 2: back-propagation through time over windows of `sequence_length` frames."""
    rng = np.random.default_rng(settings.seed + 1)
    length = settings.sequence_length
    per_epoch = max(len(windows(data.starts, length, rng)) // settings.core_batch, 1)
    steps = per_epoch * settings.core_epochs
    schedule = _Schedule(list(core.parameters()), settings.core_rate, steps)
    done, smooth = 0, math.nan
    while done < steps:
        first = rng.permutation(windows(data.starts, length, rng))
        for chosen in np.array_split(first, max(len(first) // settings.core_batch, 1)):
            inputs, dt_s, commands = data.window(chosen, length)
            outputs, _ = core(inputs, dt_s)
            loss = schedule.step(_loss(outputs, commands))
            smooth = loss if math.isnan(smooth) else 0.95 * smooth + 0.05 * loss
            done += 1
            report('core', done, steps, smooth)
            if done >= steps:
                return


def train_jointly(encoder: Encoder, core: LiquidCore, frames: Frames, settings: Optimisation,
                  report: Report) -> None:
    """Stage 3: windows of images through encoder and core, at a small learning rate."""
    rng = np.random.default_rng(settings.seed + 2)
    noise = torch.Generator().manual_seed(settings.seed + 2)
    schedule = _Schedule([*encoder.parameters(), *core.parameters()], settings.joint_rate,
                         settings.joint_steps)
    augment, length, smooth = Photometric(), settings.sequence_length, math.nan
    dt_s, commands = torch.from_numpy(frames.dt_s), torch.from_numpy(frames.commands)
    imu = torch.from_numpy(normalised_imu(frames.imu))
    mirrored_imu = torch.from_numpy(normalised_imu(frames.imu * MIRROR_IMU))
    for done in range(1, settings.joint_steps + 1):
        first = rng.choice(windows(frames.starts, length, rng), settings.joint_batch)
        index = torch.from_numpy(first[:, None] + np.arange(length))
        flip = bool(rng.random() < 0.5)
        images = frames.images[index.flatten()].float() / 255
        if flip:
            images = images.flip(3)
        found = encoder(augment(images, noise)).unflatten(0, index.shape)
        inputs = torch.cat([found, (mirrored_imu if flip else imu)[index]], dim=2)
        outputs, _ = core(inputs, dt_s[index])
        wanted = commands[index] * torch.from_numpy(MIRROR_COMMAND) if flip else commands[index]
        loss = schedule.step(_loss(outputs, wanted))
        smooth = loss if math.isnan(smooth) else 0.95 * smooth + 0.05 * loss
        report('joint', done, settings.joint_steps, smooth)


@torch.no_grad()
def validation_loss(encoder: Encoder, core: LiquidCore, frames: Frames, report: Report) -> float:
    """Mean loss over whole episodes, each flown through by the core from rest."""
    data = Sequences.of(encoder.eval(), frames, report, mirror=False)
    losses = []
    for begin, end in zip(frames.starts[:-1], frames.starts[1:], strict=True):
        inputs, dt_s, commands = data.window(np.array([begin]), int(end - begin))
        losses.append(_loss(core(inputs, dt_s)[0], commands).item())
    return float(np.mean(losses))
