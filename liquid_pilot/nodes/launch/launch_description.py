"""Options and graphs as launch descriptions; for the files in launch/ only.

`launch` and `launch_ros` come with ROS and are on no package index, so nothing else imports this.
"""

from __future__ import annotations

import atexit
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, NoReturn

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown, matches_action
from launch.events.process import SignalProcess
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch_ros.actions import Node

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch.flight_checks import check_before_start
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.flight_options import Options
from liquid_pilot.nodes.launch.preparation import prepared
from liquid_pilot.nodes.launch.restarts import Restarts, fatal_end, how_it_ended
from liquid_pilot.nodes.launch.run_folder import with_run_folder
from liquid_pilot.utils.settings import declared_settings, from_strings, is_switch

_HEAD_START_S = 0.5
"""Time from the signal for the simulator to the one for all."""
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
        graph = _Graph(_HELD.enter_context(prepared(specs, added, _print_line)))
        message = text(options)
        return [
            *([LogInfo(msg=message)] if message else []),
            *(action for spec in specs for action in graph.start(spec)),
        ]

    return LaunchDescription([*_arguments(kind), OpaqueFunction(function=start)])


def _raise(text: str) -> NoReturn:
    """Raise an exception, which makes `ros2 launch` exit with 1."""
    raise LiquidPilotError(text)


def _print_line(text: str) -> None:
    # An exception of a handler would end the launch, the guard too, where the reader has gone.
    with suppress(OSError):
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


class _Graph:
    """The processes of one graph: how each is started, and what follows when it ends."""

    def __init__(self, added: Mapping[str, str]) -> None:
        """Begin without processes.

        Args:
            added: variables for the environment of these processes, and of no others of the launch.
        """
        self._added = dict(added)
        self._restarts: dict[str, Restarts] = {}
        self._ends_run: Node | None = None
        self._failed = False
        self._lost: list[str] = []

    def start(self, spec: NodeSpec) -> list[Any]:
        """Return the actions that start a process and watch for its end."""
        node = self._node(spec)
        now_s = time.monotonic()
        if spec.ends_run:
            self._ends_run = node
        if spec.name in self._restarts:
            self._restarts[spec.name].started(now_s)
        else:
            self._restarts[spec.name] = Restarts(spec.name, now_s)
        on_exit = OnProcessExit(target_action=node, on_exit=partial(self._on_exit, spec))
        return [RegisterEventHandler(on_exit), node]

    def _node(self, spec: NodeSpec) -> Node:
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
            additional_env=self._added,
            # Time for the simulator to write its report after Ctrl-C.
            sigterm_timeout='30' if spec.ends_run else '5',
            sigkill_timeout='5',
        )

    def _on_exit(self, spec: NodeSpec, event: Any, context: LaunchContext) -> list[Any] | None:
        """Return what follows the end of a process; `ros2 launch` alone would exit with 0."""
        if context.is_shutdown or self._failed:
            return None
        code = event.returncode
        if spec.restarts:
            return self._start_again(spec, code)
        if spec.ends_run and code == 0:
            if self._lost:
                return self._fail('; '.join(self._lost), None)
            return [EmitEvent(event=Shutdown(reason='all missions are over'))]
        # A scene that is killed leaves a vehicle in flight, which needs the guard.
        if spec.required or (spec.ends_run and code > 0):
            return self._fail(fatal_end(spec.name, code), None if spec.ends_run else self._ends_run)
        if code != 0:
            text = f'the {spec.name} {how_it_ended(code)}'
            _print_line(f'{text}; the run goes on without it')
            if spec.matters:
                self._lost.append(f'{text} before the run was over')
        return None

    def _fail(self, text: str, simulator: Node | None) -> list[Any]:
        """End the launch with exit code 1.

        Args:
            text: what has happened.
            simulator: a process that must not take the end for Ctrl-C of the user; None: there is
                none.
        """
        self._failed = True
        # The messages of the other nodes, which end now, would bury it.
        atexit.register(_print_line, text)
        if simulator is None:
            _raise(text)
        # `launch` ends processes by SIGINT; the first signal counts.
        terminate = SignalProcess(
            signal_number=signal.SIGTERM, process_matcher=matches_action(simulator)
        )
        later = OpaqueFunction(function=lambda context: _raise(text))
        return [EmitEvent(event=terminate), TimerAction(period=_HEAD_START_S, actions=[later])]

    def _start_again(self, spec: NodeSpec, code: int) -> list[Any]:
        delay_s, text = self._restarts[spec.name].ended(code, time.monotonic())
        _print_line(text)
        if delay_s is None:
            return []
        # The start is noted when the time has come.
        again = OpaqueFunction(function=lambda context: self.start(spec))
        return [TimerAction(period=delay_s, actions=[again])]
