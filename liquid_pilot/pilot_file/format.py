"""A trained pilot on disk: a folder with `pilot.json`, `core.safetensors` and `encoder.onnx`.

A core that is not liquid (core type 'cfc', 'gru', 'lstm', 'feedforward') is a one-step graph in
`core.onnx`, which then stands where `core.safetensors` would. A pilot that can adapt has
`adaptation.safetensors` too: what its training looked like (`pilot_file.training_statistics`). Nothing in a pilot
is ever executed as code or unpickled. `load` checks all of it and raises LiquidPilotError with the
file and the field in the message; `pilot.json` holds the sha256 of the others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as tensors_from_bytes
from safetensors.numpy import save as tensors_to_bytes

from liquid_pilot.interfaces import STEERING_MODES, CameraGeometry, LiquidPilotError, VehicleLimits
from liquid_pilot.liquid.dynamics import LtcParameters
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.pilot_file import onnx_check
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.json_fields import JsonFields, one_line, parse_json
from liquid_pilot.utils.resources import shipped_pilots

FORMAT = 'liquid_pilot'
VERSION = 1
_SPECIFICATION_FILE, _CORE_FILE, _ENCODER_FILE = 'pilot.json', 'core.safetensors', 'encoder.onnx'
_CORE_GRAPH_FILE = 'core.onnx'
STATISTICS_FILE = 'adaptation.safetensors'
"""In the folder of a pilot that can adapt."""
_MAX_FILE_BYTES = {
    _SPECIFICATION_FILE: 1 << 20,
    _CORE_FILE: 64 << 20,
    _ENCODER_FILE: 64 << 20,
    _CORE_GRAPH_FILE: 64 << 20,
    STATISTICS_FILE: 64 << 20,
}
ONNX_CORE_TYPES = ('cfc', 'gru', 'lstm', 'feedforward')
"""Core types that are a one-step ONNX graph with explicit state."""
_NAME_PATTERN = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')
_IMU_VALUES = 6
_COMMAND_VALUES = 4


@dataclass(frozen=True)
class PilotSpecification:
    """What `pilot.json` holds besides the hashes."""

    name: str
    vehicle: str
    """Vehicle class, such as 'quadrotor'."""
    rate_hz: float
    """Frames per second it was trained at."""
    dt_min_s: float
    dt_max_s: float
    """Bounds to which the elapsed time of a tick is clamped."""
    camera: CameraGeometry
    """The camera the encoder was trained with; its size is the encoder's input."""
    core: dict[str, Any]
    """{'type': 'ltc', 'unfolds': int, 'wiring': recipe as `Wiring.to_dict`}, or
    {'type': one of GRAPH_CORES, 'state_size': int}, of an LSTM hidden and cell state together."""
    features: int
    """Outputs of the encoder, F; the core's inputs are the F features, then the 6 IMU values."""
    imu_mean: tuple[float, ...]
    """Of angular velocity x, y, z (rad/s) and specific force x, y, z (m/s^2), body FLU."""
    imu_scale: tuple[float, ...]
    """The core sees (imu - imu_mean) / imu_scale."""
    command_scale: tuple[float, ...]
    """Motor outputs times this are forward, left, up (m/s) and yaw rate (rad/s) or, where it
    steers by curvature, 1/m."""
    limits: VehicleLimits
    """The limits it was trained within."""
    card: dict[str, Any]
    """For readers: data, seeds, the command that made it, figures."""
    rectify: bool = True
    """Whether images are to be freed of their lens's distortion, which its training had not."""
    steering: str = 'yaw_rate'
    """What the last motor output is: one of STEERINGS."""

    @property
    def unfolds(self) -> int:
        """Solver steps a tick; of a core that is a graph there is one."""
        return self.core.get('unfolds', 1)


@dataclass(frozen=True, eq=False)
class PilotFile:
    """A pilot as loaded, checked."""

    path: Path
    specification: PilotSpecification
    wiring: Wiring | None
    parameters: LtcParameters | None
    """Of a liquid core; None for a core that is a graph."""
    encoder: bytes
    """ONNX: 'image' float32 (1,3,H,W) RGB in [0,1] -> 'features' float32 (1,F)."""
    digest: str
    """sha256 of pilot.json, which holds those of the others: it names the whole content."""
    core_graph: bytes | None = None
    """ONNX, float32: 'state' (1,N), 'inputs' (1,F+6), 'dt' (1,1) seconds -> 'state_after' (1,N),
    'output' (1,4); None for a liquid core."""
    training_statistics: TrainingStatistics | None = None
    """What training looked like; None for a pilot that cannot adapt."""

    def known(self) -> TrainingStatistics:
        """What training looked like; LiquidPilotError, which says what to do, without it."""
        if self.training_statistics is None:
            raise LiquidPilotError(
                f'{self.path} holds no statistics of its training, so it cannot adapt; add them '
                'with `liquid-pilot familiarise`, or fly it without adaptation'
            )
        return self.training_statistics


