"""Do memory and time constants matter? Held-out courses, flown through offline.

At the moment of decision (the gate, or the handover) the demonstrator turns to the side that it saw
at the start. A pilot decides well when the sign of its yaw rate agrees there. Whoever does not
remember decides well half of the time. Looked at are the flights in which somebody undecided had
the helm at that moment (`simulation.base.action_noise.Waverer`).
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
_WINDOW = slice(3, 8)
"""Ticks after the decision that are looked at."""
FACTORS = tuple(2.0**k for k in range(-5, 6))


class HeldOutCourses:
    """Held-out episodes as a core sees them."""

    def __init__(self, pilot: PilotFile, paths: list[Path], conditions: tuple[str, ...]) -> None:
        camera, self.pilot = pilot.specification.camera, pilot
        encode = Encoder(pilot.encoder, camera.height, camera.width, pilot.specification.features)
        self.episodes: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, int]] = []
        for path in paths:
            episode = Episode.load(path)
            # Where the demonstrator had the helm at that moment its gyroscope told the side.
            if not UndecidedSteering(random_stream(episode.seed, 'waver')).duration_s:
                continue
            (condition,) = parse(conditions[episode.seed % len(conditions)])
            decision = _decision(episode, condition.family, strength(condition))
            if decision is None:
                continue
            images = episode.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
            features = np.stack([encode(image[None]) for image in images])
            imu = (episode.imu - pilot.specification.imu_mean) / pilot.specification.imu_scale
            inputs = np.concatenate([features, imu], 1).astype(np.float32)
            wanted = episode.commands / np.float32(pilot.specification.command_scale)
            self.episodes.append((condition.family, inputs, episode.dt_s, wanted, decision))

    def judge(self, core: Core | None = None, scales: CoreScales | None = None) -> dict[str, Any]:
        """{'loss', 'decided': family to (well decided, of)}."""
        core = core or make_core(self.pilot)
        errors, decided = [], {}
        for family, inputs, dt_s, wanted, at in self.episodes:
            state, outputs = core.initial_state(), []
            for x, elapsed in zip(inputs, dt_s.tolist(), strict=True):
                state, output = core.step(state, x, elapsed, scales)
                outputs.append(output)
            outputs = np.array(outputs)
            errors.append(float(((outputs - wanted) ** 2).mean()))
            mine, shown = (rows[at:, 3][_WINDOW].mean() for rows in (outputs, wanted))
            good, of = decided.get(family, (0, 0))
            decided[family] = good + int(mine * shown > 0), of + 1
        return {'loss': round(float(np.mean(errors)), 5) if errors else None, 'decided': decided}

    def grid(self) -> dict[str, Any]:
        """Losses and decisions over scales of the capacitances: all neurons, and each by itself."""
        core = make_core(self.pilot)
        zero = np.zeros(core.neurons, np.float32)
        everywhere = {
            f'{factor:g}': self.judge(core, CoreScales(zero + np.float32(np.log(factor)), zero))
            for factor in FACTORS
        }
        single = []
        for neuron in range(core.neurons):
            row = {}
            for factor in (0.25, 4.0):
                log_cm = zero.copy()
                log_cm[neuron] = np.log(factor)
                row[f'{factor:g}'] = self.judge(core, CoreScales(log_cm, zero))
            single.append(row)
        return {'all_neurons': everywhere, 'one_neuron': single}


def _decision(episode: Episode, family: str, hold: float) -> int | None:
    """The tick at which the demonstrator turns to the side that it remembers."""
    times = np.cumsum(episode.dt_s)
    if family == 'glimpse':
        at = int(np.searchsorted(times, hold))
        return at if at + _WINDOW.stop < len(times) else None
    yaw = np.abs(episode.commands[:, 3])
    sharp = np.flatnonzero(
        (yaw[1:] > _MIN_TURN_RATE_RAD_S) & (yaw[:-1] < 0.6) & (times[1:] > _MIN_DECISION_TIME_S)
    )
    if not len(sharp) or sharp[-1] + 1 + _WINDOW.stop >= len(times):
        return None
    return int(sharp[0]) + 1
