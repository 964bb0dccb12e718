"""A trained pilot on disk: a folder with `pilot.json`, `core.safetensors` and `encoder.onnx`.

Nothing in it is ever executed or unpickled. `load` checks all of it and raises LiquidPilotError
with the file and the field in the message; `pilot.json` holds the sha256 of the other two.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load as tensors_from_bytes
from safetensors.numpy import save as tensors_to_bytes

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError, VehicleLimits
from liquid_pilot.liquid.dynamics import LtcParameters
from liquid_pilot.liquid.wiring import Wiring

FORMAT = 'liquid_pilot'
VERSION = 1
_SETTINGS, _CORE, _ENCODER = 'pilot.json', 'core.safetensors', 'encoder.onnx'
_LARGEST_BYTES = {_SETTINGS: 1 << 20, _CORE: 64 << 20, _ENCODER: 64 << 20}
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')
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
    """{'type': 'ltc', 'unfolds': int, 'wiring': recipe as `Wiring.to_dict`}."""
    features: int
    """Outputs of the encoder, F; the core's inputs are the F features, then the 6 IMU values."""
    imu_mean: tuple[float, ...]
    """Of angular velocity x, y, z (rad/s) and specific force x, y, z (m/s^2), body FLU."""
    imu_scale: tuple[float, ...]
    """The core sees (imu - imu_mean) / imu_scale."""
    command_scale: tuple[float, ...]
    """Motor outputs times this are forward, left, up (m/s) and yaw rate (rad/s)."""
    limits: VehicleLimits
    """The limits it was trained within."""
    card: dict[str, Any]
    """For readers: data, seeds, the command that made it, figures."""

    @property
    def unfolds(self) -> int:
        """Solver steps a tick."""
        return self.core['unfolds']


@dataclass(frozen=True, eq=False)
class PilotFile:
    """A pilot as loaded, checked."""

    path: Path
    specification: PilotSpecification
    wiring: Wiring
    parameters: LtcParameters
    encoder: bytes
    """ONNX: 'image' float32 (1,3,H,W) RGB in [0,1] -> 'features' float32 (1,F)."""
    digest: str
    """sha256 of pilot.json, which holds those of the other two: it names the whole content."""


def load(path: str | os.PathLike[str]) -> PilotFile:
    """Read and check the pilot folder `path`; LiquidPilotError names the file and the field."""
    folder = Path(path)
    if not folder.is_dir():
        raise LiquidPilotError(f'{folder} is not a folder; a pilot is a folder with {_SETTINGS}, '
                               f'{_CORE} and {_ENCODER}')
    settings = _read(folder, _SETTINGS)
    content = _Fields(_parse_json(settings, folder / _SETTINGS), f'{folder / _SETTINGS}: ')
    if content.string('format') != FORMAT:
        raise content.error('format', f'must be {FORMAT!r}')
    if content.integer('version', 0) != VERSION:
        raise content.error('version', f'must be {VERSION}; this file was written for another '
                                       'version of liquid_pilot')
    hashes = content.fields('sha256')
    data = {}
    for name in (_CORE, _ENCODER):
        expected = hashes.string(name)
        data[name] = _read(folder, name)
        if hashlib.sha256(data[name]).hexdigest() != expected:
            raise LiquidPilotError(f'{folder / name}: the content does not match sha256.{name} of '
                                   f'{_SETTINGS}; the file was damaged or exchanged')
    hashes.close()
    specification, wiring = _specification(content)
    parameters = _parameters(data[_CORE], folder / _CORE, wiring)
    if not data[_ENCODER]:
        raise LiquidPilotError(f'{folder / _ENCODER}: is empty')
    return PilotFile(folder, specification, wiring, parameters, data[_ENCODER],
                     hashlib.sha256(settings).hexdigest())


