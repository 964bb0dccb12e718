"""Controls of the study: what adaptation has to be better than, flown by the same engine.

Their modes are 'study:NAME'; everything else is a mode of the product (`onboard.adaptation.settings`).

- fixed: a first-order low-pass of fixed gain on every pixel, nothing learned and no gate.
- random: as `adapt`, with time constants drawn at random for each flight instead of learned.
- reset: as `adapt`, with everything that was learned forgotten every 4 s.
- readout: nothing but a linear read-out of the core's state, fitted by recursive least squares to
  what the yaw rate was short of its command (in the manner of Neural-Fly: only linear
  coefficients adapt); of the four commanded axes yaw is the one that an IMU measures.
- patient: as trained, behind a guard that waits for slow cameras (PATIENCE_S). The shipped guard
  gives the safe command after 0.5 s without one, so at 1 Hz it would judge itself.
- fixed_dt: likewise, told at every tick that one period of the training's frame rate has gone by.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

import studies
from liquid_pilot.evaluation import workers
from liquid_pilot.interfaces import AttitudeThrust, Command, SensorPacket
from liquid_pilot.onboard.adaptation.frontend import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import TimeScaleLearner
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings, parse_mode
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, FILTER_LOG_SCALE_RANGE
from liquid_pilot.onboard.safety.guard import MAX_SLEW_STEP_S
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation

MODE_PREFIX = 'study:'
RESET_S = 4.0
GUARD_TIMEOUT_S = 2.5
"""Time-out of the guard in the arms of elapsed time; the longest gap between frames there is 1 s
at a fixed rate, and rarely more where four of five frames are lost."""
_FILTER = FrontendSettings(
    photometric=False,
    reject_novel_frames=False,
    slow_core_on_novelty=False,
    slowdown_on_blindness=False,
)


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> InProcessPilot:
    """As `crew.make_pilot`, and the controls of this study."""
    name, _, rest = mode.removeprefix(MODE_PREFIX).partition(':')
    if not mode.startswith(MODE_PREFIX):
        return workers.make_pilot(file, simulation, adapter, mode)
    if name == 'readout':
        return ReadOutPilot(file, simulation, adapter)
    if name in ('patient', 'fixed_dt'):
        limits = file.specification.limits
        # The guard lets no gap count for more than LONGEST_STEP_S of slew.
        slew = tuple(each * GUARD_TIMEOUT_S / MAX_SLEW_STEP_S for each in limits.slew)
        limits = replace(limits, command_timeout_s=GUARD_TIMEOUT_S, slew=slew)
        if name == 'fixed_dt':
            period_s = 1.0 / file.specification.rate_hz
            told = replace(file.specification, dt_min_s=period_s, dt_max_s=period_s)
            file = replace(file, specification=told)
        return InProcessPilot(file, simulation, adapter, limits)
    front = FrontendSettings()
    if name == 'fixed':
        gain, follow = rest.split(',')
        front = replace(_FILTER, follow_rotation=follow == 'true')
    flier = InProcessPilot(file, simulation, adapter, adapting=AdaptationSettings(front))
    grid, neurons = file.training_statistics.receptor_tau_s.shape, flier.engine.scalable_neurons
    if name == 'fixed':
        tau_s = -1.0 / file.specification.rate_hz / math.log1p(-float(gain))
        flier.learner = studies.Constant(
            np.log(tau_s / file.training_statistics.receptor_tau_s), neurons
        )
    elif name == 'random':
        flier.learner = RandomTimeScales(grid, neurons, simulation)
    elif name == 'reset':
        flier.learner = PeriodicResetLearner(
            file.training_statistics, neurons, parse_mode('adapt').learner
        )
    else:
        raise ValueError(f'no arm {mode!r}')
    return flier


class RandomTimeScales(studies.Constant):
    """Time constants drawn from the trust region, for each flight by its forest's seed."""

    def __init__(self, grid: tuple[int, int], neurons: int, simulation: Simulation) -> None:
        super().__init__(np.zeros(grid), neurons)
        self._simulation = simulation

    def reset(self) -> None:
        """Draw; the simulation was reset before."""
        rng = random_stream(
            self._simulation.layout.seed if self._simulation.layout else 0, 'random'
        )
        self._receptors = rng.uniform(*FILTER_LOG_SCALE_RANGE, self._receptors.shape).astype(
            np.float32
        )
        self._core = rng.uniform(*CORE_LOG_SCALE_RANGE, self._core.shape).astype(np.float32)


class PeriodicResetLearner(TimeScaleLearner):
    """Adaptation that starts anew every RESET_S seconds."""

    def reset(self) -> None:
        """As trained."""
        super().reset()
        self._since_s = 0.0

    def add(self, evidence: LearnerInput) -> TimeScaleUpdate:
        """One tick."""
        self._since_s += evidence.elapsed_s
        if self._since_s > RESET_S:
            self.reset()
        return super().add(evidence)


class ReadOutPilot(InProcessPilot):
    """As trained, with a correction of the yaw rate that is linear in the core's state.

    Recursive least squares with forgetting (time constant 10 s) of measured minus commanded yaw
    rate over the state that gave the command; the correction takes it off, within +-0.5 rad/s.
    """

    FORGET_S = 10.0
    PRIOR = 1.0
    LIMIT_RAD_S = 0.5

    def reset(self) -> None:
        """Nothing fitted."""
        super().reset()
        size = self.engine.core.neurons + 1
        self._weights = np.zeros(size)
        self._covariance = np.eye(size) / self.PRIOR
        self._last: tuple[np.ndarray, float] | None = None

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """One tick."""
        if packet.observation is None:
            return None
        tick = self.tick = self.engine.tick(self._state, packet.observation)
        self._state = tick.state
        if self._last is not None:
            state, commanded = self._last
            self._fit(state, tick.imu[2] - commanded, tick.dt_s)
        state = np.append(tick.state.core.astype(float), 1.0)
        off = float(np.clip(state @ self._weights, -self.LIMIT_RAD_S, self.LIMIT_RAD_S))
        command = tick.command._replace(yaw_rate_rad_s=tick.command.yaw_rate_rad_s - off)
        self._last = state, command.yaw_rate_rad_s
        decision = self.guard.accept(command, command.stamp_ns * 1e-9)
        self.command = decision.command
        return self.adapter.convert(decision.command, packet.state)

    def _fit(self, state: np.ndarray, residual: float, dt_s: float) -> None:
        keep = math.exp(-dt_s / self.FORGET_S)
        gain = self._covariance @ state
        gain /= keep + state @ gain
        self._weights += gain * (residual - state @ self._weights)
        self._covariance -= np.outer(gain, state @ self._covariance)
        # Directions that the flight does not excite must not grow for ever.
        self._covariance = np.clip(self._covariance / keep, -1e3, 1e3)
