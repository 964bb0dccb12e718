"""Parameters of a guard in the process of a test, with other defaults."""

import dataclasses

from liquid_pilot.nodes.outputs.guard_parameters import GuardParameters
from liquid_pilot.utils.settings import setting_from


def parameters_with(**defaults):
    fields = [
        (name, type(value), setting_from(GuardParameters, name, default=value))
        for name, value in defaults.items()
    ]
    return dataclasses.make_dataclass('Changed', fields, bases=(GuardParameters,), frozen=True)
