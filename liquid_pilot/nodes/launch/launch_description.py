"""Options and graphs as launch descriptions; for the files in launch/ only.

`launch` and `launch_ros` come with ROS and are on no package index, so nothing else imports this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch_ros.actions import Node

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch.flight_checks import check_before_start
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.flight_options import Options, with_run_folder
from liquid_pilot.nodes.launch.preparation import prepared
from liquid_pilot.utils.settings import declared_settings, from_strings, is_switch

_HELD = ExitStack()
"""What graphs hold until this process ends."""


def make_launch_description(
    kind: type[Options],
    nodes: Callable[[Options], Sequence[NodeSpec]],
    environment: Callable[[Options, Mapping[str, str]], dict[str, str]],
    text: Callable[[Options], str],
) -> LaunchDescription:
    """Return a launch description whose arguments are the settings of a dataclass of options.

    Args:
        kind: the dataclass.
        nodes: function that returns the processes to start.
        environment: function that returns the variables to add to the environment, which is its
            other argument.
        text: function that returns the text to print first; empty: nothing is printed.
    """

    def start(context: LaunchContext) -> list[Any]:
        values = {name: context.launch_configurations[name] for name in declared_settings(kind)}
        options = with_run_folder(from_strings(kind, values))
        check_before_start(options.flight_options())
        specs, added = nodes(options), environment(options, context.environment)
        _HELD.enter_context(prepared(specs, added, _print_line))
        actions: list[Any] = [SetEnvironmentVariable(name, value) for name, value in added.items()]
        message = text(options)
        if message:
            actions.append(LogInfo(msg=message))
        for spec in specs:
            node = _node(spec)
            on_exit = OnProcessExit(target_action=node, on_exit=_on_process_exit(spec))
            actions += [RegisterEventHandler(on_exit), node]
        return actions

    return LaunchDescription([*_arguments(kind), OpaqueFunction(function=start)])


def _print_line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments(kind: type[Any]) -> list[DeclareLaunchArgument]:
    """Return the launch arguments of a dataclass of options."""
    arguments = []
    for declared in declared_settings(kind).values():
        default = str(declared.default)
        # `launch` compares with the choices letter by letter; we also take True, 1 and yes.
        choices = None if is_switch(declared) else tuple(declared.choices) or None
        values = ' [true or false]' if declared.kind is bool else ''
        if choices is None and declared.choices:
            values = f' [{", ".join(declared.choices)}]'
        arguments.append(
            DeclareLaunchArgument(
                declared.name,
                default_value=default.lower() if declared.kind is bool else default,
                description=declared.description
                + (f' [{declared.unit}]' if declared.unit else values),
                choices=choices,
            )
        )
    return arguments


def _node(spec: NodeSpec) -> Node:
    """Return the launch action of a process."""
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        remappings=list(spec.remappings),
        output='screen',
        parameters=[*map(str, spec.parameter_files), dict(spec.parameters)],
        arguments=list(spec.arguments),
        ros_arguments=['--log-level', spec.log_level],
        # Time for the simulator to write its report after Ctrl-C.
        sigterm_timeout='30' if spec.ends_run else '5',
        sigkill_timeout='5',
    )


def _on_process_exit(spec: NodeSpec) -> Callable[[Any, LaunchContext], list[EmitEvent] | None]:
    """Return the handler of the end of a process.

    `ros2 launch` alone would go on, and exit with 0.
    """

    def handle(event: Any, context: LaunchContext) -> list[EmitEvent] | None:
        if context.is_shutdown:
            return None
        code = event.returncode
        if spec.ends_run and code == 0:
            return [EmitEvent(event=Shutdown(reason='all missions are over'))]
        if spec.ends_run or spec.required:
            # An exception makes `ros2 launch` exit with 1.
            raise LiquidPilotError(
                f'the {spec.name} ended with exit code {code}; see its message above'
            )
        return None

    return handle
