"""The content of `pilot.json` besides the hashes, and its checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from liquid_pilot.interfaces import STEERING_MODES, CameraGeometry, LiquidPilotError, VehicleLimits
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.pilot_file.files import CORE_FILE
from liquid_pilot.utils.json_fields import JsonFields, one_line

NAMED_GRAPH = 'graph'
"""Type of a core of another package. Its entry in pilot.json has a name besides the type."""
LIQUID_CORE_TYPES = ('ltc', 'lrc')
"""Types of cores that have a wiring and parameters, and time constants that can be scaled."""
ONNX_CORE_TYPES = ('cfc', 'gru', 'lstm', 'mixed_memory', 'feedforward', NAMED_GRAPH)
"""Types of cores that are a one-step ONNX graph with explicit state."""
_NAME_PATTERN = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}')
_NAME_RULE = 'may have letters, digits, ".", "_" and "-"'
DEFAULT_CAPACITANCE_SCALE_RANGE = (0.5, 2.0)
"""Bounds of the factor on a core's capacitances, of a pilot whose file gives none."""
CAPACITANCE_SCALE_LIMITS = (0.125, 16.0)
"""Smallest and largest factor on a core's capacitances that a pilot file may allow."""
_IMU_VALUES = 6
_COMMAND_VALUES = 4
AS_TRAINED_AIM_DEG = (0.0, 0.0, 0.0)
AS_TRAINED_TRIM = (0.0,) * _COMMAND_VALUES
_MAX_AIM_DEG = 60.0
_MAX_TRIM = 2.0
OPTIONAL_FIELDS = {
    'capacitance_scale_range': DEFAULT_CAPACITANCE_SCALE_RANGE,
    'camera_aim_deg': AS_TRAINED_AIM_DEG,
    'output_trim': AS_TRAINED_TRIM,
}
"""Fields that a file leaves out where they say nothing, so that what does not know them reads it;
with the values that they then have."""


@dataclass(frozen=True)
class PilotSpecification:
    """The specification of a pilot: everything apart from its trained weights."""

    name: str
    """Name of the pilot: letters, digits, '.', '_' and '-'."""
    vehicle: str
    """Name of the vehicle it flies, such as 'quadrotor'."""
    rate_hz: float
    """Frame rate of its training, Hz."""
    dt_min_s: float
    """Lower bound that the elapsed time of a tick is clamped to, s."""
    dt_max_s: float
    """Upper bound that the elapsed time of a tick is clamped to, s."""
    camera: CameraGeometry
    """Camera that the encoder was trained with; its size is the size of the encoder's input."""
    core: dict[str, Any]
    """Type and size of the core: {'type': 'ltc', 'unfolds': int, 'wiring': recipe as of
    `Wiring.to_dict`}, {'type': 'lrc', 'wiring': recipe}, or {'type': one of ONNX_CORE_TYPES,
    'state_size': int}, with a 'name' where the type is NAMED_GRAPH. The state of an LSTM is its
    hidden and its cell state together."""
    features: int
    """Number of the encoder's outputs, F; the core's inputs are the features, then 6 IMU values."""
    imu_mean: tuple[float, ...]
    """Mean of angular velocity x, y, z (rad/s) and specific force x, y, z (m/s^2), body FLU."""
    imu_scale: tuple[float, ...]
    """Scale of the IMU values: the core's inputs are (imu - imu_mean) / imu_scale."""
    command_scale: tuple[float, ...]
    """Factors that turn motor outputs into forward, left, up (m/s) and yaw rate (rad/s), or
    curvature (1/m) where `steering` says so."""
    limits: VehicleLimits
    """Limits of the vehicle in its training."""
    card: dict[str, Any]
    """Notes for readers: data, seeds, the command that trained it, results."""
    rectify: bool = True
    """Whether lens distortion, which its training images did not have, is removed from images."""
    steering: str = 'yaw_rate'
    """Meaning of the last motor output, one of STEERING_MODES."""
    capacitance_scale_range: tuple[float, float] = DEFAULT_CAPACITANCE_SCALE_RANGE
    """Trust region of adaptation: bounds of the factor on the capacitances of a liquid core, and so
    on its time constants. The lower one is at most 1, the upper one at least 1."""

    camera_aim_deg: tuple[float, ...] = AS_TRAINED_AIM_DEG
    """Yaw (left), pitch (down) and roll (clockwise) of the camera that it was taught to fly with,
    against the one of its training, degrees."""
    output_trim: tuple[float, ...] = AS_TRAINED_TRIM
    """What it was taught to add to the motor outputs."""

    @property
    def unfolds(self) -> int:
        """Number of solver steps in a tick; 1 for a core other than an LTC."""
        return int(self.core.get('unfolds', 1))

    @property
    def core_kind(self) -> str:
        """The kind of the core: its type, or the name of one of another package."""
        return str(self.core.get('name', self.core['type']))