def load(path: str | os.PathLike[str]) -> PilotFile:
    """Read and check the pilot folder `path`; LiquidPilotError names the file and the field."""
    folder = Path(path)
    if not folder.is_dir():
        raise LiquidPilotError(
            f'{folder} is not a folder; a pilot is a folder with {_SPECIFICATION_FILE}, '
            f'{_CORE_FILE} and {_ENCODER_FILE}'
        )
    settings = _read(folder, _SPECIFICATION_FILE)
    where = str(folder / _SPECIFICATION_FILE)
    content = JsonFields(parse_json(settings, where), f'{where}: ', VERSION)
    if content.string('format') != FORMAT:
        raise content.error('format', f'must be {FORMAT!r}')
    if content.integer('version', 0) != VERSION:
        raise content.error(
            'version',
            f'must be {VERSION}; this file was written for another version of liquid_pilot',
        )
    hashes = content.fields('sha256')
    core = content.peek('core')
    graph = isinstance(core, dict) and core.get('type') in ONNX_CORE_TYPES
    core_name = _CORE_GRAPH_FILE if graph else _CORE_FILE
    data = {}
    optional = (STATISTICS_FILE,) if hashes.peek(STATISTICS_FILE) is not None else ()
    for name in (core_name, _ENCODER_FILE, *optional):
        expected = hashes.string(name)
        data[name] = _read(folder, name)
        if hashlib.sha256(data[name]).hexdigest() != expected:
            raise LiquidPilotError(
                f'{folder / name}: the content does not match sha256.{name} of '
                f'{_SPECIFICATION_FILE}; the file was damaged or exchanged'
            )
    hashes.close()
    specification, wiring = _specification(content, len(data[core_name]))
    parameters = None
    if wiring is None:
        onnx_check.check_onnx(data[_CORE_GRAPH_FILE], str(folder / _CORE_GRAPH_FILE))
    else:
        parameters = _parameters(data[_CORE_FILE], folder / _CORE_FILE, wiring)
    onnx_check.check_onnx(data[_ENCODER_FILE], str(folder / _ENCODER_FILE))
    return PilotFile(
        folder,
        specification,
        wiring,
        parameters,
        data[_ENCODER_FILE],
        hashlib.sha256(settings).hexdigest(),
        data.get(_CORE_GRAPH_FILE),
        _statistics(
            data.get(STATISTICS_FILE),
            folder / STATISTICS_FILE,
            specification.features,
            wiring.neurons if wiring else 0,
        ),
    )


