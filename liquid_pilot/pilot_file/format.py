"""A trained pilot on disk: a folder with `pilot.json`, `core.safetensors` and `encoder.onnx`.

A core that is not liquid (core type 'cfc', 'gru', 'lstm' or 'feedforward') is a one-step graph in
`core.onnx`, which then takes the place of `core.safetensors`. A pilot that can adapt also has
`adaptation.safetensors`, its training statistics (`pilot_file.training_statistics`).

Nothing in a pilot is ever executed as code or unpickled. `load` checks all of it, and raises
LiquidPilotError with the file and the field in the message. `pilot.json` holds the sha256 of the
other files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as tensors_from_bytes
from safetensors.numpy import save as tensors_to_bytes

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.pilot_file.files import (
    CORE_FILE,
    CORE_GRAPH_FILE,
    ENCODER_FILE,
    OPTIONAL_FILES,
    SPECIFICATION_FILE,
    STATISTICS_FILE,
    read_file,
)
from liquid_pilot.pilot_file.onnx_check import check_onnx
from liquid_pilot.pilot_file.specification import (
    ONNX_CORE_TYPES,
    OPTIONAL_FIELDS,
    PilotSpecification,
    parse_specification,
)
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.atomic_write import atomic_folder, write_new_file
from liquid_pilot.utils.json_fields import JsonFields, one_line, parse_json
from liquid_pilot.utils.resources import shipped_pilots

FORMAT = 'liquid_pilot'
"""Value of the field `format` of `pilot.json`."""
VERSION = 1
"""Value of the field `version` of `pilot.json`."""
LiquidParameters = LtcParameters | LrcParameters
"""Parameters of a liquid core."""
_PARAMETERS: dict[str, type[LtcParameters] | type[LrcParameters]] = {
    'ltc': LtcParameters,
    'lrc': LrcParameters,
}
"""Types of the parameters by the type of the core."""


@dataclass(frozen=True, eq=False)
class PilotFile:
    """A pilot as loaded and checked."""

    path: Path
    """Folder of the pilot."""
    specification: PilotSpecification
    """Specification of the pilot, from `pilot.json`."""
    wiring: Wiring | None
    """Wiring of a liquid core; None for a core that is a graph."""
    parameters: LiquidParameters | None
    """Parameters of a liquid core; None for a core that is a graph."""
    encoder: bytes
    """Encoder as ONNX: 'image' float32 (1, 3, H, W), RGB in [0, 1] -> 'features' float32 (1, F)."""
    digest: str
    """SHA-256 of pilot.json, which holds those of the other files. It identifies all content."""
    core_graph: bytes | None = None
    """Core as ONNX, float32: 'state' (1, N), 'inputs' (1, F + 6), 'dt' (1, 1) in seconds ->
    'state_after' (1, N), 'output' (1, 4); None for a liquid core."""
    training_statistics: TrainingStatistics | None = None
    """Statistics that adaptation compares a flight with; None for a pilot that cannot adapt."""

    @property
    def ltc_parameters(self) -> LtcParameters | None:
        """Parameters of an LTC core, whose equations can be decomposed; None for any other."""
        return self.parameters if isinstance(self.parameters, LtcParameters) else None

    def require_statistics(self) -> TrainingStatistics:
        """Return the training statistics.

        Raises:
            LiquidPilotError: when the pilot has none; the message says what to do.
        """
        if self.training_statistics is None:
            raise LiquidPilotError(
                f'{self.path} holds no statistics of its training, so it cannot adapt; add them '
                'with `liquid-pilot fit-statistics`, or fly it without adaptation'
            )
        return self.training_statistics

    def require_vehicle(self, vehicle: str, owner: str) -> None:
        """Check that the pilot is trained for a vehicle.

        Args:
            vehicle: class of the vehicle.
            owner: what is of that vehicle, for the message, such as '--vehicle rover'.

        Raises:
            LiquidPilotError: the pilot is trained for another one.
        """
        trained = self.specification.vehicle
        if trained != vehicle:
            raise LiquidPilotError(
                f'{self.path} is a pilot of a {trained}, and {owner} is of a {vehicle}; choose a '
                'pilot of that vehicle'
            )

    def require_image_size(self, width: int, height: int, owner: str) -> None:
        """Check that the pilot sees images of a size.

        Args:
            width: columns of the images.
            height: rows of the images.
            owner: what has these images, for the message.

        Raises:
            LiquidPilotError: the images that the pilot sees have another size.
        """
        camera = self.specification.camera
        if (camera.width, camera.height) != (width, height):
            raise LiquidPilotError(
                f'{self.path} sees {camera.width}x{camera.height} pixels, {owner} holds '
                f'{width}x{height}; prepare the episodes in the size of the pilot'
            )


def load(path: str | os.PathLike[str]) -> PilotFile:
    """Read and check a pilot folder.

    >>> pilot = load(resolve('forest-ltc'))
    >>> pilot.specification.vehicle, pilot.specification.features
    ('quadrotor', 32)
    >>> pilot.wiring.kind, pilot.wiring.motors
    ('ncp', 4)

    Args:
        path: the folder; see `resolve` for the names of shipped pilots.

    Raises:
        LiquidPilotError: names the file and the field that are missing or wrong.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise LiquidPilotError(
            f'{folder} is not a folder; a pilot is a folder with {SPECIFICATION_FILE}, '
            f'{CORE_FILE} and {ENCODER_FILE}'
        )
    settings = read_file(folder, SPECIFICATION_FILE)
    where = str(folder / SPECIFICATION_FILE)
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
    core_name = CORE_GRAPH_FILE if graph else CORE_FILE
    data = {}
    optional = (STATISTICS_FILE,) if hashes.peek(STATISTICS_FILE) is not None else ()
    for name in (core_name, ENCODER_FILE, *optional):
        expected = hashes.string(name)
        data[name] = read_file(folder, name)
        if hashlib.sha256(data[name]).hexdigest() != expected:
            raise LiquidPilotError(
                f'{folder / name}: the content does not match sha256.{name} of '
                f'{SPECIFICATION_FILE}; the file was damaged or exchanged'
            )
    hashes.require_all_read()
    specification, wiring = parse_specification(content, len(data[core_name]))
    parameters = None
    if wiring is None:
        check_onnx(data[CORE_GRAPH_FILE], str(folder / CORE_GRAPH_FILE))
    else:
        kind = _PARAMETERS[specification.core['type']]
        parameters = _parse_parameters(kind, data[CORE_FILE], folder / CORE_FILE, wiring)
    check_onnx(data[ENCODER_FILE], str(folder / ENCODER_FILE))
    return PilotFile(
        folder,
        specification,
        wiring,
        parameters,
        data[ENCODER_FILE],
        hashlib.sha256(settings).hexdigest(),
        data.get(CORE_GRAPH_FILE),
        _parse_statistics(
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
    parameters: LiquidParameters | None,
    encoder: bytes,
    core_graph: bytes | None = None,
    training_statistics: TrainingStatistics | None = None,
) -> PilotFile:
    """Write a pilot folder in one step, checked as by `load`.

    An existing pilot is replaced, and other files in its folder are kept. A folder that holds
    something else is refused.

    Args:
        path: the folder.
        specification: specification of the pilot; `core['wiring']` must be the recipe of `wiring`.
        wiring: wiring of a liquid core; None for another one.
        parameters: parameters of a liquid core; None for another one.
        encoder: the encoder as ONNX.
        core_graph: a core that is not liquid, as ONNX; None for a liquid one.
        training_statistics: statistics of its training; None for a pilot that cannot adapt.

    Returns:
        The pilot, loaded from the folder.

    Raises:
        LiquidPilotError: when something is wrong; nothing is then written.
    """
    folder = Path(path)
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir() or folder.is_symlink():
            raise LiquidPilotError(f'{folder} is in the way: not a folder')
        if any(folder.iterdir()) and not (folder / SPECIFICATION_FILE).is_file():
            raise LiquidPilotError(f'{folder} holds something other than a pilot; choose another')
    data = {
        **_core_content(specification, wiring, parameters, core_graph),
        ENCODER_FILE: bytes(encoder),
    }
    if training_statistics is not None:
        data[STATISTICS_FILE] = tensors_to_bytes(training_statistics.to_tensors())
    content = {
        'format': FORMAT,
        'version': VERSION,
        **_specification_fields(specification),
        'sha256': {name: hashlib.sha256(data[name]).hexdigest() for name in data},
    }
    try:
        data[SPECIFICATION_FILE] = (json.dumps(content, indent=2, allow_nan=False) + '\n').encode()
    except (TypeError, ValueError) as error:
        raise LiquidPilotError(f'{SPECIFICATION_FILE} cannot be written: {error}') from None
    with atomic_folder(folder) as fresh:
        for name, blob in data.items():
            write_new_file(fresh / name, blob)
        try:
            load(fresh)
        except LiquidPilotError as error:
            raise LiquidPilotError(str(error).replace(str(fresh), str(folder))) from None
        if folder.exists():
            for entry in folder.iterdir():
                if entry.name not in (*data, *OPTIONAL_FILES):
                    if entry.is_dir():
                        shutil.copytree(entry, fresh / entry.name)
                    else:
                        shutil.copy2(entry, fresh / entry.name)
    return load(folder)


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a pilot, given the name of a shipped one, or a path.

    A bare name that is both a shipped pilot and a folder here means the shipped one; write
    './name' for the other.

    >>> resolve('forest-ltc').name
    'forest-ltc'

    Raises:
        LiquidPilotError: lists the shipped pilots when there is no such pilot and no such folder.
    """
    text = os.fspath(name_or_path)
    known = shipped_pilots()
    if text in known:
        return known[text]
    folder = Path(os.path.expanduser(text))
    # Unlike `Path.is_dir`, this raises nothing when a name is too long.
    if os.path.isdir(folder):
        return folder
    names = ', '.join(sorted(known)) or 'none'
    raise LiquidPilotError(
        f'there is no pilot {text!r}: neither a folder nor one of the shipped pilots ({names})'
    )


def _specification_fields(specification: PilotSpecification) -> dict[str, Any]:
    """Return the fields of `pilot.json` besides format, version and hashes."""
    fields = dataclasses.asdict(specification)
    for name, default in OPTIONAL_FIELDS.items():
        if tuple(fields[name]) == default:
            del fields[name]
    return fields


def _core_content(
    specification: PilotSpecification,
    wiring: Wiring | None,
    parameters: LiquidParameters | None,
    core_graph: bytes | None,
) -> dict[str, bytes]:
    """Return the name and the content of the core's file."""
    kind = specification.core.get('type')
    graph = kind in ONNX_CORE_TYPES
    if graph and core_graph is not None and wiring is None and parameters is None:
        return {CORE_GRAPH_FILE: bytes(core_graph)}
    if graph or wiring is None or parameters is None or core_graph is not None:
        raise LiquidPilotError(
            f'core.type {kind!r} needs '
            f'{"core_graph alone" if graph else "wiring and parameters alone"}'
        )
    if kind in _PARAMETERS and not isinstance(parameters, _PARAMETERS[kind]):
        raise LiquidPilotError(
            f'core.type {kind!r} needs the parameters of an {_PARAMETERS[kind].CORE} core, not of '
            f'an {parameters.CORE} core'
        )
    if specification.core.get('wiring') != wiring.to_dict():
        raise LiquidPilotError("core.wiring of the specification is not the given wiring's recipe")
    return {CORE_FILE: tensors_to_bytes(parameters.to_tensors())}


def _parse_tensors(data: bytes, file: Path) -> dict[str, np.ndarray]:
    try:
        return dict(tensors_from_bytes(data))
    # Besides its own error, the reader lets through what numpy says of an unusual dtype.
    except (SafetensorError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise LiquidPilotError(
            f'{file}: not a readable safetensors file ({one_line(error)})'
        ) from None


def _parse_statistics(
    data: bytes | None, file: Path, features: int, neurons: int
) -> TrainingStatistics | None:
    if data is None:
        return None
    tensors = _parse_tensors(data, file)
    try:
        return TrainingStatistics.from_tensors(tensors, features, neurons)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{file}: {one_line(error)}') from None


def _parse_parameters(
    kind: type[LtcParameters] | type[LrcParameters], data: bytes, file: Path, wiring: Wiring
) -> LiquidParameters:
    tensors = _parse_tensors(data, file)
    try:
        parameters = kind.from_tensors(tensors)
        sizes = (parameters.inputs, parameters.neurons, parameters.motors)
        if sizes != (wiring.inputs, wiring.neurons, wiring.motors):
            raise LiquidPilotError(
                f"tensors 'input_w', 'gleak', 'output_w' have the sizes {sizes}, core.wiring "
                f'needs {(wiring.inputs, wiring.neurons, wiring.motors)}'
            )
        for name, polarity in (
            ('w', wiring.polarity),
            ('sensory_w', wiring.sensory_polarity),
            ('elastance_w', wiring.polarity),
            ('sensory_elastance_w', wiring.sensory_polarity),
        ):
            if name in tensors and (tensors[name][polarity == 0] != 0.0).any():
                raise LiquidPilotError(f'tensor {name!r} has synapses that core.wiring has not')
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{file}: {one_line(error)}') from None
    return parameters
