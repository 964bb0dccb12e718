"""The pilots of the study: those of the robustness record, and what that has not.

The liquid, the augmented and the feed-forward pilot of a training seed are those that
`benchmarks/robustness` trained; the GRU that is told the elapsed time is trained here, behind the
encoder of the liquid one and on the same demonstrations, and so is the oracle, the same liquid
pilot trained on flights through the very weather of this study. Each gets the statistics that it
adapts by, measured on what it was trained on.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from rich.progress import Progress
from study import ROOT, Study

from liquid_pilot.learning import demonstrations, familiarity, source
from liquid_pilot.learning.settings import TrainingSettings
from liquid_pilot.learning.train import Beginning, train
from liquid_pilot.liquid import pilot_file

RECORD = ROOT / 'benchmarks' / 'robustness' / 'pilots'
BORROWED = {'ltc': 'ltc_ncp-plain', 'augmented': 'ltc_ncp-augmented', 'gru': 'gru-plain',
            'feedforward': 'feedforward-plain'}


def prepare(study: Study, workers: int, progress: Progress) -> None:
    """Make whatever is missing."""
    tasks: dict[str, Any] = {}
    label = ''

    def announce(stage: str, done: int, of: int, loss: float) -> None:
        name = f'{label}{stage}'
        if name not in tasks:
            tasks[name] = progress.add_task(name, total=of)
        progress.update(tasks[name], completed=done, total=of, visible=done < of)

    def collect(name: str, shown: dict[str, Any], conditions: tuple[str, ...]) -> source.DataSource:
        folder = study.work / name
        demonstrations.collect(
            range(shown['first_seed'], shown['first_seed'] + shown['episodes']), folder,
            demonstrations.CollectionSettings(
                disturbance=demonstrations.Disturbance(level=shown['disturbance']),
                conditions=conditions),
            workers, lambda outcome, frames, done, of: announce(name, done, of, math.nan))
        return source.read(folder, shown['held_out_share'])

    def keep(pilot: pilot_file.PilotFile, episodes: list[Path], place: Path) -> None:
        familiar = pilot.familiar or familiarity.measure(pilot, episodes, announce)
        place.parent.mkdir(parents=True, exist_ok=True)
        familiarity.with_familiar(pilot, familiar, place)

    for kind in study.content['pilots']:
        for seed in study.seeds:
            place = study.pilot(kind, seed)
            if place.is_dir():
                continue
            label = f'{kind}-{seed} '
            plan = study.content['demonstrations']
            fair = collect('demonstrations', plan, ())
            if kind in BORROWED:
                keep(pilot_file.load(RECORD / f'{BORROWED[kind]}-{seed}'), fair.training, place)
                continue
            data, beginning = fair, Beginning(
                encoder_run=RECORD / f'{BORROWED["ltc"]}-{seed}')
            if kind == 'oracle':
                families = study.content['families']
                shifts = (*families['development'], *families['sealed'])
                data = collect('shifted', {**plan, **study.content['oracle']}, ('clear', *shifts))
                beginning = Beginning()
            irregular = kind.endswith('_irregular')
            settings = TrainingSettings.from_mapping(
                {**study.content['budget'], **(study.content['elapsed'] if irregular else {}),
                 'core': 'ltc' if kind == 'oracle' else kind.removesuffix('_irregular'),
                 'augmentation': 'none', 'name': f'{kind}-{seed}', 'seed': seed}, 'study.yaml')
            pilot = train(settings, study.work / 'training' / f'{kind}-{seed}', announce, workers,
                          data=data, beginning=beginning)
            keep(pilot, data.training, place)