def save(
    path: str | os.PathLike[str],
    specification: PilotSpecification,
    wiring: Wiring | None,
    parameters: LtcParameters | None,
    encoder: bytes,
    core_graph: bytes | None = None,
    training_statistics: TrainingStatistics | None = None,
) -> PilotFile:
    """Write a pilot folder, checked as by `load`; `path` never holds half of one.

    A liquid core is given by `wiring` and `parameters`, another one by `core_graph` alone.

    An existing pilot is replaced and other files in its folder are kept; a folder that holds
    something else is refused. `specification.core['wiring']` must be the recipe of `wiring`.
    """
    folder = Path(path)
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir() or folder.is_symlink():
            raise LiquidPilotError(f'{folder} is in the way: not a folder')
        if any(folder.iterdir()) and not (folder / _SPECIFICATION_FILE).is_file():
            raise LiquidPilotError(f'{folder} holds something other than a pilot; choose another')
    graph = specification.core.get('type') in ONNX_CORE_TYPES
    given = (wiring is not None, parameters is not None, core_graph is not None)
    if given != (not graph, not graph, graph):
        raise LiquidPilotError(
            f'core.type {specification.core.get("type")!r} needs '
            f'{"core_graph alone" if graph else "wiring and parameters alone"}'
        )
    if graph:
        core = {_CORE_GRAPH_FILE: bytes(core_graph)}
    else:
        if specification.core.get('wiring') != wiring.to_dict():
            raise LiquidPilotError(
                "core.wiring of the specification is not the given wiring's recipe"
            )
        core = {_CORE_FILE: tensors_to_bytes(parameters.to_tensors())}
    data = {**core, _ENCODER_FILE: bytes(encoder)}
    if training_statistics is not None:
        data[STATISTICS_FILE] = tensors_to_bytes(training_statistics.to_tensors())
    content = {
        'format': FORMAT,
        'version': VERSION,
        **dataclasses.asdict(specification),
        'sha256': {name: hashlib.sha256(data[name]).hexdigest() for name in data},
    }
    try:
        data[_SPECIFICATION_FILE] = (json.dumps(content, indent=2, allow_nan=False) + '\n').encode()
    except (TypeError, ValueError) as error:
        raise LiquidPilotError(f'{_SPECIFICATION_FILE} cannot be written: {error}') from None
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = f'{os.getpid()}-{secrets.token_hex(4)}'
    fresh = folder.parent / f'.{folder.name}.new-{mark}'
    old = folder.parent / f'.{folder.name}.old-{mark}'
    try:
        fresh.mkdir()
        for name, blob in data.items():
            with open(fresh / name, 'xb') as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
        try:
            load(fresh)
        except LiquidPilotError as error:
            raise LiquidPilotError(str(error).replace(str(fresh), str(folder))) from None
        if folder.exists():
            for entry in folder.iterdir():
                if entry.name not in (*data, _CORE_FILE, _CORE_GRAPH_FILE, STATISTICS_FILE):
                    copy = shutil.copytree if entry.is_dir() else shutil.copy2
                    copy(entry, fresh / entry.name)
            folder.rename(old)
        fresh.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return load(folder)


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """The folder of a pilot: a shipped one by name ('forest-ltc'), anything else as a path.

    A bare name that is both a shipped pilot and a folder here means the shipped one; write
    './name' for the other. LiquidPilotError lists the shipped pilots when there is no such folder.
    """
    text = os.fspath(name_or_path)
    known = shipped_pilots()
    if text in known:
        return known[text]
    folder = Path(text).expanduser()
    if folder.is_dir():
        return folder
    names = ', '.join(sorted(known)) or 'none'
    raise LiquidPilotError(
        f'there is no pilot {text!r}: neither a folder nor one of the shipped pilots ({names})'
    )


def _specification(
    content: JsonFields, core_bytes: int
) -> tuple[PilotSpecification, Wiring | None]:
    name = content.string('name')
    if not _NAME_PATTERN.fullmatch(name):
        raise content.error('name', 'may have letters, digits, ".", "_" and "-" only')
    vehicle = content.string('vehicle')
    rate_hz = content.number('rate_hz', 0.1, 1000.0)
    dt_min_s = content.number('dt_min_s', 1e-4, 10.0)
    dt_max_s = content.number('dt_max_s', dt_min_s, 10.0)
    if not dt_min_s <= 1.0 / rate_hz <= dt_max_s:
        raise content.error('rate_hz', f'must fit dt_min_s {dt_min_s} and dt_max_s {dt_max_s}')
    camera = content.fields('camera')
    geometry = CameraGeometry(
        camera.integer('width', 1, 8192),
        camera.integer('height', 1, 8192),
        *(camera.number(key, 1e-3, 1e6) for key in ('fx', 'fy')),
        *(camera.number(key, -1e6, 1e6) for key in ('cx', 'cy')),
    )
    camera.close()
    core = content.fields('core')
    features = content.integer('features', 1, 4096)
    core_content, wiring = _core(core, features, core_bytes)
    imu_mean = content.numbers('imu_mean', _IMU_VALUES, -1e6, 1e6)
    imu_scale = content.numbers('imu_scale', _IMU_VALUES, 1e-6, 1e6)
    command_scale = content.numbers('command_scale', _COMMAND_VALUES, 1e-6, 1e6)
    bounds = content.fields('limits')
    values = {
        key: bounds.numbers(key, _COMMAND_VALUES, -1e6, 1e6)
        for key in ('maximum', 'slew', 'safe_command')
    }
    timeout_s = bounds.number('command_timeout_s', 1e-3, 10.0)
    bounds.close()
    try:
        limits = VehicleLimits(command_timeout_s=timeout_s, **values)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{content.prefix}{error}') from None
    card = content.take('card', dict, 'an object')
    rectify = content.flag('rectify', True)
    steering = STEERING_MODES[0] if content.peek('steering') is None else content.string('steering')
    if steering not in STEERING_MODES:
        raise content.error('steering', f'must be one of {", ".join(STEERING_MODES)}')
    content.close()
    return PilotSpecification(
        name,
        vehicle,
        rate_hz,
        dt_min_s,
        dt_max_s,
        geometry,
        core_content,
        features,
        imu_mean,
        imu_scale,
        command_scale,
        limits,
        card,
        rectify,
        steering,
    ), wiring


