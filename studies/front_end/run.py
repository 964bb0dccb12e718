"""The front-end study: estimated, learned and constant gains of the temporal filter.

    python studies/front_end/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `fly` flies the missing missions of all arms, in the order of the list;
step `report` writes results.json, README.md and the picture from the missions flown so far. Without
a step both are done. What exists is not flown again, so a study that was stopped goes on. Missions
are kept in runs/front_end, and the report too unless --publish puts it in place of the published
one. Step `page` writes README.md and the picture of results.json again. --smoke does a tiny study
in runs/front_end-smoke. The last line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

from typing import Any

from studies import common
from studies.common import Display, Missions
from studies.front_end import arms, page, report
from studies.front_end.study import HERE, Study

STEPS = ('fly', 'report')
_BATCH = 208
"""Missions of the list that are flown by all arms before the next ones."""


def fly(study: Study, workers: int, display: Display) -> dict[str, float]:
    """Fly the missing missions; returns the throughput.

    The list is flown in batches, so that a study that is stopped early has all arms on the same
    missions. Within a batch, missions of the same part and pilot are flown together.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    pilots = {name: study.pilot(name) for name in study.plan['pilots']}
    missions = Missions(display, 'missions', len(study.missions) * len(study.arms))
    for start in range(0, len(study.missions), _BATCH):
        groups: dict[tuple[str, str], list[int]] = {}
        for mission in study.missions[start : start + _BATCH]:
            groups.setdefault((mission.part, mission.pilot), []).append(mission.forest)
        for (part, name), forests in groups.items():
            missions.evaluate(
                [pilots[name]] * len(study.arms),
                [study.conditions(part)],
                forests,
                study.flights,
                workers,
                modes=[study.mode(arm, part) for arm in study.arms],
                make_pilot=arms.make_pilot,
            )
    return missions.throughput


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study = Study(files)

    def do_steps(display: Display) -> dict[str, Any]:
        if 'fly' in parsed.steps:
            return {'throughput': fly(study, parsed.workers, display)}
        return {}

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            parsed.steps,
            lambda: report.summarise(study),
            report.missing,
            lambda content: (page.markdown(study, content), page.pictures(study, content)),
            lambda content: {
                'flown': sum(row['missions'] for row in content['arms']),
                'missing': report.missing(content),
                'worth': content['worth'],
            },
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
