"""Checks of what a flight needs from this machine, made before any node is started."""

from __future__ import annotations

import os
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process.ros_domain import domain_of
from liquid_pilot.nodes.launch.flight_options import GAZEBO, MUJOCO, FlyOptions
from liquid_pilot.simulation.gazebo.program import find_gazebo
from liquid_pilot.simulation.tasks.registry import task_of
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.json_fields import one_line
from liquid_pilot.utils.path_checks import user_path

_MODULES_OF_ADAPTERS = {
    'mavlink': ('pymavlink', 'serial'),
    'mavlink_attitude': ('pymavlink', 'serial'),
    'mavros_attitude': ('mavros_msgs',),
    'px4': ('px4_msgs',),
    'px4_attitude': ('px4_msgs',),
    'ackermann': ('ackermann_msgs',),
    'crazyflie': ('crazyflie_interfaces',),
}
"""Modules that the guard imports for an adapter, besides those of every node."""


def check_before_start(options: FlyOptions) -> None:
    """Check what a flight needs from this machine: domain, pilot, modules and Gazebo.

    It is for the moment before the nodes are started, each of which would refuse later.

    Raises:
        LiquidPilotError: something is missing or does not fit; the message says what to do.
    """
    domain_of(os.environ)
    if not options.demonstrate:
        _check_pilot(options)
    if options.params_file:
        _check_yaml(user_path(options.params_file))
    if options.simulated:
        task_of(options.vehicle)
    if options.simulator == MUJOCO:
        require_modules(('mujoco',), f'simulator:={MUJOCO}')
    if options.simulator == GAZEBO:
        find_gazebo()
    needed = _MODULES_OF_ADAPTERS.get(options.resolved_adapter, ())
    require_modules(needed, f'adapter:={options.resolved_adapter}', by_run=False)


def _check_pilot(options: FlyOptions) -> None:
    from liquid_pilot import pilot_file

    try:
        pilot = pilot_file.load(pilot_file.resolve(options.pilot_name))
    except LiquidPilotError as error:
        raise LiquidPilotError(f'pilot: {error}') from None
    trained = pilot.specification.vehicle
    if trained != options.vehicle:
        raise LiquidPilotError(
            f'pilot: {options.pilot_name} is trained for a {trained}, not for a '
            f'{options.vehicle}; set vehicle:={trained}, or choose another pilot'
        )


def _check_yaml(file: Path) -> None:
    """Refuse a parameter file that is not YAML of the form NODE: ros__parameters: ..."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding='utf-8'))
    # ValueError: a date or a number that is none; RecursionError: thousands of brackets.
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise LiquidPilotError(
            f'params_file: {file} cannot be read as YAML ({one_line(error)})'
        ) from None
    if not isinstance(content, dict):
        raise LiquidPilotError(
            f'params_file: {file} holds no parameters; copy config/fly.yaml and change its values'
        )
    mixed = _mixed_list(content)
    if mixed:
        raise LiquidPilotError(
            f'params_file: the list {mixed} in {file} mixes whole numbers, decimal ones or texts, '
            'which ROS does not take; write all of its values in one way, such as [1.0, 2.5]'
        )


def _mixed_list(content: object) -> str:
    """Return the name of a list whose values are of several types; empty: there is none."""
    for name, value in content.items() if isinstance(content, dict) else ():
        if isinstance(value, list) and len({type(one) for one in value}) > 1:
            return str(name)
        found = _mixed_list(value)
        if found:
            return found
    return ''