def _core(core: JsonFields, features: int, core_bytes: int) -> tuple[dict[str, Any], Wiring | None]:
    """The checked object `core`, and its wiring where it is liquid."""
    kind = core.string('type')
    if kind in ONNX_CORE_TYPES:
        size = core.integer('state_size', 1, 1 << 16)
        core.close()
        return {'type': kind, 'state_size': size}, None
    if kind != 'ltc':
        raise core.error('type', f"must be 'ltc' or one of {', '.join(ONNX_CORE_TYPES)}")
    unfolds = core.integer('unfolds', 1, 64)
    recipe = core.take('wiring', dict, 'an object')
    sizes = [recipe.get(name, 0) for name in ('inputs', 'neurons', 'inter', 'command', 'motor')]
    if all(isinstance(size, int) for size in sizes):
        # To draw a large wiring takes minutes; one that the tensors cannot have is not drawn.
        neurons = max(0, *sizes[1:]) if sizes[1] else sum(sizes[2:])
        if 16 * neurons * (neurons + sizes[0]) > 2 * core_bytes + (1 << 20):
            raise core.error('wiring', f'is too large for the {core_bytes} bytes of {_CORE_FILE}')
    try:
        wiring = Wiring.from_dict(recipe)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{core.prefix}{one_line(error)}') from None
    core.close()
    if wiring.inputs != features + _IMU_VALUES:
        raise core.error(
            'wiring.inputs',
            f'must be features + {_IMU_VALUES} = {features + _IMU_VALUES}, not {wiring.inputs}',
        )
    if wiring.motors != _COMMAND_VALUES:
        raise core.error(
            'wiring', f'must have {_COMMAND_VALUES} motor neurons, not {wiring.motors}'
        )
    return {'type': 'ltc', 'unfolds': unfolds, 'wiring': wiring.to_dict()}, wiring


def _tensors(data: bytes, file: Path) -> dict[str, np.ndarray]:
    try:
        return tensors_from_bytes(data)
    # Besides its own error, the reader lets through what numpy says of an unusual dtype.
    except (SafetensorError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise LiquidPilotError(
            f'{file}: not a readable safetensors file ({one_line(error)})'
        ) from None


def _statistics(
    data: bytes | None, file: Path, features: int, neurons: int
) -> TrainingStatistics | None:
    if data is None:
        return None
    tensors = _tensors(data, file)
    try:
        return TrainingStatistics.from_tensors(tensors, features, neurons)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{file}: {one_line(error)}') from None


def _parameters(data: bytes, file: Path, wiring: Wiring) -> LtcParameters:
    tensors = _tensors(data, file)
    try:
        parameters = LtcParameters.from_tensors(tensors)
        sizes = (parameters.inputs, parameters.neurons, parameters.motors)
        if sizes != (wiring.inputs, wiring.neurons, wiring.motors):
            raise LiquidPilotError(
                f"tensors 'input_w', 'gleak', 'output_w' have the sizes {sizes}, core.wiring "
                f'needs {(wiring.inputs, wiring.neurons, wiring.motors)}'
            )
        for name, polarity in (('w', wiring.polarity), ('sensory_w', wiring.sensory_polarity)):
            if (getattr(parameters, name)[polarity == 0] != 0.0).any():
                raise LiquidPilotError(f'tensor {name!r} has synapses that core.wiring has not')
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{file}: {one_line(error)}') from None
    return parameters


def _read(folder: Path, name: str) -> bytes:
    """The content of a file of the folder, within the size limit."""
    file = folder / name
    try:
        target = file.resolve(strict=True)
        if not target.is_relative_to(folder.resolve()):
            raise LiquidPilotError(
                f'{file}: is a link out of the folder; put the file itself there'
            )
        if not target.is_file():
            raise LiquidPilotError(f'{file}: is not a regular file')
        with open(target, 'rb') as stream:
            data = stream.read(_MAX_FILE_BYTES[name] + 1)
    except FileNotFoundError:
        raise LiquidPilotError(f'{file}: is missing') from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise LiquidPilotError(f'{file}: cannot be read ({error})') from None
    if len(data) > _MAX_FILE_BYTES[name]:
        raise LiquidPilotError(f'{file}: is larger than {_MAX_FILE_BYTES[name] >> 20} MiB')
    return data
