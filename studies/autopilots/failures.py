"""The failure trials of the autopilots study: something dies in steady flight ahead."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import write_atomically
from studies.autopilots.session import (
    Addresses,
    Session,
    descendant,
    end,
    fly_command,
    guard_parameters,
    node_command,
    publisher_command,
    session,
    start,
    write_parameters,
)
from studies.autopilots.study import Group, Study
from studies.common import Display

_SCENE = 'liquid_pilot.nodes.scene'
_SIGNALS = {'killed': signal.SIGKILL, 'frozen': signal.SIGSTOP}
_STEADY_SHARE = 0.7
"""Share of the commanded speed from which on the flight counts as steady."""
_STAYS_S = 1.0
_ACCEPTED = 0
"""Answer of an autopilot that does what it was asked for (MAV_RESULT_ACCEPTED)."""
_ENGAGE_S, _STEADY_S, _RETURN_S = 60.0, 90.0, 60.0
_CAMERA_STEADY_S = 2.0
"""The same for the faults of the camera, whose mission is over after some seconds."""


def missing(study: Study, group: Group) -> list[tuple[str, int]]:
    """Return the trials of a group that are still to be done."""
    repeats = range(1, study.plan['failures']['repeats'] + 1)
    trials = [(fault, repeat) for repeat in repeats for fault in group.faults]
    return [trial for trial in trials if not study.trial_file(group.name, *trial).is_file()]


def do_trials(study: Study, group: Group, addresses: Addresses, display: Display) -> None:
    """Do the trials of a group that are missing; one that cannot be begun is said and left out."""
    trials = missing(study, group)
    folder = study.trial_file(group.name, 'x', 0).parent
    if not trials:
        return
    with session(addresses, group.vehicle, group.adapter, folder) as links:
        links.human.wait(lambda: links.human.alive, 'the autopilot', 120.0)
        for number, (fault, repeat) in enumerate(trials):
            display.announce(group.name, number, len(trials), math.nan)
            try:
                links.human.set_parameters(group.parameters)
                links.human.make_ready(study.plan['takeoff_m'])
                content = _trial(study, group, fault, repeat, links)
            except LiquidPilotError as error:
                display.print(f'{group.name} {fault} {repeat}: {error}')
                continue
            text = json.dumps(content, allow_nan=False)
            write_atomically(study.trial_file(group.name, fault, repeat), text.encode())


def _trial(study: Study, group: Group, fault: str, repeat: int, links: Session) -> dict[str, Any]:
    """Fly ahead, let something die, and watch."""
    plan, human, listener = study.plan['failures'], links.human, links.listener
    folder = study.trial_file(group.name, fault, repeat).parent
    parameters = guard_parameters(links, group.adapter, study.plan['guard'].get(group.adapter, {}))
    listener.guard = {}
    what, how = fault.split('_')
    human.note('trial begins', fault=fault, repeat=repeat)
    with ExitStack() as stack:
        if what == 'camera':
            file = write_parameters(folder / 'guard.yaml', parameters)
            arguments = ['--simulator', 'scene', '--engage', '--adapter', group.adapter]
            arguments += ['--params-file', file, '--missions', 1, '--seed', plan['camera_seed']]
            out = folder / f'{fault}-{repeat}-{time.strftime("%H%M%S")}'
            run = start(fly_command(*arguments, '--out', out), folder / 'fly.log')
            stack.callback(end, run)
            processes: dict[str, subprocess.Popen[bytes]] = {}
        else:
            limits = {} if group.vehicle != 'rover' else _rover_limits()
            command = node_command(
                'guard', {'adapter': group.adapter, 'preflight': False, **limits, **parameters}
            )
            processes = {
                'guard': start(command, folder / 'guard.log'),
                'pilot': start(publisher_command(plan['speed_m_s']), folder / 'publisher.log'),
            }
            for process in processes.values():
                stack.callback(end, process)
            _engage(links)
        steady_s = _CAMERA_STEADY_S if what == 'camera' else plan['steady_s']
        _wait_for_steady_flight(plan, links, steady_s)
        before_m_s = human.speed_m_s()
        begun_s, answer = time.monotonic(), None
        human.note('fault', fault=fault)
        if what == 'camera':
            scene = descendant(run, _SCENE)
            os.kill(scene, _SIGNALS[how])
            # What is frozen must wake up to end.
            stack.callback(_wake, scene)
        elif what in processes:
            processes[what].send_signal(_SIGNALS[how])
        elif fault == 'autopilot_rebooted':
            answer = human.reboot()
        else:
            setattr(links.relay, what, False)
        time.sleep(max(0.0, begun_s + plan['watch_s'] - time.monotonic()))
        back_s = _wait_for_return(links, begun_s) if answer == _ACCEPTED else None
        content = {
            'group': group.name,
            'fault': fault,
            'repeat': repeat,
            'autopilot': human.version,
            'speed_before_m_s': round(before_m_s, 3),
            **measure(human.track, begun_s, before_m_s, plan),
            'mode': human.mode,
            'armed': human.armed,
            'said': [
                [round(at - begun_s, 2), name, text]
                for at, name, text in listener.said
                if at > begun_s and name in ('guard', 'pilot')
            ],
            'answer_to_reboot': answer,
            'back_s': back_s,
            'load': round(os.getloadavg()[0], 1),
            'track': [
                [round(value, 3) for value in (entry[0] - begun_s, *entry[1:])]
                for entry in human.track
                if entry[0] > begun_s - 1.0
            ],
        }
    links.relay.uplink = links.relay.downlink = True
    human.note('trial ends', fault=fault)
    return content


def _wake(pid: int) -> None:
    """Wake a frozen process, so that it ends with the others."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _rover_limits() -> dict[str, object]:
    """Return the guard's limits for a rover, as `fly --vehicle rover` sets them."""
    from dataclasses import asdict

    from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits

    values = asdict(get_vehicle_limits('rover'))
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
    }


