"""What a pilot file holds, for people and as figures."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_CORE_LABELS = {
    'ltc': 'liquid',
    'cfc': 'CfC',
    'gru': 'GRU',
    'lstm': 'LSTM',
    'feedforward': 'feed-forward',
}
_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_DIMS = 7, 5, 1
"""Field numbers of onnx.proto3: ModelProto.graph, GraphProto.initializer, TensorProto.dims."""


def summarize(folder: Path) -> dict[str, Any]:
    """Sizes, counts, limits, card and digest of a pilot as plain values; validates the pilot."""
    pilot = pilot_file.load(folder)
    specification, wired = pilot.specification, pilot.wiring
    if wired is None:
        network = {'neurons': specification.core['state_size']}
        core = count_onnx_parameters(pilot.core_graph)
    else:
        network = {
            'wiring': wired.to_dict(),
            'neurons': wired.neurons,
            'synapses': wired.synapses,
            'sensory_synapses': wired.sensory_synapses,
        }
        # Four numbers a synapse that is there; erev is +-1 and counts, as it is learnt.
        core = (
            3 * wired.neurons
            + 4 * (wired.synapses + wired.sensory_synapses)
            + 2 * wired.inputs
            + 2 * wired.motors
        )
    encoder = count_onnx_parameters(pilot.encoder)
    files = (
        'pilot.json',
        'core.safetensors' if wired else 'core.onnx',
        'encoder.onnx',
        *(('adaptation.safetensors',) if pilot.training_statistics else ()),
    )
    return {
        'name': specification.name,
        'path': str(folder),
        'digest': pilot.digest,
        'vehicle': specification.vehicle,
        'rate_hz': specification.rate_hz,
        'dt_s': [specification.dt_min_s, specification.dt_max_s],
        'camera': {
            **dataclasses.asdict(specification.camera),
            'horizontal_fov_deg': round(math.degrees(specification.camera.horizontal_fov_rad), 2),
            'vertical_fov_deg': round(math.degrees(specification.camera.vertical_fov_rad), 2),
        },
        'features': specification.features,
        'core': specification.core['type'],
        'unfolds': specification.unfolds,
        **network,
        'parameters': {'encoder': encoder, 'core': core, 'total': encoder + core},
        'bytes': {name: (folder / name).stat().st_size for name in files},
        'limits': dataclasses.asdict(specification.limits),
        'adaptation': pilot.training_statistics and _adaptation(pilot.training_statistics),
        'card': specification.card,
    }


def _adaptation(statistics: TrainingStatistics) -> dict[str, Any]:
    """What a pilot adapts by."""
    tau_s = statistics.receptor_tau_s
    return {
        'receptor_blocks': list(tau_s.shape),
        'receptor_tau_s': [float(f'{tau:.4g}') for tau in (tau_s.min(), tau_s.max())],
        'calm_band': [round(float(pull), 4) for pull in statistics.receptor_pull],
        'foresees': statistics.foresees,
    }


def describe(folder: Path) -> str:
    """The same as a page of text."""
    found = summarize(folder)
    camera, limits, count = found['camera'], found['limits'], found['parameters']
    size = sum(found['bytes'].values()) / 1024
    lines = [
        f'{found["name"]}  ({found["path"]})',
        f'  digest    {found["digest"]}',
        f'  vehicle   {found["vehicle"]}, {found["rate_hz"]:g} frames/s, elapsed time of a tick '
        f'within {found["dt_s"][0]:g} to {found["dt_s"][1]:g} s',
        f'  camera    {camera["width"]} x {camera["height"]} pixels, '
        f'{camera["horizontal_fov_deg"]:g} x {camera["vertical_fov_deg"]:g} degrees',
        f'  network   {count["encoder"]} constants in the encoder, {count["core"]} in the '
        f'{_CORE_LABELS.get(found["core"], found["core"])} core, {count["total"]} in all; '
        f'{size:.0f} KiB on disk',
        f'            {found["features"]} features, {found["neurons"]} neurons, '
        f'{found["unfolds"]} solver steps a tick',
        '  adapts    '
        + (
            _format_adaptation(found['adaptation'])
            if found['adaptation']
            else 'no: liquid-pilot familiarise gives it what it needs'
        ),
        '  limits    forward, left, up, yaw rate:',
        f'            at most  {_format_values(limits["maximum"])}  m/s and rad/s',
        f'            change   {_format_values(limits["slew"])}  m/s^2 and rad/s^2',
        f'            safe     {_format_values(limits["safe_command"])}  after '
        f'{limits["command_timeout_s"]:g} s without a command',
    ]
    wired = pilot_file.load(folder).wiring
    lines += ['', wiring.format_wiring(wired)] if wired else []
    lines += ['', 'card']
    return '\n'.join([*lines, *_indented(found['card'], 2)])


def _format_adaptation(adaptation: dict[str, Any]) -> str:
    (rows, columns), (low, high) = adaptation['receptor_blocks'], adaptation['calm_band']
    tau_ms = ' to '.join(f'{1e3 * tau:g}' for tau in dict.fromkeys(adaptation['receptor_tau_s']))
    return (
        f'{rows} x {columns} blocks of receptors, {tau_ms} ms as trained; calm while the pull '
        f'is within {low:g} to {high:g}'
    )


def _format_values(values: Any) -> str:
    return '  '.join(f'{value:g}' for value in values)


def _indented(value: Any, depth: int) -> list[str]:
    """A nested mapping as lines."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, dict):
            lines += [f'{" " * depth}{key}:', *_indented(entry, depth + 2)]
        else:
            lines.append(f'{" " * depth}{key}: {entry}')
    return lines or [f'{" " * depth}(empty)']


def count_onnx_parameters(model: bytes) -> int:
    """How many numbers the weights of an ONNX file hold, read without the onnx package.

    LiquidPilotError when the bytes are not a protobuf message.
    """
    total = 0
    try:
        for number, graph in _fields(model):
            if number != _MODEL_GRAPH or not isinstance(graph, bytes):
                continue
            for part, tensor in _fields(graph):
                if part == _GRAPH_INITIALIZER and isinstance(tensor, bytes):
                    total += _tensor_size(tensor)
    except IndexError:
        raise LiquidPilotError('encoder.onnx: is not a readable ONNX file') from None
    return total


def _tensor_size(tensor: bytes) -> int:
    size = 1
    for number, value in _fields(tensor):
        if number == _TENSOR_DIMS:
            # One number, or several packed into one field.
            dims = [value] if isinstance(value, int) else list(_varints(value))
            size *= math.prod(dims)
    return size


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protobuf message; IndexError when it is cut short."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind == _LENGTH:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
            value, at = data[at : at + length], at + length
        else:
            raise IndexError
        if at > len(data):
            raise IndexError
        yield key >> 3, value


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
