"""The no-harm study: does a pilot that adapts fly worse in any shift that nobody tuned on?

    python studies/no_harm/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `calibrate` finds a strength of each family by the pilot as trained;
severity 3 of weather/no_harm_weather.py is that of the published calibration.json. Step `fly` flies
the missing missions of all arms, family by family. Step `report` writes results.json, README.md and
the picture from the missions flown so far. Without a step all three are done. No mission is flown
twice, so a study that was stopped goes on. Missions are kept in runs/no_harm, and calibration and
report too unless --publish puts them in place of the published ones. Step `page` writes README.md
and the picture of results.json again. --smoke does a tiny study in runs/no_harm-smoke, in which no
adapting pilot flies a sealed family. The last line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

from typing import Any

from studies import common, outcomes
from studies.common import Display, Missions
from studies.no_harm import page, report
from studies.no_harm.calibrate import calibrate
from studies.no_harm.study import HERE, Study, add_weather

STEPS = ('calibrate', 'fly', 'report')


def fly(study: Study, workers: int, display: Display) -> dict[str, float]:
    """Fly the missing missions; returns the throughput.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    modes = list(study.arms.values())
    planned = len(modes) * len(study.conditions) * len(study.forests)
    missions = Missions(display, 'missions', planned)
    # Family by family: a row of the table is complete before the next one begins.
    for condition in study.conditions:
        study.evaluate(missions, modes, condition, study.forests, study.flights, workers)
    return missions.throughput


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    steps = parsed.steps
    add_weather()
    study = Study(files)

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'calibrate' in steps:
            found = calibrate(study, parsed.workers, display)['families']
            closing['strengths'] = {family: each['strength'] for family, each in found.items()}
        if 'fly' in steps:
            closing['throughput'] = fly(study, parsed.workers, display)
        return closing

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            steps,
            lambda: report.summarise(study),
            outcomes.missing,
            lambda content: (page.markdown(study, content), page.pictures(content)),
            outcomes.flown_and_missing,
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
