"""The pilots of the study: those of the robustness record, and what that has not.

The liquid, the augmented, the feed-forward and the plain GRU pilot of a training seed are those
that `benchmarks/robustness` trained. The GRU that is told the elapsed time is trained here, behind
the encoder of the liquid one and on the same demonstrations; so is the oracle, the same liquid
pilot trained on flights through the very weather of this study; and so are the pilots for courses
that need memory (`mem_`), a liquid one and two other cores that begin with its encoder. Each gets
the statistics that it adapts by, measured on what it was trained on.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml
from rich.progress import Progress
from study import ROOT, Study

import studies
from liquid_pilot import pilot_file
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index, expert_rollouts
from liquid_pilot.learning.training import adaptation_statistics
from liquid_pilot.learning.training.train import Initialisation, train
from liquid_pilot.simulation.tasks.registry import expand_conditions

ROBUSTNESS_PILOTS = ROOT / 'benchmarks' / 'robustness' / 'pilots'
BORROWED = {
    'ltc': 'ltc_ncp-plain',
    'augmented': 'ltc_ncp-augmented',
    'gru': 'gru-plain',
    'feedforward': 'feedforward-plain',
}
MEMORY = 'mem_'


class PilotTrainer:
    """Makes whatever is missing, with a bar for each thing under way."""

    def __init__(self, study: Study, workers: int, progress: Progress) -> None:
        self._study, self._workers, self._bars = study, workers, studies.Bars(progress)

    def make(self, kind: str, seed: int) -> None:
        """One pilot, unless it is there."""
        place = self._study.pilot(kind, seed)
        if place.is_dir():
            return
        self._bars.label = f'{kind}-{seed} '
        if kind in BORROWED:
            pilot = pilot_file.load(ROBUSTNESS_PILOTS / f'{BORROWED[kind]}-{seed}')
            data = self.shown('demonstrations')
        elif kind.startswith(MEMORY):
            data = self.shown('courses')
            pilot = self._train_memory(kind, seed, data)
        elif kind == 'oracle':
            data = self.shown('shifted')
            pilot = self._train(kind, seed, data, {'core': 'ltc'}, Initialisation())
        else:
            data = self.shown('demonstrations')
            pilot = self._train(
                kind,
                seed,
                data,
                self._core(kind),
                Initialisation(encoder_source=ROBUSTNESS_PILOTS / f'{BORROWED["ltc"]}-{seed}'),
            )
        statistics = pilot.training_statistics or adaptation_statistics.fit_statistics(
            pilot, data.training, self._bars.announce
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        adaptation_statistics.save_with_statistics(pilot, statistics, place)

    def _core(self, kind: str) -> dict[str, Any]:
        """Settings that a kind's name stands for: a core, perhaps on irregular frames."""
        core = kind.removesuffix('_irregular')
        return {'core': core, **(self._study.content['elapsed'] if core != kind else {})}

    def _train(
        self,
        kind: str,
        seed: int,
        data: dataset_index.DataSource,
        changes: dict[str, Any],
        beginning: Initialisation,
    ) -> pilot_file.PilotFile:
        settings = TrainingSettings.from_mapping(
            {
                **self._study.content['budget'],
                'augmentation': 'none',
                **changes,
                'name': f'{kind}-{seed}',
                'seed': seed,
            },
            'study.yaml',
        )
        return train(
            settings,
            self._study.work / 'training' / f'{kind}-{seed}',
            self._bars.announce,
            self._workers,
            data=data,
            beginning=beginning,
        )

    def _train_memory(
        self, kind: str, seed: int, data: dataset_index.DataSource
    ) -> pilot_file.PilotFile:
        plan = yaml.safe_load((ROOT / 'config' / 'train_memory.yaml').read_text())
        chosen, first = self._core(kind.removeprefix(MEMORY)), f'{MEMORY}ltc'
        beginning = Initialisation()
        if kind != first:
            self.make(first, seed)
            beginning = Initialisation(
                encoder_source=self._study.work / 'training' / f'{first}-{seed}'
            )
        return self._train(
            kind,
            seed,
            data,
            {
                **plan,
                **self._study.content['memory'],
                **chosen,
                'core_rate': self._study.content['memory_rates'][chosen['core']],
            },
            beginning,
        )

    def shown(self, name: str) -> dataset_index.DataSource:
        """The demonstrations of that name in study.yaml, flown if need be."""
        plan = self._study.content['demonstrations'][name]
        families = self._study.content['families']
        flown = {'shifted': ['clear', *families['development'], *families['sealed']]}
        if 'conditions' in plan:
            flown[name] = expand_conditions(plan['conditions'])
        folder = self._study.work / name
        expert_rollouts.collect(
            range(plan['first_seed'], plan['first_seed'] + plan['episodes']),
            folder,
            expert_rollouts.CollectionSettings(
                disturbance=expert_rollouts.ActionNoiseSettings(level=plan['disturbance']),
                conditions=tuple(flown.get(name, ())),
            ),
            self._workers,
            lambda outcome, frames, done, of: self._bars.announce(name, done, of, math.nan),
        )
        return dataset_index.read(folder, plan['held_out_share'])


def train_missing(study: Study, workers: int, progress: Progress, only: str | None = None) -> None:
    """Make whatever is missing: of one kind, or of all."""
    maker = PilotTrainer(study, workers, progress)
    for kind in study.content['pilots']:
        for seed in study.seeds:
            if only in (None, kind):
                maker.make(kind, seed)


def held_out_courses(
    study: Study, workers: int, progress: Progress
) -> tuple[list[Path], tuple[str, ...]]:
    """Episodes that no pilot learns from, and the conditions they were flown in, in turn."""
    data = PilotTrainer(study, workers, progress).shown('judged')
    return sorted([*data.training, *data.validation]), data.conditions
