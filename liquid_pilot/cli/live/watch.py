"""`liquid-pilot watch`: a flight, or a recording of one, on a web page of this machine."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from liquid_pilot.cli.common import add_setting, path, require_ros
from liquid_pilot.cli.inside.recorded_report import subject_of
from liquid_pilot.dashboard.settings import WATCH_ENDED, DashboardSettings
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_writable_folder
from liquid_pilot.utils.settings import declared_settings, extract

DESCRIPTION = (
    'Shows what a pilot sees, thinks and does, on a web page of this machine: of the graph that '
    'runs in this ROS domain, or, with a run folder or a recording, of a flight that is over. It '
    'prints the address, and goes on until Ctrl-C. It commands nothing; with --token-file the page '
    'can stop the vehicle that flies.'
)
_OF_A_RECORDING = 256.0
"""Megabytes that a recording may fill unless something else is asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'recording',
        nargs='?',
        type=path('the recording'),
        metavar='RUN',
        help='run folder with a recording, or a rosbag2 folder or file (default: what runs now)',
    )
    parser.add_argument(
        '--namespace',
        default='',
        metavar='NAME',
        help='namespace of the robot, such as drone1 (default: the root; in a recording the first)',
    )
    parser.add_argument(
        '--pilot',
        default='',
        metavar='PILOT',
        help='pilot that flies: name of a shipped one, or its folder (default: the shipped one '
        'that flies)',
    )
    parser.add_argument(
        '--report',
        action='store_true',
        help='also write the report of the recording as one file, as `liquid-pilot report` does',
    )
    for name in declared_settings(DashboardSettings):
        add_setting(parser, DashboardSettings, name)


def check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be shown, before anything is started."""
    require_modules(('aiohttp',), 'the page')
    from liquid_pilot.dashboard.access import Access, read_token

    with _in_words_of_the_command_line():
        Access(arguments.host, read_token(arguments.token_file))
    if arguments.recording is not None:
        from liquid_pilot.dashboard.playback import find_bag

        require_modules(('rosbags', 'zstandard'), 'reading a recording')
        find_bag(arguments.recording)
        if arguments.report:
            subject = subject_of(arguments.recording)
            check_writable_folder(subject.page.parent, '--report')
        return
    if arguments.report:
        raise LiquidPilotError(
            '--report is for a recording; a flight that `fly` flies writes its report at its end'
        )
    require_ros()
    from liquid_pilot.nodes.common.process.ros_domain import domain_of

    domain_of(os.environ)


@contextmanager
def _in_words_of_the_command_line() -> Iterator[None]:
    """Write settings in messages as options."""
    try:
        yield
    except LiquidPilotError as error:
        text = str(error).replace('token_file', '--token-file')
        raise LiquidPilotError(text) from None


def run(arguments: argparse.Namespace) -> int:
    """Show the page until Ctrl-C and return the exit code."""
    if arguments.recording is None:
        return _watch_live(arguments)
    return _play(arguments, arguments.recording)


def _watch_live(arguments: argparse.Namespace) -> int:
    from liquid_pilot.nodes import dashboard
    from liquid_pilot.nodes.common import node_base

    # Another name than that of a dashboard that the flight itself may have.
    words = ['--ros-args', '-r', '__node:=watch']
    if arguments.namespace.strip('/'):
        words += ['-r', f'__ns:=/{arguments.namespace.strip("/")}']
    values = {name: getattr(arguments, name) for name in declared_settings(DashboardSettings)}
    for name, value in {**values, 'pilot': arguments.pilot}.items():
        if value != '':
            words += ['-p', f'{name}:={value}']
    dashboard.yield_to_flight()
    return node_base.run('watch', dashboard.WatchNode, args=words)


def _play(arguments: argparse.Namespace, recording: Path) -> int:
    from liquid_pilot.dashboard.playback import Recording
    from liquid_pilot.dashboard.server import DashboardServer

    settings = extract(DashboardSettings, arguments)
    kept_mb = settings.history_mb
    if kept_mb == DashboardSettings().history_mb:
        kept_mb = _OF_A_RECORDING
    source = Recording(recording, kept_mb, arguments.pilot, arguments.namespace or None)
    server = DashboardServer(settings, source)
    server.start()
    source.start()
    print(f'{recording}: {server.address} (Ctrl-C ends)', flush=True)
    try:
        source.join()
        if source.problem:
            print(f'{recording}: read as far as possible: {source.problem}', flush=True)
        if arguments.report:
            _write_report(arguments, recording)
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    finally:
        source.close()
        server.close(WATCH_ENDED)
    return 0


def _write_report(arguments: argparse.Namespace, recording: Path) -> None:
    """Write the report of a recording; a page that is open goes on where it cannot be written."""
    from liquid_pilot.cli.inside.report import write_report_page

    try:
        page = write_report_page(
            subject_of(recording), arguments.pilot, arguments.namespace or None
        )
    except LiquidPilotError as error:
        print(f'{recording}: its report is not written: {error}', flush=True)
    else:
        print(page, flush=True)
