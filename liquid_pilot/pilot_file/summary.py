"""The content of a pilot file as plain values, and as a page of text."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.lrc.parameters import count_lrc_parameters
from liquid_pilot.liquid.parameters import count_ltc_parameters
from liquid_pilot.pilot_file.files import (
    CORE_FILE,
    CORE_GRAPH_FILE,
    ENCODER_FILE,
    SPECIFICATION_FILE,
    STATISTICS_FILE,
)
from liquid_pilot.pilot_file.format import PilotFile, load
from liquid_pilot.pilot_file.onnx_check import count_onnx_parameters
from liquid_pilot.pilot_file.specification import PilotSpecification
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.foreign_text import plain_lines, plain_text

_COUNTED = ('encoder', 'core', 'total')
"""Parts of a pilot whose numbers are counted."""
_CORE_LABELS = {
    'ltc': 'liquid',
    'lrc': 'LRC',
    'cfc': 'CfC',
    'gru': 'GRU',
    'lstm': 'LSTM',
    'mixed_memory': 'mixed-memory',
    'feedforward': 'feed-forward',
}


def summarize(folder: Path) -> dict[str, Any]:
    """Return sizes, counts, limits, card and digest of a pilot as plain values.

    Raises:
        LiquidPilotError: when the pilot is not valid.
    """
    pilot = load(folder)
    specification = pilot.specification
    network, core = _network(pilot)
    encoder = count_onnx_parameters(pilot.encoder, ENCODER_FILE)
    files = (
        SPECIFICATION_FILE,
        CORE_FILE if pilot.wiring else CORE_GRAPH_FILE,
        ENCODER_FILE,
        *((STATISTICS_FILE,) if pilot.training_statistics else ()),
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
        'core': specification.core_kind,
        'unfolds': specification.unfolds,
        **network,
        'parameters': _trained_parameters(pilot),
        'constants': {'encoder': encoder, 'core': core, 'total': encoder + core},
        'bytes': {name: (folder / name).stat().st_size for name in files},
        'limits': dataclasses.asdict(specification.limits),
        'adaptation': pilot.training_statistics and _adaptation(pilot, pilot.training_statistics),
        'taught': _taught(specification),
        'card': specification.card,
    }


def _trained_parameters(pilot: PilotFile) -> dict[str, Any] | None:
    """Return the numbers of trained parameters, as the training wrote them into the card.

    The files hold more numbers than were trained, such as the table of pixel positions, and do not
    say which.

    Returns:
        The numbers of the encoder, of the core and in total; None where the card does not say.
    """
    counts = pilot.specification.card.get('parameters')
    if not isinstance(counts, dict) or not all(isinstance(counts.get(k), int) for k in _COUNTED):
        return None
    return {name: counts[name] for name in _COUNTED}


def _network(pilot: PilotFile) -> tuple[dict[str, Any], int]:
    """Return the sizes of the core, and the number of its constants, all of which are trained."""
    wired = pilot.wiring
    if wired is None:
        neurons = pilot.specification.core['state_size']
        parameters = count_onnx_parameters(pilot.core_graph or b'', CORE_GRAPH_FILE)
        return {'neurons': neurons}, parameters
    sizes = {
        'wiring': wired.to_dict(),
        'neurons': wired.neurons,
        'synapses': wired.synapses,
        'sensory_synapses': wired.sensory_synapses,
    }
    synapses = wired.synapses + wired.sensory_synapses
    count = count_ltc_parameters if pilot.ltc_parameters else count_lrc_parameters
    return sizes, count(wired.inputs, wired.neurons, wired.motors, synapses)


def _adaptation(pilot: PilotFile, statistics: TrainingStatistics) -> dict[str, Any]:
    """Return a summary of the training statistics as plain values."""
    scale_range = pilot.specification.capacitance_scale_range
    tau_s = statistics.filter_tau_s
    return {
        'filter_blocks': list(tau_s.shape),
        'filter_tau_s': [float(f'{tau:.4g}') for tau in (tau_s.min(), tau_s.max())],
        'gradient_range': [round(float(bound), 4) for bound in statistics.filter_gradient_range],
        'has_predictor': statistics.has_predictor,
        'capacitance_scale_range': list(scale_range) if pilot.wiring else None,
    }


def describe(folder: Path) -> str:
    """Return the content of a pilot as a page of text.

    Raises:
        LiquidPilotError: when the pilot is not valid.
    """
    content = summarize(folder)
    camera, limits = content['camera'], content['limits']
    size = sum(content['bytes'].values()) / 1024
    lines = [
        f'{content["name"]}  ({content["path"]})',
        f'  digest    {content["digest"]}',
        f'  vehicle   {content["vehicle"]}, {content["rate_hz"]:g} frames/s, elapsed time of '
        f'a tick within {content["dt_s"][0]:g} to {content["dt_s"][1]:g} s',
        f'  camera    {camera["width"]} x {camera["height"]} pixels, '
        f'{camera["horizontal_fov_deg"]:g} x {camera["vertical_fov_deg"]:g} degrees',
        f'  network   {format_counts(content)}; {size:.0f} KiB on disk',
        f'            {content["features"]} features, {content["neurons"]} neurons, '
        f'{content["unfolds"]} solver steps per tick',
        '  adapts    '
        + (
            _format_adaptation(content['adaptation'])
            if content['adaptation']
            else 'no: add training statistics with liquid-pilot fit-statistics'
        ),
        *_format_taught(content['taught']),
        '  limits    forward, left, up, yaw rate:',
        f'            at most  {_format_values(limits["maximum"])}  m/s and rad/s',
        f'            change   {_format_values(limits["slew"])}  m/s^2 and rad/s^2',
        f'            safe     {_format_values(limits["safe_command"])}  after '
        f'{limits["command_timeout_s"]:g} s without a command',
    ]
    wired = load(folder).wiring
    lines += ['', wiring.format_wiring(wired)] if wired else []
    lines += ['', 'card']
    # The card may hold any text.
    return plain_lines('\n'.join(lines + _indented(content['card'], 2)))


def format_counts(content: dict[str, Any]) -> str:
    """Return the numbers of trained parameters and of all constants, as far as they are known.

    Args:
        content: what `summarize` returns.
    """
    trained, constants = content['parameters'], content['constants']
    label = f'{_CORE_LABELS.get(content["core"], content["core"])} core'
    if trained is None:
        return (
            f'{constants["encoder"]} constants in the encoder, {constants["core"]} in the {label}; '
            'the card does not say how many were trained'
        )
    fixed = constants['total'] - trained['total']
    return (
        f'{trained["total"]} trained parameters: {trained["encoder"]} in the encoder, '
        f'{trained["core"]} in the {label}' + (f'; {fixed} fixed constants' if fixed > 0 else '')
    )


def _format_adaptation(adaptation: dict[str, Any]) -> str:
    (rows, columns), (low, high) = adaptation['filter_blocks'], adaptation['gradient_range']
    tau_ms = ' to '.join(f'{1e3 * tau:g}' for tau in dict.fromkeys(adaptation['filter_tau_s']))
    text = (
        f'{rows} x {columns} blocks of the temporal filter, {tau_ms} ms as trained; mean '
        f'normalised gradient of training {low:g} to {high:g}'
    )
    bounds = adaptation['capacitance_scale_range']
    return text + (f'; capacitances by {bounds[0]:g} to {bounds[1]:g}' if bounds else '')


def _taught(specification: PilotSpecification) -> dict[str, Any] | None:
    """Return what a hand has taught the pilot as plain values; None where nobody has."""
    taught = {
        'camera_aim_deg': [round(angle, 2) for angle in specification.camera_aim_deg],
        'output_trim': [round(value, 4) for value in specification.output_trim],
    }
    return taught if any(map(any, taught.values())) else None


def _format_taught(taught: dict[str, Any] | None) -> list[str]:
    """Return the lines on what a hand has taught the pilot."""
    if taught is None:
        return []
    return [
        f'  taught    camera turned by  {_format_values(taught["camera_aim_deg"])}  degrees of '
        'yaw, pitch, roll',
        f'            outputs moved by  {_format_values(taught["output_trim"])}',
    ]


def _format_values(values: Iterable[float]) -> str:
    return '  '.join(f'{value:g}' for value in values)


def _indented(value: Mapping[str, Any], depth: int) -> list[str]:
    """Return a nested mapping as lines."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, dict):
            lines += [f'{" " * depth}{plain_text(key)}:', *_indented(entry, depth + 2)]
        else:
            lines.append(f'{" " * depth}{plain_text(key)}: {plain_text(str(entry))}')
    return lines or [f'{" " * depth}(empty)']
