"""The cores study: kinds of recurrent cores like for like, where memory counts.

    python studies/cores/run.py [STEP ...] [--only CORE] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `train` collects demonstrations, trains one encoder, computes its
features once, searches rate and size of every core, and trains every core on regular and on
irregular frames with every training seed (--only: one core). Step `fly` flies all of them through
the same courses. Step `report` writes results.json, README.md and the picture from what was trained
and flown so far. Without a step all three are done. What exists is not made again, so a study that
was stopped goes on. Pilots, missions, demonstrations and checkpoints are kept in runs/cores, and
the report too unless --publish puts it in place of the published one. Step `page` writes README.md
and the picture of results.json again. --smoke does a tiny study in runs/cores-smoke. The last line
printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

import itertools
from typing import Any

from studies import common, outcomes
from studies.adaptation import arms as adaptation_arms
from studies.common import Display, Missions
from studies.cores import page, report
from studies.cores.study import HERE, Study

STEPS = ('train', 'fly', 'report')


def fly(study: Study, workers: int, display: Display) -> dict[str, float]:
    """Fly the missing missions of the pilots that exist; returns the throughput.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    trained = {seed: list(study.trained(seed).values()) for seed in study.seeds}
    planned = sum(len(trained[seed]) * len(study.forests(seed)) for seed in study.seeds)
    missions = Missions(display, 'missions', planned * len(study.conditions))
    mode = study.plan['flights']['mode']
    # Condition by condition: a row of the table is complete before the next one begins.
    for condition, seed in itertools.product(study.conditions.values(), study.seeds):
        if trained[seed]:
            missions.evaluate(
                trained[seed],
                [condition],
                study.forests(seed),
                study.flights(seed),
                workers,
                modes=[mode] * len(trained[seed]),
                make_pilot=adaptation_arms.make_pilot,
            )
    return missions.throughput


def core_names(smoke: bool) -> list[str]:
    """Return what --only may name."""
    return list(common.read_plan(HERE, smoke).plan['cores'])


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments, core_names)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study = Study(files)

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in parsed.steps:
            from studies.cores import pilots

            pilots.train_missing(study, parsed.workers, display, parsed.only)
        if 'fly' in parsed.steps:
            closing['throughput'] = fly(study, parsed.workers, display)
        return closing

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            parsed.steps,
            lambda: report.summarise(study),
            outcomes.missing,
            lambda content: (page.markdown(study, content), page.pictures(study, content)),
            outcomes.flown_and_missing,
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
