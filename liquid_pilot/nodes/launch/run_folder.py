"""The run folder of a flight, which is new, or empty of a run."""

from __future__ import annotations

import dataclasses
import time

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch.flight_options import Options
from liquid_pilot.utils.path_checks import check_writable_folder, user_path


def with_run_folder(options: Options) -> Options:
    """Return the options with `out` as an absolute path.

    Args:
        options: options whose `out` may be empty; it then becomes a new folder in `runs`.

    Raises:
        LiquidPilotError: `out` is not a folder, cannot be written, or holds a run already.
    """
    folder = first = user_path(options.out or f'runs/{time.strftime("%Y-%m-%d_%H-%M-%S")}')
    count = 1
    try:
        folder = folder.resolve()
        while not options.out and folder.exists():
            count += 1
            folder = first.with_name(f'{first.name}_{count}').resolve()
    # RuntimeError: a loop of links, before Python 3.13; ValueError: a zero byte; FileNotFoundError:
    # the folder that this program was started in is gone.
    except (OSError, RuntimeError, ValueError) as error:
        raise LiquidPilotError(f'out: {str(first)!r} is no path ({error})') from None
    flight = options.flight_options()
    if options.out or flight.runs_missions or flight.recorded:
        # A vehicle that records nothing may be started anywhere.
        check_writable_folder(folder, 'out')
    for name in ('report.json', 'recording'):
        if (folder / name).exists():
            raise LiquidPilotError(
                f'out: {folder} holds a run already ({name}); choose another folder'
            )
    return dataclasses.replace(options, out=str(folder))
