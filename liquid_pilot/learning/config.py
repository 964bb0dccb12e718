"""All that a training run depends on, with the range of each value and what it means."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError

CORES = ('ltc', 'cfc', 'gru', 'gru_dt', 'lstm', 'feedforward')
WIRINGS = ('ncp', 'dense')
PRESETS = ('none', 'photometric', 'strong')
BACKENDS = ('auto', 'numba', 'torch')


def _number(default: float, low: float, high: float, text: str) -> Any:
    return field(default=default, metadata={'low': low, 'high': high, 'text': text})


def _choice(default: str, choices: tuple[str, ...], text: str) -> Any:
    return field(default=default, metadata={'choices': choices, 'text': text})


def _preset_number(text: str) -> Any:
    return _number(-1.0, -1.0, 1.0, f'{text}; 0 is off, -1 is as the preset says')


def _plain(default: Any, text: str) -> Any:
    return field(default=default, metadata={'text': text})


@dataclass(frozen=True)
class TrainingSettings:
    """A YAML file may set any of it, and `--set KEY=VALUE` any of it again."""

    name: str = _plain('pilot', 'name of the pilot')
    tuning: str = _plain('', 'for the card: what was tried before these settings were chosen')
    seed: int = _number(1, 0, 1 << 31, 'of weights, wiring, shuffling and augmentation')

    vehicle: str = _plain('quadrotor', 'vehicle class')
    first_seed: int = _number(1_000_000, 0, 1 << 40, 'forest of the first demonstration')
    episodes: int = _number(500, 1, 1_000_000, 'demonstrations')
    validation_seed: int = _number(2_000_000, 0, 1 << 40, 'forest of the first held-out one')
    validation_episodes: int = _number(40, 1, 100_000, 'held-out demonstrations')
    held_out_share: float = _number(0.08, 0.001, 0.5, 'of a folder of episodes that names none')
    disturbance: float = _number(1.3, 0, 10, "level of the noise in the demonstrator's commands")
    image_width: int = _number(128, 16, 1024, 'pixels that the encoder sees')
    image_height: int = _number(72, 16, 1024, 'pixels that the encoder sees')
    mirror: bool = _plain(True, 'learn from mirror images too; not for an asymmetric vehicle')

    core: str = _choice('ltc', CORES, 'what is trained behind the encoder')
    wiring: str = _choice('ncp', WIRINGS, 'of an ltc')
    core_size: int = _number(
        0,
        0,
        4096,
        'neurons of a core without roles; 0: as many as bring it '
        'nearest to the parameters of the ncp-wired ltc',
    )
    features: int = _number(32, 1, 4096, 'outputs of the encoder')
    inter: int = _number(18, 1, 4096, 'inter neurons')
    command: int = _number(12, 1, 4096, 'command neurons')
    sensory_fanout: int = _number(10, 1, 4096, 'inter neurons that an input feeds')
    inter_fanout: int = _number(8, 1, 4096, 'command neurons that an inter neuron feeds')
    recurrent_command_synapses: int = _number(12, 0, 1 << 20, 'among the command neurons')
    motor_fanin: int = _number(8, 1, 4096, 'command neurons that feed a motor neuron')
    unfolds: int = _number(6, 1, 64, 'solver steps a tick')
    slowest_s: float = _number(
        0.5,
        0.02,
        1000,
        'slowest initial time constant of an ltc, in seconds: as long as it has to remember',
    )
    backend: str = _choice('auto', BACKENDS, 'of the ltc: numba on the CPU, torch elsewhere')

    sequence_length: int = _number(
        64,
        0,
        100_000,
        'frames that back-propagation goes through; 0: whole episodes, as courses to remember want',
    )
    encoder_epochs: int = _number(8, 0, 10_000, 'times that the encoder sees every frame')
    encoder_batch: int = _number(64, 1, 65_536, 'frames')
    encoder_rate: float = _number(2e-3, 0, 1, 'learning rate')
    core_epochs: int = _number(60, 0, 100_000, 'times that the core sees every window')
    core_batch: int = _number(32, 1, 65_536, 'windows')
    core_rate: float = _number(4e-3, 0, 1, 'learning rate')
    recall: float = _number(
        0.0,
        0,
        1000,
        "weight of a loss by which features and the core's state "
        'must tell where the target is, seen or not; 0 is off',
    )
    joint_steps: int = _number(0, 0, 10_000_000, 'end-to-end steps after the last round')
    joint_batch: int = _number(4, 1, 4096, 'windows')
    joint_rate: float = _number(3e-4, 0, 1, 'learning rate')
    patience: int = _number(
        15,
        1,
        100_000,
        'evaluations without a better validation loss before '
        'a stage ends; the best weights are kept',
    )
    fine_tune_rate: float = _number(0.2, 0, 1, 'factor on all learning rates with --from')
    encoder_frozen: bool = _plain(False, 'with --from or --encoder: leave the encoder as it is')
    dagger_rounds: int = _number(0, 0, 100, 'rounds in which the pilot steers, the expert labels')
    dagger_episodes: int = _number(150, 1, 1_000_000, 'flights of such a round')

    augmentation: str = _choice('photometric', PRESETS, 'preset of the values below')
    brightness: float = _preset_number('largest shift of brightness, of full scale')
    contrast: float = _preset_number('largest change of contrast, a share')
    channel_gain: float = _preset_number('largest change of a colour channel, a share')
    noise: float = _preset_number('largest sigma of sensor noise, of full scale')
    blur: float = _preset_number('largest share of a blurred image in the mixture')
    erasing: float = _preset_number('largest rectangle painted over, share of the area')
    dropped_frames: float = _preset_number('largest share of frames left out of a sequence')
    irregular_dt: float = _preset_number('largest jitter of the elapsed time, a share')

    checkpoint_s: float = _number(30.0, 0, 1e6, 'seconds between two checkpoints')
    checkpoint_steps: int = _number(0, 0, 1 << 31, 'steps between two checkpoints; 0: by time')

    def __post_init__(self) -> None:
        """Refuse, by name, what is out of range."""
        for setting in fields(self):
            _check(setting.name, getattr(self, setting.name), setting.metadata)

    @classmethod
    def from_mapping(cls, values: dict[str, Any] | None, source: str) -> TrainingSettings:
        """Settings from a mapping; unknown keys, wrong types and ranges are refused by name."""
        known = {setting.name: setting for setting in fields(cls)}
        if values is not None and not isinstance(values, dict):
            raise LiquidPilotError(f'{source}: expected `key: value` lines')
        checked: dict[str, Any] = {}
        for key, value in (values or {}).items():
            if key not in known:
                raise LiquidPilotError(
                    f'{source}: unknown key {key!r}; known: {", ".join(sorted(known))}'
                )
            kind = type(known[key].default)
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if type(value) is not kind:
                raise LiquidPilotError(f'{source}: {key} must be {kind.__name__}, not {value!r}')
            checked[key] = value
        try:
            return cls(**checked)
        except LiquidPilotError as error:
            raise LiquidPilotError(f'{source}: {error}') from None

    @classmethod
    def from_yaml(cls, path: Path) -> TrainingSettings:
        """Settings from a YAML file."""
        import yaml

        try:
            return cls.from_mapping(yaml.safe_load(path.read_text()), str(path))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise LiquidPilotError(f'{path}: cannot be read as YAML ({error})') from error


def _check(name: str, value: Any, bounds: Any) -> None:
    if 'choices' in bounds and value not in bounds['choices']:
        raise LiquidPilotError(
            f'{name} must be one of {", ".join(bounds["choices"])}, not {value!r}'
        )
    if 'low' in bounds and not (math.isfinite(value) and bounds['low'] <= value <= bounds['high']):
        raise LiquidPilotError(
            f'{name} must be >= {bounds["low"]} and <= {bounds["high"]}, not {value!r}'
        )
