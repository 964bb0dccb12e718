"""`liquid-pilot fly`: missions over ROS 2, each node as a process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from liquid_pilot.cli.common import add_setting, require_ros, spell_options
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.kernel_cache import require_compiler
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.run_folder import with_run_folder
from liquid_pilot.utils.settings import declared_settings, extract

DESCRIPTION = (
    'Flies missions over ROS 2: pilot, guard and, unless --simulator none, a simulator, or with '
    '--simulator scene a camera that follows any vehicle, each as a process. It runs the same '
    'graph as `ros2 launch liquid_pilot fly.launch.py` and does not need `launch`. Ctrl-C ends it '
    'with a report of the finished missions.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of `FlyOptions`."""
    for name in declared_settings(FlyOptions):
        add_setting(parser, FlyOptions, name)


def options_from(arguments: argparse.Namespace) -> FlyOptions:
    """Return the options of a flight; LiquidPilotError when they cannot be flown."""
    with _in_words_of_the_command_line():
        return extract(FlyOptions, arguments)


def check(arguments: argparse.Namespace) -> None:
    """Refuse a flight that cannot work."""
    from liquid_pilot.nodes.launch import flight_graph, process_runner
    from liquid_pilot.nodes.launch.flight_checks import check_before_start

    with _in_words_of_the_command_line():
        options = with_run_folder(options_from(arguments))
        check_before_start(options)
    require_ros()
    for spec in flight_graph.nodes(options):
        if spec.executable == 'pilot':
            require_compiler()
        # It is refused where the package of a node is not installed.
        process_runner.command_line(spec)


@contextmanager
def _in_words_of_the_command_line() -> Iterator[None]:
    """Write arguments in messages as options, and not as launch does."""
    try:
        yield
    except LiquidPilotError as error:
        raise LiquidPilotError(spell_options(str(error), FlyOptions)) from None


def run(arguments: argparse.Namespace) -> int:
    """Fly and return the exit code."""
    from liquid_pilot.nodes.launch import (
        flight_environment,
        flight_graph,
        process_runner,
        readiness,
    )

    options = with_run_folder(options_from(arguments))
    notice = flight_graph.startup_notice(options)
    if notice:
        _print(notice)
    observer = None
    if not options.simulated:
        _print(f'starting pilot and guard, for {flight_graph.elsewhere(options)}')
        text = f'pilot and guard are up. {flight_graph.engage_notice(options)}'
        observer = readiness.call_when_up(options.namespace, lambda: _print(text))
    return process_runner.run(
        flight_graph.nodes(options),
        flight_environment.environment(options, os.environ),
        _print,
        observer,
    )


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
