"""The learner `world_clock`: it finds by which factor stamps lie, and scales the core by it.

It is for worlds whose stamps run too fast or too slow: a simulator at another real-time factor, a
driver that counts frames instead of reading a clock. `clock_bank` has the idea, `clock_evidence`
the decision. What it does for the temporal filter is what the shipped learner does.
"""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.onboard.adaptation.learner import (
    LearnerSettings,
    TimeScaleLearner,
    restore_parts,
    snapshot_of,
)
from liquid_pilot.onboard.adaptation.learner_messages import (
    FloatArray,
    LearnerInput,
    TimeScaleUpdate,
)
from liquid_pilot.onboard.adaptation.world_clock.clock_bank import ClockBank
from liquid_pilot.onboard.adaptation.world_clock.clock_evidence import (
    ClockEvidence,
    ClockSettings,
)
from liquid_pilot.pilot_file import PilotFile

_MAX_GAP_RATIO = 3.0
"""Largest ratio of an elapsed time to the one before it whose errors count. After a longer gap more
has changed than a prediction for the next frame can know."""
_SAID_LOG_SCALE = 0.05
"""Log-scale up to which nothing is said of the core."""


class WorldClockLearner:
    """The shipped learner, which also finds the factor by which stamps lie.

    Args:
        pilot: the pilot file.
        settings: settings of the shipped learner; None for the defaults.
        clock_settings: settings of the decision on the clock's factor; None for the defaults.

    Raises:
        LiquidPilotError: the pilot's core cannot be used, see `ClockBank`.
    """

    def __init__(
        self,
        pilot: PilotFile,
        settings: LearnerSettings | None = None,
        clock_settings: ClockSettings | None = None,
    ) -> None:
        self._bank = ClockBank(pilot)
        assert pilot.wiring is not None
        self._neurons = pilot.wiring.neurons
        self._features = pilot.specification.features
        self.evidence = ClockEvidence(self._bank.factors, clock_settings)
        """What is known of the clock."""
        self._filter = TimeScaleLearner(pilot.require_statistics(), self._neurons, settings)
        self.reset()

    def configure(self, settings: LearnerSettings) -> None:
        """Use other settings from the next tick on."""
        self._filter.configure(settings)

    def reset(self) -> None:
        """Return to the state before the first tick: trained time scales, nothing learned."""
        self._filter.reset()
        self.evidence.reset()
        self._begin_flight()

    def _begin_flight(self) -> None:
        """Bring the copies to rest, as the core is at the start of a flight."""
        self._bank.reset()
        self._last_sequence = 0
        self._last_dt_s = 0.0
        """Elapsed time of the tick whose states predict the next one; 0: they predict nothing."""

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        """Learn from one tick; see `Learner.update`."""
        features, imu = learner_input.validated_readings(self._features)
        self._filter.update(learner_input)
        if learner_input.sequence <= self._last_sequence:
            self._begin_flight()
        # Readings of any size are allowed for; what comes of them is looked at.
        with np.errstate(over='ignore', invalid='ignore'):
            self._observe(learner_input, features, imu)
        self._last_sequence = learner_input.sequence
        self.evidence.decide()
        return self.time_scale_update

    def _observe(self, tick: LearnerInput, features: FloatArray, imu: FloatArray) -> None:
        """Judge the predictions of a tick's inputs, and step the copies by them."""
        inputs = self._bank.core_inputs(features, imu)
        follows = tick.sequence == self._last_sequence + 1
        if follows and not tick.novel and tick.dt_s <= _MAX_GAP_RATIO * self._last_dt_s:
            errors = self._bank.errors(inputs)
            if np.isfinite(errors).all():
                self.evidence.add(errors)
        # A novel frame slows the core down for a tick, and the copies as much.
        self._bank.step(inputs, tick.dt_s * math.exp(-tick.log_core_time_scale))
        # The features of a novel frame are old ones, so that the next frame is no step from them.
        self._last_dt_s = 0.0 if tick.novel else tick.dt_s

    @property
    def time_scale_update(self) -> TimeScaleUpdate:
        """The time scales that answer the last tick that was learned from."""
        log_cm = np.full(self._neurons, self.evidence.log_scale, np.float32)
        return self._filter.time_scale_update._replace(log_cm=log_cm)

    def describe(self) -> tuple[str, str]:
        """Return the state in one word, and the reason in one sentence."""
        state, reason = self._filter.describe()
        evidence = self.evidence
        log_factor, log_scale = math.log(evidence.estimate), evidence.log_scale
        clock = 'the stamps fit the training'
        if abs(log_factor) > _SAID_LOG_SCALE:
            slow = log_factor < 0.0
            state = 'clock_slow' if slow else 'clock_fast'
            ratio = math.exp(abs(log_factor))
            clock = f'the stamps run {ratio:.1f} times too {"slow" if slow else "fast"}'
        clock += f' (log-odds {evidence.log_odds:+.1f})'
        if abs(log_scale) > _SAID_LOG_SCALE:
            ratio = math.exp(abs(log_scale))
            clock += f', core {ratio:.1f} times as {"slow" if log_scale > 0 else "fast"} as trained'
        return state, f'{clock}; {reason}'

    def snapshot(self, digest: str) -> str:
        """Return all that was learned as JSON; see `PersistentLearner.snapshot`."""
        return snapshot_of({**self._filter.parts(), **self.evidence.parts()}, digest)

    def restore(self, text: str, digest: str) -> None:
        """Take over the state of a snapshot; see `PersistentLearner.restore`."""
        parts = self.evidence.parts()
        read = {name: np.empty_like(part) for name, part in parts.items()}
        restore_parts(text, digest, read, ())
        self._filter.restore(text, digest)
        for name, part in parts.items():
            part[:] = read[name]
        self.evidence.settle()
