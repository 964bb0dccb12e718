"""From a configuration to a pilot file: collect, learn, export, and say what came of it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning import demonstrations, imitation
from liquid_pilot.learning.dataset import Frames
from liquid_pilot.learning.encoder import Encoder
from liquid_pilot.learning.ltc import LiquidCore
from liquid_pilot.liquid import pilot_file, wiring
from liquid_pilot.liquid.pilot_file import PilotFile, PilotSpecification
from liquid_pilot.onboard.vehicles.classes import LIMITS
from liquid_pilot.simulation.world import SimulationSettings


@dataclass(frozen=True)
class TrainingSettings:
    """All that a training run depends on; a YAML file may set any of it."""

    name: str = 'pilot'
    vehicle: str = 'quadrotor'
    seed: int = 1
    first_seed: int = 1_000_000
    episodes: int = 500
    validation_seed: int = 2_000_000
    validation_episodes: int = 40
    disturbance: float = 1.3
    image_width: int = 128
    image_height: int = 72
    features: int = 32
    inter: int = 18
    command: int = 12
    sensory_fanout: int = 10
    inter_fanout: int = 8
    recurrent_command_synapses: int = 12
    motor_fanin: int = 8
    unfolds: int = 6
    sequence_length: int = 64
    encoder_epochs: int = 8
    core_epochs: int = 60
    joint_steps: int = 0
    dagger_rounds: int = 0
    dagger_episodes: int = 150

    @classmethod
    def from_mapping(cls, values: dict[str, Any] | None, source: str) -> TrainingSettings:
        """Settings from a mapping; unknown keys and wrong types are refused by name."""
        known = {field.name: field for field in fields(cls)}
        if values is not None and not isinstance(values, dict):
            raise LiquidPilotError(f'{source}: expected `key: value` lines')
        checked: dict[str, Any] = {}
        for key, value in (values or {}).items():
            if key not in known:
                raise LiquidPilotError(
                    f'{source}: unknown key {key!r}; known: {", ".join(sorted(known))}')
            kind = type(known[key].default)
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if type(value) is not kind:
                raise LiquidPilotError(
                    f'{source}: {key} must be {kind.__name__}, not {value!r}')
            if kind is not str and (value < 0 or not math.isfinite(value)):
                raise LiquidPilotError(f'{source}: {key} must be >= 0, not {value!r}')
            checked[key] = value
        return cls(**checked)

    @classmethod
    def from_yaml(cls, path: Path) -> TrainingSettings:
        """Settings from a YAML file."""
        import yaml

        try:
            return cls.from_mapping(yaml.safe_load(path.read_text()), str(path))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise LiquidPilotError(f'{path}: cannot be read as YAML ({error})') from error


Announce = Callable[[str, int, int, float], None]
"""(stage, done, of, loss or NaN): called often; the caller draws the progress."""


def _collect(settings: TrainingSettings, folder: Path, first_seed: int, count: int, workers: int,
             announce: Announce, stage: str, pilot: Path | None = None) -> list[Path]:
    collection = demonstrations.CollectionSettings(
        settings.image_width, settings.image_height,
        demonstrations.Disturbance(level=settings.disturbance * (0.5 if pilot else 1.0)),
        str(pilot.resolve()) if pilot else None,
    )
    folder.mkdir(parents=True, exist_ok=True)
    note, made_with = folder / 'settings.json', json.dumps(asdict(collection), sort_keys=True)
    if note.exists() and note.read_text() != made_with:
        raise LiquidPilotError(f'{folder} holds demonstrations of other settings; '
                               'choose another --out, or delete it')
    note.write_text(made_with)
    done = 0

    def on_episode(seed: int, outcome: str, frames: int) -> None:
        nonlocal done
        done += 1
        announce(stage, done, count, math.nan)

    return demonstrations.collect(range(first_seed, first_seed + count), folder, collection,
                                  workers, on_episode)


def _finished_round(path: Path, settings: TrainingSettings) -> PilotFile | None:
    """The pilot of a round that was finished before, or None."""
    if not path.exists():
        return None
    pilot = pilot_file.load(path)
    if pilot.specification.card.get('settings') != asdict(settings):
        raise LiquidPilotError(f'{path} was trained with other settings; choose another --out')
    return pilot


def make_core(settings: TrainingSettings) -> LiquidCore:
    """The untrained NCP-wired core of a configuration."""
    return LiquidCore(
        wiring.ncp(settings.features + 6, settings.inter, settings.command, 4,
                   settings.sensory_fanout, settings.inter_fanout,
                   settings.recurrent_command_synapses, settings.motor_fanin, settings.seed),
        settings.unfolds, seed=settings.seed)


def export(path: Path, encoder: Encoder, core: LiquidCore, settings: TrainingSettings,
           card: dict[str, Any]) -> PilotFile:
    """Write encoder and core as a pilot file."""
    simulation = SimulationSettings()
    camera = CameraGeometry.from_vertical_fov(
        settings.image_width, settings.image_height, simulation.camera_vertical_fov_rad)
    period_s = 1.0 / simulation.camera_rate_hz
    specification = PilotSpecification(
        name=settings.name, vehicle=settings.vehicle, rate_hz=float(simulation.camera_rate_hz),
        dt_min_s=0.1 * period_s, dt_max_s=20 * period_s, camera=camera,
        core={'type': 'ltc', 'unfolds': settings.unfolds, 'wiring': core.wiring.to_dict()},
        features=settings.features, imu_mean=imitation.IMU_MEAN, imu_scale=imitation.IMU_SCALE,
        command_scale=imitation.COMMAND_SCALE, limits=LIMITS[settings.vehicle], card=card)
    return pilot_file.save(path, specification, core.wiring, core.export(), encoder.to_onnx())


def train(settings: TrainingSettings, out: Path, announce: Announce, workers: int = 2,
          threads: int | None = None) -> PilotFile:
    """Collect demonstrations into `out`/demonstrations, learn, and write `out`/pilot.

    Demonstrations and finished rounds that are already in `out` are used again, so an interrupted
    run goes on where it was.
    """
    torch.set_num_threads(threads or os.cpu_count() or 1)
    curves: list[tuple[str, int, float]] = []

    def report(stage: str, done: int, of: int, loss: float) -> None:
        if not math.isnan(loss) and (done % 10 == 0 or done == of):
            curves.append((stage, done, loss))
        announce(stage, done, of, loss)

    s = settings
    paths = _collect(s, out / 'demonstrations', s.first_seed, s.episodes, workers, report,
                     'demonstrations')
    held_out = _collect(s, out / 'validation', s.validation_seed, s.validation_episodes, workers,
                        report, 'validation')
    optimisation = imitation.Optimisation(
        seed=s.seed, encoder_epochs=s.encoder_epochs, core_epochs=s.core_epochs,
        sequence_length=s.sequence_length, joint_steps=s.joint_steps)
    validation = Frames.load(held_out)
    for turn in range(s.dagger_rounds + 1):
        if turn:
            paths += _collect(s, out / f'dagger_{turn}', s.first_seed + 100_000 * turn,
                              s.dagger_episodes, workers, report, f'dagger {turn}',
                              out / f'round_{turn - 1}')
        pilot = _finished_round(out / f'round_{turn}', s)
        if pilot is not None:
            continue
        frames = Frames.load(paths)
        encoder = imitation.train_encoder(frames, s.features, optimisation, report)
        core = make_core(s)
        data = imitation.Sequences.of(encoder, frames, report, augment_seed=s.seed + 7)
        imitation.fit_input_scale(core, data.inputs)
        imitation.train_core(core, data, optimisation, report)
        if s.joint_steps and turn == s.dagger_rounds:
            imitation.train_jointly(encoder.train(), core, frames, optimisation, report)
        loss = imitation.validation_loss(encoder, core, validation, report)
        outcomes = {o: frames.outcomes.count(o) for o in sorted(set(frames.outcomes))}
        card = {
            'settings': asdict(s),
            'frames': len(frames),
            'demonstration_outcomes': outcomes,
            'validation_loss': round(loss, 5),
            'parameters': count_parameters(encoder, core),
        }
        pilot = export(out / f'round_{turn}', encoder, core, s, card)
    pilot = pilot_file.save(out / 'pilot', pilot.specification, pilot.wiring, pilot.parameters,
                            pilot.encoder)
    _draw_curves(curves, out / 'curves.png')
    return pilot


def count_parameters(encoder: Encoder, core: LiquidCore) -> dict[str, int]:
    """Numbers of trained parameters; of the core's synapses only those that the wiring has."""
    of_encoder = sum(p.numel() for p in encoder.parameters())
    w = core.wiring
    of_core = (4 * (w.synapses + w.sensory_synapses) + 3 * w.neurons + 2 * w.inputs + 2 * w.motors)
    return {'encoder': of_encoder, 'core': of_core, 'total': of_encoder + of_core}


def _draw_curves(curves: list[tuple[str, int, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    stages = list(dict.fromkeys(stage for stage, _, _ in curves))
    figure, axes = pyplot.subplots(1, max(len(stages), 1), figsize=(4.5 * len(stages), 3.2),
                                   squeeze=False)
    for axis, stage in zip(axes[0], stages, strict=False):
        steps, losses = np.array([(d, v) for name, d, v in curves if name == stage]).T
        axis.plot(steps, losses)
        axis.set(title=stage, xlabel='step', ylabel='loss', yscale='log')
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
