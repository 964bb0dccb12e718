"""The version of everything that decides how a flight goes, apart from the pilot and its mission.

Stored missions are found again by this version, so that nothing is flown twice. It is declared, not
derived from the sources: a renamed file or a new comment invalidates no stored mission.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from liquid_pilot.onboard.adaptation.learner_registry import LEARNERS
from liquid_pilot.onboard.setpoints.registry import ADAPTERS
from liquid_pilot.onboard.vehicles.registry import VEHICLES
from liquid_pilot.simulation.base.condition import CONDITIONS, parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.tasks.registry import TASKS

FLIGHT_VERSION = 2
"""Raise it by one with every change after which any flight may differ from before.

It covers the behaviour of `COVERED_SOURCES`: the engine and what it computes with, the guard, the
simulation with its tasks and conditions, defaults of settings, and the figures that are stored of a
mission. test/evaluation/test_flight_version.py compares a few seconds of flight with recorded ones
and says what to do when they differ. It cannot notice every change: where a change acts only later
in a flight or in other conditions, raise the version by judgement.
"""
COVERED_SOURCES = (
    'interfaces.py',
    'utils',
    'liquid',
    'pilot_file',
    'onboard',
    'simulation',
    'evaluation/metrics.py',
)
"""Files and folders of the package whose behaviour `FLIGHT_VERSION` covers."""


def flight_version(rules: MissionRules, settings: SimulationSettings) -> str:
    """Return the version of a run, such as '1-0a1b2c3d4e5f'.

    Args:
        rules: the rules of the missions.
        settings: the settings of the simulation.

    Returns:
        `FLIGHT_VERSION` and a digest of the values of rules and settings. The digest does not
        depend on the names of classes and fields.
    """
    text = json.dumps(_values(rules, settings), sort_keys=True, separators=(',', ':'))
    return f'{FLIGHT_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:12]}'


def package_versions(vehicle: str, conditions: str, adapter: str, mode: str) -> str:
    """Return the versions of the other packages that decide how a mission goes.

    Args:
        vehicle: name of the vehicle.
        conditions: label of the conditions.
        adapter: name of the vehicle adapter.
        mode: adaptation mode, such as 'adapt:rule=flicker'.

    Returns:
        Packages and versions, such as '+my_weather-1.0', to be appended to the version of the run;
        empty where nothing of another package takes part.
    """
    rule = re.search(r'[:,]rule=(\w+)', mode)
    extensions = [
        VEHICLES.extension(vehicle),
        TASKS.extension(vehicle),
        ADAPTERS.extension(adapter),
        LEARNERS.extension(rule[1]) if rule else None,
        *(CONDITIONS.extension(each.family) for each in parse(conditions)),
    ]
    found = {f'+{each.package}-{each.version}' for each in extensions if each is not None}
    return ''.join(sorted(found))


def _values(rules: MissionRules, settings: SimulationSettings) -> dict[str, Any]:
    """Return all values that count, under keys that stay when a field is renamed."""
    return {
        'arrival_radius_m': float(rules.arrival_radius_m),
        'time_limit_s': float(rules.time_limit_s),
        'area_radius_m': float(rules.area_radius_m),
        'ceiling_m': float(rules.ceiling_m),
        'reached': rules.success_reason,
        'vehicle': settings.vehicle,
        'camera_width': settings.camera_width,
        'camera_height': settings.camera_height,
        'camera_vertical_fov_rad': float(settings.camera_vertical_fov_rad),
        'physics_rate_hz': settings.physics_rate_hz,
        'imu_rate_hz': settings.imu_rate_hz,
        'camera_rate_hz': settings.camera_rate_hz,
        'command_timeout_s': float(settings.command_timeout_s),
        'conditions': [
            [each.family, each.severity, float(each.onset_s), each.strength]
            for each in settings.conditions
        ],
    }
