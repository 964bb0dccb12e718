"""The controls of the driving study: modes that exist for this study only.

- study:filter:FACTOR: a temporal filter whose time constants are the trained ones times FACTOR, and
  nothing else that adapts.
- study:leaky:EXPONENT: a core that leaks more on a slippery road (`leaky_core`).
"""

from __future__ import annotations

import numpy as np

from liquid_pilot.evaluation import workers
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.rollout import InProcessPilot, MissionPilot
from liquid_pilot.simulation.simulator import Simulation
from studies.fixed_time_scales import FixedTimeScales

SCALED_FILTER = 'study:filter:'
LEAKY = 'study:leaky:'


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> MissionPilot:
    """Make a pilot of a mode of the package or of this study; see `workers.make_pilot`.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        mode: adaptation mode of the package, or 'study:NAME'.
    """
    if mode.startswith(SCALED_FILTER):
        factor = float(mode.removeprefix(SCALED_FILTER))
        return _pilot_with_scaled_filter(file, simulation, adapter, factor)
    if mode.startswith(LEAKY):
        from studies.driving import leaky_core

        exponent = float(mode.removeprefix(LEAKY))
        return leaky_core.make_pilot(file, simulation, adapter, exponent)
    return workers.make_pilot(file, simulation, adapter, mode)


def _pilot_with_scaled_filter(
    file: PilotFile, simulation: Simulation, adapter: str, factor: float
) -> InProcessPilot:
    frontend = FrontendSettings(
        photometric=False,
        reject_novel_frames=False,
        slow_core_on_novelty=False,
        slowdown_on_blindness=False,
    )
    grid = file.require_statistics().filter_tau_s.shape
    learner = FixedTimeScales(np.full(grid, np.log(factor), np.float32), 0)
    adapting = AdaptationSettings(frontend, friction_speed_governor=False)
    return InProcessPilot(file, simulation, adapter, adapting=adapting, learner=learner)
