"""The command that repeats a flight, for its report."""

from __future__ import annotations

import shlex

from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.utils.settings import declared_settings


def repeat_command(options: FlyOptions) -> str:
    """Return the command line that flies the same again, into a new run folder.

    >>> repeat_command(FlyOptions(missions=1, condition='snow:4@3s', adapt=False, out='/tmp/x'))
    'liquid-pilot fly --no-adapt --missions 1 --condition snow:4@3s'

    Args:
        options: the options of the flight, however it was started.
    """
    words = ['liquid-pilot', 'fly']
    for name, declared in declared_settings(FlyOptions).items():
        value, option = getattr(options, name), f'--{name.replace("_", "-")}'
        if name == 'out' or value == declared.default:
            continue
        if declared.kind is bool:
            words.append(option if value else option.replace('--', '--no-', 1))
        else:
            words += [option, str(value)]
    return shlex.join(words)
