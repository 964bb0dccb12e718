"""Options and graphs in the terms of `launch`; for the files in launch/ only.

`launch` and `launch_ros` come with ROS and are on no package index, so nothing else imports this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
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
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch import flight_graph

Environment = Callable[[Any, Mapping[str, str]], dict[str, str]]


def make_launch_description(
    kind: type[Any],
    nodes: Callable[[Any], Sequence[flight_graph.NodeSpec]],
    environment: Environment,
    text: Callable[[Any], str] | None = None,
) -> LaunchDescription:
    """A launch description whose arguments are the fields of a dataclass of options.

    Args:
        kind: the dataclass, of fields made by `graph.option`.
        nodes: of the options, what is started.
        environment: of the options and the environment, what is added to it.
        text: of the options, what is printed first, unless it is empty.
    """

    def start(context: LaunchContext) -> list:
        values = {
            field.name: context.launch_configurations[field.name]
            for field in dataclasses.fields(kind)
        }
        options = flight_graph.with_run_folder(flight_graph.from_strings(kind, values))
        actions = [
            SetEnvironmentVariable(name, value)
            for name, value in environment(options, context.environment).items()
        ]
        said = text(options) if text is not None else ''
        if said:
            actions.append(LogInfo(msg=said))
        for spec in nodes(options):
            node = _node(spec)
            actions += [
                RegisterEventHandler(
                    OnProcessExit(target_action=node, on_exit=_on_process_exit(spec))
                ),
                node,
            ]
        return actions

    return LaunchDescription([*_arguments(kind), OpaqueFunction(function=start)])


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _arguments(kind: type[Any]) -> list[DeclareLaunchArgument]:
    declared = []
    for field in dataclasses.fields(kind):
        choices = field.metadata['choices']
        if isinstance(field.default, bool):
            choices = ('true', 'false')
        declared.append(
            DeclareLaunchArgument(
                field.name,
                default_value=_text(field.default),
                description=field.metadata['description'],
                choices=choices or None,
            )
        )
    return declared


def _node(spec: flight_graph.NodeSpec) -> Node:
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


def _on_process_exit(
    spec: flight_graph.NodeSpec,
) -> Callable[[Any, LaunchContext], list[EmitEvent] | None]:
    """What to do when a process ends; `ros2 launch` alone would go on, and exit with 0."""

    def handle(event: Any, context: LaunchContext) -> list[EmitEvent] | None:
        if context.is_shutdown:
            return None
        code = event.returncode
        if spec.ends_run and code == 0:
            return [EmitEvent(event=Shutdown(reason='all missions are flown'))]
        if spec.ends_run or spec.required:
            # An exception is what makes `ros2 launch` exit with 1.
            raise LiquidPilotError(
                f'the {spec.name} ended with exit code {code}; see its message above'
            )
        return None

    return handle