def save(
    path: str | os.PathLike[str],
    specification: PilotSpecification,
    wiring: Wiring,
    parameters: LtcParameters,
    encoder: bytes,
) -> PilotFile:
    """Write a pilot folder, checked as by `load`; `path` never holds half of one.

    An existing pilot is replaced and other files in its folder are kept; a folder that holds
    something else is refused. `specification.core['wiring']` must be the recipe of `wiring`.
    """
    folder = Path(path)
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir() or folder.is_symlink():
            raise LiquidPilotError(f'{folder} is in the way: not a folder')
        if any(folder.iterdir()) and not (folder / _SETTINGS).is_file():
            raise LiquidPilotError(f'{folder} holds something other than a pilot; choose another')
    if specification.core.get('wiring') != wiring.to_dict():
        raise LiquidPilotError("core.wiring of the specification is not the given wiring's recipe")
    data = {_CORE: tensors_to_bytes(parameters.to_tensors()), _ENCODER: bytes(encoder)}
    content = {'format': FORMAT, 'version': VERSION, **dataclasses.asdict(specification),
               'sha256': {name: hashlib.sha256(data[name]).hexdigest() for name in data}}
    try:
        data[_SETTINGS] = (json.dumps(content, indent=2, allow_nan=False) + '\n').encode()
    except (TypeError, ValueError) as error:
        raise LiquidPilotError(f'{_SETTINGS} cannot be written: {error}') from None
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
                if entry.name not in data:
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
    known = shipped()
    if text in known:
        return known[text]
    folder = Path(text).expanduser()
    if folder.is_dir():
        return folder
    names = ', '.join(sorted(known)) or 'none'
    raise LiquidPilotError(f'there is no pilot {text!r}: neither a folder nor one of the shipped '
                           f'pilots ({names})')


def shipped() -> dict[str, Path]:
    """The pilots that come with the package: name -> folder."""
    # In a checkout (and an editable or symlinked install) the repository, else the ament share.
    places = [Path(__file__).resolve().parents[2]]
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    places += [Path(prefix) / 'share' / 'liquid_pilot' for prefix in (*prefixes, sys.prefix)
               if prefix]
    found: dict[str, Path] = {}
    for place in places:
        for settings in sorted(place.glob(f'pilots/*/{_SETTINGS}')):
            # `colcon build --symlink-install` links file by file into the repository.
            found.setdefault(settings.parent.name, settings.resolve().parent)
    return found


def _specification(content: _Fields) -> tuple[PilotSpecification, Wiring]:
    name = content.string('name')
    if not _NAME.fullmatch(name):
        raise content.error('name', 'may have letters, digits, ".", "_" and "-" only')
    vehicle = content.string('vehicle')
    rate_hz = content.number('rate_hz', 0.1, 1000.0)
    dt_min_s = content.number('dt_min_s', 1e-4, 10.0)
    dt_max_s = content.number('dt_max_s', dt_min_s, 10.0)
    if not dt_min_s <= 1.0 / rate_hz <= dt_max_s:
        raise content.error('rate_hz', f'must fit dt_min_s {dt_min_s} and dt_max_s {dt_max_s}')
    camera = content.fields('camera')
    geometry = CameraGeometry(
        camera.integer('width', 1, 8192), camera.integer('height', 1, 8192),
        *(camera.number(key, 1e-3, 1e6) for key in ('fx', 'fy')),
        *(camera.number(key, -1e6, 1e6) for key in ('cx', 'cy')))
    camera.close()
    core = content.fields('core')
    if core.string('type') != 'ltc':
        raise core.error('type', "must be 'ltc'")
    unfolds = core.integer('unfolds', 1, 64)
    try:
        wiring = Wiring.from_dict(core.take('wiring', dict, 'an object'))
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{core.prefix}{error}') from None
    core.close()
    features = content.integer('features', 1, 4096)
    if wiring.inputs != features + _IMU_VALUES:
        raise core.error('wiring.inputs', f'must be features + {_IMU_VALUES} = '
                                          f'{features + _IMU_VALUES}, not {wiring.inputs}')
    if wiring.motors != _COMMAND_VALUES:
        raise core.error('wiring', f'must have {_COMMAND_VALUES} motor neurons, '
                                   f'not {wiring.motors}')
    imu_mean = content.numbers('imu_mean', _IMU_VALUES, -1e6, 1e6)
    imu_scale = content.numbers('imu_scale', _IMU_VALUES, 1e-6, 1e6)
    command_scale = content.numbers('command_scale', _COMMAND_VALUES, 1e-6, 1e6)
    bounds = content.fields('limits')
    values = {key: bounds.numbers(key, _COMMAND_VALUES, -1e6, 1e6)
              for key in ('maximum', 'slew', 'safe_command')}
    timeout_s = bounds.number('command_timeout_s', 1e-3, 10.0)
    bounds.close()
    try:
        limits = VehicleLimits(command_timeout_s=timeout_s, **values)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{content.prefix}{error}') from None
    card = content.take('card', dict, 'an object')
    content.close()
    core_content = {'type': 'ltc', 'unfolds': unfolds, 'wiring': wiring.to_dict()}
    return PilotSpecification(
        name, vehicle, rate_hz, dt_min_s, dt_max_s, geometry, core_content, features, imu_mean,
        imu_scale, command_scale, limits, card), wiring


