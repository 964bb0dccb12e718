"""Fly a drone, or drive a rover, from its camera and IMU with a liquid neural network.

These are the names that programs outside the package import. Each is loaded from its own module
when it is first used, so that `import liquid_pilot` takes milliseconds and loads neither numpy nor
a simulator. A name that needs an optional extra (`sim`, `train`) says so by the `ImportError` of
the library that is missing.

Plain data (units and frames are in the names):
    `Observation`, `ImageBuffer`, `ImuSample`, `CameraGeometry`, `Command`, `VehicleState`,
    `VehicleLimits`, and the errors `LiquidPilotError` and `ObservationError`.
Liquid networks:
    `Wiring` with its makers `ncp`, `dense` and `explicit`; `LtcParameters` and `LtcDynamics` (one
    step at a time); `LtcSensitivity` with `StateWithSensitivities` (the same with exact derivatives
    by the time constants); `forward_sequence` and `backward_sequence`; `LrcParameters` and
    `LrcDynamics`, the same of an LRC core; `LiquidCore` (LTC) and `TrainableLrc`, the trainable
    torch modules, and `GraphCore`, the base of any other trainable core (extra `train`).
Pilot files:
    `load_pilot`, `save_pilot`, `resolve_pilot`, `shipped_pilots`, `PilotFile`,
    `PilotSpecification`, `TrainingStatistics`.
What flies:
    `Engine` with `EngineState` and `Tick`; `Guard` with `Decision` and `Geofence`;
    `AdaptationSettings` and `parse_adaptation`; `Learner`, the protocol of an adaptation rule, with
    `LearnerInput` and `TimeScaleUpdate`; `VehicleSpec` and `get_vehicle`; `AdapterSpec`, the entry
    of an autopilot.
Simulation (these names need the extra `sim`):
    `Simulation`, `SimulationSettings`, `ForestEnv` (a `gymnasium.Env`), `InProcessPilot`,
    `fly_mission`, `parse_conditions`, `ConditionSpec`, `MissionRules`, `MissionResult`.
Evaluation (these names need the extra `sim`):
    `evaluate`, `EvaluationResults`, `compare`.
Explanation:
    `PixelExplainer`, maps of the pixels that count; `CorePaths`, what made a command of a liquid
    core, with `CoreTick`, `PathDecomposition` and `strongest_paths`.

The liquid core of the pilot that comes with the package, stepped by hand: each step takes the
time that has really elapsed since the input before it.

>>> import numpy as np
>>> import liquid_pilot as lp
>>> pilot = lp.load_pilot('forest-ltc')
>>> core = lp.LtcDynamics(pilot.parameters, pilot.specification.unfolds)
>>> v, x = np.zeros(core.neurons, np.float32), np.ones(core.inputs, np.float32)
>>> for dt_s in (0.05, 0.02, 0.3):
...     v = core.step(v, x, dt_s)
>>> core.neurons, core.output(v).shape
(34, (4,))

`examples/` has programs of 15 to 40 lines on these names.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

    from liquid_pilot.evaluation.comparison import compare
    from liquid_pilot.evaluation.runner import Results as EvaluationResults
    from liquid_pilot.evaluation.runner import evaluate
    from liquid_pilot.explanation.core_paths import CorePaths, CoreTick, PathDecomposition
    from liquid_pilot.explanation.pixels import PixelExplainer
    from liquid_pilot.explanation.strongest_paths import strongest_paths
    from liquid_pilot.interfaces import (
        CameraGeometry,
        Command,
        ImageBuffer,
        ImuSample,
        LiquidPilotError,
        Observation,
        ObservationError,
        VehicleLimits,
        VehicleState,
    )
    from liquid_pilot.learning.models.graph_core import GraphCore
    from liquid_pilot.learning.models.lrc import TrainableLrc
    from liquid_pilot.learning.models.ltc import LiquidCore
    from liquid_pilot.liquid.dynamics import LtcDynamics
    from liquid_pilot.liquid.lrc.dynamics import LrcDynamics
    from liquid_pilot.liquid.lrc.parameters import LrcParameters
    from liquid_pilot.liquid.parameters import LtcParameters
    from liquid_pilot.liquid.sensitivity import LtcSensitivity, StateWithSensitivities
    from liquid_pilot.liquid.sequences import backward_sequence, forward_sequence
    from liquid_pilot.liquid.wiring import Wiring, dense, explicit, ncp
    from liquid_pilot.onboard.adaptation.learner import Learner
    from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
    from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
    from liquid_pilot.onboard.adaptation.settings import parse_mode as parse_adaptation
    from liquid_pilot.onboard.inference.engine import Engine, EngineState, Tick
    from liquid_pilot.onboard.safety.geofence import Geofence
    from liquid_pilot.onboard.safety.guard import Decision, Guard
    from liquid_pilot.onboard.setpoints.adapter import AdapterSpec
    from liquid_pilot.onboard.vehicles.registry import get_vehicle
    from liquid_pilot.onboard.vehicles.spec import VehicleSpec
    from liquid_pilot.pilot_file import PilotFile, PilotSpecification
    from liquid_pilot.pilot_file import resolve as resolve_pilot
    from liquid_pilot.pilot_file import save as save_pilot
    from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
    from liquid_pilot.simulation.base.condition import parse as parse_conditions
    from liquid_pilot.simulation.base.condition_spec import ConditionSpec
    from liquid_pilot.simulation.base.mission import MissionResult
    from liquid_pilot.simulation.base.settings import SimulationSettings
    from liquid_pilot.simulation.base.task import MissionRules
    from liquid_pilot.simulation.gym_env import ForestEnv
    from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
    from liquid_pilot.simulation.simulator import Simulation
    from liquid_pilot.utils.resources import shipped_pilots

__all__ = [
    'AdaptationSettings',
    'AdapterSpec',
    'CameraGeometry',
    'Command',
    'ConditionSpec',
    'CorePaths',
    'CoreTick',
    'Decision',
    'Engine',
    'EngineState',
    'EvaluationResults',
    'ForestEnv',
    'Geofence',
    'GraphCore',
    'Guard',
    'ImageBuffer',
    'ImuSample',
    'InProcessPilot',
    'Learner',
    'LearnerInput',
    'LiquidCore',
    'LiquidPilotError',
    'LrcDynamics',
    'LrcParameters',
    'LtcDynamics',
    'LtcParameters',
    'LtcSensitivity',
    'MissionResult',
    'MissionRules',
    'Observation',
    'ObservationError',
    'PathDecomposition',
    'PilotFile',
    'PilotSpecification',
    'PixelExplainer',
    'Simulation',
    'SimulationSettings',
    'StateWithSensitivities',
    'Tick',
    'TimeScaleUpdate',
    'TrainableLrc',
    'TrainingStatistics',
    'VehicleLimits',
    'VehicleSpec',
    'VehicleState',
    'Wiring',
    'backward_sequence',
    'compare',
    'dense',
    'evaluate',
    'explicit',
    'fly_mission',
    'forward_sequence',
    'get_vehicle',
    'load_pilot',
    'ncp',
    'parse_adaptation',
    'parse_conditions',
    'resolve_pilot',
    'save_pilot',
    'shipped_pilots',
    'strongest_paths',
]

_NAMES_BY_MODULE = {
    'evaluation.comparison': ('compare',),
    'evaluation.runner': ('evaluate',),
    'explanation.core_paths': ('CorePaths', 'CoreTick', 'PathDecomposition'),
    'explanation.pixels': ('PixelExplainer',),
    'explanation.strongest_paths': ('strongest_paths',),
    'interfaces': (
        'CameraGeometry',
        'Command',
        'ImageBuffer',
        'ImuSample',
        'LiquidPilotError',
        'Observation',
        'ObservationError',
        'VehicleLimits',
        'VehicleState',
    ),
    'learning.models.graph_core': ('GraphCore',),
    'learning.models.lrc': ('TrainableLrc',),
    'learning.models.ltc': ('LiquidCore',),
    'liquid.dynamics': ('LtcDynamics',),
    'liquid.lrc.dynamics': ('LrcDynamics',),
    'liquid.lrc.parameters': ('LrcParameters',),
    'liquid.parameters': ('LtcParameters',),
    'liquid.sensitivity': ('LtcSensitivity', 'StateWithSensitivities'),
    'liquid.sequences': ('backward_sequence', 'forward_sequence'),
    'liquid.wiring': ('Wiring', 'dense', 'explicit', 'ncp'),
    'onboard.adaptation.learner': ('Learner',),
    'onboard.adaptation.learner_messages': ('LearnerInput', 'TimeScaleUpdate'),
    'onboard.adaptation.settings': ('AdaptationSettings',),
    'onboard.inference.engine': ('Engine', 'EngineState', 'Tick'),
    'onboard.safety.geofence': ('Geofence',),
    'onboard.safety.guard': ('Decision', 'Guard'),
    'onboard.setpoints.adapter': ('AdapterSpec',),
    'onboard.vehicles.registry': ('get_vehicle',),
    'onboard.vehicles.spec': ('VehicleSpec',),
    'pilot_file': ('PilotFile', 'PilotSpecification'),
    'pilot_file.training_statistics': ('TrainingStatistics',),
    'simulation.base.condition_spec': ('ConditionSpec',),
    'simulation.base.mission': ('MissionResult',),
    'simulation.base.settings': ('SimulationSettings',),
    'simulation.base.task': ('MissionRules',),
    'simulation.gym_env': ('ForestEnv',),
    'simulation.rollout': ('InProcessPilot', 'fly_mission'),
    'simulation.simulator': ('Simulation',),
    'utils.resources': ('shipped_pilots',),
}
_MODULES_BY_LIBRARY = {
    'mujoco': ('evaluation.', 'simulation.gym_env', 'simulation.rollout', 'simulation.simulator'),
    'gymnasium': ('simulation.gym_env',),
    'torch': ('learning.',),
}
"""Library of an extra to the beginnings of the modules that need it."""
_RENAMED = {
    'EvaluationResults': ('evaluation.runner', 'Results'),
    'parse_adaptation': ('onboard.adaptation.settings', 'parse_mode'),
    'parse_conditions': ('simulation.base.condition', 'parse'),
    'resolve_pilot': ('pilot_file', 'resolve'),
    'save_pilot': ('pilot_file', 'save'),
}
"""Names that say more outside of their module: public name to module and name there."""
_SOURCES = {
    **{name: (module, name) for module, names in _NAMES_BY_MODULE.items() for name in names},
    **_RENAMED,
}
"""Public name to the module that defines it, below `liquid_pilot`, and its name there."""


def load_pilot(name_or_path: str | os.PathLike[str]) -> PilotFile:
    """Return a pilot, read from its folder and checked.

    Args:
        name_or_path: the name of a shipped pilot, such as 'forest-ltc', or the path of a folder.

    Raises:
        LiquidPilotError: there is no such pilot, or its file is damaged; the message names the file
            and the field.

    >>> load_pilot('forest-ltc').specification.rate_hz
    20.0
    """
    from liquid_pilot import pilot_file

    return pilot_file.load(pilot_file.resolve(name_or_path))


if not TYPE_CHECKING:  # a type checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """Load a public name from its module at its first use (PEP 562)."""
        if name not in _SOURCES:
            raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
        module, attribute = _SOURCES[name]
        value = getattr(importlib.import_module(f'{__name__}.{module}'), attribute)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the names that can be loaded here, so that help() needs no extra."""
    missing = tuple(
        modules
        for library, modules in _MODULES_BY_LIBRARY.items()
        if importlib.util.find_spec(library) is None
    )
    names = (
        name
        for name in __all__
        if not any(_SOURCES.get(name, ('', ''))[0].startswith(modules) for modules in missing)
    )
    return sorted({*names, *(name for name in globals() if name.startswith('__'))})
