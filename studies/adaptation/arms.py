"""The controls of the adaptation study: modes that exist for this study only, 'study:NAME'.

- fixed:GAIN,ROTATION: a first-order low-pass filter of a fixed gain on every pixel; nothing is
  learned, and there is no novelty gate. ROTATION says whether it compensates the camera's rotation.
- random: as `adapt`, with time constants drawn at random for each mission instead of learned ones.
- reset: as `adapt`, with everything that was learned forgotten every 4 s.
- core:PARTS[:SETTINGS]: as `adapt[:SETTINGS]`, and the core's capacitances (PARTS `cm`), or these
  and its leak conductances (`cm_gleak`), are learned too (`core_learning`).
- readout: as trained, with a linear read-out of the core's state that is fitted in flight by
  recursive least squares to the residual of the yaw rate. Only linear coefficients adapt, as in
  Neural-Fly (O'Connell et al. 2022). Of the four commanded axes, an IMU measures yaw alone.
- patient: as trained, behind a guard that waits for slow cameras (GUARD_TIMEOUT_S). The shipped
  guard gives the safe command after 0.5 s without one, so at 1 Hz it would judge itself.
- fixed_dt: as `patient`, with a core that is always stepped by one period of the training's frame
  rate.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from liquid_pilot.evaluation import workers
from liquid_pilot.interfaces import AttitudeThrust, Command, SensorPacket
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import TimeScaleLearner
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, FILTER_LOG_SCALE_RANGE
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.safety.guard import Guard
from liquid_pilot.onboard.safety.slew_clock import MAX_SLEW_STEP_S
from liquid_pilot.onboard.setpoints.registry import make_adapter
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.rollout import InProcessPilot, MissionPilot
from liquid_pilot.simulation.simulator import Simulation
from studies.fixed_time_scales import FixedTimeScales

MODE_PREFIX = 'study:'
FIXED_FILTER = f'{MODE_PREFIX}fixed'
RESET_S = 4.0
GUARD_TIMEOUT_S = 2.5
"""Time-out of the guard in the arms of elapsed time. The longest gap between frames there is 1 s at
a fixed rate, and rarely more where four of five frames are lost."""
_FILTER_ONLY = FrontendSettings(
    photometric=False,
    reject_novel_frames=False,
    slow_core_on_novelty=False,
    slowdown_on_blindness=False,
)


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> MissionPilot:
    """Make a pilot of a mode of the package or of this study; see `workers.make_pilot`.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        mode: adaptation mode of the package, or 'study:NAME'.
    """
    if not mode.startswith(MODE_PREFIX):
        return workers.make_pilot(file, simulation, adapter, mode)
    name, _, rest = mode.removeprefix(MODE_PREFIX).partition(':')
    if name == 'readout':
        return ReadOutPilot(file, simulation, adapter)
    if name in ('patient', 'fixed_dt'):
        return _patient_pilot(file, simulation, adapter, fixed_dt=name == 'fixed_dt')
    if name == 'core':
        from studies.adaptation import core_learning

        parts, _, settings = rest.partition(':')
        return core_learning.make_pilot(file, simulation, adapter, parts, settings)
    statistics = file.require_statistics()
    grid, neurons = statistics.filter_tau_s.shape, _core_neurons(file)
    frontend = FrontendSettings()
    learner: FixedTimeScales | TimeScaleLearner
    if name == 'fixed':
        gain, rotation = rest.split(',')
        frontend = replace(_FILTER_ONLY, compensate_rotation=rotation == 'true')
        tau_s = -1.0 / file.specification.rate_hz / math.log1p(-float(gain))
        learner = FixedTimeScales(np.log(tau_s / statistics.filter_tau_s), neurons)
    elif name == 'random':
        learner = RandomTimeScales(grid, neurons, simulation)
    elif name == 'reset':
        learner = PeriodicResetLearner(statistics, neurons)
    else:
        raise ValueError(f'no arm {mode!r}')
    return InProcessPilot(
        file, simulation, adapter, adapting=AdaptationSettings(frontend), learner=learner
    )


def _core_neurons(file: PilotFile) -> int:
    """Return N of a liquid core, 0 of another one."""
    return Engine(file).scalable_neurons


def _patient_pilot(
    file: PilotFile, simulation: Simulation, adapter: str, fixed_dt: bool
) -> InProcessPilot:
    """Make a pilot behind a guard that waits for slow cameras.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        fixed_dt: whether the core is always stepped by one period of the training's frame rate.
    """
    limits = file.specification.limits
    # The guard counts no gap for more than MAX_SLEW_STEP_S of slew.
    slew = tuple(each * GUARD_TIMEOUT_S / MAX_SLEW_STEP_S for each in limits.slew)
    limits = replace(limits, command_timeout_s=GUARD_TIMEOUT_S, slew=slew)
    if fixed_dt:
        period_s = 1.0 / file.specification.rate_hz
        specification = replace(file.specification, dt_min_s=period_s, dt_max_s=period_s)
        file = replace(file, specification=specification)
    return InProcessPilot(file, simulation, adapter, limits)


class RandomTimeScales(FixedTimeScales):
    """Time scales drawn from the trust region, for each mission by the seed of its forest.

    Args:
        grid: (R, C) of the temporal filter's blocks.
        neurons: number of neurons of the core.
        simulation: the simulation; it is reset before the learner.
    """

    def __init__(self, grid: tuple[int, int], neurons: int, simulation: Simulation) -> None:
        super().__init__(np.zeros(grid), neurons)
        self._simulation = simulation

    def reset(self) -> None:
        """Draw time scales for the next mission."""
        rng = random_stream(
            self._simulation.layout.seed if self._simulation.layout else 0, 'random'
        )
        self._filter = rng.uniform(*FILTER_LOG_SCALE_RANGE, self._filter.shape).astype(np.float32)
        self._core = rng.uniform(*CORE_LOG_SCALE_RANGE, self._core.shape).astype(np.float32)


class PeriodicResetLearner(TimeScaleLearner):
    """The shipped learner, reset every RESET_S seconds."""

    def reset(self) -> None:
        """Return to the state before the first tick."""
        super().reset()
        self._since_reset_s = 0.0

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        """Learn from one tick, after a reset when it is due."""
        self._since_reset_s += learner_input.elapsed_s
        if self._since_reset_s > RESET_S:
            self.reset()
        return super().update(learner_input)


class ReadOutPilot:
    """A pilot as trained, with a correction of the yaw rate that is linear in the core's state.

    Recursive least squares with forgetting (time constant 10 s) fits measured minus commanded yaw
    rate to the state that gave the command. The correction subtracts it, within +-0.5 rad/s.

    Args:
        file: the pilot file.
        simulation: the simulation whose camera the pilot sees.
        adapter: name of the vehicle adapter.
    """

    FORGET_S = 10.0
    PRIOR = 1.0
    LIMIT_RAD_S = 0.5

    def __init__(self, file: PilotFile, simulation: Simulation, adapter: str) -> None:
        self._engine = Engine(file, source_camera=simulation.camera)
        self._adapter = make_adapter(adapter)
        self._limits = file.specification.limits
        self.reset()

    def reset(self) -> None:
        """Prepare for the next mission: nothing is fitted."""
        self._state = self._engine.initial_state()
        self.command: Command | None = None
        self._guard = Guard(self._limits)
        self._guard.engage(0.0)
        size = self._engine.core.neurons + 1
        self._weights = np.zeros(size)
        self._covariance = np.eye(size) / self.PRIOR
        self._last: tuple[np.ndarray, float] | None = None

    def warm_up(self) -> None:
        """Run the engine once."""
        self._engine.warm_up()

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Return the vehicle's setpoint in answer to a packet; None when it has no frame."""
        if packet.observation is None:
            return None
        tick = self._engine.tick(self._state, packet.observation)
        self._state = tick.state
        if self._last is not None:
            state, commanded = self._last
            self._fit(state, tick.imu[2] - commanded, tick.dt_s)
        state = np.append(tick.state.core.astype(float), 1.0)
        correction = float(np.clip(state @ self._weights, -self.LIMIT_RAD_S, self.LIMIT_RAD_S))
        command = tick.command._replace(yaw_rate_rad_s=tick.command.yaw_rate_rad_s - correction)
        self._last = state, command.yaw_rate_rad_s
        decision = self._guard.accept(command, command.stamp_ns * 1e-9)
        self.command = decision.command
        return self._adapter.convert(decision.command, packet.state)

    def _fit(self, state: np.ndarray, residual: float, dt_s: float) -> None:
        keep = math.exp(-dt_s / self.FORGET_S)
        gain = self._covariance @ state
        gain /= keep + state @ gain
        self._weights += gain * (residual - state @ self._weights)
        self._covariance -= np.outer(gain, state @ self._covariance)
        # Directions that the mission does not excite must not grow without bounds.
        self._covariance = np.clip(self._covariance / keep, -1e3, 1e3)
