"""The arms of the retention study, 'study:ARM': what the core does while the vehicle is held.

Nothing but the time that the core is stepped by differs between arms of one pilot. No arm adapts.
ARM is one of:

- trained: as trained.
- retention=FACTOR/THRESHOLD/SETTLING: the rule of the package with these constants.
- always=FACTOR: the core's time is slowed by the same factor in every tick.
- held=FACTOR: the same while the vehicle is held, whatever the picture shows. With FROZEN the core
  stands still then.
- event_clock: time passes as the picture changes, whoever has the vehicle (`EventClock`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.inference.retention import NoRetention, Retention, RetentionStage
from liquid_pilot.onboard.inference.stages import Stages
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation

MODE_PREFIX = 'study:'
FROZEN = 1000.0
"""Factor at which a core stands still for as long as a mission lasts."""
EVENT_SMOOTHING_S = 1.0
"""Time constant of the smoothed change of the features, s."""
EVENT_BASE = 0.25
"""Mean change of the features from frame to frame in the demonstrations, in deviations of training,
at which the core runs at its own speed or, down to half of it, nearly so."""
EVENT_MAX_FACTOR = 20.0
"""Largest factor by which the event clock slows the core's time."""


def mode_of(arm: str) -> str:
    """Return the mode of an arm.

    >>> mode_of('always=16')
    'study:always=16'
    """
    return f'{MODE_PREFIX}{arm}'


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> InProcessPilot:
    """Make a pilot of this study; see `workers.make_pilot`.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        mode: 'study:ARM'.

    Raises:
        ValueError: there is no such mode.
        LiquidPilotError: the pilot has no training statistics.
    """
    if not mode.startswith(MODE_PREFIX):
        raise ValueError(f'no arm {mode!r}')
    stage = stage_of(mode.removeprefix(MODE_PREFIX), file.require_statistics())

    def replace_stages(stages: Stages) -> Stages:
        return stages._replace(retention=stage)

    return InProcessPilot(file, simulation, adapter, replace_stages=replace_stages)


def stage_of(arm: str, statistics: TrainingStatistics) -> RetentionStage:
    """Return the stage that decides how fast the core's time passes in an arm.

    Args:
        arm: the arm.
        statistics: training statistics of the pilot.

    Raises:
        ValueError: there is no such arm.
    """
    name, _, text = arm.partition('=')
    constants = [float(part) for part in text.split('/')] if text else []
    match name, constants:
        case 'trained', []:
            return NoRetention()
        case 'retention', [factor, threshold, settling_s]:
            return Retention(statistics, settings_of(factor, threshold, settling_s))
        case 'always', [factor]:
            return ConstantSlowing(factor)
        case 'held', [factor]:
            return ConstantSlowing(factor, only_while_held=True)
        case 'event_clock', []:
            return EventClock(statistics)
    raise ValueError(f'no arm {arm!r}')


def settings_of(factor: float, threshold: float, settling_s: float) -> FrontendSettings:
    """Return the settings of the rule of the package with these constants."""
    return FrontendSettings(
        slow_core_while_held=True,
        core_time_scale_while_held=factor,
        scene_change_threshold=threshold,
        settling_time_s=settling_s,
    )


class ConstantSlowing:
    """A stage that slows the core's time by a constant factor.

    Args:
        factor: the factor.
        only_while_held: whether the core runs at its own speed while the pilot has the vehicle.
    """

    def __init__(self, factor: float, only_while_held: bool = False) -> None:
        self._log_factor, self._only_while_held = math.log(factor), only_while_held

    def process(
        self, features: np.ndarray, state: Any, dt_s: float, has_authority: bool
    ) -> tuple[float, Any]:
        """Return the constant; see `Retention.process`."""
        runs = self._only_while_held and has_authority
        return 0.0 if runs else self._log_factor, None


class EventClockState(NamedTuple):
    """The state of an `EventClock`."""

    features: np.ndarray
    """(F,) features of the last tick."""
    change: float
    """Change of the features from tick to tick, in deviations of training, smoothed."""


class EventClock:
    """A stage that lets the core's time pass as the picture changes.

    The core is slowed by 1 / clip((2 c / base)^2, 1 / EVENT_MAX_FACTOR, 1), where c is the smoothed
    change of the features and base the mean one of the demonstrations.

    Args:
        statistics: training statistics of the pilot.
    """

    def __init__(self, statistics: TrainingStatistics) -> None:
        whitening = statistics.feature_whitening.astype(float)
        self._deviation = np.sqrt(np.diag(np.linalg.inv(whitening.T @ whitening)))

    def process(
        self,
        features: np.ndarray,
        state: EventClockState | None,
        dt_s: float,
        has_authority: bool,
    ) -> tuple[float, EventClockState]:
        """Decide by the change of the features; see `Retention.process`."""
        if state is None:
            return 0.0, EventClockState(features, EVENT_BASE)
        change = (features - state.features) / self._deviation
        newest = math.sqrt(float((change**2).mean()))
        smoothing = -math.expm1(-dt_s / EVENT_SMOOTHING_S)
        smoothed = state.change + smoothing * (newest - state.change)
        share = (2.0 * smoothed / EVENT_BASE) ** 2
        factor = 1.0 / min(max(share, 1.0 / EVENT_MAX_FACTOR), 1.0)
        return math.log(factor), EventClockState(features, smoothed)
