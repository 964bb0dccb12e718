"""The pilots of the adaptation study: some of the robustness study, and some of its own.

The liquid, the augmented, the feed-forward and the plain GRU pilot of a training seed come from the
robustness study. The GRU that knows the elapsed time is trained here, behind the encoder of the
liquid one and on the same demonstrations. So are the oracle, a liquid pilot that is trained on
missions in the conditions of this study, and the pilots for memory courses (`mem_`), a liquid one
and other cores behind its encoder. Each gets the training statistics that it adapts by, measured on
the demonstrations that it was trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from liquid_pilot import pilot_file
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.training import adaptation_statistics
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies import common, robustness
from studies.adaptation.study import ROOT, Study
from studies.common import Display
from studies.robustness import pilots as robustness_pilots
from studies.robustness.study import Study as RobustnessStudy
from studies.training import collect_demonstrations, train_pilot

BORROWED = {
    'ltc': 'ltc_ncp-plain',
    'augmented': 'ltc_ncp-augmented',
    'gru': 'gru-plain',
    'feedforward': 'feedforward-plain',
}
"""Kinds of pilots that come from the robustness study, and their names there."""
MEMORY = 'mem_'


class PilotTrainer:
    """Trains the pilots that do not exist.

    Args:
        study: the study.
        workers: number of processes.
        display: where the progress is shown.
    """

    def __init__(self, study: Study, workers: int, display: Display) -> None:
        self._study, self._workers, self._display = study, workers, display
        files = study.files
        folder = Path(robustness.__file__).parent
        self._robustness = RobustnessStudy(common.read_plan(folder, files.smoke, files.runs))

    def train(self, kind: str, seed: int) -> None:
        """Train one pilot and measure its statistics, unless it exists."""
        folder = self._study.pilot(kind, seed)
        if folder.is_dir():
            return
        if kind in BORROWED:
            pilot = pilot_file.load(self._borrow(kind, seed))
            data = robustness_pilots.demonstrations(self._robustness, self._workers, self._display)
        elif kind.startswith(MEMORY):
            data = self.collect_demonstrations('courses')
            pilot = self._train_memory(kind, seed, data)
        elif kind == 'oracle':
            data = self.collect_demonstrations('shifted')
            pilot = self._train(kind, seed, data, {'core': 'ltc'})
        else:
            data = robustness_pilots.demonstrations(self._robustness, self._workers, self._display)
            pilot = self._train(kind, seed, data, self._core(kind), self._borrow('ltc', seed))
        statistics = pilot.training_statistics or adaptation_statistics.fit_statistics(
            pilot, data.training, self._display.labelled(f'{kind}-{seed}')
        )
        folder.parent.mkdir(parents=True, exist_ok=True)
        adaptation_statistics.save_with_statistics(pilot, statistics, folder)

    def _borrow(self, kind: str, seed: int) -> Path:
        """Return the folder of a pilot of the robustness study, which is trained if need be."""
        arm = BORROWED[kind]
        robustness_pilots.train_missing_pilot(
            self._robustness, arm, seed, self._workers, self._display
        )
        return self._robustness.pilot(arm, seed)

    def _core(self, kind: str) -> dict[str, Any]:
        """Return the settings of the core for a kind of pilot."""
        core = kind.removesuffix('_irregular')
        return {'core': core, **(self._study.plan['elapsed'] if core != kind else {})}

    def _train(
        self,
        kind: str,
        seed: int,
        data: DataSource,
        changes: dict[str, Any],
        encoder_source: Path | None = None,
    ) -> pilot_file.PilotFile:
        name = f'{kind}-{seed}'
        settings = {
            **self._study.plan['budget'],
            'augmentation': 'none',
            **changes,
            'name': name,
            'seed': seed,
        }
        run = self._study.files.work / 'training' / name
        announce = self._display.labelled(name)
        return train_pilot(settings, run, self._workers, announce, data, encoder_source)

    def _train_memory(self, kind: str, seed: int, data: DataSource) -> pilot_file.PilotFile:
        settings = yaml.safe_load((ROOT / 'config' / 'train_memory.yaml').read_text())
        core, first = self._core(kind.removeprefix(MEMORY)), f'{MEMORY}ltc'
        encoder_source = None
        if kind != first:
            self.train(first, seed)
            encoder_source = self._study.files.work / 'training' / f'{first}-{seed}'
            if not encoder_source.is_dir():
                # A pilot that came from elsewhere has no training here.
                encoder_source = self._study.pilot(first, seed)
        changes = {
            **settings,
            **self._study.plan['memory'],
            **core,
            'core_rate': self._study.plan['memory_rates'][core['core']],
        }
        return self._train(kind, seed, data, changes, encoder_source)

    def collect_demonstrations(self, name: str) -> DataSource:
        """Collect the missing demonstrations of a name in study.yaml, and return all of them."""
        plan = self._study.plan['demonstrations'][name]
        families = self._study.plan['families']
        conditions: list[str] = []
        if 'conditions' in plan:
            conditions = expand_conditions(plan['conditions'])
        elif name == 'shifted':
            conditions = ['clear', *families['development'], *families['sealed']]
        folder = self._study.files.work / name
        return collect_demonstrations(name, plan, folder, self._workers, self._display, conditions)


def train_missing(study: Study, workers: int, display: Display, only: str | None = None) -> None:
    """Train the pilots that do not exist: of one kind, or of all.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
        only: kind of the pilots to train; None: all kinds.
    """
    trainer = PilotTrainer(study, workers, display)
    for kind in study.plan['pilots']:
        for seed in study.seeds:
            if only in (None, kind):
                trainer.train(kind, seed)


def held_out_courses(
    study: Study, workers: int, display: Display
) -> tuple[list[Path], tuple[str, ...]]:
    """Return episodes that no pilot learns from, and the conditions of the episodes, in turn.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    data = PilotTrainer(study, workers, display).collect_demonstrations('judged')
    return sorted([*data.training, *data.validation]), data.conditions