def _parameters(data: bytes, file: Path, wiring: Wiring) -> LtcParameters:
    try:
        tensors = tensors_from_bytes(data)
    # Besides its own error, the reader lets through what numpy says of an unusual dtype.
    except (SafetensorError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise LiquidPilotError(f'{file}: not a readable safetensors file ({error})') from None
    try:
        parameters = LtcParameters.from_tensors(tensors)
        sizes = (parameters.inputs, parameters.neurons, parameters.motors)
        if sizes != (wiring.inputs, wiring.neurons, wiring.motors):
            raise LiquidPilotError(
                f"tensors 'input_w', 'gleak', 'output_w' have the sizes {sizes}, core.wiring "
                f'needs {(wiring.inputs, wiring.neurons, wiring.motors)}')
        for name, polarity in (('w', wiring.polarity), ('sensory_w', wiring.sensory_polarity)):
            if (getattr(parameters, name)[polarity == 0] != 0.0).any():
                raise LiquidPilotError(f'tensor {name!r} has synapses that core.wiring has not')
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{file}: {error}') from None
    return parameters


def _read(folder: Path, name: str) -> bytes:
    """The content of a file of the folder, within the size limit."""
    file = folder / name
    try:
        target = file.resolve(strict=True)
        if not target.is_relative_to(folder.resolve()):
            raise LiquidPilotError(
                f'{file}: is a link out of the folder; put the file itself there')
        if not target.is_file():
            raise LiquidPilotError(f'{file}: is not a regular file')
        with open(target, 'rb') as stream:
            data = stream.read(_LARGEST_BYTES[name] + 1)
    except FileNotFoundError:
        raise LiquidPilotError(f'{file}: is missing') from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise LiquidPilotError(f'{file}: cannot be read ({error})') from None
    if len(data) > _LARGEST_BYTES[name]:
        raise LiquidPilotError(f'{file}: is larger than {_LARGEST_BYTES[name] >> 20} MiB')
    return data


def _parse_json(data: bytes, file: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f'{constant} is not JSON')

    try:
        content = json.loads(data.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise LiquidPilotError(f'{file}: not valid JSON ({error})') from None
    if not isinstance(content, dict):
        raise LiquidPilotError(f'{file}: must hold a JSON object')
    return content


class _Fields:
    """A JSON object that is read field by field; every error says which field, by dotted name."""

    def __init__(self, content: dict[str, Any], prefix: str) -> None:
        self._left = dict(content)
        self.prefix = prefix

    def error(self, name: str, what: str) -> LiquidPilotError:
        """An error about one field."""
        return LiquidPilotError(f'{self.prefix}{name} {what}')

    def take(self, name: str, kind: type | tuple[type, ...], words: str) -> Any:
        """The value of a field that must be there and of that type."""
        if name not in self._left:
            raise self.error(name, 'is missing')
        value = self._left.pop(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(name, f'must be {words}, not {_short(value)}')
        return value

    def string(self, name: str) -> str:
        """A string that is not empty."""
        value = self.take(name, str, 'a string')
        if not value:
            raise self.error(name, 'must not be empty')
        return value

    def integer(self, name: str, low: int, high: int = 1 << 31) -> int:
        """An integer in [low, high]."""
        value = self.take(name, int, 'an integer')
        if not low <= value <= high:
            raise self.error(name, f'must lie in [{low}, {high}], not {_short(value)}')
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A finite number in [low, high]."""
        return self._bounded(name, self.take(name, (int, float), 'a number'), low, high)

    def numbers(self, name: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """A list of `count` finite numbers in [low, high]."""
        values = self.take(name, list, f'a list of {count} numbers')
        if len(values) != count:
            raise self.error(name, f'must have {count} entries, not {len(values)}')
        for value in values:
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise self.error(name, f'must hold numbers, not {_short(value)}')
        return tuple(self._bounded(name, value, low, high) for value in values)

    def fields(self, name: str) -> _Fields:
        """An object within."""
        return _Fields(self.take(name, dict, 'an object'), f'{self.prefix}{name}.')

    def close(self) -> None:
        """Refuse what was not read: a misspelt field must not pass for a default."""
        for name in self._left:
            raise self.error(name, f'is not a field of version {VERSION}')

    def _bounded(self, name: str, value: float, low: float, high: float) -> float:
        if not low <= value <= high:
            raise self.error(name, f'must lie in [{low:g}, {high:g}], not {_short(value)}')
        return float(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + '...'