def _engage(links: Session) -> None:
    """Engage the guard as a person does who sees why it refuses.

    Raises:
        LiquidPilotError: it refuses for too long.
    """
    until_s, answer = time.monotonic() + _ENGAGE_S, ''
    while time.monotonic() < until_s:
        engaged, answer = links.listener.engage()
        if engaged:
            return
        time.sleep(0.5)
    raise LiquidPilotError(f'the guard is not engaged after {_ENGAGE_S:g} s: {answer}')


def _wait_for_steady_flight(plan: dict[str, Any], links: Session, steady_s: float) -> None:
    """Wait until the vehicle has been about as fast as commanded for a while."""
    human, since_s = links.human, math.inf
    until_s = time.monotonic() + _STEADY_S
    while time.monotonic() < until_s:
        time.sleep(0.05)
        now_s = time.monotonic()
        if human.vehicle == 'px4' and links.listener.engaged and human.mode == 'LOITER':
            human.set_mode('OFFBOARD')
        fast = human.speed_m_s() > _STEADY_SHARE * plan['speed_m_s'] and links.listener.engaged
        since_s = min(since_s, now_s) if fast else math.inf
        if now_s - since_s > steady_s:
            return
    raise LiquidPilotError(
        f'no steady flight within {_STEADY_S:g} s: {human.speed_m_s():.2f} m/s, mode {human.mode}, '
        f'the guard says {links.listener.guard.get("reason", "nothing")}'
    )


def _wait_for_return(links: Session, begun_s: float) -> float | None:
    """Return after what time odometry came again after a restart, s; None: it did not."""
    until_s = begun_s + _RETURN_S
    while time.monotonic() < until_s:
        again = [at_s for at_s in links.listener.odometry_s if at_s > begun_s]
        if again:
            return round(again[0] - begun_s, 1)
        time.sleep(0.2)
    return None


def measure(
    track: list[tuple[float, ...]], begun_s: float, before_m_s: float, plan: dict[str, Any]
) -> dict[str, float | None]:
    """Return when a vehicle slows and stops after a fault, and how far it drifts.

    Args:
        track: time (s), position north, east, down (m) and velocity (m/s), ascending in time.
        begun_s: time of the fault.
        before_m_s: speed at the fault.
        plan: the part `failures` of the plan.

    Returns:
        Seconds to 'slows_s' and 'stops_s' (None: it does not), metres of 'drift_m' from the place
        of the fault to that of the stop, or of the end of the time of drift, and of 'climb_m'.
    """
    rows = np.array([row for row in track if row[0] >= begun_s], float).reshape(-1, 7)
    rows = rows[rows[:, 0] <= begun_s + plan['watch_s']]
    nothing = {'slows_s': None, 'stops_s': None, 'drift_m': None, 'climb_m': None}
    if not len(rows):
        return nothing
    seconds, speeds = rows[:, 0] - begun_s, np.hypot(rows[:, 4], rows[:, 5])
    slow = np.flatnonzero(speeds < plan['half'] * before_m_s)
    stop = None
    for at in np.flatnonzero(speeds < plan['stopped_m_s']):
        while_after = (seconds >= seconds[at]) & (seconds <= seconds[at] + _STAYS_S)
        if np.all(speeds[while_after] < plan['stopped_m_s']):
            stop = int(at)
            break
    last = stop if stop is not None else int(np.flatnonzero(seconds <= plan['drift_s'])[-1])
    away = rows[last, 1:4] - rows[0, 1:4]
    return {
        'slows_s': round(float(seconds[slow[0]]), 2) if len(slow) else None,
        'stops_s': round(float(seconds[stop]), 2) if stop is not None else None,
        'drift_m': round(float(math.hypot(away[0], away[1])), 2),
        'climb_m': round(float(-away[2]), 2),
    }


def read_trials(study: Study) -> list[dict[str, Any]]:
    """Return all trials that were done, in the order of the plan."""
    files: list[Path] = [
        study.trial_file(group.name, fault, repeat)
        for group in study.groups.values()
        for fault in group.faults
        for repeat in range(1, study.plan['failures']['repeats'] + 1)
    ]
    return [json.loads(file.read_text()) for file in files if file.is_file()]
