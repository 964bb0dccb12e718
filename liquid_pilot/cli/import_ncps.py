"""`liquid-pilot import-ncps`: its arguments. What it does is in import_ncps.py."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; imports no torch, so that --help is quick."""
    parser.add_argument(
        'file',
        type=Path,
        metavar='FILE',
        help='state dict of an ncps LTC or LTCCell: safetensors, or what '
        'torch.save(layer.state_dict(), FILE) wrote',
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
        metavar='NAME|DIR',
        help='take the encoder, the camera and the limits from this pilot',
    )
    parser.add_argument(
        '--prefix',
        default='',
        metavar='TEXT',
        help='take only the keys that begin so, such as "policy.ltc.", and ignore '
        'the rest of the model',
    )
    parser.add_argument(
        '--unfolds',
        type=int,
        default=6,
        metavar='L',
        help="ncps' ode_unfolds (default: 6, as there)",
    )
    parser.add_argument(
        '--constraints',
        choices=('auto', 'softplus', 'none'),
        default='auto',
        help="ncps' implicit_param_constraints: softplus when it was True, none "
        'when False (default: as ncps does, softplus for LTC, none for '
        'LTCCell)',
    )
    parser.add_argument(
        '--time-unit-s',
        type=float,
        default=1.0,
        metavar='S',
        help='seconds that an elapsed time of 1 stood for in training: with no '
        'timespans given, the frame period, such as 0.05 (default: 1)',
    )


def run(arguments: argparse.Namespace) -> int:
    """Import; the exit code."""
    from liquid_pilot.learning.models import import_ncps

    return import_ncps.run(arguments)
