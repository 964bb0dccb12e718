"""A run of the study: it opens the links of one autopilot and starts processes of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from liquid_pilot.utils.processes.child_python import module_command
from studies.autopilots.graph import Listener
from studies.autopilots.human import Human
from studies.autopilots.link import Relay

_GUARD_OFFSET = 1000
"""The guard, or the agent, listens on a port that is so much higher than the autopilot's."""
_END_S = 20.0
_PATH = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get('PYTHONPATH')])]
"""Where Python looks for modules: first in this repository."""


@dataclass(frozen=True)
class Addresses:
    """Where the autopilot that the person has started is to be found."""

    guard_port: int
    """Port of 127.0.0.1 to which the autopilot sends what is for the guard, or for the agent."""
    human_url: str
    """Address of the human's MAVLink link, as pymavlink takes it."""
    start_command: str
    """Command that starts the autopilot; empty: it runs."""
    agent_command: str
    """Command that starts the agent of uXRCE-DDS on the port {port}."""


@dataclass
class Session:
    """An autopilot with its two links, and the graph."""

    human: Human
    relay: Relay
    listener: Listener
    guard_port: int
    """Port on which the guard listens for the autopilot."""


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, with its output in a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('ab') as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(_PATH)},
        )


def end(process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGINT) -> None:
    """End a program that `start` started, and what it has started in its session."""
    for number, wait_s in ((first, _END_S), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        if process.poll() is not None:
            return
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
            # What is frozen must wake up to end.
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def session(
    addresses: Addresses, vehicle: str, adapter: str, folder: Path, truth: bool = False
) -> Iterator[Session]:
    """Open the links of an autopilot, and start it where there is a command for it.

    Args:
        addresses: where the autopilot is.
        vehicle: copter, px4 or rover.
        adapter: adapter of the guard.
        folder: folder for the logs of this run.
        truth: whether to publish the true state of the simulation as odometry.
    """
    over_dds = adapter == 'px4'
    guard_port = addresses.guard_port + _GUARD_OFFSET
    with ExitStack() as stack:
        if addresses.start_command:
            autopilot = start(shlex.split(addresses.start_command), folder / 'autopilot.log')
            stack.callback(end, autopilot, signal.SIGTERM)
        if over_dds and addresses.agent_command:
            line = addresses.agent_command.format(port=guard_port)
            agent = start(shlex.split(line), folder / 'agent.log')
            stack.callback(end, agent)
        relay = stack.enter_context(Relay(addresses.guard_port, guard_port, not over_dds))
        listener = stack.enter_context(Listener())
        on_truth = listener.publish_truth if truth else None
        human = stack.enter_context(
            Human(addresses.human_url, vehicle, folder / 'human.jsonl', on_truth)
        )
        yield Session(human, relay, listener, guard_port)


def guard_parameters(session: Session, adapter: str, more: dict[str, object]) -> dict[str, object]:
    """Return the guard's parameters that differ from its defaults."""
    url = f'udpin:127.0.0.1:{session.guard_port}'
    link = {} if adapter == 'px4' else {'mavlink_url': url}
    return {**link, **more}


def write_parameters(path: Path, guard: dict[str, object]) -> Path:
    """Write a parameter file for `fly`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({'/**/guard': {'ros__parameters': guard}}))
    return path


def fly_command(*arguments: object) -> list[str]:
    """Return the command line of `liquid-pilot fly`."""
    return [*module_command('liquid_pilot.cli.main'), 'fly', '--headless', *map(str, arguments)]


def node_command(name: str, parameters: dict[str, object]) -> list[str]:
    """Return the command line of a node of the package."""
    line = [*module_command(f'liquid_pilot.nodes.{name}'), '--ros-args', '--log-level', 'warn']
    for key, value in parameters.items():
        line += ['-p', f'{key}:={yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}']
    return line


def publisher_command(speed_m_s: float) -> list[str]:
    """Return the command line of the publisher that stands in the pilot's place."""
    return [*module_command('studies.autopilots.graph'), str(speed_m_s)]


def descendant(process: subprocess.Popen[bytes], module: str) -> int:
    """Return the process that runs a module of the package among those that `process` started.

    Raises:
        LookupError: there is none.
    """
    waiting = [process.pid]
    while waiting:
        pid = waiting.pop()
        words = Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
        if module.encode() in words:
            return pid
        waiting += map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split())
    raise LookupError(module)


def sleep_until(steady_s: float) -> None:
    """Sleep until an instant of the steady clock."""
    time.sleep(max(0.0, steady_s - time.monotonic()))
