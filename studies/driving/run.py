"""The driving study: networks on dry, slippery and noisy roads, and scaled time constants.

    python studies/driving/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `train` collects demonstrations and trains the pilots that are missing,
among them an oracle whose expert knows that the friction is halved. Step `search` drives with
scaled time constants on a slippery road. Step `drive` drives the missing missions, in the order of
the plan. Step `report` writes results.json, README.md and the picture from the missions so far.
Without a step all of them are done. What exists is not made again, so a study that was stopped goes
on. Pilots, missions, demonstrations and checkpoints are kept in runs/driving, and the report too
unless --publish puts it in place of the published one. Step `page` writes README.md and the picture
of results.json again. --smoke does a tiny study in runs/driving-smoke. The last line printed is one
JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

from collections.abc import Sequence
from typing import Any

from studies import common
from studies.common import Display, Missions
from studies.driving import arms, page, report
from studies.driving.study import HERE, ArmPilot, Study

STEPS = ('train', 'search', 'drive', 'report')


def drive(study: Study, workers: int, display: Display) -> dict[str, float]:
    """Drive the missing missions of all arms; returns the throughput.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    parts = study.plan['drives']
    planned = sum(len(part['arms']) * len(part['conditions']) for part in parts)
    missions = Missions(display, 'missions', planned * len(study.roads))
    for part in parts:
        arm_pilots = [study.arm(name) for name in part['arms']]
        for condition in part['conditions']:
            _evaluate(study, missions, arm_pilots, condition, study.roads, 'drives', workers)
    return missions.throughput


def search(study: Study, workers: int, display: Display) -> None:
    """Drive the missing missions of the search, with scaled time constants.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    arm_pilots, condition = study.scaled_pilots(), study.plan['search']['condition']
    missions = Missions(display, 'search', len(arm_pilots) * len(study.search_roads))
    _evaluate(study, missions, arm_pilots, condition, study.search_roads, 'search', workers)


def _evaluate(
    study: Study,
    missions: Missions,
    arm_pilots: Sequence[ArmPilot],
    condition: str,
    roads: range,
    folder: str,
    workers: int,
) -> None:
    missions.evaluate(
        [pilot for _, _, pilot in arm_pilots],
        [condition],
        roads,
        study.drives(folder),
        workers,
        rules=study.rules,
        modes=[mode for _, mode, _ in arm_pilots],
        make_pilot=arms.make_pilot,
    )


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study = Study(files)

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in parsed.steps:
            from studies.driving import pilots

            pilots.train_missing(study, parsed.workers, display)
        if 'search' in parsed.steps:
            search(study, parsed.workers, display)
        if 'drive' in parsed.steps:
            closing['throughput'] = drive(study, parsed.workers, display)
        return closing

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            parsed.steps,
            lambda: report.summarise(study),
            lambda content: content['missing'],
            lambda content: (page.markdown(study, content), page.pictures(content)),
            lambda content: {
                'driven': sum(cell['drives'] for cell in content['cells']),
                'missing': content['missing'],
                'networks': [name for name in study.plan['networks'] if study.pilot(name).is_dir()],
            },
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
