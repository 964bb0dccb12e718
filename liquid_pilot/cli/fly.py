"""`liquid-pilot fly`: missions over ROS 2, each node as a process."""

from __future__ import annotations

import argparse
import os
import sys

from liquid_pilot.cli.common import add_setting, require_ros
from liquid_pilot.nodes.launch.flight_options import FlyOptions, with_run_folder
from liquid_pilot.utils.settings import declared_settings, extract

DESCRIPTION = (
    'Flies missions over ROS 2: pilot, guard and, unless --simulator none, the embedded simulator, '
    'each as a process. It runs the same graph as `ros2 launch liquid_pilot fly.launch.py` and '
    'does not need `launch`. Ctrl-C ends it with a report of the finished missions.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of `FlyOptions`."""
    for name in declared_settings(FlyOptions):
        add_setting(parser, FlyOptions, name)


def options_from(arguments: argparse.Namespace) -> FlyOptions:
    """Return the options of a flight; LiquidPilotError when they cannot be flown."""
    return extract(FlyOptions, arguments)


def run(arguments: argparse.Namespace) -> int:
    """Fly and return the exit code."""
    from liquid_pilot.nodes.launch import flight_graph, process_runner

    options = with_run_folder(options_from(arguments))
    require_ros()
    notice = flight_graph.startup_notice(options)
    if notice:
        print(notice, file=sys.stderr)
    return process_runner.run(
        flight_graph.nodes(options),
        flight_graph.environment(options, os.environ),
        lambda text: print(text, file=sys.stderr, flush=True),
    )
