"""The teaching study: what seconds of a hand on the stick are worth to a pilot.

    python studies/teaching/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `teach` flies the missing lessons. Step `fly` flies the missing
missions of the pilots that were taught, alone. Step `report` writes results.json, README.md and the
picture from what was flown so far. Without a step all of them are done. What exists is not made
again, so a study that was stopped goes on. Lessons and missions are kept in runs/teaching, and the
report too unless --publish puts it in place of the published one. Step `page` writes README.md and
the picture of results.json again. --smoke does a tiny study in runs/teaching-smoke. The last line
printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile
from studies import common, outcomes
from studies.common import Display, Missions
from studies.teaching import lessons, page, report
from studies.teaching.lessons import LessonKey, PilotMaker
from studies.teaching.study import HERE, OFFLINE, Study, StudyCell

STEPS = ('teach', 'fly', 'report')
Job = tuple[LessonKey, Path, int, dict[str, Any], Path]
"""Lesson, pilot, first forest, settings of the training, and where what is learned goes."""


def teach(study: Study, workers: int, display: Display) -> None:
    """Fly the missing lessons.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    settings = study.plan['offline']['training']
    jobs: list[Job] = [
        (
            lesson,
            study.pilot(kind, seed),
            study.lesson_forest(seed),
            {**settings, 'seed': seed},
            study.lesson_file(kind, seed, lesson),
        )
        for kind, lesson in study.lessons
        for seed in study.seeds
    ]
    missing = [job for job in jobs if not job[-1].exists()]
    common.do_jobs(_teach, missing, lambda job, done: None, workers, display, 'lessons', len(jobs))


def _teach(job: Job) -> None:
    """Fly one lesson, in a process of its own."""
    lesson, pilot, first_forest, settings, path = job
    file = pilot_file.load(pilot)
    if lesson.lesson == OFFLINE:
        from studies.teaching import offline

        offline.tune(lesson, file, first_forest, settings, path)
    else:
        lessons.save(lessons.teach(lesson, file, first_forest), path)


def fly(study: Study, workers: int, display: Display) -> dict[str, float]:
    """Fly the missing missions of what was taught; returns the throughput.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    cells = study.cells
    planned = sum(cell.forests for cell in cells) * len(study.seeds)
    missions = Missions(display, 'missions', planned)
    # All arms of a block and condition together, so that its rows grow alike.
    groups = dict.fromkeys((study.kind(c.arm), c.condition, c.forests) for c in cells)
    for seed in study.seeds:
        trained = study.trained(seed)
        for kind, condition, forests in groups:
            flown = [
                one
                for cell in cells
                if (study.kind(cell.arm), cell.condition, cell.forests)
                == (kind, condition, forests)
                and (one := _pilot_of(study, cell, seed, trained)) is not None
            ]
            if flown:
                missions.evaluate(
                    [file for file, _ in flown],
                    [condition],
                    study.forests(seed, forests),
                    study.flights(seed),
                    workers,
                    modes=[mode for _, mode in flown],
                    make_pilot=PilotMaker(study.lesson_folder(kind, seed)),
                )
    return missions.throughput


def _pilot_of(
    study: Study, cell: StudyCell, seed: int, trained: dict[str, PilotFile]
) -> tuple[PilotFile, str] | None:
    """Return pilot and mode of a cell; None where it has not been taught yet."""
    kind = study.kind(cell.arm)
    if cell.lesson is None:
        return trained[kind], ''
    path = study.lesson_file(kind, seed, cell.lesson)
    if not path.exists():
        return None
    if cell.lesson.lesson == OFFLINE:
        return pilot_file.load(path), ''
    return trained[kind], cell.lesson.mode


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study, workers = Study(files), parsed.workers

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'teach' in parsed.steps:
            teach(study, workers, display)
        if 'fly' in parsed.steps:
            closing['throughput'] = fly(study, workers, display)
        return closing

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            parsed.steps,
            lambda: report.summarise(study),
            outcomes.missing,
            lambda content: (page.markdown(study, content), page.pictures(content)),
            outcomes.flown_and_missing,
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
