"""`liquid-pilot inspect`: what a pilot file contains, as text, as JSON and as a plot."""

from __future__ import annotations

import argparse
import json

from liquid_pilot.cli.common import load_pilot, path
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_writable_file

DESCRIPTION = 'Shows a pilot: its card, sizes, wiring, limits and digest.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument('pilot', metavar='PILOT', help='name of a shipped pilot, or its folder')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument(
        '--plot',
        type=path('--plot'),
        metavar='FILE',
        help='also plot wiring, synapses and time constants into a PNG file',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse a pilot that is not there, and a plot that cannot be drawn."""
    pilot = load_pilot(arguments.pilot)
    if arguments.plot is not None:
        if pilot.ltc_parameters is None:
            raise LiquidPilotError(
                f'--plot: the core of {arguments.pilot} is of kind '
                f'{pilot.specification.core_kind!r}, and only the wiring and the time constants of '
                'an ltc are drawn; leave --plot out'
            )
        check_writable_file(arguments.plot, '--plot', '.png')
        require_modules(('matplotlib',), '--plot')


def run(arguments: argparse.Namespace) -> int:
    """Show the pilot and return the exit code."""
    from liquid_pilot import pilot_file
    from liquid_pilot.pilot_file.summary import describe, summarize

    folder = pilot_file.resolve(arguments.pilot)
    print(json.dumps(summarize(folder), indent=2) if arguments.json else describe(folder))
    if arguments.plot is not None:
        from liquid_pilot.pilot_file.plot import draw_pilot

        draw_pilot(folder, arguments.plot)
    return 0
