"""Flies missions: `ros2 launch liquid_pilot fly.launch.py missions:=3 seed:=7 headless:=true`.

Arguments and nodes come from liquid_pilot/nodes/graph.py; this file only translates them.
"""

import dataclasses

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes import graph


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _arguments() -> list[DeclareLaunchArgument]:
    declared = []
    for option in dataclasses.fields(graph.FlyOptions):
        choices = option.metadata['choices']
        if isinstance(option.default, bool):
            choices = ('true', 'false')
        declared.append(DeclareLaunchArgument(
            option.name, default_value=_text(option.default),
            description=option.metadata['description'], choices=choices or None,
        ))
    return declared


def _node(spec: graph.NodeSpec) -> Node:
    return Node(
        package=graph.PACKAGE, executable=spec.executable, name=spec.name,
        namespace=spec.namespace, remappings=list(spec.remappings), output='screen',
        parameters=[*map(str, spec.parameter_files), dict(spec.parameters)],
        ros_arguments=['--log-level', spec.log_level],
        # Time for the simulator to write its report after Ctrl-C.
        sigterm_timeout='30' if spec.ends_run else '5', sigkill_timeout='5',
    )


def _when_it_ends(spec: graph.NodeSpec):
    """What to do when a process ends; `ros2 launch` alone would go on, and exit with 0."""
    def handle(event: object, context: LaunchContext) -> list[EmitEvent] | None:
        if context.is_shutdown:
            return None
        code = event.returncode
        if spec.ends_run and code == 0:
            return [EmitEvent(event=Shutdown(reason='all missions are flown'))]
        if spec.ends_run or spec.required:
            # An exception is what makes `ros2 launch` exit with 1.
            raise LiquidPilotError(
                f'the {spec.name} ended with exit code {code}; see its message above')
        return None

    return handle


def _start(context: LaunchContext) -> list:
    values = {
        option.name: context.launch_configurations[option.name]
        for option in dataclasses.fields(graph.FlyOptions)
    }
    options = graph.with_run_folder(graph.FlyOptions.from_strings(values))
    actions = [
        SetEnvironmentVariable(name, value)
        for name, value in graph.environment(options, context.environment).items()
    ]
    for spec in graph.nodes(options):
        node = _node(spec)
        actions += [
            RegisterEventHandler(OnProcessExit(
                target_action=node, on_exit=_when_it_ends(spec))),
            node,
        ]
    return actions


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return LaunchDescription([*_arguments(), OpaqueFunction(function=_start)])
