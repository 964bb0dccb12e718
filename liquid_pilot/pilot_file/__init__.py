"""A trained pilot on disk: its format, its training statistics, its summary and its plot."""

from liquid_pilot.pilot_file.format import (
    FORMAT,
    ONNX_CORE_TYPES,
    STATISTICS_FILE,
    VERSION,
    PilotFile,
    PilotSpecification,
    load,
    resolve,
    save,
)

__all__ = [
    'FORMAT',
    'ONNX_CORE_TYPES',
    'STATISTICS_FILE',
    'VERSION',
    'PilotFile',
    'PilotSpecification',
    'load',
    'resolve',
    'save',
]