def parse_specification(
    content: JsonFields, core_bytes: int
) -> tuple[PilotSpecification, Wiring | None]:
    """Read the fields of `pilot.json` that have not been read yet.

    Args:
        content: the fields.
        core_bytes: size of the file with the core's parameters, which bounds that of the wiring.

    Returns:
        The specification, and the wiring of a liquid core.

    Raises:
        LiquidPilotError: names the field that is missing, unknown, of a wrong type or out of range.
    """
    name = content.string('name')
    if not _NAME_PATTERN.fullmatch(name):
        raise content.error('name', f'{_NAME_RULE} only')
    vehicle = content.string('vehicle')
    rate_hz = content.number('rate_hz', 0.1, 1000.0)
    dt_min_s = content.number('dt_min_s', 1e-4, 10.0)
    dt_max_s = content.number('dt_max_s', dt_min_s, 10.0)
    if not dt_min_s <= 1.0 / rate_hz <= dt_max_s:
        raise content.error('rate_hz', f'must fit dt_min_s {dt_min_s} and dt_max_s {dt_max_s}')
    geometry = _camera(content.fields('camera'))
    core = content.fields('core')
    features = content.integer('features', 1, 4096)
    core_content, wiring = _core(core, features, core_bytes)
    imu_mean = content.numbers('imu_mean', _IMU_VALUES, -1e6, 1e6)
    imu_scale = content.numbers('imu_scale', _IMU_VALUES, 1e-6, 1e6)
    command_scale = content.numbers('command_scale', _COMMAND_VALUES, 1e-6, 1e6)
    limits = _limits(content)
    card = content.take('card', dict, 'an object')
    rectify = content.flag('rectify', True)
    steering = STEERING_MODES[0] if content.peek('steering') is None else content.string('steering')
    if steering not in STEERING_MODES:
        raise content.error('steering', f'must be one of {", ".join(STEERING_MODES)}')
    scale_range = _capacitance_scale_range(content)
    aim_deg: tuple[float, ...] = AS_TRAINED_AIM_DEG
    trim: tuple[float, ...] = AS_TRAINED_TRIM
    if content.peek('camera_aim_deg') is not None:
        aim_deg = content.numbers('camera_aim_deg', len(aim_deg), -_MAX_AIM_DEG, _MAX_AIM_DEG)
    if content.peek('output_trim') is not None:
        trim = content.numbers('output_trim', len(trim), -_MAX_TRIM, _MAX_TRIM)
    content.require_all_read()
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
        scale_range,
        aim_deg,
        trim,
    ), wiring


def _camera(camera: JsonFields) -> CameraGeometry:
    geometry = CameraGeometry(
        camera.integer('width', 1, 8192),
        camera.integer('height', 1, 8192),
        *(camera.number(key, 1e-3, 1e6) for key in ('fx', 'fy')),
        *(camera.number(key, -1e6, 1e6) for key in ('cx', 'cy')),
    )
    camera.require_all_read()
    return geometry


def _limits(content: JsonFields) -> VehicleLimits:
    bounds = content.fields('limits')
    values: dict[str, Any] = {
        key: bounds.numbers(key, _COMMAND_VALUES, -1e6, 1e6)
        for key in ('maximum', 'slew', 'safe_command')
    }
    timeout_s = bounds.number('command_timeout_s', 1e-3, 10.0)
    bounds.require_all_read()
    try:
        return VehicleLimits(command_timeout_s=timeout_s, **values)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{content.prefix}{error}') from None


def _capacitance_scale_range(content: JsonFields) -> tuple[float, float]:
    """Return the checked trust region of the capacitances; the default one where there is none."""
    name, (smallest, largest) = 'capacitance_scale_range', CAPACITANCE_SCALE_LIMITS
    if content.peek(name) is None:
        return DEFAULT_CAPACITANCE_SCALE_RANGE
    low, high = content.numbers(name, 2, smallest, largest)
    if not low <= 1.0 <= high:
        raise content.error(name, f'must have 1, which is as trained, between {low:g} and {high:g}')
    return low, high


def _core(core: JsonFields, features: int, core_bytes: int) -> tuple[dict[str, Any], Wiring | None]:
    """Return the checked object `core`, and the wiring of a liquid one."""
    kind = core.string('type')
    if kind in ONNX_CORE_TYPES:
        content: dict[str, Any] = {'type': kind}
        if kind == NAMED_GRAPH:
            content['name'] = core.string('name')
            if not _NAME_PATTERN.fullmatch(content['name']):
                raise core.error('name', f'{_NAME_RULE} only')
        content['state_size'] = core.integer('state_size', 1, 1 << 16)
        core.require_all_read()
        return content, None
    if kind not in LIQUID_CORE_TYPES:
        known = ', '.join((*LIQUID_CORE_TYPES, *ONNX_CORE_TYPES))
        raise core.error('type', f'must be one of {known}')
    content = {'type': kind}
    if kind == 'ltc':
        content['unfolds'] = core.integer('unfolds', 1, 64)
    recipe = core.take('wiring', dict, 'an object')
    sizes = [recipe.get(name, 0) for name in ('inputs', 'neurons', 'inter', 'command', 'motor')]
    if all(isinstance(size, int) for size in sizes):
        # Building a large wiring takes minutes; one that the tensors cannot have is not built.
        neurons = max(0, *sizes[1:]) if sizes[1] else sum(sizes[2:])
        if 16 * neurons * (neurons + sizes[0]) > 2 * core_bytes + (1 << 20):
            raise core.error('wiring', f'is too large for the {core_bytes} bytes of {CORE_FILE}')
    try:
        wiring = Wiring.from_dict(recipe)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{core.prefix}{one_line(error)}') from None
    core.require_all_read()
    if wiring.inputs != features + _IMU_VALUES:
        raise core.error(
            'wiring.inputs',
            f'must be features + {_IMU_VALUES} = {features + _IMU_VALUES}, not {wiring.inputs}',
        )
    if wiring.motors != _COMMAND_VALUES:
        raise core.error(
            'wiring', f'must have {_COMMAND_VALUES} motor neurons, not {wiring.motors}'
        )
    return {**content, 'wiring': wiring.to_dict()}, wiring
