"""A small real pilot, and real nodes as processes, in the ROS domain of this worker."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from clock_pilots import clock_pilot  # noqa: F401
from flight_rig import flying, rig  # noqa: F401
from gru_pilots import gru_pilot  # noqa: F401
from rclpy.signals import SignalHandlerOptions
from small_pilots import (  # noqa: F401
    adaptive_pilot,
    pilot,
    rover_pilot,
    walk,
)

from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.process_runner import command_line


@pytest.fixture(scope='session', autouse=True)
def _shared_memory():
    """Some tests kill nodes, and Fast DDS then leaves their 8 MB behind: what is locked by nobody
    and was not there before is removed, as `fastdds shm clean` does.
    """
    before = set(Path('/dev/shm').glob('fastrtps_*_el'))
    yield
    for lock in set(Path('/dev/shm').glob('fastrtps_*_el')) - before:
        with open(lock, 'rb') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            lock.with_name(lock.name.removesuffix('_el')).unlink(missing_ok=True)
            lock.unlink(missing_ok=True)


@pytest.fixture(scope='session')
def ros():
    """rclpy in this process."""
    # No handlers of rclpy: it would end its context before Python hears of Ctrl-C, and what a test
    # then waits for fails instead of being interrupted.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    yield
    rclpy.try_shutdown()


class Process:
    """A node of the graph as a process; its output goes to a file."""

    def __init__(self, spec, log):
        self.log, self.name = Path(log), spec.name
        self._file = open(self.log, 'ab')  # noqa: SIM115
        self.popen = subprocess.Popen(
            command_line(spec),
            stdout=self._file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def output(self):
        return self.log.read_text(errors='replace')

    def state(self):
        """Whether it runs, and the last three lines of its log, a line each."""
        code = self.popen.poll()
        lines = [line for line in self.output.splitlines() if line.strip()][-3:]
        says = 'it runs' if code is None else f'ended with {code}'
        return '\n'.join([f'{self.name}: {says}', *(f'    {line[:300]}' for line in lines)])

    def end(self, number=signal.SIGINT, limit_s=10.0):
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            code = self.popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise
        finally:
            self._file.close()
        return code


_started = []
"""The processes of the file of tests that runs."""


@pytest.fixture(scope='module')
def start_spec():
    """Function (NodeSpec, log file) -> Process; all end with the file of tests."""
    started = _started
    started.clear()

    def start(spec, log):
        started.append(Process(spec, log))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.end()


@pytest.fixture(scope='module')
def start_node(start_spec):
    """Function (executable, log file, namespace, **parameters) -> Process; as `start_spec`."""

    def start(executable, log, namespace='', **parameters):
        return start_spec(NodeSpec(executable, executable, namespace, parameters), log)

    return start


@pytest.fixture(scope='session')
def run_cli():
    """Function (*arguments) -> Popen of `liquid-pilot` with its output captured."""

    def run(*arguments, **environment):
        return subprocess.Popen(
            [sys.executable, '-m', 'liquid_pilot.cli', *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture(scope='session')
def eventually():
    """Function (condition, limit in seconds): wait until it holds, or fail."""

    def wait(condition, limit_s=30.0, step=lambda: time.sleep(0.02)):
        end_s = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end_s:
                states = [process.state() for process in _started]
                raise AssertionError('\n'.join([f'not true after {limit_s:g} s', *states]))
            step()

    return wait
