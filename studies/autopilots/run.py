"""The autopilots study: real autopilots in their own simulation fly the embedded courses.

    python studies/autopilots/run.py [STEP ...] --only NAME [--smoke] [--publish]

The plan is study.yaml. Step `embedded` flies the seeds of the plan in the embedded simulator. Step
`fly` flies the missions of an arm, and `failures` does the failure trials of a group, with an
autopilot that runs on this computer: --only names the arm or group. Step `report` writes
results.json, README.md and the pictures. Without a step all of them are done. What exists is not
flown again, so a study that was stopped goes on. Records are kept in runs/autopilots, and the
report too unless --publish puts it in place of the published one. Step `page` writes README.md
again. --smoke does a tiny study in runs/autopilots-smoke. The last line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

from typing import Any

from studies import common
from studies.autopilots import page, report
from studies.autopilots.study import HERE, Study
from studies.common import Display

STEPS = ('embedded', 'fly', 'failures', 'report')


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the autopilot is."""
    parser.add_argument(
        '--guard-port',
        type=int,
        default=14550,
        metavar='PORT',
        help='port of 127.0.0.1 to which the autopilot sends what is for the guard (MAVLink) or '
        'for the agent (px4); the guard, or agent, listens 1000 ports higher (default: 14550)',
    )
    parser.add_argument(
        '--human-link',
        default='tcp:127.0.0.1:5762',
        metavar='URL',
        help="address of a second MAVLink link, the human's (default: tcp:127.0.0.1:5762)",
    )
    parser.add_argument(
        '--start-command',
        default='',
        metavar='COMMAND',
        help='command that starts the autopilot and ends with it (default: it runs already)',
    )
    parser.add_argument(
        '--agent-command',
        default='MicroXRCEAgent udp4 -p {port}',
        metavar='COMMAND',
        help='command that starts the agent of uXRCE-DDS (default: %(default)s)',
    )


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""

    def names(smoke: bool) -> list[str]:
        plan = Study(common.read_plan(HERE, smoke))
        return [*plan.arms, *plan.groups]

    parsed = common.parse_arguments(__doc__, STEPS, arguments, names, add_options)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study = Study(files)
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')

    def chosen(parts: dict[str, Any]) -> list[Any]:
        return [part for name, part in parts.items() if parsed.only in (None, name)]

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)

    def do_steps(display: Display) -> dict[str, Any]:
        if {'embedded', 'fly', 'failures'} & set(parsed.steps):
            from studies.autopilots import failures, flights
            from studies.autopilots.session import Addresses

            addresses = Addresses(
                parsed.guard_port, parsed.human_link, parsed.start_command, parsed.agent_command
            )
            for arm in chosen(study.arms) if 'embedded' in parsed.steps else []:
                flights.fly_embedded(study, arm, display)
            for arm in chosen(study.arms) if 'fly' in parsed.steps else []:
                flights.fly(study, arm, addresses, display)
            for group in chosen(study.groups) if 'failures' in parsed.steps else []:
                failures.do_trials(study, group, addresses, display)
        return {}

    def write_report() -> dict[str, Any]:
        if 'report' in parsed.steps:
            content = report.summarise(study)
            common.write_results(files, content, 0)
            report.copy_pictures(study)
        elif 'page' not in parsed.steps:
            return {}
        content = common.read_results(files)
        path = common.write_page(files, page.markdown(study, content), {})
        return {**report.counts(content), 'page': str(path)}

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
