"""The flights of the autopilots study: missions by `fly --simulator scene`, run after run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import write_atomically
from studies.autopilots.graph import TRUE_ODOMETRY
from studies.autopilots.session import (
    Addresses,
    Session,
    end,
    fly_command,
    guard_parameters,
    session,
    start,
    write_parameters,
)
from studies.autopilots.study import BLOCK_FILE, Arm, Study, consecutive
from studies.common import Display

_POLL_S = 0.1
_MISSION_S = 240.0
"""Longest time of a mission with all that is around it, s."""
_MAX_EMPTY_RUNS = 3
_AGAIN_S = 2.0
_MATCH_S = 0.03
"""Longest time from the arrival of a command here to its setpoint on the link, s."""


def fly(study: Study, arm: Arm, addresses: Addresses, display: Display) -> None:
    """Fly the missions of an arm that are missing.

    Raises:
        LiquidPilotError: several runs in a row have flown nothing.
    """
    folder, empty = study.arm_folder(arm.name), 0
    seeds = study.missing(folder, arm.seeds)
    if not seeds:
        return
    with session(addresses, arm.vehicle, arm.adapter, folder, arm.truth) as links:
        links.human.wait(lambda: links.human.alive, 'the autopilot', 120.0)
        links.human.set_parameters(arm.parameters)
        while seeds := study.missing(folder, arm.seeds):
            announce(display, arm, len(seeds))
            first, count = consecutive(seeds, study.plan['block'])[0]
            links.human.make_ready(study.plan['takeoff_m'])
            block = folder / f'{time.strftime("%m%d-%H%M%S")}-{first}'
            _fly_block(study, arm, links, block, first, count)
            empty = 0 if len(study.missing(folder, arm.seeds)) < len(seeds) else empty + 1
            if empty == _MAX_EMPTY_RUNS:
                raise LiquidPilotError(f'{empty} runs have flown nothing; see {block}')


def announce(display: Display, arm: Arm, missing: int) -> None:
    """Show how many missions of an arm are flown."""
    display.announce(arm.name, arm.missions - missing, arm.missions, float('nan'))


def _fly_block(study: Study, arm: Arm, links: Session, block: Path, first: int, count: int) -> None:
    """Run `fly` once; it is ended after a mission that was aborted."""
    human, listener = links.human, links.listener
    parameters = guard_parameters(links, arm.adapter, arm.guard)
    file = write_parameters(block.parent / f'{block.name}.yaml', parameters)
    begin = _Counts(links)
    arguments = ['--simulator', 'scene', '--engage', '--adapter', arm.adapter, '--seed', first]
    arguments += ['--missions', count, '--condition', study.plan['condition'], '--out', block]
    arguments += ['--params-file', file, *(['--vehicle', 'rover'] if arm.drives else [])]
    arguments += ['--scene-odom-topic', TRUE_ODOMETRY] if arm.truth else []
    human.note('run begins', block=block.name)
    process = start(fly_command(*arguments), block.parent / f'{block.name}.log')
    until_s, loads, aborted = time.monotonic() + count * _MISSION_S, [], False
    try:
        while process.poll() is None and time.monotonic() < until_s and not aborted:
            time.sleep(_POLL_S)
            loads.append(os.getloadavg()[0])
            if arm.vehicle == 'px4' and listener.engaged and human.mode == 'LOITER':
                human.set_mode('OFFBOARD')
            elif human.mode == 'LOITER' and 'failsafe' in str(listener.guard.values()):
                # After a failsafe of PX4 a person has to choose the mode again.
                human.set_mode('LOITER', again=True)
                time.sleep(_AGAIN_S)
            aborted = any(entry['outcome'] == 'aborted' for entry in _missions(block))
    finally:
        # A run that is over writes its pictures.
        if aborted:
            time.sleep(1.0)
        if arm.vehicle == 'px4' and human.mode == 'OFFBOARD' and process.poll() is None:
            human.set_mode('LOITER')
        end(process, signal.SIGINT)
        human.note('run ends', block=block.name)
        if (block / 'report.json').is_file():
            content = {**begin.record(), 'max_load': round(max(loads, default=0.0), 1)}
            content['autopilot'] = human.version
            write_atomically(block / BLOCK_FILE, json.dumps(content).encode())


def _missions(block: Path) -> list[dict[str, Any]]:
    report = block / 'report.json'
    return json.loads(report.read_text())['missions'] if report.is_file() else []


class _Counts:
    """Remembers what was counted before a run, so that its own share can be told."""

    def __init__(self, links: Session) -> None:
        self._links = links
        self._messages = links.relay.messages.copy()
        self._commands = links.relay.commands.copy()
        self._setpoints = len(links.relay.setpoint_times_ns)
        self._heard = len(links.listener.commands)
        self._latencies = len(links.listener.latencies_ms)
        self._track = len(links.human.track)

    def record(self) -> dict[str, Any]:
        """Return what the run did, as JSON values."""
        relay, listener = self._links.relay, self._links.listener
        setpoints = np.array(relay.setpoint_times_ns[self._setpoints :], np.int64)
        latencies = listener.latencies_ms[self._latencies :]
        clock = np.array(self._links.human.clock[self._track :]).reshape(-1, 2)
        times = clock[:, 0]
        return {
            'messages': dict(relay.messages - self._messages),
            'commands': dict(relay.commands - self._commands),
            'guard_latency_ms': [
                round(float(np.median([pair[k] for pair in latencies])), 2) if latencies else None
                for k in (0, 1)
            ],
            'link_latency_ms': link_latency_ms(listener.commands[self._heard :], setpoints),
            'longest_silence_s': round(float(np.max(np.diff(times))), 3) if len(times) > 1 else 0.0,
            'clock_ratio': clock_ratio(clock),
        }


def clock_ratio(clock: np.ndarray) -> float | None:
    """Return how fast the autopilot's own time ran, as a share of real time; None: not known.

    A simulation in lockstep, as that of PX4, is slower than real time when it is short of processor
    time, and so are the motions of its vehicle.

    Args:
        clock: (N, 2) time here, and time of the autopilot, s.
    """
    if len(clock) < 2 or np.any(np.diff(clock[:, 1]) < 0.0):
        return None
    here_s, there_s = clock[-1] - clock[0]
    return round(float(there_s / here_s), 3)


def link_latency_ms(commands: list[tuple[int, int]], setpoints: np.ndarray) -> list[float | None]:
    """Return median and 99th percentile of the time from a frame to its setpoint on the link, ms.

    Args:
        commands: stamp of the frame and arrival of the pilot's commands, ns.
        setpoints: times at which setpoints passed the relay, ns, ascending.
    """
    found, tolerance = [], int(_MATCH_S * 1e9)
    for stamp, arrival in commands:
        # The setpoint may pass before this process hears the command.
        at = int(np.searchsorted(setpoints, arrival - tolerance // 2))
        if at < len(setpoints) and setpoints[at] <= arrival + tolerance:
            found.append((int(setpoints[at]) - stamp) / 1e6)
    if not found:
        return [None, None]
    return [round(float(np.quantile(found, quantile)), 2) for quantile in (0.5, 0.99)]


def fly_embedded(study: Study, arm: Arm, display: Display) -> None:
    """Fly the missions of the embedded simulator beside an arm that are missing, in lock-step.

    Raises:
        LiquidPilotError: a run has flown nothing.
    """
    vehicle, adapter = arm.embedded
    folder = study.embedded_folder(vehicle, adapter)
    while seeds := study.missing(folder, arm.seeds):
        display.announce(
            f'embedded {vehicle} {adapter}', arm.missions - len(seeds), arm.missions, float('nan')
        )
        first, count = consecutive(seeds, study.plan['block'])[0]
        block = folder / f'{time.strftime("%m%d-%H%M%S")}-{first}'
        arguments = ['--vehicle', vehicle, '--adapter', adapter, '--seed', first, '--missions']
        arguments += [count, '--condition', study.plan['condition'], '--out', block]
        log = folder / f'{block.name}.log'
        process = start(fly_command(*arguments), log)
        try:
            process.wait(count * _MISSION_S)
        except subprocess.TimeoutExpired as error:
            raise LiquidPilotError(f'a run takes too long; see {log}') from error
        finally:
            end(process)
        if len(study.missing(folder, arm.seeds)) == len(seeds):
            raise LiquidPilotError(f'a run has flown nothing; see {log}')
