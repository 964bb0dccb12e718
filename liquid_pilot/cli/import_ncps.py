"""`liquid-pilot import-ncps`: the weights of an ncps network become the core of a pilot."""

from __future__ import annotations

import argparse

from liquid_pilot.cli.common import check_pilot_folder, integer, load_pilot, number, path
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_readable_file, check_writable_file

TORCH_BEGINNINGS = (b'PK', b'\x80\x02')
"""The first bytes of a file that torch has written."""
DESCRIPTION = (
    'Turns the state dict of an ncps LTC (safetensors, or a weights-only torch file) into the core '
    'of a pilot.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'file',
        type=path('FILE'),
        metavar='FILE',
        help='state dict of an ncps LTC or LTCCell: safetensors, or a file written by '
        'torch.save(layer.state_dict(), FILE)',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
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
        type=number('--time-unit-s', 1e-6, 1e6),
        default=1.0,
        metavar='S',
        help='seconds per unit of elapsed time in training; where no timespans were given, the '
        'frame period, such as 0.05 (default: 1)',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse a file that is not there, and a place that cannot be written."""
    check_readable_file(arguments.file, 'FILE')
    if arguments.pilot is None:
        check_writable_file(arguments.out, '--out', '.safetensors')
    else:
        load_pilot(arguments.pilot, '--pilot')
        check_pilot_folder(arguments.out, '--out')
    with open(arguments.file, 'rb') as file:
        if file.read(2) in TORCH_BEGINNINGS:
            purpose = f'{arguments.file}, which torch has written,'
            require_modules(('torch',), purpose, by_run=False)


def run(arguments: argparse.Namespace) -> int:
    """Import the core and return the exit code."""
    from liquid_pilot.learning.models import import_ncps

    return import_ncps.run(arguments)
