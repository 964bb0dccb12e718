"""A liquid core that leaks more on a slippery road, instead of a speed governor.

The log-scale of the leak conductances rises with the logarithm of the inverse friction ratio. The
package does not ship it: the governor of `onboard.vehicles.speed_limiter` was the better answer
(docs/explanation/driving.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.frontend import FrontendOutput
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, CoreScales
from liquid_pilot.onboard.inference.stages import CoreScalesStage, Stages
from liquid_pilot.onboard.vehicles.friction_estimator import FrictionEstimator, FrictionState
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation

LEAK_ONLY = AdaptationSettings(
    FrontendSettings(
        photometric=False,
        temporal_filter=False,
        reject_novel_frames=False,
        slow_core_on_novelty=False,
        slowdown_on_blindness=False,
    ),
    LearnerSettings(learn_temporal_filter=False),
    friction_speed_governor=False,
)
"""Settings of a pilot of which nothing adapts but the leak."""


class LeakyCoreScales:
    """The stage that adds the leak to the log-scales of the core.

    Args:
        base: the stage whose log-scales it adds to.
        neurons: number of neurons N of the liquid core.
        exponent: the leak conductances are multiplied by friction ratio ** -exponent, to at most
            the bound of the trust region.
    """

    def __init__(self, base: CoreScalesStage, neurons: int, exponent: float) -> None:
        self._base, self._neurons, self._exponent = base, neurons, exponent

    def combine(
        self,
        scales: CoreScales | None,
        frontend: FrontendOutput,
        friction: FrictionState | None,
    ) -> CoreScales | None:
        """Return the log-scales of the base, with the leak added; see `CoreScalesStage.combine`."""
        combined = self._base.combine(scales, frontend, friction)
        if friction is None:
            return combined
        leak = min(-self._exponent * math.log(friction.friction_ratio), CORE_LOG_SCALE_RANGE[1])
        if not leak:
            return combined
        if combined is None:
            zero = np.zeros(self._neurons, np.float32)
            combined = CoreScales(zero, zero)
        return combined._replace(log_gleak=combined.log_gleak + np.float32(leak))


def leaky_stages(pilot: PilotFile, exponent: float) -> Callable[[Stages], Stages]:
    """Return the function that replaces the stages of an engine by those of a leaky core.

    Args:
        pilot: the pilot file of a car with a liquid core.
        exponent: see `LeakyCoreScales`.

    Raises:
        LiquidPilotError: the pilot is not of a car with a liquid core.
    """
    specification = pilot.specification
    car_model = get_vehicle(specification.vehicle).car_model
    parameters = pilot.parameters
    if car_model is None or parameters is None:
        raise LiquidPilotError(f'{pilot.path}: is not a pilot of a car with a liquid core')
    estimator, neurons = FrictionEstimator(car_model, specification.limits), parameters.neurons

    def replace(stages: Stages) -> Stages:
        scales = LeakyCoreScales(stages.core_scales, neurons, exponent)
        return stages._replace(friction=estimator, core_scales=scales)

    return replace


def make_pilot(
    file: PilotFile, simulation: Simulation, adapter: str, exponent: float
) -> InProcessPilot:
    """Make a pilot of which nothing adapts but the leak.

    Args:
        file: the pilot file of a car with a liquid core.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        exponent: see `LeakyCoreScales`.
    """
    return InProcessPilot(
        file,
        simulation,
        adapter,
        adapting=LEAK_ONLY,
        replace_stages=leaky_stages(file, exponent),
    )
