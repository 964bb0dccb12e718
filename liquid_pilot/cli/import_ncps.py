"""`liquid-pilot import-ncps`: the weights of an ncps network become the core of a pilot."""

from __future__ import annotations

import argparse
from pathlib import Path

from liquid_pilot.cli.common import integer

DESCRIPTION = (
    'Turns the state dict of an ncps LTC (safetensors, or a weights-only torch file) into the core '
    'of a pilot.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'file',
        type=Path,
        metavar='FILE',
        help='state dict of an ncps LTC or LTCCell: safetensors, or a file written by '
        'torch.save(layer.state_dict(), FILE)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='PATH',
        help='the pilot folder to write (with --pilot), or a .safetensors file for the core alone',
    )
    parser.add_argument(
        '--pilot',
        metavar='PILOT',
        help='pilot whose encoder, camera and limits are used: name of a shipped one, or its '
        'folder',
    )
    parser.add_argument(
        '--prefix',
        default='',
        metavar='TEXT',
        help='read only the keys with this prefix, such as "policy.ltc.", and ignore the rest of '
        'the model',
    )
    parser.add_argument(
        '--unfolds',
        type=integer('--unfolds', 1, 64),
        default=6,
        metavar='L',
        help="ncps' ode_unfolds (default: 6, as in ncps)",
    )
    parser.add_argument(
        '--constraints',
        choices=('auto', 'softplus', 'none'),
        default='auto',
        help="ncps' implicit_param_constraints: softplus for True, none for False (default: as in "
        'ncps, softplus for LTC and none for LTCCell)',
    )
    parser.add_argument(
        '--time-unit-s',
        type=float,
        default=1.0,
        metavar='S',
        help='seconds per unit of elapsed time in training; where no timespans were given, the '
        'frame period, such as 0.05 (default: 1)',
    )


def run(arguments: argparse.Namespace) -> int:
    """Import the core and return the exit code."""
    from liquid_pilot.learning.models import import_ncps

    return import_ncps.run(arguments)
