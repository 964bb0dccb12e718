"""The candidates of the generalist study: one encoder, demonstrations, a round of DAgger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies.common import Display
from studies.generalist.study import Study
from studies.training import collect_demonstrations, copy_pilot, train_pilot


def train_missing(study: Study, workers: int, display: Display) -> None:
    """Collect, train the encoder, fly DAgger, and train all candidates that do not exist.

    Args:
        study: the study.
        workers: number of processes.
        display: where the progress is shown.
    """
    missing = [name for name in study.candidates if not study.pilot(name).is_dir()]
    if not missing:
        return
    plan, encoder = study.plan, study.training('encoder')
    shown = _collect(study, 'demonstrations', workers, display)
    settings = {**plan['encoder'], 'name': 'encoder', 'sequence_length': 0}
    train_pilot(settings, encoder, workers, display.labelled('encoder'), shown)

    def train(name: str, run: str, data: DataSource, **changes: Any) -> PilotFile:
        settings = {**plan['training'], **plan['candidates'][name], 'name': name, **changes}
        show = display.labelled(run)
        return train_pilot(settings, study.training(run), workers, show, data, encoder)

    first = study.candidates[0]
    # It only has to err as a pilot does.
    steering = train(first, f'{first}-before-dagger', shown, joint_steps=0)
    steered = _collect(study, 'dagger', workers, display, steering.path)
    everything = dataset_index.join([shown, steered])
    for name in missing:
        copy_pilot(train(name, name, everything), study.pilot(name))


def _collect(
    study: Study, step: str, workers: int, display: Display, pilot: Path | None = None
) -> DataSource:
    """Collect what is missing of all parts of 'demonstrations' or 'dagger'."""
    return dataset_index.join(
        [
            collect_demonstrations(
                f'{step} {name}',
                part,
                study.files.work / step / name,
                workers,
                display,
                expand_conditions(part['conditions']),
                pilot=pilot,
            )
            for name, part in study.plan[step].items()
        ]
    )
