"""A trained pilot on disk: its format, its training statistics, its summary and its plot."""

from liquid_pilot.pilot_file.format import (
    FAMILIAR,
    FORMAT,
    GRAPH_CORES,
    VERSION,
    PilotFile,
    PilotSpecification,
    load,
    resolve,
    save,
)

__all__ = [
    'FAMILIAR', 'FORMAT', 'GRAPH_CORES', 'VERSION', 'PilotFile', 'PilotSpecification', 'load',
    'resolve', 'save',
]
