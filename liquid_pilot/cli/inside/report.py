"""`liquid-pilot report`: the page of a run or of a recording."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liquid_pilot.cli.common import path
from liquid_pilot.cli.inside.recorded_report import READERS, Subject, read_subject, subject_of
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_writable_folder

DESCRIPTION = (
    'Writes report.html: what flew, what the pilot looked at, what adapted and what the guard did, '
    'on one page. Of a run folder of `fly` or `evaluate`, which write it themselves, the page is '
    'made once more. A recording of a vehicle, or of any flight, is read for its page.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'run',
        type=path('the run folder'),
        metavar='RUN',
        help='run folder with a report.json, or a recording: rosbag2 folder, .mcap or .db3 file',
    )
    parser.add_argument(
        '--pilot',
        default='',
        metavar='PILOT',
        help='pilot that flew in a recording: name of a shipped one, or its folder (default: the '
        'shipped one that flew)',
    )
    parser.add_argument(
        '--namespace',
        default='',
        metavar='NAME',
        help='namespace of the robot in a recording, such as drone1 (default: the first one)',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
        metavar='FILE',
        help='file to write (default: report.html in the run folder, or NAME_report.html beside '
        'the recording)',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse what is neither a run nor a recording."""
    from liquid_pilot.evaluation.flight_report.run_folder import read_run

    subject = subject_of(arguments.run, arguments.out)
    if subject.bag is not None:
        require_modules(READERS, 'reading a recording')
    if subject.run is not None:
        read_run(subject.run)
    check_writable_folder(subject.page.parent, '--out')


def run(arguments: argparse.Namespace) -> int:
    """Write the page, print its path and return the exit code."""
    subject = subject_of(arguments.run, arguments.out)
    if subject.note:
        print(f'Note: {subject.note}', file=sys.stderr)
    print(write_report_page(subject, arguments.pilot, arguments.namespace or None))
    return 0


def write_report_page(subject: Subject, pilot: str = '', namespace: str | None = None) -> Path:
    """Write the page of a run or of a recording with a bar of its progress, and return its path.

    Args:
        subject: what the report is made of.
        pilot: pilot that flew in a recording; empty: a shipped one.
        namespace: namespace of the robot in a recording; None: the first one with a trace.

    Raises:
        LiquidPilotError: it cannot be read, or the page cannot be written.
    """
    from liquid_pilot.evaluation.flight_report.page import REPORT, write_page
    from liquid_pilot.utils.progress import make_progress

    with make_progress(transient=True) as progress:
        if subject.bag is not None:
            reading = progress.add_task(f'reading {subject.bag.name}', total=None)

            def show_reading(done: int, of: int) -> None:
                progress.update(reading, completed=done, total=of)

            content = read_subject(subject, pilot, namespace, show_reading)
            progress.remove_task(reading)
        else:
            content = read_subject(subject)
        writing = progress.add_task(REPORT, total=None)

        def show_writing(done: int, of: int) -> bool:
            progress.update(writing, completed=done, total=of)
            return False

        return write_page(content, subject.page, show_writing)
