"""Scores the arms over recorded courses, without a flight: who decides right after a hold.

The core of each arm sees what the camera and the IMU saw on flights of the expert, and is stepped
by what the arm makes of the elapsed time. At the moment of decision the expert turns to the side
that was shown at the start; a core decides right when its own turn has the same sign there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from liquid_pilot.onboard.inference.recurrent_cores import Core, make_core
from liquid_pilot.pilot_file import PilotFile
from studies.adaptation.grid import WINDOW
from studies.retention import arms
from studies.retention.recording import TURN, Recording


def score(
    pilot: PilotFile, arm: str, recordings: Iterable[Recording]
) -> dict[str, dict[str, float]]:
    """Return how an arm does over recordings that decide something.

    Args:
        pilot: the pilot, with training statistics.
        arm: the arm.
        recordings: the recordings.

    Returns:
        Conditions to: right, the number of right decisions; decisions; slowed, the mean share of
        the time of the hold in which the core was slowed.
    """
    core, found = make_core(pilot), {}
    for recording in recordings:
        if recording.decision < 0:
            continue
        right, slowed = replay(pilot, core, arm, recording)
        row = found.setdefault(recording.condition, {'right': 0, 'decisions': 0, 'slowed': 0.0})
        row['slowed'] += (slowed - row['slowed']) / (row['decisions'] + 1)
        row['right'] += int(right)
        row['decisions'] += 1
    return found


def replay(pilot: PilotFile, core: Core, arm: str, recording: Recording) -> tuple[bool, float]:
    """Run a core over one recording, up to its decision.

    Args:
        pilot: the pilot.
        core: its core.
        arm: the arm.
        recording: a recording that decides something.

    Returns:
        Whether the decision is right, and the share of the ticks of the hold in which the core's
        time was slowed.
    """
    s, stage = pilot.specification, arms.stage_of(arm, pilot.require_statistics())
    imu = (recording.imu - np.array(s.imu_mean)) / np.array(s.imu_scale)
    inputs = np.concatenate([recording.features, imu], axis=1).astype(np.float32)
    state, held_state = core.initial_state(), None
    turns, slowed, held = [], 0, 0
    for k in range(recording.decision + WINDOW.stop):
        features, authority = recording.features[k], bool(recording.authority[k])
        dt_s = min(max(float(recording.dt_s[k]), s.dt_min_s), s.dt_max_s)
        slower, held_state = stage.process(features, held_state, dt_s, authority)
        state, output = core.step(state, inputs[k], dt_s * math.exp(-slower))
        turns.append(float(output[TURN]))
        held += not authority
        slowed += not authority and slower > 0.0
    turn = float(np.mean(turns[recording.decision :][WINDOW]))
    return turn * recording.turn > 0.0, slowed / max(held, 1)
