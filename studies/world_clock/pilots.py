"""The pilots of the world clock study: those of the cores study, with training statistics."""

from __future__ import annotations

from pathlib import Path

from liquid_pilot import pilot_file
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.training import adaptation_statistics
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies import common, cores
from studies.common import Display
from studies.cores import pilots as cores_pilots
from studies.cores.study import Study as CoresStudy
from studies.training import collect_demonstrations
from studies.world_clock.study import Study


def make_missing(study: Study, workers: int, display: Display) -> None:
    """Add training statistics to the pilots that do not exist here.

    A pilot that the cores study lacks is trained there first.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    missing = [
        (kind, seed)
        for seed in study.seeds
        for kind in study.plan['pilots']
        if not study.pilot(kind, seed).is_dir()
    ]
    if not missing:
        return
    files = study.files
    folder = Path(cores.__file__).parent
    borrowed = CoresStudy(common.read_plan(folder, files.smoke, files.runs))
    for kind, seed in missing:
        name = study.plan['pilots'][kind]
        if not borrowed.pilot(name, seed).is_dir():
            core = name.rpartition('-')[0]
            cores_pilots.train_missing(borrowed, workers, display, core)
    plan = borrowed.plan['demonstrations']
    conditions = expand_conditions(plan['conditions'])
    data = collect_demonstrations(
        'demonstrations', plan, borrowed.files.work / 'demonstrations', workers, display, conditions
    )
    episodes = data.training[: study.plan['statistics_episodes']]
    for kind, seed in missing:
        pilot = pilot_file.load(borrowed.pilot(study.plan['pilots'][kind], seed))
        announce = display.labelled(f'{kind}-{seed}')
        statistics = adaptation_statistics.fit_statistics(pilot, episodes, announce)
        target = study.pilot(kind, seed)
        target.parent.mkdir(parents=True, exist_ok=True)
        adaptation_statistics.save_with_statistics(pilot, statistics, target)


def held_out_courses(study: Study, workers: int, display: Display) -> tuple[list[Path], list[str]]:
    """Return the episodes of the offline scores, and their conditions, in turn.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    plan = study.plan['offline']
    conditions = expand_conditions(plan['conditions'])
    data: DataSource = collect_demonstrations(
        'courses', plan, study.files.work / 'courses', workers, display, conditions
    )
    return sorted([*data.training, *data.validation]), conditions
