"""Runs a graph as processes where launch is not installed: starts, watches and ends them.

Every node is a process in a session of its own, so that Ctrl-C reaches this process only, which
asks the nodes to end, in order, and only by the ids of the processes that it started.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.utils.resources import PACKAGE

INTERRUPTED = 130
_POLL_S = 0.05
_SIGNAL_RETRY_PERIOD_S = 1.0
_MAX_REPORT_S = 30.0
"""How long the simulator may take to write its report."""
_MAX_SHUTDOWN_S = 4.0


def command_line(spec: NodeSpec) -> list[str]:
    """The command that starts one node; LiquidPilotError when its package is not here."""
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
    """An executable of another ROS package."""
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        path = Path(prefix) / 'lib' / package / executable
        if prefix and path.is_file():
            return path
    raise LiquidPilotError(
        f'the ROS package {package} is not installed, or not sourced: sudo apt install '
        f'ros-$ROS_DISTRO-{package.replace("_", "-")}'
    )


@dataclass
class _NodeProcess:
    spec: NodeSpec
    process: subprocess.Popen

    @property
    def code(self) -> int | None:
        return self.process.poll()


def run(specs: Sequence[NodeSpec], added: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Run a graph to its end; returns the exit code of the run.

    That is the code of the node that ends the run; 130 after Ctrl-C; 1 when a required node ended
    before. `added` goes into the environment of the nodes, `say` takes lines for the user.
    """
    signals: list[int] = []
    kept = {
        number: signal.signal(number, lambda number, frame: signals.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    running: list[_NodeProcess] = []
    try:
        for spec, line in [(spec, command_line(spec)) for spec in specs]:
            running.append(
                _NodeProcess(
                    spec,
                    subprocess.Popen(
                        line,
                        env={**os.environ, **added},
                        stdin=subprocess.DEVNULL,
                        # A signal before a node has its own handler would end it with a traceback from
                        # an import.
                        start_new_session=True,
                        preexec_fn=child_setup(signal.SIGTERM, ignored=(signal.SIGINT,)),
                    ),
                )
            )
        return _watch(running, signals, say)
    finally:
        _terminate([node for node in running if not node.spec.ends_run], _MAX_SHUTDOWN_S)
        _terminate(running, _MAX_SHUTDOWN_S)
        for number, handler in kept.items():
            signal.signal(number, handler)


def _watch(running: list[_NodeProcess], signals: list[int], say: Callable[[str], None]) -> int:
    ending = next((node for node in running if node.spec.ends_run), None)
    while True:
        if ending is not None and ending.code is not None:
            return _exit_code(ending.code)
        if signals:
            if ending is not None:
                say('ending: the report of what was flown follows')
                _terminate([ending], _MAX_REPORT_S, signals)
            return INTERRUPTED if signals[0] == signal.SIGINT else 128 + signals[0]
        for node in running:
            if node.spec.required and node.code is not None:
                say(
                    f'the {node.spec.name} ended with exit code {_exit_code(node.code)} '
                    'and the run cannot go on without it; see its message above'
                )
                if ending is not None:
                    _terminate([ending], _MAX_REPORT_S, signals, signal.SIGTERM)
                return 1
        time.sleep(_POLL_S)


def _terminate(
    nodes: list[_NodeProcess],
    limit_s: float,
    signals: list[int] | None = None,
    ask_with: int = signal.SIGINT,
) -> None:
    """Ask processes to end, again and again, then make them; a third Ctrl-C makes them at once."""
    start_s, asked_s, grace_s = time.monotonic(), -_SIGNAL_RETRY_PERIOD_S, 2.0
    while left := [node for node in nodes if node.code is None]:
        now_s = time.monotonic() - start_s
        hurry = signals is not None and len(signals) > 2
        if hurry or now_s > limit_s + grace_s:
            number = signal.SIGKILL
        elif now_s > limit_s:
            number = signal.SIGTERM
        else:
            number = ask_with
        if hurry or now_s - asked_s >= _SIGNAL_RETRY_PERIOD_S:
            asked_s = now_s
            for node in left:
                node.process.send_signal(number)
        time.sleep(_POLL_S)


def _exit_code(code: int) -> int:
    """As shells have it: 128 + the signal that killed a process."""
    return code if code >= 0 else 128 - code


_PR_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG of prctl(2)


_LIBC = ctypes.CDLL(None)


def child_setup(death_signal: int, ignored: tuple[int, ...] = ()) -> Callable[[], None]:
    """What a child does before its program starts, as `preexec_fn` of subprocess.Popen.

    Args:
        death_signal: what it gets when its parent is gone.
        ignored: signals that the program ignores until it has handlers of its own.
    """

    def prepare() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)

    return prepare
