"""The world clock study: what to do about stamps that lie by a factor.

    python studies/world_clock/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `train` adds training statistics to pilots of the cores study, which it
trains where they are missing. Step `offline` scores the arms over recorded courses. Step `fly`
flies the missing missions. Step `report` writes results.json, README.md and the picture from what
was scored and flown so far. Without a step all of them are done. What exists is not made again, so
a study that was stopped goes on. Pilots, missions and episodes are kept in runs/world_clock, and
the report too unless --publish puts it in place of the published one. Step `page` writes README.md
and the picture of results.json again. --smoke does a tiny study in runs/world_clock-smoke. The last
line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

import json
import math
from collections.abc import Iterator
from typing import Any

from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.processes.process_pool import spawned_pool
from studies import common, outcomes
from studies.common import Display, Missions
from studies.world_clock import arms, page, report
from studies.world_clock.study import HERE, StudyCell, Study

STEPS = ('train', 'offline', 'fly', 'report')


def score_offline(study: Study, workers: int, display: Display) -> None:
    """Score all arms over recorded courses; kept in offline.json, pilot by pilot.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    from studies.world_clock import offline, pilots

    paths, conditions = pilots.held_out_courses(study, workers, display)
    path = study.offline_path
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    jobs = [
        (str(study.pilot(kind, seed)), f'{kind}-{seed}', _offline_arms(study, kind))
        for seed in study.seeds
        for kind in study.plan['pilots']
        if f'{kind}-{seed}' not in found
    ]
    done, total = len(found), len(found) + len(jobs)
    display.announce('offline', done, total, math.nan)
    with spawned_pool(max(1, min(workers, len(jobs))), ignore_ctrl_c=True) as pool:
        futures = [
            (name, pool.submit(offline.score_pilot, folder, paths, conditions, chosen, study.told))
            for folder, name, chosen in jobs
        ]
        for name, future in futures:
            found[name] = future.result()
            done += 1
            write_atomically(path, (json.dumps(found, indent=1) + '\n').encode())
            display.announce('offline', done, total, math.nan)


def _offline_arms(study: Study, kind: str) -> dict[str, str]:
    """Return name and arm of what is scored with a kind of pilot."""
    return {
        name: study.plan['arms'][name]['arm']
        for name in study.plan['offline']['arms']
        if study.kind(name) == kind
    }


def fly(study: Study, workers: int, display: Display) -> dict[str, float]:
    """Fly the missing missions of the pilots that exist; returns the throughput.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    trained = {seed: study.trained(seed) for seed in study.seeds}
    planned = list(_groups(study))
    count = sum(len(cells) for _, cells in planned) * study.plan['forests'] * len(study.seeds)
    missions = Missions(display, 'missions', count)
    for course, cells in planned:
        for seed in study.seeds:
            known = [cell for cell in cells if study.kind(cell.arm) in trained[seed]]
            if known:
                missions.evaluate(
                    [trained[seed][study.kind(cell.arm)] for cell in known],
                    [course],
                    study.forests(seed),
                    study.flights(seed),
                    workers,
                    modes=[study.mode(cell) for cell in known],
                    make_pilot=arms.make_pilot,
                )
    return missions.throughput


def _groups(study: Study) -> Iterator[tuple[str, list[StudyCell]]]:
    """Return the cells that are flown together: of one course and factor, all arms."""
    groups: dict[tuple[float, str], list[StudyCell]] = {}
    for cell in study.cells:
        groups.setdefault((cell.told, cell.course), []).append(cell)
    for (_, course), cells in groups.items():
        yield course, cells


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study, workers = Study(files), parsed.workers

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in parsed.steps:
            from studies.world_clock import pilots

            pilots.make_missing(study, workers, display)
        if 'offline' in parsed.steps:
            score_offline(study, workers, display)
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
