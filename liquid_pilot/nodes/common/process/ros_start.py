"""The start of ROS in a process, and what to do where it refuses.

rcl refuses a command line, a parameter file or an environment by exceptions that name the line of
its own source. They become one line that says what is wrong and what to do.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import rclpy
from rclpy.exceptions import InvalidNamespaceException, InvalidNodeNameException
from rclpy.signals import SignalHandlerOptions

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process import log_folder, loopback, parameter_files
from liquid_pilot.nodes.common.process.ros_domain import domain_of

_NAMES = 'use letters, digits and _'
_ADVICE = (
    ('same type', 'a list mixes whole numbers, decimal ones or texts: write [1.0, 2.5]'),
    ('__ns:=', f'a namespace is not valid: {_NAMES}, parts joined by single /'),
    ('__node:=', f'the name of a node is not valid: {_NAMES}'),
    ('remap rule', f'-r takes FROM:=TO, both names of topics or services: {_NAMES} and /'),
    ('opening YAML file', 'the file is not there or cannot be read'),
    ('params file', 'see config/fly.yaml for the form of a parameter file'),
    ('parameter override', '-p takes NAME:=VALUE, the value written as in YAML'),
    ('log level', '--log-level takes debug, info, warn, error or fatal'),
    ('UnknownROSArgs', 'behind --ros-args there are -p, -r, --params-file, --log-level'),
    (
        'security libraries',
        'the Fast DDS of the ROS wheels has no security: use a ROS 2 from apt '
        '(docs/explanation/security.md)',
    ),
    (
        'SECURITY ERROR',
        'make the keys of its enclave with ros2 security (docs/explanation/security.md)',
    ),
    (
        'error creating node',
        'is the network there (sudo ip link set lo up), and ROS_DOMAIN_ID from 0 to 101?',
    ),
)
"""A part of what rcl says, and what to say besides."""
_given_files: list[Path] = []
"""Parameter files of the command line that ROS was started with."""
_SOURCE = re.compile(r'(, at|\s+at) /\S+:\d+|^failed to initialize (rcl|logging): |\.(?=, at /)')


def start(arguments: Sequence[str]) -> None:
    """Start ROS in this process, with a folder for its logs that can be written.

    Args:
        arguments: the command line.

    Raises:
        LiquidPilotError: the command line, a parameter file or the environment is refused.
    """
    _given_files[:] = parameter_files.files_of(arguments)
    domain_of(os.environ)
    if os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') == 'LOCALHOST':
        loopback.check()
    with log_folder.chosen(_print_line), refusals_in_one_line():
        rclpy.init(args=list(arguments), signal_handler_options=SignalHandlerOptions.NO)


def _print_line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def check_parameter_files(node: str) -> None:
    """Refuse the parameter files of this process where a node would ignore a part of them.

    Args:
        node: the name of the node, with its namespace.

    Raises:
        LiquidPilotError: see `parameter_files.check_parameter_file`.
    """
    for file in _given_files:
        parameter_files.check_parameter_file(file, [node])


@contextmanager
def refusals_in_one_line() -> Iterator[None]:
    """Turn what ROS refuses in this context into a LiquidPilotError.

    Raises:
        LiquidPilotError: ROS refused something.
    """
    # The module of rclpy's own exceptions is private, and its name changes.
    from rclpy.impl.implementation_singleton import rclpy_implementation as implementation

    names = ('RCLError', 'RMWError', 'UnknownROSArgsError', 'RCLInvalidROSArgsError')
    refusals = tuple(getattr(implementation, name) for name in names)
    try:
        yield
    except (InvalidNamespaceException, InvalidNodeNameException) as error:
        raise LiquidPilotError(' '.join(str(error).split())) from None
    except refusals as error:
        what = f'{type(error).__name__}: {error}'
        advice = next((text for part, text in _ADVICE if part in what), '')
        said = ' '.join(_SOURCE.sub('', str(error)).split())
        raise LiquidPilotError(f'{said}{"; " if advice else ""}{advice}') from None
