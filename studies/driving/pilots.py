"""The pilots of the driving study: a liquid one, other cores behind its encoder, and an oracle.

The oracle learns on roads with half of the friction, from an expert that knows the friction and
drives accordingly.
"""

from __future__ import annotations

from studies.common import Display
from studies.driving.study import LIQUID, ORACLE, VEHICLE, Study
from studies.training import collect_demonstrations, copy_pilot, train_pilot

SLIPPERY = 'friction=0.5'


def train_missing(study: Study, workers: int, display: Display) -> None:
    """Train all pilots that do not exist.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    for network in (*study.plan['networks'], ORACLE):
        if not study.pilot(network).is_dir():
            _train(study, network, workers, display)


def _train(study: Study, network: str, workers: int, display: Display) -> None:
    oracle = network == ORACLE
    name = 'slippery' if oracle else 'demonstrations'
    data = collect_demonstrations(
        name,
        study.plan[name],
        study.files.work / name,
        workers,
        display,
        conditions=(SLIPPERY,) if oracle else (),
        vehicle=VEHICLE,
    )
    settings = {
        **study.training,
        'core': LIQUID if oracle else network,
        'name': study.pilot(network).name,
        'seed': study.plan['training_seed'],
    }
    pilot = train_pilot(
        settings,
        study.files.work / 'training' / network,
        workers,
        display.labelled(network),
        data,
        encoder_source=None if network in (LIQUID, ORACLE) else study.pilot(LIQUID),
    )
    copy_pilot(pilot, study.pilot(network))
