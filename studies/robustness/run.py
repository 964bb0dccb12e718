"""The robustness study: kinds of recurrent cores on equal terms, in harder conditions.

    python studies/robustness/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `train` collects demonstrations once, trains an encoder for each
training seed and augmentation, and behind each encoder every core. Step `fly` flies all of them,
every core of a training seed through the same forests and conditions. Step `report` writes
results.json, README.md and the picture from the missions flown so far. Without a step all three are
done. What exists is not made again, so a study that was stopped goes on. Pilots, missions,
demonstrations and checkpoints are kept in runs/robustness, and the report too unless --publish puts
it in place of the published one. Step `page` writes README.md and the picture of results.json
again. --smoke does a tiny study in runs/robustness-smoke. The last line printed is one JSON object.
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
from studies.common import Display, Missions
from studies.robustness import page, report
from studies.robustness.study import HERE, Study

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
    # Condition by condition: a row of the table is complete before the next one begins.
    for condition, seed in itertools.product(study.conditions, study.seeds):
        if trained[seed]:
            missions.evaluate(
                trained[seed], [condition], study.forests(seed), study.flights(seed), workers
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
            from studies.robustness import pilots

            pilots.train_missing(study, parsed.workers, display)
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
