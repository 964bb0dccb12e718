"""Scores memory pilots on held-out courses, offline, with trained and scaled time constants.

At the moment of decision (the gate, or the hand-over) the expert turns to the side that was shown
at the start. A pilot decides well when its yaw rate has the same sign there. A pilot without memory
decides well half of the time. Only those flights count in which the vehicle was steered at random
at that moment (`simulation.base.action_noise.UndecidedSteering`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.recurrent_cores import Core, make_core
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.action_noise import UndecidedSteering
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.conditions.severities import strength

_MIN_DECISION_TIME_S = 1.6
_MIN_TURN_RATE_RAD_S = 0.8
WINDOW = slice(3, 8)
"""Ticks after the decision over which the yaw rate is averaged."""
FACTORS = tuple(2.0**k for k in range(-5, 6))
"""Factors on the capacitances of all neurons."""
NEURON_FACTORS = (0.25, 4.0)
"""Factors on the capacitance of one neuron."""


class HeldOutCourses:
    """Held-out episodes, encoded for the core of one pilot.

    Args:
        pilot: the pilot.
        paths: files of the episodes.
        conditions: conditions that the episodes were flown in, in turn by their seed.
    """

    def __init__(self, pilot: PilotFile, paths: list[Path], conditions: tuple[str, ...]) -> None:
        camera, self.pilot = pilot.specification.camera, pilot
        encode = Encoder(pilot.encoder, camera.height, camera.width, pilot.specification.features)
        self.episodes: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, int]] = []
        """Family, core inputs (T, I), elapsed times (T,), the expert's outputs (T, 4), decision."""
        for path in paths:
            episode = Episode.load(path)
            # Without random steering at that moment, the gyroscope shows the side.
            if not UndecidedSteering(random_stream(episode.seed, 'waver')).duration_s:
                continue
            (condition,) = parse(conditions[episode.seed % len(conditions)])
            decision = decision_tick(episode, condition.family, strength(condition))
            if decision is None:
                continue
            images = episode.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
            features = np.stack([encode(image[None]) for image in images])
            imu = (episode.imu - pilot.specification.imu_mean) / pilot.specification.imu_scale
            inputs = np.concatenate([features, imu], 1).astype(np.float32)
            expert = episode.commands / np.float32(pilot.specification.command_scale)
            self.episodes.append((condition.family, inputs, episode.dt_s, expert, decision))

    def score(self, core: Core | None = None, scales: CoreScales | None = None) -> dict[str, Any]:
        """Run a core over all episodes.

        Args:
            core: the core; None: that of the pilot.
            scales: scales of its time constants.

        Returns:
            {'loss': mean square error, 'decided': family to (good decisions, decisions)}.
        """
        core = core or make_core(self.pilot)
        errors: list[float] = []
        decided: dict[str, tuple[int, int]] = {}
        for family, inputs, dt_s, expert, decision in self.episodes:
            state, outputs = core.initial_state(), []
            for x, elapsed_s in zip(inputs, dt_s.tolist(), strict=True):
                state, output = core.step(state, x, elapsed_s, scales)
                outputs.append(output)
            answers = np.array(outputs)
            errors.append(float(((answers - expert) ** 2).mean()))
            turn, expert_turn = (rows[decision:, 3][WINDOW].mean() for rows in (answers, expert))
            good, of = decided.get(family, (0, 0))
            decided[family] = good + int(turn * expert_turn > 0), of + 1
        return {'loss': round(float(np.mean(errors)), 5) if errors else None, 'decided': decided}

    def scale_capacitances(self) -> dict[str, Any]:
        """Score the pilot's core with scaled capacitances: of all neurons, and of one at a time."""
        core = make_core(self.pilot)
        zero = np.zeros(core.neurons, np.float32)
        all_neurons = {
            f'{factor:g}': self.score(core, CoreScales(zero + np.float32(np.log(factor)), zero))
            for factor in FACTORS
        }
        one_neuron = []
        for neuron in range(core.neurons):
            row = {}
            for factor in NEURON_FACTORS:
                log_cm = zero.copy()
                log_cm[neuron] = np.log(factor)
                row[f'{factor:g}'] = self.score(core, CoreScales(log_cm, zero))
            one_neuron.append(row)
        return {'all_neurons': all_neurons, 'one_neuron': one_neuron}


def decision_tick(episode: Episode, family: str, strength_s: float) -> int | None:
    """Return the tick at which the expert turns to the side that was shown; None without one.

    Args:
        episode: the episode.
        family: the family of its condition.
        strength_s: the strength of the condition; for 'glimpse', the time of the hand-over.
    """
    times = np.cumsum(episode.dt_s)
    if family == 'glimpse':
        at = int(np.searchsorted(times, strength_s))
        return at if at + WINDOW.stop < len(times) else None
    yaw = np.abs(episode.commands[:, 3])
    sharp = np.flatnonzero(
        (yaw[1:] > _MIN_TURN_RATE_RAD_S) & (yaw[:-1] < 0.6) & (times[1:] > _MIN_DECISION_TIME_S)
    )
    if not len(sharp) or sharp[-1] + 1 + WINDOW.stop >= len(times):
        return None
    return int(sharp[0]) + 1
