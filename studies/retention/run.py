"""The retention study: does a core remember longer if its time passes slowly while it is held?

    python studies/retention/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `train` makes the pilots of the world clock study that are missing, and
those of the cores study under them. Step `tune` scores candidates of the rule over recorded courses
whose seeds are used for nothing else; the constants of the plan were chosen by it. Step `offline`
scores the arms over other recorded courses. Step `fly` flies the missing missions. Step `report`
writes results.json, README.md and the picture from what was scored and flown so far. Without a step
all of them are done. What exists is not made again, so a study that was stopped goes on. Missions
and recordings are kept in runs/retention, and the report too unless --publish puts it in place of
the published one. Step `page` writes README.md and the picture of results.json again. --smoke does
a tiny study in runs/retention-smoke. The last line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

import json
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.utils.atomic_write import write_atomically
from studies import common, outcomes
from studies.common import Display, Missions
from studies.retention import arms, page, report
from studies.retention.study import HERE, Study, condition_of

STEPS = ('train', 'tune', 'offline', 'fly', 'report')


def score_recordings(study: Study, part: str, workers: int, display: Display) -> None:
    """Score arms over recorded courses; kept in offline.json.

    Args:
        study: the study.
        part: 'tuning', whose arms are the candidates of the rule, or 'judged', with all arms.
        workers: number of processes.
        display: the display of the progress.
    """
    from studies.retention import offline, recording

    plan = study.plan['recordings']
    first = plan[f'first_{part}_seed']
    kinds = study.plan['pilots']
    pilots = {
        (kind, seed): pilot_file.load(study.pilot(kind, seed))
        for kind in kinds
        for seed in study.seeds
    }
    encoder = next(iter(pilots.values()))
    recordings = recording.record_all(
        encoder,
        range(first, first + plan['episodes']),
        study.recorded_conditions,
        plan['disturbance'],
        study.files.work / 'recordings',
        workers,
        display,
    )
    path = study.offline_path
    content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    found = content.setdefault(part, {})
    for name, (kind, arm) in _scored(study, part).items():
        if name in found:
            continue
        found[name] = {
            str(seed): offline.score(pilots[kind, seed], arm, recordings) for seed in study.seeds
        }
        write_atomically(path, (json.dumps(content, indent=1) + '\n').encode())
        display.announce(part, len(found), len(_scored(study, part)), 0.0)


def _scored(study: Study, part: str) -> dict[str, tuple[str, str]]:
    """Return name to kind of pilot and arm of what is scored over recordings."""
    if part == 'judged':
        return {name: (arm['pilot'], arm['arm']) for name, arm in study.plan['arms'].items()}
    kind = next(iter(study.plan['pilots']))
    return {arm: (kind, arm) for arm in ('trained', *study.plan['candidates'])}


def fly(study: Study, workers: int, display: Display) -> dict[str, float]:
    """Fly the missing missions of the pilots that exist; returns the throughput.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    trained = {seed: study.trained(seed) for seed in study.seeds}
    count = len(study.cells) * study.plan['forests'] * len(study.seeds)
    missions = Missions(display, 'missions', count)
    for held in study.held:
        for course in study.plan['courses']:
            for seed in study.seeds:
                known = [arm for arm in study.arms(held) if study.kind(arm) in trained[seed]]
                if known:
                    missions.evaluate(
                        [trained[seed][study.kind(arm)] for arm in known],
                        [condition_of(course, held)],
                        study.forests(seed),
                        study.flights(seed),
                        workers,
                        modes=[study.mode(arm) for arm in known],
                        make_pilot=arms.make_pilot,
                    )
    return missions.throughput


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study, workers = Study(files), parsed.workers

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in parsed.steps:
            from studies.world_clock import pilots

            pilots.make_missing(study.lender, workers, display)
        for step, part in (('tune', 'tuning'), ('offline', 'judged')):
            if step in parsed.steps:
                score_recordings(study, part, workers, display)
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
