"""Gazebo as a child process with one world; it starts paused."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process.child_process import child_setup

_POLL_S = 0.05
_MAX_SHUTDOWN_S = 5.0
_SERVICE_TIMEOUT_MS = 3000
_TAIL_LINES = 3


def command_line(
    program: str, world: Path, render_engine: str, gui: bool, initial_time_s: float, seed: int
) -> list[str]:
    """Return the command line that starts Gazebo, paused.

    Args:
        program: path of the program.
        world: the world file.
        render_engine: `ogre2` or `ogre`.
        gui: whether Gazebo opens its window.
        initial_time_s: simulated time at the start.
        seed: seed of the sensor noise.
    """
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
            # Uses EGL, without a screen; the older renderer needs an X server nevertheless.
            line.append('--headless-rendering')
    return [*line, str(world)]


class GazeboServer:
    """A running Gazebo. `end` must be called; if this process is killed, Gazebo gets SIGINT."""

    def __init__(self, line: list[str], log: Path) -> None:
        """Start Gazebo as a child process.

        Args:
            line: the command line.
            log: file to which its output is appended.
        """
        self._program, self._log = line[0], log
        with log.open('ab') as sink:
            # In a session of its own, since Gazebo with a window is several processes.
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=child_setup(signal.SIGINT),
            )

    def check(self) -> None:
        """Raise LiquidPilotError with the end of its output if Gazebo has ended."""
        code = self._process.poll()
        if code is not None:
            raise LiquidPilotError(f'Gazebo ended with exit code {code}: {self.log_tail()}')

    def log_tail(self) -> str:
        """Return the end of its output in one line, with the path of the log."""
        lines = self._log.read_text(errors='replace').split('\n')
        tail = [line.strip() for line in lines if line.strip()][-_TAIL_LINES:]
        return f'{" / ".join(tail) or "it printed nothing"} (full log: {self._log})'

    def unpause(self, world: str, wait: Callable[[float], None]) -> None:
        """Start the clock of a world.

        Args:
            world: name of the world.
            wait: function that waits for some seconds while the request is in progress.

        Raises:
            LiquidPilotError: Gazebo does not start its clock.
        """
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
        answer = request.communicate()[0].strip()
        if 'data: true' not in answer:
            raise LiquidPilotError(f'Gazebo does not start its clock: {answer or "no answer"}')

    def end(self) -> None:
        """Ask Gazebo to end, then kill what is left of it."""
        interrupted = False
        until_s = time.monotonic() + _MAX_SHUTDOWN_S
        while self._process.poll() is None and time.monotonic() < until_s:
            if not interrupted:
                interrupted = True
                self._send(signal.SIGINT)
            time.sleep(_POLL_S)
        self._send(signal.SIGKILL)
        self._process.wait()

    def _send(self, number: int) -> None:
        """Send a signal to all processes of its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
