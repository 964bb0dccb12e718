"""What must hold before the guard may engage, and in words what does not.

Plain Python on facts that others measured: the pilot of its sensors, the vehicle of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

GEOMETRY_MATCHES, GEOMETRY_DIFFERS, GEOMETRY_UNKNOWN, GEOMETRY_UNCHECKED = (
    'fits',
    'does not fit',
    'not known',
    'not checked',
)
"""What a pilot says of the camera's geometry."""


class Readiness(NamedTuple):
    """What the pilot knows of itself; NaN where it does not."""

    state: str
    """'loading', 'waiting', 'flying' or 'refusing'."""
    problem: str
    """Its complaints, in one line; empty when it has none."""
    trained_rate_hz: float
    """Frame rate of its training."""
    camera_rate_hz: float
    imu_rate_hz: float
    frame_age_s: float
    """Median of arrival by the ROS clock minus stamp; negative: stamped in the future."""
    imu_age_s: float
    geometry: str
    """One of FITS, UNFIT, UNKNOWN, UNCHECKED."""

    def values(self) -> dict[str, str]:
        """As /diagnostics has them, but for state and problem."""
        return {
            name: value if isinstance(value, str) else f'{value:.3f}'
            for name, value in zip(self._fields[2:], self[2:], strict=True)
        }

    @classmethod
    def from_values(cls, state: str, problem: str, values: Mapping[str, str]) -> Readiness:
        """From what /diagnostics says; what is missing or no number is NaN."""
        numbers = [_number(values.get(name, '')) for name in cls._fields[2:-1]]
        return cls(state, problem, *numbers, values.get('geometry', GEOMETRY_UNKNOWN))


class VehicleStatus(NamedTuple):
    """What the autopilot says of itself; None: it does not say."""

    connected: bool | None = None
    armed: bool | None = None
    mode: str = ''
    """Its own name for it; empty: it does not say."""
    obeys: bool | None = None
    """Whether it is in the mode in which it takes our commands."""
    estimator: str | None = None
    """What is wrong with its estimate of attitude and velocity; empty: nothing."""


@dataclass(frozen=True)
class PreflightRequirements:
    """What is asked for."""

    min_camera_rate_ratio: float = 0.5
    """Camera rate as a share of training's."""
    imu_rate_hz: float = 15.0
    frame_age_s: float | None = 0.5
    """Stamps may be as old as this, and FUTURE_S ahead; None: clocks are not compared."""
    requires_offboard_mode: bool = False
    """The autopilot must be in the mode that takes our commands before they come."""
    future_tolerance_s: float = 0.1


def failed_checks(
    pilot: Readiness | None, vehicle: VehicleStatus | None, required: PreflightRequirements
) -> list[str]:
    """What does not hold, each in a few words that say what to do; empty: all clear.

    Args:
        pilot: None: nothing has been heard of one lately.
        vehicle: None: this vehicle says nothing of itself.
        required: what is asked for.
    """
    return [
        *_failed_pilot_checks(pilot, required),
        *([] if vehicle is None else _failed_vehicle_checks(vehicle, required)),
    ]


def _failed_pilot_checks(pilot: Readiness | None, required: PreflightRequirements) -> list[str]:
    if pilot is None:
        return ['the pilot says nothing on /diagnostics; start it']
    if pilot.state == 'loading':
        return ['the pilot is still loading; wait']
    found = []
    # Written so that NaN fails.
    least_hz = required.min_camera_rate_ratio * pilot.trained_rate_hz
    if not pilot.camera_rate_hz >= least_hz:
        found.append(
            f'camera: {_format_number(pilot.camera_rate_hz)} frames/s, at least {least_hz:.3g} '
            f'are needed (trained at {_format_number(pilot.trained_rate_hz)})'
        )
    if not pilot.imu_rate_hz >= required.imu_rate_hz:
        found.append(
            f'imu: {_format_number(pilot.imu_rate_hz)} samples/s, at least '
            f'{required.imu_rate_hz:g} are needed'
        )
    if required.frame_age_s is not None:
        for name, age_s in (('camera', pilot.frame_age_s), ('imu', pilot.imu_age_s)):
            if not -required.future_tolerance_s <= age_s <= required.frame_age_s:
                found.append(
                    f'{name}: its stamps are {_format_number(age_s)} s old by the ROS clock; '
                    'synchronise the clocks, or set check_age to false'
                )
    if pilot.geometry in (GEOMETRY_DIFFERS, GEOMETRY_UNKNOWN):
        found.append(
            f"camera: whether its field of view is the pilot file's: {pilot.geometry}; "
            'see what the pilot says'
        )
    if pilot.state == 'refusing' or (pilot.problem and not found):
        found.append(f'the pilot says "{pilot.problem}"')
    return found


def _failed_vehicle_checks(vehicle: VehicleStatus, required: PreflightRequirements) -> list[str]:
    if vehicle.connected is False:
        return ['the autopilot is not connected']
    found = []
    if vehicle.estimator:
        found.append(f'the autopilot: {vehicle.estimator}')
    if required.requires_offboard_mode and vehicle.obeys is False:
        found.append(f'the autopilot is in mode {vehicle.mode or "?"}, which takes no commands')
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _format_number(value: float) -> str:
    return 'no' if math.isnan(value) else f'{value:.3g}'
