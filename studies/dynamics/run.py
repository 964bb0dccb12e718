"""The dynamics study: does a small recurrent network adapt to the vehicle that it flies?

    python studies/dynamics/run.py [STEP ...] [--smoke] [--workers 2] [--publish]

The plan is study.yaml. Step `train` searches a learning rate for each core, and trains the cores
that are missing. Step `fly` flies the arms that are missing; for the foundation policy it needs the
package `foundation-policy` (pip install foundation-policy). Step `probe` looks into the states.
Step `report` writes results.json, README.md and the picture. Without a step all of them are done.
What exists is not made again, so a study that was stopped goes on. All is kept in runs/dynamics,
and the report too unless --publish puts it in place of the published one. Step `page` writes
README.md and the picture of results.json again. --smoke does a tiny study in runs/dynamics-smoke.
The last line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

from typing import Any

import numpy as np

from liquid_pilot.utils.atomic_write import atomic_writer
from studies import common
from studies.common import Display, StudyFiles
from studies.dynamics import judging, networks, page, report
from studies.dynamics.study import CONTROLLERS, FOUNDATION, HERE, Study

STEPS = ('train', 'fly', 'probe', 'report')
Job = tuple[Any, ...]


def train(study: Study, workers: int, display: Display) -> None:
    """Search the learning rates, and train what is missing."""
    losses = study.read('search')
    wanted = [(kind, rate) for kind in study.cores for rate in study.plan['search']['rates']]
    jobs: list[Job] = [
        (study.files, kind, rate, study.plan['search']['seed'])
        for kind, rate in wanted
        if str(rate) not in losses.get(kind, {})
    ]

    def keep(job: Job, loss: float) -> None:
        losses.setdefault(job[1], {})[str(job[2])] = loss
        study.write('search', losses)

    common.do_jobs(_search, jobs, keep, workers, display, 'search', len(wanted))
    if not study.read('integral'):
        study.write('integral', judging.search_integral(study))
    jobs = [
        (study.files, kind, float(min(losses[kind], key=lambda rate: losses[kind][rate])), seed)
        for kind in study.cores
        for seed in study.seeds
        if not study.trained_file(kind, seed).exists()
    ]
    count = len(study.cores) * len(study.seeds)
    common.do_jobs(_train, jobs, lambda job, loss: None, workers, display, 'training', count)


def _search(job: Job) -> float:
    """Train a core with one of the rates; returns its loss."""
    files, kind, rate, seed = job
    study = Study(files)
    ranges = study.plan['ranges']['within']
    training = study.plan['training']
    return networks.train(kind, study.cores[kind], rate, seed, training, ranges, lambda *_: None)[1]


def _train(job: Job) -> float:
    """Train a core and keep it; returns its loss."""
    files, kind, rate, seed = job
    study = Study(files)
    core, loss = networks.train(
        kind,
        study.cores[kind],
        rate,
        seed,
        study.plan['training'],
        study.plan['ranges']['within'],
        lambda *_: None,
    )
    networks.save(core, study.trained_file(kind, seed))
    return loss


def fly(study: Study, workers: int, display: Display) -> None:
    """Fly the arms that are missing; controllers fly the flights of each training seed too."""
    wanted = [
        (arm, ranges, seed)
        for ranges in study.plan['ranges']
        for arm in study.arms
        for seed in study.seeds
    ]
    jobs: list[Job] = [
        (study.files, *each) for each in wanted if not study.flown_file(*each).exists()
    ]
    common.do_jobs(_fly, jobs, lambda job, done: None, workers, display, 'flights', len(wanted))


def _fly(job: Job) -> bool:
    """Fly an arm and keep its errors; returns whether it could be flown."""
    files, arm, ranges, seed = job
    study = Study(files)
    if arm not in CONTROLLERS and not _is_trained(study, arm, seed):
        return False
    flown = judging.fly_arm(study, arm, seed, study.flights(ranges, seed))
    if flown is None:
        return False
    path = study.flown_file(arm, ranges, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(path) as file:
        np.savez(file, errors=flown.errors_m_s.astype(np.float32), valid=flown.valid)
    return True


def _is_trained(study: Study, arm: str, seed: int) -> bool:
    return study.trained_file(arm.partition(' ')[0], seed).exists()


def probe(study: Study, workers: int, display: Display) -> None:
    """Look into the states of the cores that were not looked into."""
    found = study.read('probe')
    wanted = [(kind, seed) for kind in study.cores for seed in study.seeds]
    jobs: list[Job] = [
        (study.files, kind, seed)
        for kind, seed in wanted
        if str(seed) not in found.get(kind, {}) and _is_trained(study, kind, seed)
    ]

    def keep(job: Job, shares: dict[str, float]) -> None:
        found.setdefault(job[1], {})[str(job[2])] = shares
        study.write('probe', found)

    common.do_jobs(_probe, jobs, keep, workers, display, 'probes', len(wanted))


def _probe(job: Job) -> dict[str, float]:
    files, kind, seed = job
    return judging.probe(Study(files), kind, seed)


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments)
    files: StudyFiles = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study = Study(files)

    def do_steps(display: Display) -> dict[str, Any]:
        for step, do in (('train', train), ('fly', fly), ('probe', probe)):
            if step in parsed.steps:
                do(study, parsed.workers, display)
        return {}

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            parsed.steps,
            lambda: report.summarise(study),
            report.missing,
            lambda content: (page.markdown(study, content), page.pictures(content)),
            lambda content: {
                'missing': report.missing(content),
                'without': [FOUNDATION] if FOUNDATION not in content['mean_error'] else [],
            },
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
