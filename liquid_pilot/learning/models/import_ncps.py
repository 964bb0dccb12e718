"""Imports the weights of an ncps LTC as the core of a pilot, for `liquid-pilot import-ncps`.

A state dict does not record how ncps was called. The number of unfolds, the parameter constraints
and the unit of the elapsed time are therefore options. Everything that it does record is checked.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import pickle
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.json_fields import one_line

_LAYER = 'rnn_cell.'
"""Prefix of the keys of ncps' `LTC`; those of its `LTCCell` have none."""
_MAX_FILE_BYTES = 256 << 20
_MASKS = {'w': 'sparsity_mask', 'sensory_w': 'sensory_sparsity_mask'}
_POSITIVE = ('gleak', 'cm', 'w', 'sensory_w')


def run(arguments: argparse.Namespace) -> int:
    """Import with the arguments of `cli.import_ncps`, and return the exit code."""
    tensors = read(arguments.file)
    parameters, wired = convert(
        tensors, arguments.prefix, arguments.constraints, arguments.time_unit_s
    )
    if not 1 <= arguments.unfolds <= 64:
        raise LiquidPilotError(f'--unfolds must lie in [1, 64], not {arguments.unfolds}')
    core = {'type': 'ltc', 'unfolds': arguments.unfolds, 'wiring': wired.to_dict()}
    if arguments.pilot is None:
        _write_core(arguments.out, parameters, core)
    else:
        base = pilot_file.load(pilot_file.resolve(arguments.pilot))
        expected = base.specification.features + 6
        if wired.inputs != expected or wired.motors != 4:
            raise LiquidPilotError(
                f'{arguments.file}: has {wired.inputs} inputs and {wired.motors} outputs; a core '
                f'of {base.path} needs {expected} (its {base.specification.features} features and '
                '6 IMU values) and 4'
            )
        name = arguments.out.resolve().name
        card = {
            'core': {
                'imported_from': arguments.file.name,
                'sha256': hashlib.sha256(arguments.file.read_bytes()).hexdigest(),
                'time_unit_s': arguments.time_unit_s,
            },
            'encoder': {'pilot': base.specification.name, 'digest': base.digest},
        }
        specification = dataclasses.replace(base.specification, name=name, core=core, card=card)
        pilot_file.save(arguments.out, specification, wired, parameters, base.encoder)
    print(wiring.format_wiring(wired))
    print(f'written: {arguments.out}', file=sys.stderr)
    return 0


