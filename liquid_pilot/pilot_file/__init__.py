"""A trained pilot on disk: loading, saving and describing it.

    pilot = pilot_file.load(pilot_file.resolve('forest-ltc'))

`plot` (a picture of the wiring) and `summary` (text and numbers) are modules of their own.
"""

from liquid_pilot.pilot_file.files import STATISTICS_FILE
from liquid_pilot.pilot_file.format import FORMAT, VERSION, PilotFile, load, resolve, save
from liquid_pilot.pilot_file.specification import (
    LIQUID_CORE_TYPES,
    NAMED_GRAPH,
    ONNX_CORE_TYPES,
    PilotSpecification,
)
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

__all__ = [
    'FORMAT',
    'LIQUID_CORE_TYPES',
    'NAMED_GRAPH',
    'ONNX_CORE_TYPES',
    'STATISTICS_FILE',
    'VERSION',
    'PilotFile',
    'PilotSpecification',
    'TrainingStatistics',
    'load',
    'resolve',
    'save',
]
