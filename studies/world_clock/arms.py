"""The arms of the world clock study, 'study:TOLD:ARM': what the pilot is told, and what it does.

TOLD is the factor by which the stamps of frames and IMU samples lie to the pilot: 0.25 tells it a
quarter of the true elapsed time. The simulator, the guard and the scoring keep the true time.
Nothing but the core differs between arms of one pilot: where it adapts, all parts of the frontend
are off. ARM is one of:

- trained: as trained.
- bank: the rule `world_clock` of the package.
- pooled: the same, with the evidence of WARM_UP_MISSIONS missions before each, in other forests.
- mixture: the bank in the engine, in place of the core (`bank_core`).
- reset: the same as `bank`, with all evidence forgotten every RESET_TICKS ticks.
- oracle: the right factor on all capacitances, from the start.
- constant=FACTOR: a fixed factor on all capacitances.
- random: a fixed factor, drawn from the trust region for each mission.
- picture: a factor from the gyroscope and the picture (`picture_clock`).
- picture_pooled: the same, with the turns of the missions before, as in `pooled`.
- fixed_dt: no stamps are read at all; the core is stepped by one period of the training.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from liquid_pilot.interfaces import Observation
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import (
    Learner,
    LearnerSettings,
    PersistentLearner,
)
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import TimeScales, capacitance_log_range
from liquid_pilot.onboard.adaptation.world_clock.learner import WorldClockLearner
from liquid_pilot.onboard.inference.engine import Engine, EngineState, Tick
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from studies.fixed_time_scales import FixedTimeScales
from studies.world_clock.bank_core import bank_stages
from studies.world_clock.picture_clock import PictureClockLearner

MODE_PREFIX = 'study:'
UNSCALED = ('trained', 'fixed_dt', 'mixture')
"""Arms without adaptation: nothing scales the pilot's core."""
POOLED = ('pooled', 'picture_pooled')
"""Arms that know what was found in the missions before."""
SCALE_RANGE = (0.125, 16.0)
"""Trust region of the core's capacitances in all arms."""
RESET_TICKS = 80
"""Ticks between two resets: 4 s at the frame rate of training."""
WARM_UP_MISSIONS = 5
WARM_UP_FOREST = 8_790_000
"""First forest of the missions before each of the arms POOLED."""
WARM_UP_COURSES = ('two_legs:3', 'glimpse:3', 'hidden:3')
_NO_FRONTEND = FrontendSettings(
    photometric=False,
    temporal_filter=False,
    reject_novel_frames=False,
    slow_core_on_novelty=False,
    slowdown_on_blindness=False,
)
_SETTINGS = AdaptationSettings(
    _NO_FRONTEND, LearnerSettings(learn_temporal_filter=False), friction_speed_governor=False
)


def mode_of(told: float, arm: str) -> str:
    """Return the mode of an arm.

    >>> mode_of(0.25, 'constant=0.25')
    'study:0.25:constant=0.25'
    """
    return f'{MODE_PREFIX}{told:g}:{arm}'


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> InProcessPilot:
    """Make a pilot of this study; see `workers.make_pilot`.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        mode: 'study:TOLD:ARM'.

    Raises:
        ValueError: there is no such mode.
        LiquidPilotError: the arm scales the core, and the pilot has none that can be scaled.
    """
    if not mode.startswith(MODE_PREFIX) or mode.count(':') != 2:
        raise ValueError(f'no arm {mode!r}')
    _, text, arm = mode.split(':')
    told = float(text)
    if arm in UNSCALED:
        file = without_stamps(file) if arm == 'fixed_dt' else file
        stages = bank_stages(with_trust_region(file)) if arm == 'mixture' else None
        return ToldPilot(file, simulation, adapter, replace_stages=stages, told=told)
    kind = WarmedPilot if arm in POOLED else ToldPilot
    return kind(
        with_trust_region(file),
        simulation,
        adapter,
        adapting=_SETTINGS,
        learner=learner_of(arm, file, simulation, told),
        told=told,
    )


def with_trust_region(file: PilotFile) -> PilotFile:
    """Return a pilot whose capacitances may be scaled within SCALE_RANGE."""
    specification = replace(file.specification, capacitance_scale_range=SCALE_RANGE)
    return replace(file, specification=specification)


def without_stamps(file: PilotFile) -> PilotFile:
    """Return a pilot whose core is always stepped by one period of the training's frame rate."""
    period_s = 1.0 / file.specification.rate_hz
    specification = replace(file.specification, dt_min_s=period_s, dt_max_s=period_s)
    return replace(file, specification=specification)


def learner_of(arm: str, file: PilotFile, simulation: Simulation | None, told: float) -> Learner:
    """Return the learner of an arm.

    Args:
        arm: name of an arm that scales the core.
        file: the pilot file.
        simulation: the simulation, whose forest decides what `random` draws; None: it draws for
            the mission that it is given.
        told: factor by which the stamps lie, which the oracle knows.

    Raises:
        ValueError: there is no such arm.
        LiquidPilotError: the pilot has no core that can be scaled.
    """
    file, (name, _, factor) = with_trust_region(file), arm.partition('=')
    if name in ('bank', 'pooled'):
        return WorldClockLearner(file, _SETTINGS.learner)
    if name == 'reset':
        return PeriodicResetLearner(file, _SETTINGS.learner)
    if name in ('picture', 'picture_pooled'):
        return PictureClockLearner(file)
    if name in ('oracle', 'constant'):
        return ConstantFactor(file, math.log(told if name == 'oracle' else float(factor)))
    if name == 'random':
        return RandomFactor(file, simulation)
    raise ValueError(f'no arm {arm!r}')


