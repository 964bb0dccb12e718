"""The pilots of the robustness study: one encoder per training and seed, all cores behind it."""

from __future__ import annotations

from liquid_pilot import pilot_file
from liquid_pilot.learning.data.dataset_index import DataSource
from studies.common import Display
from studies.robustness.study import Study
from studies.training import collect_demonstrations, train_pilot


def train_missing(study: Study, workers: int, display: Display) -> None:
    """Train all pilots that do not exist.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    for seed in study.seeds:
        for arm in study.arms:
            train_missing_pilot(study, arm, seed, workers, display)


def train_missing_pilot(study: Study, arm: str, seed: int, workers: int, display: Display) -> None:
    """Train one pilot, unless it exists.

    The first core of a training brings the encoder of all the others, and is trained first.

    Args:
        study: the study.
        arm: name of the arm.
        seed: the training seed.
        workers: number of processes.
        display: the display of the progress.
    """
    if study.pilot(arm, seed).is_dir():
        return
    _, _, training = arm.rpartition('-')
    first = f'{next(iter(study.plan["cores"]))}-{training}'
    encoder_source = None
    if arm != first:
        train_missing_pilot(study, first, seed, workers, display)
        # A pilot that came from elsewhere has no training here: its encoder is in its folder.
        folders = study.training(first, seed), study.pilot(first, seed)
        encoder_source = next(folder for folder in folders if folder.is_dir())
    core = arm.removesuffix(f'-{training}')
    name = f'{arm}-{seed}'
    settings = {
        **study.plan['budget'],
        **study.plan['cores'][core],
        **study.plan['trainings'][training],
        'name': name,
        'seed': seed,
    }
    data = demonstrations(study, workers, display)
    run = study.training(arm, seed)
    pilot = train_pilot(settings, run, workers, display.labelled(name), data, encoder_source)
    folder = study.pilot(arm, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Without training statistics: the pilots of this study do not adapt.
    pilot_file.save(
        folder,
        pilot.specification,
        pilot.wiring,
        pilot.parameters,
        pilot.encoder,
        pilot.core_graph,
    )


def demonstrations(study: Study, workers: int, display: Display) -> DataSource:
    """Collect the demonstrations that are missing, and return all of them.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    return collect_demonstrations(
        'demonstrations',
        study.plan['demonstrations'],
        study.files.work / 'demonstrations',
        workers,
        display,
    )
