"""The pilots of the study: one liquid one, other cores behind its encoder, and an oracle.

The oracle is shown roads of half the grip by a demonstrator that knows it and drives for it.
"""

from __future__ import annotations

import math
import shutil

from rich.progress import Progress
from study import LIQUID, ORACLE, VEHICLE, Study

import studies
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index, expert_rollouts
from liquid_pilot.learning.training.train import Initialisation, train
from liquid_pilot.simulation.tasks.registry import action_noise_of

SLIPPERY = 'friction=0.5'


class PilotTrainer:
    """Makes whatever is missing, with a bar for each thing under way."""

    def __init__(self, study: Study, workers: int, progress: Progress) -> None:
        self._study, self._workers, self._bars = study, workers, studies.Bars(progress)

    def make(self, network: str) -> None:
        """One pilot, unless it is there."""
        place = self._study.pilot(network)
        if place.is_dir():
            return
        self._bars.label = f'{network} '
        begins = (
            Initialisation()
            if network in (LIQUID, ORACLE)
            else Initialisation(encoder_source=self._study.pilot(LIQUID))
        )
        data = (
            self.shown('slippery', SLIPPERY)
            if network == ORACLE
            else self.shown('demonstrations', 'clear')
        )
        settings = TrainingSettings.from_mapping(
            {
                **self._study.training,
                'core': LIQUID if network == ORACLE else network,
                'name': place.name,
                'seed': self._study.content['training_seed'],
            },
            'study.yaml',
        )
        train(
            settings,
            self._study.work / 'training' / network,
            self._bars.announce,
            self._workers,
            data=data,
            beginning=begins,
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._study.work / 'training' / network / 'pilot', place)

    def shown(self, name: str, condition: str) -> dataset_index.DataSource:
        """The demonstrations of that name in study.yaml, driven if need be."""
        plan = self._study.content[name]
        folder = self._study.work / name
        expert_rollouts.collect(
            range(plan['first_seed'], plan['first_seed'] + plan['episodes']),
            folder,
            expert_rollouts.CollectionSettings(
                disturbance=action_noise_of(VEHICLE, plan['disturbance']),
                vehicle=VEHICLE,
                conditions=() if condition == 'clear' else (condition,),
            ),
            self._workers,
            lambda outcome, frames, done, of: self._bars.announce(name, done, of, math.nan),
        )
        return dataset_index.read(folder, plan['held_out_share'])


def train_all(study: Study, workers: int, progress: Progress) -> None:
    """Make whatever is missing."""
    maker = PilotTrainer(study, workers, progress)
    for network in (*study.content['networks'], ORACLE):
        maker.make(network)
