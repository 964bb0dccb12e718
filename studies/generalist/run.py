"""The generalist study: one small pilot for weather, for other dynamics, and for memory courses.

    python studies/generalist/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `train` collects demonstrations, trains one encoder and all candidates.
Step `choose` flies the development missions, which say which candidate is the generalist. Step
`fly` flies the judged missions, of the generalist and of the pilot that ships. Step `report` writes
results.json, README.md and the picture. Without a step all of them are done. What exists is not
made again, so a study that was stopped goes on. Pilots, missions, demonstrations and checkpoints
are kept in runs/generalist, and the report too unless --publish puts it in place of the published
one. Step `page` writes README.md and the picture of results.json again. --smoke does a tiny study
in runs/generalist-smoke. The last line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

from collections.abc import Sequence
from typing import Any

from studies import common, outcomes
from studies.common import Display, Missions
from studies.generalist import page, report
from studies.generalist.study import HERE, SHIPPED, Study

STEPS = ('train', 'choose', 'fly', 'report')


def fly(
    study: Study, step: str, names: Sequence[str], workers: int, display: Display
) -> dict[str, float]:
    """Fly the missing missions of some arms; returns the throughput.

    Args:
        study: the study.
        step: 'development' or 'flights'.
        names: the arms.
        workers: number of processes.
        display: the display of the progress.
    """
    pilots = [study.arms()[name] for name in names]
    conditions, forests = study.conditions(step), study.forests(step)
    missions = Missions(display, step, len(pilots) * len(conditions) * len(forests))
    # Condition by condition: a row of the table is complete before the next one begins.
    for condition in conditions:
        missions.evaluate(
            pilots,
            [condition],
            forests,
            study.missions(step),
            workers,
            modes=[study.plan['mode']] * len(pilots),
        )
    return missions.throughput


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study = Study(files)

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in parsed.steps:
            from studies.generalist import pilots

            pilots.train_missing(study, parsed.workers, display)
        if 'choose' in parsed.steps:
            fly(study, 'development', study.candidates, parsed.workers, display)
        if 'fly' in parsed.steps:
            arms = [SHIPPED, report.chosen_candidate(study)]
            closing['throughput'] = fly(study, 'flights', arms, parsed.workers, display)
        return closing

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            parsed.steps,
            lambda: report.summarise(study),
            outcomes.missing,
            lambda content: (page.markdown(study, content), page.pictures(study, content)),
            lambda content: {**outcomes.flown_and_missing(content), 'chosen': content['chosen']},
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
