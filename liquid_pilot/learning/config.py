"""The settings of a training, each with its default, its range and its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.entry_points import Choices, ExtensionNames
from liquid_pilot.utils.settings import check, check_all, declared_settings, setting

CORES = ('ltc', 'lrc', 'cfc', 'gru', 'gru_dt', 'lstm', 'mixed_memory', 'feedforward')
"""Kinds of core of this package: two liquid ones (LTC and LRC), and the baselines. Mixed memory is
an LSTM that writes the potentials of an LTC."""
CORE_ENTRY_POINTS = 'liquid_pilot.cores'
"""Entry-point group of the cores of other packages; see `models.factory`."""
ALL_CORES = Choices(CORES, ExtensionNames(CORE_ENTRY_POINTS))
"""Kinds of core, those of other packages last."""
WIRINGS = ('ncp', 'dense')
"""Wirings of a liquid core."""
PRESETS = ('none', 'photometric', 'strong', 'broad')
"""Presets of the augmentation."""
BACKENDS = ('auto', 'numba', 'torch')
"""Implementations of a liquid core."""


def _strength(description: str) -> Any:
    """Return the field of an augmentation strength, which may override the preset."""
    return setting(-1.0, f'{description}; 0 is off, -1 follows the preset', low=-1.0, high=1.0)


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a training; a YAML file may set any of them, and `--set` overrides it.

    Their names are keys of YAML files and of the card in pilot.json.
    """

    name: str = setting('pilot', 'name of the pilot')
    tuning: str = setting('', "note for the pilot's card: what was tried before these settings")
    seed: int = setting(
        1, 'seed of weights, wiring, shuffling and augmentation', low=0, high=1 << 31
    )

    vehicle: str = setting('quadrotor', 'class of vehicle')
    first_seed: int = setting(1_000_000, 'seed of the first demonstration', low=0, high=1 << 40)
    episodes: int = setting(500, 'number of demonstrations', low=1, high=1_000_000)
    validation_seed: int = setting(
        2_000_000, 'seed of the first held-out demonstration', low=0, high=1 << 40
    )
    validation_episodes: int = setting(40, 'number of held-out demonstrations', low=1, high=100_000)
    held_out_share: float = setting(
        0.08, 'share of a folder of demonstrations that is held out', low=0.001, high=0.5
    )
    disturbance: float = setting(
        1.3, "level of the action noise on the expert's commands", low=0, high=10
    )
    image_width: int = setting(
        128, "width of the encoder's input image", 'pixels', low=16, high=1024
    )
    image_height: int = setting(
        72, "height of the encoder's input image", 'pixels', low=16, high=1024
    )
    mirror: bool = setting(
        True, 'whether to learn from mirror images too; not for an asymmetric vehicle'
    )

    core: str = setting('ltc', 'kind of core behind the encoder', choices=ALL_CORES)
    wiring: str = setting('ncp', 'wiring of an ltc or lrc', choices=WIRINGS)
    core_size: int = setting(
        0,
        'neurons of a core that is not ncp-wired; 0 for the number that brings its '
        'parameters nearest to those of the ncp-wired ltc',
        low=0,
        high=4096,
    )
    features: int = setting(32, 'number of features, the outputs of the encoder', low=1, high=4096)
    inter: int = setting(18, 'number of inter neurons', low=1, high=4096)
    command: int = setting(12, 'number of command neurons', low=1, high=4096)
    sensory_fanout: int = setting(10, 'inter neurons that each input feeds', low=1, high=4096)
    inter_fanout: int = setting(8, 'command neurons that each inter neuron feeds', low=1, high=4096)
    recurrent_command_synapses: int = setting(
        12, 'number of synapses among the command neurons', low=0, high=1 << 20
    )
    motor_fanin: int = setting(8, 'command neurons that feed each motor neuron', low=1, high=4096)
    unfolds: int = setting(
        6, 'solver steps per tick of an ltc, also within mixed_memory', low=1, high=64
    )
    slowest_s: float = setting(
        0.5,
        'largest initial time constant of an ltc or lrc, also within mixed_memory; as long as it '
        'has to remember',
        's',
        low=0.02,
        high=1000,
    )
    backbone_units: int = setting(
        0, 'units of the layer before the gates of a cfc; 0 for none', low=0, high=4096
    )
    backend: str = setting(
        'auto',
        'implementation of an ltc or lrc; auto is numba on the CPU and torch elsewhere',
        choices=BACKENDS,
    )

    sequence_length: int = setting(
        64,
        'length of back-propagation through time; 0 for whole episodes, as memory courses need',
        'frames',
        low=0,
        high=100_000,
    )
    encoder_epochs: int = setting(8, 'passes of the encoder over all frames', low=0, high=10_000)
    encoder_batch: int = setting(64, 'batch of the encoder stage', 'frames', low=1, high=65_536)
    encoder_rate: float = setting(2e-3, 'learning rate of the encoder stage', low=0, high=1)
    core_epochs: int = setting(60, 'passes of the core over all windows', low=0, high=100_000)
    core_batch: int = setting(32, 'batch of the core stage', 'windows', low=1, high=65_536)
    core_rate: float = setting(4e-3, 'learning rate of the core stage', low=0, high=1)
    recall: float = setting(
        0.0,
        "weight of an auxiliary loss by which features and the core's state must encode the "
        'direction of the target, visible or not; 0 is off',
        low=0,
        high=1000,
    )
    joint_steps: int = setting(0, 'end-to-end steps after the last round', low=0, high=10_000_000)
    joint_batch: int = setting(4, 'batch of the joint stage', 'windows', low=1, high=4096)
    joint_rate: float = setting(3e-4, 'learning rate of the joint stage', low=0, high=1)
    patience: int = setting(
        15,
        'validations without a better loss after which a stage stops; the best weights are kept',
        low=1,
        high=100_000,
    )
    fine_tune_rate: float = setting(0.2, 'factor on all learning rates with --from', low=0, high=1)
    encoder_frozen: bool = setting(
        False, 'with --from or --encoder: whether the encoder stays as it is'
    )
    dagger_rounds: int = setting(
        0, 'rounds in which the pilot steers and the expert labels', low=0, high=100
    )
    dagger_episodes: int = setting(150, 'flights of each such round', low=1, high=1_000_000)

    augmentation: str = setting('photometric', 'preset of the following strengths', choices=PRESETS)
    brightness: float = _strength('largest shift of the brightness, as a share of full scale')
    contrast: float = _strength('largest relative change of the contrast')
    channel_gain: float = _strength('largest relative change of a colour channel')
    noise: float = _strength('largest standard deviation of noise, as a share of full scale')
    blur: float = _strength('largest share of a blurred image in the mixture')
    erasing: float = _strength('largest area of an erased rectangle, as a share of the image')
    random_convolution: float = _strength(
        'probability that an image is filtered by a random convolution'
    )
    mixture: float = _strength(
        'largest share, in every third image, of copies that chains of simple operations changed'
    )
    uneven_light: float = _strength('largest relative change of a pixel by smooth shade and light')
    occluders: float = _strength(
        'largest area of random shapes in every third image, as a share of the image'
    )
    dropped_frames: float = _strength('largest share of frames dropped from a sequence')
    irregular_dt: float = _strength('largest relative jitter of the elapsed time')

    checkpoint_s: float = setting(30.0, 'time between two checkpoints', 's', low=0, high=1e6)
    checkpoint_steps: int = setting(
        0, 'steps between two checkpoints; 0 for checkpoints by time alone', low=0, high=1 << 31
    )

    def __post_init__(self) -> None:
        """Check every value; LiquidPilotError names the first that is not allowed."""
        check_all(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any] | None, source: str) -> TrainingSettings:
        """Check plain values and return the settings, with defaults for those left out.

        Args:
            values: values by the name of the setting; None for none.
            source: where they come from, for error messages.

        Raises:
            LiquidPilotError: a name is unknown, or a value has the wrong type or is out of range.
        """
        declared = declared_settings(cls)
        if values is not None and not isinstance(values, dict):
            raise LiquidPilotError(f'{source}: expected `key: value` lines')
        checked: dict[str, Any] = {}
        for key, value in (values or {}).items():
            if key not in declared:
                raise LiquidPilotError(
                    f'{source}: unknown key {key!r}; known: {", ".join(sorted(declared))}'
                )
            checked[key] = check(declared[key], value, f'{source}: {key}')
        return cls(**checked)

    @classmethod
    def from_yaml(cls, path: Path) -> TrainingSettings:
        """Read the settings of a YAML file.

        Raises:
            LiquidPilotError: the file cannot be read, or a value is wrong.
        """
        return cls.from_mapping(cls.values_of_yaml(path), str(path))

    @classmethod
    def values_of_yaml(cls, path: Path) -> dict[str, Any]:
        """Read the values that a YAML file sets, by name and not yet checked.

        Raises:
            LiquidPilotError: the file cannot be read, or holds something else than values by name.
        """
        import yaml

        try:
            values = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise LiquidPilotError(f'{path}: cannot be read as YAML ({error})') from error
        if values is not None and not isinstance(values, dict):
            raise LiquidPilotError(f'{path}: expected `key: value` lines')
        return values or {}