def read(file: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file, or a torch file that holds nothing but tensors.

    Raises:
        LiquidPilotError: the file is of another kind, too large, or holds Python objects.
    """
    try:
        if file.stat().st_size > _MAX_FILE_BYTES:
            raise LiquidPilotError(f'{file}: is larger than {_MAX_FILE_BYTES >> 20} MiB')
        data = file.read_bytes()
    except OSError as error:
        raise LiquidPilotError(f'{file}: cannot be read ({error.strerror})') from None
    if data[:2] in (b'PK', b'\x80\x02'):
        return _from_torch(data, file)
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(data)
    # Besides its own error, the reader passes on the errors of numpy about an unusual dtype.
    except (SafetensorError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise LiquidPilotError(
            f'{file}: is neither a safetensors nor a torch file ({one_line(error)})'
        ) from None


def _from_torch(data: bytes, file: Path) -> dict[str, np.ndarray]:
    import torch

    try:
        if data[:2] == b'PK':
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                # Torch stores without compression, unlike an archive that is made to fill memory.
                if sum(entry.file_size for entry in archive.infolist()) > _MAX_FILE_BYTES:
                    raise LiquidPilotError(
                        f'{file}: unpacks to more than {_MAX_FILE_BYTES >> 20} MiB'
                    )
        content = torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)
    except pickle.UnpicklingError:
        raise LiquidPilotError(
            f'{file}: holds Python objects, which are not loaded; save the weights alone, by '
            'torch.save(layer.state_dict(), FILE)'
        ) from None
    # For a damaged file the reader raises errors of many kinds.
    except (
        RuntimeError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        OSError,
        zipfile.BadZipFile,
    ) as error:
        raise LiquidPilotError(
            f'{file}: is not a readable torch file ({one_line(error)})'
        ) from None
    if not isinstance(content, Mapping):
        raise LiquidPilotError(f'{file}: holds a {type(content).__name__}, not a state dict')
    tensors = {}
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise LiquidPilotError(
                f'{file}: entry {name!r} is not a tensor; save the state dict '
                'alone, by torch.save(layer.state_dict(), FILE)'
            )
        if value.layout != torch.strided or value.is_quantized:
            raise LiquidPilotError(f'{file}: tensor {name!r} is sparse or quantised')
        tensors[name] = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return tensors


def convert(
    tensors: Mapping[str, np.ndarray],
    prefix: str = '',
    constraints: str = 'auto',
    time_unit_s: float = 1.0,
) -> tuple[LtcParameters, Wiring]:
    """Convert an ncps state dict.

    Args:
        tensors: tensors by their key.
        prefix: prefix of the keys of the LTC within a larger model.
        constraints: 'softplus' or 'none', as ncps constrained the parameters; 'auto' for the
            default of ncps.
        time_unit_s: seconds that an elapsed time of 1 stood for in training.

    Returns:
        The effective parameters, in seconds, and the wiring.

    Raises:
        LiquidPilotError: a tensor is missing, unknown or cannot be represented; the message names
            it.
    """
    if not 1e-6 <= time_unit_s <= 1e6:
        raise LiquidPilotError(f'--time-unit-s must lie in [1e-6, 1e6], not {time_unit_s}')
    chosen = {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
    for name in chosen:
        if name.startswith('lstm.'):
            raise LiquidPilotError(
                f'tensor {prefix + name!r}: a core with mixed memory (an LSTM '
                'beside the LTC) cannot be represented'
            )
    layer = any(name.startswith(_LAYER) for name in chosen)
    if layer:
        prefix += _LAYER
        chosen = {
            name.removeprefix(_LAYER) if name.startswith(_LAYER) else '(outside) ' + name: value
            for name, value in chosen.items()
        }
    if constraints == 'auto':
        constraints = 'softplus' if layer else 'none'
    effective = _checked(chosen, prefix)
    masks = {name: effective.pop(mask) for name, mask in _MASKS.items()}
    for name in _POSITIVE:
        if constraints == 'softplus':
            effective[name] = np.logaddexp(0.0, effective[name])
        elif (effective[name] < 0.0).any():
            raise LiquidPilotError(
                f'tensor {prefix + name!r} has negative values, which ncps clips or maps; use '
                '--constraints softplus if it was trained with implicit_param_constraints=True, '
                'else call apply_weight_constraints() before saving'
            )
    for name, mask in masks.items():
        effective[name] = effective[name] * mask
    # In ncps c = cm*L/elapsed with elapsed in units of time, here with elapsed in seconds.
    effective['cm'] = effective['cm'] * time_unit_s
    with np.errstate(over='ignore'):
        parameters = LtcParameters.from_tensors(
            {name: value.astype(np.float32) for name, value in effective.items()}
        )
    return parameters, _wiring(parameters, masks)


def _checked(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return float64 copies of an LTC's tensors, after checking their names and shapes."""
    names = {field.name for field in dataclasses.fields(LtcParameters)}
    expected = names | set(_MASKS.values())
    for name in tensors:
        if name not in expected:
            raise LiquidPilotError(
                f'tensor {name.removeprefix("(outside) ")!r} is not part of an ncps LTC; --prefix '
                'chooses the keys of the LTC within a larger model'
            )
    checked: dict[str, np.ndarray] = {}
    for name, value in tensors.items():
        if value.dtype.kind != 'f':
            raise LiquidPilotError(
                f'tensor {prefix + name!r} must hold floating-point numbers, not {value.dtype}'
            )
        if not np.isfinite(value).all():
            raise LiquidPilotError(f'tensor {prefix + name!r} holds values that are not finite')
        checked[name] = value.astype(np.float64)
    # ncps has no tensors for identity mappings: input_mapping None or 'linear', and output_mapping
    # 'linear'.
    if 'sensory_w' in checked and checked['sensory_w'].ndim == 2:
        inputs = len(checked['sensory_w'])
        checked.setdefault('input_w', np.ones(inputs))
        checked.setdefault('input_b', np.zeros(inputs))
    if 'output_w' not in checked:
        raise LiquidPilotError(
            f'tensor {prefix + "output_w"!r} is missing: without an output '
            'mapping the weights do not say which neurons are motors'
        )
    checked.setdefault('output_b', np.zeros_like(checked['output_w']))
    for name in sorted(expected - set(checked)):
        raise LiquidPilotError(f'tensor {prefix + name!r} is missing')
    for name, mask in _MASKS.items():
        if checked[mask].shape != checked[name].shape:
            raise LiquidPilotError(
                f'tensor {prefix + mask!r} must have the shape '
                f'{checked[name].shape}, not {checked[mask].shape}'
            )
        if not np.isin(checked[mask], (0.0, 1.0)).all():
            raise LiquidPilotError(f'tensor {prefix + mask!r} must hold zeros and ones only')
    return checked


def _wiring(parameters: LtcParameters, masks: Mapping[str, np.ndarray]) -> Wiring:
    """Return the wiring of the masks, with the signs of the reversal potentials.

    Command neurons are recognised as in ncps' NCP: they follow the motor neurons and have no
    sensory synapse, while all later neurons have one.
    """
    # A synapse with a reversal potential of zero has no sign, but remains a synapse.
    polarity, sensory = (
        np.where(erev < 0.0, -1, 1) * mask.astype(np.int8)
        for erev, mask in (
            (parameters.erev, masks['w']),
            (parameters.sensory_erev, masks['sensory_w']),
        )
    )
    motors = parameters.motors
    fed: np.ndarray = np.any(masks['sensory_w'], axis=0)[motors:]
    command = int(fed.argmax()) if fed.any() and fed[fed.argmax() :].all() else 0
    return wiring.explicit(sensory, polarity, motors, command)


def _write_core(file: Path, parameters: LtcParameters, core: dict[str, Any]) -> None:
    """Write the core alone, with the number of unfolds and the wiring in the file's metadata."""
    from safetensors.numpy import save

    if file.suffix != '.safetensors':
        raise LiquidPilotError(
            f'{file}: without --pilot the core alone is written, to a file '
            'whose name ends in .safetensors'
        )
    data = save(parameters.to_tensors(), {'core': json.dumps(core)})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, data)
    except OSError as error:
        raise LiquidPilotError(f'{file}: cannot be written ({error.strerror})') from None
