"""The robustness record: cores on equal terms, flown through every condition.

    python studies/robustness/run.py [train] [fly] [report] [--smoke] [--workers 2]

`study.yaml` says what. `train` demonstrates once, trains an encoder for each training seed and
augmentation, and behind each encoder every core; `fly` flies all of them, every core of a training
seed through the same forests and conditions; `report` writes docs/robustness.md,
docs/robustness.json and docs/images/robustness.png from what has been flown so far. Without words
it does all three. Everything is resumable: what is done is not done again. Pilots and flights are
kept in this folder (`pilots/`, `flights/`), demonstrations and checkpoints under runs/robustness.
The last line printed is one JSON object. --smoke does a tiny study into runs/robustness-smoke.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '2')
# Threads that spin while they wait cost a busy machine two thirds of its speed.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import itertools
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import studies

STEPS = ('train', 'fly', 'report')


@dataclass(frozen=True)
class Study:
    """study.yaml, and where its parts are kept."""

    content: dict[str, Any]
    work: Path
    """Demonstrations and checkpoints: large, and cheap to make again."""
    record: Path
    """Pilots and flights."""

    @classmethod
    def read(cls, smoke: bool) -> Study:
        """The study, or its smoke version in a folder of its own."""
        return cls(*studies.read(HERE, smoke))

    @property
    def seeds(self) -> list[int]:
        """Training seeds."""
        return self.content['training_seeds']

    @property
    def arms(self) -> list[str]:
        """Names such as 'gru-plain'; the first is what the others are compared with."""
        return [
            f'{core}-{training}'
            for training in self.content['trainings']
            for core in self.content['cores']
        ]

    @property
    def conditions(self) -> list[str]:
        """Labels."""
        from liquid_pilot.simulation.tasks.registry import expand_conditions

        return expand_conditions(self.content['flights']['conditions'])

    def forests(self, seed: int) -> range:
        """Those that the pilots of a training seed fly through."""
        flights = self.content['flights']
        first = flights['first_forest'] + 1000 * (seed - 1)
        return range(first, first + flights['forests'])

    def pilot(self, arm: str, seed: int) -> Path:
        """Where a pilot is kept."""
        return self.record / 'pilots' / f'{arm}-{seed}'

    def flights(self, seed: int) -> Path:
        """The folder of the flights of a training seed."""
        return self.record / 'flights' / str(seed)

    def trained(self, seed: int) -> dict[str, PilotFile]:
        """The pilots of a training seed that are there, by arm."""
        return {
            arm: pilot_file.load(self.pilot(arm, seed))
            for arm in self.arms
            if self.pilot(arm, seed).is_dir()
        }


def train(study: Study, workers: int, progress: Progress) -> None:
    """Train whatever is missing."""
    from liquid_pilot.learning.config import TrainingSettings
    from liquid_pilot.learning.data import dataset_index, expert_rollouts
    from liquid_pilot.learning.training.train import Initialisation
    from liquid_pilot.learning.training.train import train as learn

    bars = studies.Bars(progress)
    content = study.content
    shown, budget = content['demonstrations'], content['budget']
    folder = study.work / 'demonstrations'
    seeds = range(shown['first_seed'], shown['first_seed'] + shown['episodes'])
    expert_rollouts.collect(
        seeds,
        folder,
        expert_rollouts.CollectionSettings(
            disturbance=expert_rollouts.ActionNoiseSettings(level=shown['disturbance'])
        ),
        workers,
        lambda outcome, frames, done, of: bars.announce('demonstrations', done, of, math.nan),
    )
    data = dataset_index.read(folder, shown['held_out_share'])
    for seed in study.seeds:
        for training, augmentation in content['trainings'].items():
            # The first core's training brings the encoder of them all.
            first = next(iter(content['cores']))
            encoder_source = study.work / 'training' / f'{first}-{training}-{seed}'
            if all(study.pilot(f'{core}-{training}', seed).is_dir() for core in content['cores']):
                continue
            for core, kind in content['cores'].items():
                arm = f'{core}-{training}'
                bars.label = f'{arm}-{seed} '
                run = study.work / 'training' / f'{arm}-{seed}'
                if study.pilot(arm, seed).is_dir() and (run != encoder_source or run.is_dir()):
                    continue
                settings = TrainingSettings.from_mapping(
                    {**budget, **kind, **augmentation, 'name': f'{arm}-{seed}', 'seed': seed},
                    'study.yaml',
                )
                beginning = Initialisation(
                    encoder_source=None if encoder_source == run else encoder_source
                )
                pilot = learn(settings, run, bars.announce, workers, data=data, beginning=beginning)
                if study.pilot(arm, seed).is_dir():
                    continue
                study.pilot(arm, seed).parent.mkdir(parents=True, exist_ok=True)
                pilot_file.save(
                    study.pilot(arm, seed),
                    pilot.specification,
                    pilot.wiring,
                    pilot.parameters,
                    pilot.encoder,
                    pilot.core_graph,
                )


def fly(study: Study, workers: int, progress: Progress) -> dict[str, float]:
    """Fly whatever is missing of the pilots that are there; how fast it went."""
    from liquid_pilot.evaluation.runner import evaluate

    speed: dict[str, float] = {}
    trained = {seed: list(study.trained(seed).values()) for seed in study.seeds}
    # Condition by condition: a row of the record is complete before the next begins.
    for condition, seed in itertools.product(study.conditions, study.seeds):
        if not trained[seed]:
            continue
        task = progress.add_task(f'{condition}, training seed {seed}', total=None)

        def on_progress(done: int, total: int, *rest: Any, task: Any = task) -> None:
            progress.update(task, completed=done, total=total, visible=done < total)

        results = evaluate(
            trained[seed],
            [condition],
            study.forests(seed),
            study.flights(seed),
            workers,
            on_progress,
            progress.console.print,
        )
        progress.update(task, visible=False)
        if results.flown:
            speed = results.throughput.to_json()
        if results.interrupted:
            raise KeyboardInterrupt
    return speed


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parsed = studies.parse(__doc__, STEPS, arguments)
    study = Study.read(parsed.smoke)

    def work(progress: Progress) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in parsed.steps:
            train(study, parsed.workers, progress)
        if 'fly' in parsed.steps:
            closing['throughput'] = fly(study, parsed.workers, progress)
        return closing

    def report() -> dict[str, Any]:
        import record

        return record.write(study, study.work if parsed.smoke else studies.ROOT / 'docs')

    return studies.run(work, report if 'report' in parsed.steps else None)


if __name__ == '__main__':
    sys.exit(main())
