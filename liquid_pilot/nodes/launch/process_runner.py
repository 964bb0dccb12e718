"""Runs a graph as processes where `launch` is not installed: starts, watches and ends them.

Every node is a process in a session of its own, so that Ctrl-C reaches this process only. It then
ends the nodes at once, by the ids of the processes that it started, so that none reports another
one's end as a fault. Only a recorder goes on until the simulator has ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.child_process import child_setup
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.preparation import prepared
from liquid_pilot.utils.resources import PACKAGE, find_installed

INTERRUPTED = 130
"""Exit code after SIGINT, as shells have it."""
_POLL_PERIOD_S = 0.05
_SIGNAL_RETRY_PERIOD_S = 1.0
_MAX_REPORT_S = 30.0
"""Longest time for the simulator to write its report."""
_MAX_SHUTDOWN_S = 4.0
"""Longest time for a node to end before it gets SIGTERM."""
_SIGTERM_GRACE_S = 2.0
"""Time from SIGTERM to SIGKILL."""


def command_line(spec: NodeSpec) -> list[str]:
    """Return the command that starts a node.

    Raises:
        LiquidPilotError: the node's ROS package is not installed.
    """
    if spec.package == PACKAGE:
        line = [sys.executable, '-m', f'liquid_pilot.nodes.{spec.executable}']
    else:
        line = [str(_installed(spec.package, spec.executable))]
    line += [*spec.arguments, '--ros-args']
    line += ['--log-level', spec.log_level, '-r', f'__node:={spec.name}']
    if spec.namespace:
        line += ['-r', f'__ns:=/{spec.namespace}']
    for source, target in spec.remappings:
        line += ['-r', f'{source}:={target}']
    for file in spec.parameter_files:
        line += ['--params-file', str(file)]
    for name, value in spec.parameters.items():
        # rcl reads the value as YAML, of which JSON is a part.
        line += ['-p', f'{name}:={json.dumps(value)}']
    return line


def _installed(package: str, executable: str) -> Path:
    """Return the path of an executable of another ROS package."""
    path = find_installed(package, 'lib', executable)
    if path is not None:
        return path
    raise LiquidPilotError(
        f'the ROS package {package} is not installed, or not sourced: sudo apt install '
        f'ros-$ROS_DISTRO-{package.replace("_", "-")}'
    )


@dataclass
class _NodeProcess:
    """A node that was started."""

    spec: NodeSpec
    process: subprocess.Popen[bytes]

    @property
    def code(self) -> int | None:
        """Exit code, by subprocess's convention; None while the process runs."""
        return self.process.poll()


def run(
    specs: Sequence[NodeSpec],
    added: Mapping[str, str],
    print_line: Callable[[str], None],
    observer: AbstractContextManager[None] | None = None,
) -> int:
    """Run a graph to its end.

    Args:
        specs: the processes, in the order in which they are started and ended.
        added: variables for the environment of the nodes.
        print_line: function that takes lines for the user.
        observer: context that is entered when all nodes are started, and left before they are
            ended; None: nothing is done meanwhile.

    Returns:
        The exit code of the run: that of the node that ends it, 130 after Ctrl-C, or 1 when a
        required node ended before.

    Raises:
        LiquidPilotError: the graph cannot be started: a ROS package is not installed, the loopback
            interface is down, or another run has the ROS domain.
    """
    lines = [(spec, command_line(spec)) for spec in specs]
    with prepared(specs, added, print_line):
        return _run(lines, {**os.environ, **added}, print_line, observer or nullcontext())


def _run(
    lines: Sequence[tuple[NodeSpec, list[str]]],
    environment: Mapping[str, str],
    print_line: Callable[[str], None],
    observer: AbstractContextManager[None],
) -> int:
    """Start the nodes by their command lines, wait for the end of the run, and end them."""
    signals: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, frame: signals.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    running: list[_NodeProcess] = []
    try:
        for spec, line in lines:
            process = subprocess.Popen(
                line,
                env=environment,
                stdin=subprocess.DEVNULL,
                # Before a node has its own handler, a signal would end it with a traceback of an
                # import.
                start_new_session=True,
                preexec_fn=child_setup(signal.SIGTERM, ignored=(signal.SIGINT,)),
            )
            running.append(_NodeProcess(spec, process))
        with observer:
            return _watch(running, signals, print_line)
    finally:
        _terminate([node for node in running if not node.spec.ends_run], _MAX_SHUTDOWN_S)
        _terminate(running, _MAX_SHUTDOWN_S)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _watch(
    running: list[_NodeProcess], signals: list[int], print_line: Callable[[str], None]
) -> int:
    """Wait until the run ends, by itself, by a signal or by a failure, and return its exit code."""
    ending = next((node for node in running if node.spec.ends_run), None)
    while True:
        if ending is not None and ending.code is not None:
            return _exit_code(ending.code)
        if signals:
            if ending is not None:
                print_line('stopping the nodes')
                _interrupt_others(running)
                _terminate([ending], _MAX_REPORT_S, signals)
            return INTERRUPTED if signals[0] == signal.SIGINT else 128 + signals[0]
        for node in running:
            if node.spec.required and node.code is not None:
                print_line(
                    f'the {node.spec.name} ended with exit code {_exit_code(node.code)} '
                    'and the run cannot go on without it; see its message above'
                )
                if ending is not None:
                    _interrupt_others(running)
                    _terminate([ending], _MAX_REPORT_S, signals, signal.SIGTERM)
                return 1
        time.sleep(_POLL_PERIOD_S)


def _interrupt_others(running: list[_NodeProcess]) -> None:
    """Ask all nodes to end, except the one that ends the run and those that end after it."""
    for node in running:
        if node.code is None and not node.spec.ends_run and not node.spec.ends_last:
            node.process.send_signal(signal.SIGINT)


def _terminate(
    nodes: list[_NodeProcess],
    timeout_s: float,
    signals: list[int] | None = None,
    first_signal: signal.Signals = signal.SIGINT,
) -> None:
    """End processes: by `first_signal`, after `timeout_s` by SIGTERM, and at last by SIGKILL.

    Args:
        nodes: the processes.
        timeout_s: time for them to end by themselves.
        signals: signals that this process got; with a third one it ends them at once.
        first_signal: signal by which they are asked to end, repeated every second.
    """
    start_s, last_sent_s = time.monotonic(), -_SIGNAL_RETRY_PERIOD_S
    while remaining := [node for node in nodes if node.code is None]:
        elapsed_s = time.monotonic() - start_s
        at_once = signals is not None and len(signals) > 2
        if at_once or elapsed_s > timeout_s + _SIGTERM_GRACE_S:
            number = signal.SIGKILL
        elif elapsed_s > timeout_s:
            number = signal.SIGTERM
        else:
            number = first_signal
        if at_once or elapsed_s - last_sent_s >= _SIGNAL_RETRY_PERIOD_S:
            last_sent_s = elapsed_s
            for node in remaining:
                node.process.send_signal(number)
        time.sleep(_POLL_PERIOD_S)


def _exit_code(code: int) -> int:
    """Return an exit code as shells have it: 128 + the number of the signal that ended it."""
    return code if code >= 0 else 128 - code
