"""Runs a graph as processes where `launch` is not installed: starts, watches and ends them.

Every node is a process in a session of its own, so that Ctrl-C reaches this process only. It then
ends the nodes at once, by the ids of the processes that it started, so that none reports another
one's end as a fault. Only a recorder goes on until the simulator has ended. On a vehicle a node
that fails is started again, and only the end of the guard ends the run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process.child_process import child_setup
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.preparation import prepared
from liquid_pilot.nodes.launch.restarts import Restarts, fatal_end, how_it_ended
from liquid_pilot.utils.processes.child_python import module_command
from liquid_pilot.utils.resources import PACKAGE, find_installed

INTERRUPTED = 130
"""Exit code after SIGINT, as shells have it."""
_POLL_PERIOD_S = 0.05
_SIGNAL_RETRY_PERIOD_S = 1.0
_SILENT_S = 1.0
"""Time that the end of the nodes may take without a word."""
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
        line = module_command(f'liquid_pilot.nodes.{spec.executable}')
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


class _NodeProcess:
    """A node that was started, and is started again where that is foreseen."""

    def __init__(self, spec: NodeSpec, line: list[str], environment: Mapping[str, str]) -> None:
        """Start the node by its command line."""
        self.spec = spec
        self._line, self._environment = line, environment
        self._restarts = Restarts(spec.name, time.monotonic())
        self._due_s: float | None = None
        self.reported = False
        """Whether the end of the process has been noted."""
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        # Before a node has its own handler, a signal would end it with a traceback of an import.
        # A node of this package gets it as soon as it has one.
        waits = self.spec.package == PACKAGE
        return subprocess.Popen(
            self._line,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=child_setup(
                signal.SIGTERM,
                ignored=() if waits else (signal.SIGINT,),
                blocked=(signal.SIGINT,) if waits else (),
            ),
        )

    @property
    def code(self) -> int | None:
        """Exit code, by subprocess's convention; None while the process runs."""
        return self.process.poll()

    def keep_up(self, print_line: Callable[[str], None]) -> None:
        """Start the node again after it has ended, when it is time. It never raises an error.

        The guard must go on where memory is short, and where the reader of the lines has gone.
        """
        now_s, error_text = time.monotonic(), ''
        if self._due_s is not None and now_s >= self._due_s:
            self._due_s, self.reported = None, False
            self._restarts.started(now_s)
            try:
                self.process = self._start()
            except (OSError, subprocess.SubprocessError) as error:
                error_text = f' (it cannot be started: {error})'
        if self.code is not None and not self.reported:
            self.reported = True
            delay_s, text = self._restarts.ended(self.process.returncode, now_s)
            self._due_s = None if delay_s is None else now_s + delay_s
            with suppress(OSError):
                print_line(text + error_text)


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
        required node ended before, or when another one failed.

    Raises:
        LiquidPilotError: the graph cannot be started: a ROS package is not installed, the loopback
            interface is down, or another run has the ROS domain.
    """
    lines = [(spec, command_line(spec)) for spec in specs]
    with prepared(specs, added, print_line) as variables:
        return _run(lines, {**os.environ, **variables}, print_line, observer or nullcontext())


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
            running.append(_NodeProcess(spec, line, environment))
        with observer:
            end = _watch(running, signals, print_line)
    finally:
        others = [node for node in running if not node.spec.ends_run]
        announced = bool(signals) and len(others) < len(running)
        _terminate(others, _MAX_SHUTDOWN_S, print_line=None if announced else print_line)
        _terminate(running, _MAX_SHUTDOWN_S)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if end.text:
        # The others have ended, so that this is the last line.
        print_line(end.text)
    return end.code


@dataclass(frozen=True)
class _End:
    """How a run ended."""

    code: int
    """Exit code."""
    text: str = ''
    """Last line for the user; empty: nothing is left to say."""


def _watch(
    running: list[_NodeProcess], signals: list[int], print_line: Callable[[str], None]
) -> _End:
    """Wait until the run ends, by itself, by a signal or by a failure, and return how it ended."""
    ending = next((node for node in running if node.spec.ends_run), None)
    failed: list[str] = []
    while True:
        if ending is not None and ending.code is not None and not _leaves_a_vehicle(ending):
            return _end_of(ending.spec, ending.code, failed)
        if signals:
            if ending is not None:
                print_line('stopping the nodes')
                _interrupt_others(running)
                _terminate([ending], _MAX_REPORT_S, signals)
            code = INTERRUPTED if signals[0] == signal.SIGINT else 128 + signals[0]
            return _End(code, _failures(failed))
        for node in running:
            if node.spec.restarts:
                node.keep_up(print_line)
            elif node.code is not None and not node.reported:
                node.reported = True
                if node.spec.required:
                    print_line(
                        f'the {node.spec.name} {how_it_ended(node.code)}: stopping the nodes'
                    )
                    if ending is not None:
                        _interrupt_others(running)
                        _terminate([ending], _MAX_REPORT_S, signals, signal.SIGTERM)
                    return _End(1, fatal_end(node.spec.name, node.code))
                if node.code != 0:
                    text = f'the {node.spec.name} {how_it_ended(node.code)}'
                    print_line(f'{text}; the run goes on without it')
                    if node.spec.matters:
                        failed.append(f'{text} before the run was over')
        time.sleep(_POLL_PERIOD_S)


def _leaves_a_vehicle(ending: _NodeProcess) -> bool:
    """Return whether a scene was killed, so that its vehicle still needs the guard."""
    return not ending.spec.required and ending.code is not None and ending.code < 0


def _end_of(spec: NodeSpec, code: int, failed: list[str]) -> _End:
    """Return the end of a run whose last node has ended by itself."""
    if code < 0:
        return _End(_exit_code(code), fatal_end(spec.name, code))
    return _End(code or (1 if failed else 0), _failures(failed))


def _failures(failed: list[str]) -> str:
    return '; '.join(failed)


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
    print_line: Callable[[str], None] | None = None,
) -> None:
    """End processes: by `first_signal`, after `timeout_s` by SIGTERM, and at last by SIGKILL.

    Args:
        nodes: the processes.
        timeout_s: time for them to end by themselves.
        signals: signals that this process got; with a third one it ends them at once.
        first_signal: signal by which they are asked to end, repeated every second.
        print_line: function that takes a line for the user if it takes long; None: none is printed.
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
        if print_line is not None and elapsed_s > _SILENT_S:
            print_line('stopping the nodes')
            print_line = None
        time.sleep(_POLL_PERIOD_S)


def _exit_code(code: int) -> int:
    """Return an exit code as shells have it: 128 + the number of the signal that ended it."""
    return code if code >= 0 else 128 - code
