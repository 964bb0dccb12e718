"""The checks that must pass before the guard may engage.

Plain Python on facts that others report: the pilot about its sensors, the autopilot about itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from liquid_pilot.utils.settings import setting

GEOMETRY_MATCHES, GEOMETRY_DIFFERS, GEOMETRY_UNKNOWN, GEOMETRY_UNCHECKED = (
    'fits',
    'does not fit',
    'not known',
    'not checked',
)
"""Results of a pilot's check of the camera's geometry."""
REJECTING = 'rejecting'
"""State of a pilot that rejects frames."""
PROBLEM_SEPARATOR = ' | '
"""Text between two problems of the IMU at rest."""


class Readiness(NamedTuple):
    """The report of the pilot about itself; a number that is not known is NaN."""

    state: str
    """State of the pilot: 'loading', 'waiting', 'flying' or 'rejecting'."""
    problem: str
    """Problems in one line; empty when there are none."""
    trained_rate_hz: float
    """Frame rate of the pilot's training, Hz."""
    camera_rate_hz: float
    """Rate of the frames, Hz."""
    imu_rate_hz: float
    """Rate of the IMU samples, Hz."""
    frame_age_s: float
    """Median age of frames at arrival by the ROS clock, s; negative: stamped in the future."""
    imu_age_s: float
    """Median age of IMU samples at arrival by the ROS clock, s."""
    geometry: str
    """Result of the check of the camera's geometry: GEOMETRY_MATCHES, GEOMETRY_DIFFERS,
    GEOMETRY_UNKNOWN or GEOMETRY_UNCHECKED."""
    imu_at_rest: str = ''
    """What is wrong with units and axes of the IMU, separated by PROBLEM_SEPARATOR; empty: nothing,
    or the vehicle flies."""

    def values(self) -> dict[str, str]:
        """Return the values of a /diagnostics status, which has state and problem elsewhere."""
        return {
            name: value if isinstance(value, str) else f'{value:.3f}'
            for name, value in zip(self._fields[2:], self[2:], strict=True)
        }

    @classmethod
    def from_values(cls, state: str, problem: str, values: Mapping[str, str]) -> Readiness:
        """Build from the values of a /diagnostics status; a missing or wrong number is NaN.

        Args:
            state: state of the pilot.
            problem: problems in one line; empty when there are none.
            values: the values, as text.
        """
        trained_rate_hz, camera_rate_hz, imu_rate_hz, frame_age_s, imu_age_s = (
            _number(values.get(name, '')) for name in cls._fields[2:7]
        )
        geometry = values.get('geometry', GEOMETRY_UNKNOWN)
        return cls(
            state,
            problem,
            trained_rate_hz,
            camera_rate_hz,
            imu_rate_hz,
            frame_age_s,
            imu_age_s,
            geometry,
            values.get('imu_at_rest', ''),
        )


class VehicleStatus(NamedTuple):
    """The report of the autopilot about itself; a field is None where it is not reported."""

    connected: bool | None = None
    """Whether messages of the autopilot arrive."""
    armed: bool | None = None
    """Whether the motors are armed."""
    mode: str = ''
    """The autopilot's name of its mode; empty where it does not report."""
    accepts_setpoints: bool | None = None
    """Whether the autopilot is in a mode in which it follows setpoints of a companion."""
    estimator: str | None = None
    """Fault of the estimate of attitude and velocity; empty: there is none."""
    airborne: bool | None = None
    """Whether the vehicle flies; False on the ground and while it takes off or lands by itself."""


@dataclass(frozen=True)
class PreflightRequirements:
    """Thresholds of the checks."""

    min_camera_rate_ratio: float = setting(
        0.5, 'camera rate needed to engage, as a share of the rate of training', low=0.0, high=1.0
    )
    min_imu_rate_hz: float = setting(15.0, 'IMU rate needed to engage', 'Hz', low=0.0, high=1000.0)
    max_stamp_age_s: float | None = 0.5
    """Maximum age of stamps, s; None: clocks are not compared."""
    requires_offboard_mode: bool = False
    """Whether the autopilot must be in its offboard mode before setpoints are sent."""
    future_tolerance_s: float = 0.1
    """Maximum time by which stamps may be ahead of the clock, s."""


def failed_checks(
    pilot: Readiness | None, vehicle: VehicleStatus | None, required: PreflightRequirements
) -> list[str]:
    """Return the checks that fail.

    >>> failed_checks(None, None, PreflightRequirements())
    ['the pilot says nothing on /diagnostics; start it']

    Args:
        pilot: the pilot's report; None: there is no recent one.
        vehicle: the autopilot's report; None: this vehicle does not report.
        required: thresholds of the checks.

    Returns:
        One text for each failed check, which says what is wrong and what to do.
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
    failed = []
    # Written so that NaN fails.
    min_rate_hz = required.min_camera_rate_ratio * pilot.trained_rate_hz
    if not pilot.camera_rate_hz >= min_rate_hz:
        failed.append(
            f'camera: {_format_number(pilot.camera_rate_hz)} frames/s, at least {min_rate_hz:.3g} '
            f'are needed (trained at {_format_number(pilot.trained_rate_hz)})'
        )
    if not pilot.imu_rate_hz >= required.min_imu_rate_hz:
        failed.append(
            f'imu: {_format_number(pilot.imu_rate_hz)} samples/s, at least '
            f'{required.min_imu_rate_hz:g} are needed'
        )
    if required.max_stamp_age_s is not None:
        # Where nothing arrives there is no stamp, and the rate has failed already.
        silent = {text.partition(':')[0] for text in failed}
        for name, age_s in (('camera', pilot.frame_age_s), ('imu', pilot.imu_age_s)):
            if math.isnan(age_s) and name in silent:
                continue
            if not -required.future_tolerance_s <= age_s <= required.max_stamp_age_s:
                failed.append(
                    f'{name}: its stamps are {_format_number(age_s)} s old by the ROS clock; '
                    'synchronise the clocks, or set check_stamp_age to false'
                )
    if pilot.geometry in (GEOMETRY_DIFFERS, GEOMETRY_UNKNOWN):
        failed.append(
            f"camera: whether its field of view is the pilot file's: {pilot.geometry}; "
            'see what the pilot says'
        )
    failed += [f'imu: {text}' for text in pilot.imu_at_rest.split(PROBLEM_SEPARATOR) if text]
    if pilot.state == REJECTING or (pilot.problem and not failed):
        failed.append(f'the pilot says "{pilot.problem}"')
    return failed


def _failed_vehicle_checks(vehicle: VehicleStatus, required: PreflightRequirements) -> list[str]:
    if vehicle.connected is False:
        return ['the autopilot is not connected']
    failed = []
    if vehicle.estimator:
        failed.append(f'the autopilot: {vehicle.estimator}')
    if required.requires_offboard_mode and vehicle.accepts_setpoints is False:
        failed.append(f'the autopilot is in mode {vehicle.mode or "?"}, which takes no commands')
    return failed


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _format_number(value: float) -> str:
    return 'no' if math.isnan(value) else f'{value:.3g}'
