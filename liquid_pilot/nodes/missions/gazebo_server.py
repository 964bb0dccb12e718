"""Gazebo as a process: one world, started paused, and ended by the ids that were kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch.process_runner import child_setup

PROGRAM = 'gz'
_POLL_S = 0.05
_MAX_SHUTDOWN_S = 5.0
_SERVICE_TIMEOUT_MS = 3000
_TAIL_LINES = 3


def find_gazebo() -> str:
    """The program; LiquidPilotError says how to come by it."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise LiquidPilotError(
            f'Gazebo is not installed: there is no program {PROGRAM!r}. With ROS 2 Jazzy: sudo apt '
            'install ros-jazzy-ros-gz (docs/gazebo.md)'
        )
    return found


def command_line(
    program: str, world: Path, render_engine: str, gui: bool, initial_time_s: float, seed: int
) -> list[str]:
    """How Gazebo is started: paused, its clock at a time, its noise of a seed."""
    line = [
        program,
        'sim',
        '--render-engine',
        render_engine,
        '--initial-sim-time',
        f'{initial_time_s:g}',
        '--seed',
        str(seed),
    ]
    if not gui:
        line.append('-s')
        if render_engine == 'ogre2':
            # By EGL, without a screen; the older renderer wants an X server even so.
            line.append('--headless-rendering')
    return [*line, str(world)]


class GazeboServer:
    """A running Gazebo. It must be ended by `end`; when this process is killed, it is told."""

    def __init__(self, line: list[str], log: Path) -> None:
        """Start it; what it prints goes to `log`."""
        self._program, self._log = line[0], log
        with log.open('ab') as sink:
            # In a session of its own: with a window it is several processes.
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=child_setup(signal.SIGINT),
            )

    def check(self) -> None:
        """LiquidPilotError with what it said last, once it has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise LiquidPilotError(f'Gazebo ended with exit code {code}: {self.log_tail()}')

    def log_tail(self) -> str:
        """The end of what it printed, in one line, and where the rest is."""
        lines = self._log.read_text(errors='replace').split('\n')
        said = [line.strip() for line in lines if line.strip()][-_TAIL_LINES:]
        return f'{" / ".join(said) or "it said nothing"} (all of it: {self._log})'

    def unpause(self, world: str, wait: Callable[[float], None]) -> None:
        """Let time run; `wait` passes while the request is under way. LiquidPilotError if not."""
        request = subprocess.Popen(
            [
                self._program,
                'service',
                '-s',
                f'/world/{world}/control',
                '--reqtype',
                'gz.msgs.WorldControl',
                '--reptype',
                'gz.msgs.Boolean',
                '--timeout',
                str(_SERVICE_TIMEOUT_MS),
                '--req',
                'pause: false',
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=child_setup(signal.SIGKILL),
        )
        try:
            until_s = time.monotonic() + 2e-3 * _SERVICE_TIMEOUT_MS
            while request.poll() is None and time.monotonic() < until_s:
                wait(_POLL_S)
        finally:
            if request.poll() is None:
                request.kill()
        said = request.communicate()[0].strip()
        if 'data: true' not in said:
            raise LiquidPilotError(f'Gazebo does not start its clock: {said or "no answer"}')

    def end(self) -> None:
        """Ask it to end, then make it; nothing of it is left."""
        asked = False
        until_s = time.monotonic() + _MAX_SHUTDOWN_S
        while self._process.poll() is None and time.monotonic() < until_s:
            if not asked:
                asked = True
                self._send(signal.SIGINT)
            time.sleep(_POLL_S)
        self._send(signal.SIGKILL)
        self._process.wait()

    def _send(self, number: int) -> None:
        """To all processes of its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
