"""Checks of what a flight needs from this machine, made before any node is started."""

from __future__ import annotations

import os
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process.parameter_files import (
    check_parameter_file,
    known_parameters,
    parameters_of,
    read_parameter_file,
    shipped_parameters,
)
from liquid_pilot.nodes.common.process.ros_domain import domain_of
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.flight_options import GAZEBO, MUJOCO, SCENE, FlyOptions
from liquid_pilot.simulation.gazebo.program import find_gazebo
from liquid_pilot.simulation.tasks.registry import task_of
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import user_path

_MODULES_OF_ADAPTERS = {
    'mavlink': ('pymavlink', 'serial'),
    'mavlink_attitude': ('pymavlink', 'serial'),
    'mavlink_rover': ('pymavlink', 'serial'),
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
        _check_parameters(user_path(options.params_file), options.namespace)
        _check_overridden(user_path(options.params_file), options)
    if options.runs_missions:
        task_of(options.vehicle)
    if options.simulator in (MUJOCO, SCENE):
        require_modules(('mujoco',), f'simulator:={options.simulator}')
    if options.simulator == GAZEBO:
        find_gazebo()
    if options.dashboard:
        require_modules(('aiohttp',), 'dashboard:=true')
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


def _check_parameters(file: Path, namespace: str) -> None:
    """Refuse a parameter file of which the nodes of this namespace would ignore a part."""
    above = f'/{namespace.strip("/")}'.rstrip('/')
    nodes = [f'{above}/{name}' for name in known_parameters()]
    try:
        _refuse_mixed_lists(file)
        check_parameter_file(file, nodes)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'params_file: {error}') from None


def _check_overridden(file: Path, options: FlyOptions) -> None:
    """Refuse values of a parameter file that would not be what the person means.

    Such are values that the options of the flight override. Those of config/fly.yaml are no wish,
    since the file may be a copy of it; but its limits are those of a quadrotor.
    """
    specs = flight_graph.nodes(options)
    by_node = parameters_of(file, [spec.full_name for spec in specs])
    for spec in specs:
        own = by_node[spec.full_name]
        shipped = shipped_parameters(spec.name)
        for name, value in spec.parameters.items():
            if name in own and own[name] not in (value, shipped.get(name)):
                raise LiquidPilotError(
                    f'params_file: {file} sets {name} of {spec.name} to {own[name]}, but the '
                    f'options of the flight set it to {value or repr(value)}; leave it out of the '
                    'file, and set it by its option (docs/reference/parameters.md)'
                )
        limits = flight_graph.vehicle_limits(options.vehicle) if spec.name == 'guard' else {}
        copied = [n for n in limits if own.get(n) == shipped[n] != limits[n] and n in own]
        if copied:
            raise LiquidPilotError(
                f'params_file: {file} sets {", ".join(copied)} of the guard to the values of '
                f'config/fly.yaml, which are those of a quadrotor; leave them out for those of a '
                f'{options.vehicle}, or write your own: '
                + ', '.join(f'{name}: {limits[name]}' for name in copied)
            )


def _refuse_mixed_lists(file: Path) -> None:
    """Refuse lists whose values are of several types, which ROS does not take."""
    mixed = _mixed_list(read_parameter_file(file))
    if mixed:
        raise LiquidPilotError(
            f'the list {mixed} in {file} mixes whole numbers, decimal ones or texts, which ROS '
            'does not take; write all of its values in one way, such as [1.0, 2.5]'
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