class ToldEngine:
    """An engine that is told wrong stamps; its commands carry the true ones.

    Args:
        engine: the engine.
        told: factor from the true stamps to those that the engine is told.
    """

    def __init__(self, engine: Engine, told: float) -> None:
        self._engine, self._told = engine, told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def tick(
        self,
        state: EngineState,
        observation: Observation,
        scales: TimeScales | None = None,
        has_authority: bool = True,
    ) -> Tick:
        """Run one tick; see `Engine.tick`."""
        samples = tuple(
            sample._replace(stamp_ns=self._wrong(sample.stamp_ns)) for sample in observation.imu
        )
        seen = replace(observation, stamp_ns=self._wrong(observation.stamp_ns), imu=samples)
        tick = self._engine.tick(state, seen, scales, has_authority)
        return tick._replace(command=tick.command._replace(stamp_ns=observation.stamp_ns))

    def _wrong(self, stamp_ns: int) -> int:
        return round(stamp_ns * self._told)


class ToldPilot(InProcessPilot):
    """A pilot that is told wrong stamps, behind a guard that is told the true ones.

    Args:
        arguments: those of `InProcessPilot`.
        told: factor from the true stamps to those that the pilot is told.
        options: those of `InProcessPilot`.
    """

    def __init__(self, *arguments: Any, told: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if isinstance(self.learner, PictureClockLearner):
            self.engine.watch_picture = self.learner.meter.watch
        self.engine: Any = ToldEngine(self.engine, told)


class WarmedPilot(ToldPilot):
    """A pilot that begins each mission with the evidence of the same missions before it.

    Each of them is in a forest of its own, so that no mission depends on which ones were flown by
    this process.

    Args:
        file: the pilot file.
        simulation: the simulation.
        arguments: the further ones of `InProcessPilot`.
        options: those of `ToldPilot`.
    """

    def __init__(
        self, file: PilotFile, simulation: Simulation, *arguments: Any, **options: Any
    ) -> None:
        self._evidence = ''
        super().__init__(file, simulation, *arguments, **options)
        self._simulation = simulation

    def warm_up(self) -> None:
        """Run the engine once, and fly the missions before all others."""
        super().warm_up()
        assert isinstance(self.learner, PersistentLearner)
        digest = self.engine.pilot.digest
        for number in range(WARM_UP_MISSIONS):
            course = WARM_UP_COURSES[number % len(WARM_UP_COURSES)]
            fly_mission(WARM_UP_FOREST + number, self._simulation, self, conditions=parse(course))
            self._evidence = self.learner.snapshot(digest)

    def reset(self) -> None:
        """Prepare for the next mission, with the evidence of those before all others."""
        super().reset()
        if self._evidence:
            assert isinstance(self.learner, PersistentLearner)
            self.learner.restore(self._evidence, self.engine.pilot.digest)


class ConstantFactor(FixedTimeScales):
    """A learner that never changes its factor on the capacitances.

    Args:
        file: the pilot file.
        log_factor: logarithm of the factor.

    Raises:
        LiquidPilotError: the pilot has no training statistics.
    """

    def __init__(self, file: PilotFile, log_factor: float) -> None:
        grid = file.require_statistics().filter_tau_s.shape
        super().__init__(np.zeros(grid), file.wiring.neurons if file.wiring else 0)
        self._core[0] = log_factor


class RandomFactor(ConstantFactor):
    """A learner whose factor is drawn from the trust region, for each mission by its forest.

    Args:
        file: the pilot file.
        simulation: the simulation; it is reset before the learner. None: there is none.
    """

    def __init__(self, file: PilotFile, simulation: Simulation | None) -> None:
        super().__init__(file, 0.0)
        self._simulation, self._range = simulation, capacitance_log_range(file.specification)
        self.mission = 0
        """Seed of the mission where there is no simulation."""

    def reset(self) -> None:
        """Draw the factor of the next mission."""
        layout = self._simulation.layout if self._simulation is not None else None
        rng = random_stream(self.mission if layout is None else layout.seed, 'random factor')
        self._core[0] = rng.uniform(*self._range)


class PeriodicResetLearner(WorldClockLearner):
    """The rule `world_clock`, which forgets its evidence every RESET_TICKS ticks."""

    def reset(self) -> None:
        """Return to the state before the first tick."""
        super().reset()
        self._ticks = 0

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        """Learn from one tick, after the evidence is forgotten when it is due."""
        self._ticks += 1
        if self._ticks % RESET_TICKS == 0:
            # The copies go on: they know what has been seen, as the core does.
            self.evidence.reset()
        return super().update(learner_input)
