"""The pilots of the cores study: one encoder, its features computed once, and all cores behind it.

Every training of a core is a job of one thread. The jobs of the search come first: rates and sizes
are chosen before a core is trained for its flights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from liquid_pilot import pilot_file
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import features
from liquid_pilot.learning.data.features import Sequences
from liquid_pilot.learning.data.frames import Frames
from liquid_pilot.learning.models import warm_start
from liquid_pilot.learning.models.factory import TrainableCore, make_core, parameter_count
from liquid_pilot.learning.models.graph_core import GraphCore
from liquid_pilot.learning.training.heads import TargetRecallLoss
from liquid_pilot.learning.training.imitation import StageFactory, fit_input_scale
from liquid_pilot.learning.training.stage import StageOptions, run_stage
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.tasks.registry import expand_conditions
from liquid_pilot.utils.atomic_write import atomic_writer, write_atomically
from liquid_pilot.utils.processes.process_pool import spawned_pool
from studies import common
from studies.common import Display
from studies.cores import offline
from studies.cores.study import HERE, Study
from studies.training import collect_demonstrations, train_pilot

_PARTS = ('training', 'held_out', 'selection')
_ARRAYS = ('inputs', 'dt_s', 'commands', 'starts', 'bearing')


class Job(NamedTuple):
    """One training of a core."""

    name: str
    """Name of the training, and of the pilot."""
    settings: dict[str, Any]
    """Core, size, rate and frames, as settings of a training."""
    seed: int
    steps: int
    out: Path
    """The folder of the pilot, or, of a candidate of the search, the file of its loss."""


def train_missing(study: Study, workers: int, display: Display, only: str | None = None) -> None:
    """Collect, encode, search and train what does not exist.

    Args:
        study: the study.
        workers: number of processes.
        display: where the progress is shown.
        only: the core to search and train; None: all of the plan.
    """
    _encode(study, workers, display)
    plan = study.plan
    cores = [core for core in plan['cores'] if only in (None, core)]
    search = [
        Job(
            f'search-{each.core}-{each.number}',
            each.settings,
            plan['search']['seed'],
            plan['search']['steps'],
            study.search_file(each),
        )
        for core in cores
        for each in study.candidates(core)
    ]
    _run_jobs(study, 'search', search, workers, display)
    jobs = []
    for seed in study.seeds:
        for core in cores:
            chosen = offline.chosen_candidate(study, core)
            for frames, changes in plan['frames'].items():
                name, settings = f'{core}-{frames}', {**chosen.settings, **changes}
                out = study.pilot(name, seed)
                jobs.append(Job(f'{name}-{seed}', settings, seed, plan['training']['steps'], out))
    _run_jobs(study, 'cores', jobs, workers, display)


def _encoder_run(study: Study) -> Path:
    return study.training('encoder')


def _encode(study: Study, workers: int, display: Display) -> None:
    """Collect the episodes, train the encoder, and compute the features of all episodes."""
    if all((study.sequences / f'{part}.npz').is_file() for part in _PARTS):
        return
    plan, sources = study.plan, {}
    for name in ('demonstrations', 'selection'):
        conditions = expand_conditions(plan[name]['conditions'])
        folder = study.files.work / name
        sources[name] = collect_demonstrations(
            name, plan[name], folder, workers, display, conditions
        )
    settings = {
        'name': 'encoder',
        'core': 'feedforward',
        'core_epochs': 1,
        'augmentation': 'none',
        'sequence_length': 0,
        'seed': plan['encoder']['seed'],
        'encoder_epochs': plan['encoder']['epochs'],
        'recall': plan['encoder']['recall'],
    }
    data = sources['demonstrations']
    pilot = train_pilot(settings, _encoder_run(study), workers, display.labelled('encoder'), data)
    selection = sources['selection']
    paths = {
        'training': data.training,
        'held_out': data.validation,
        'selection': sorted([*selection.training, *selection.validation]),
    }
    for part in _PARTS:
        _save_sequences(study, pilot, paths[part], part, display)


def _save_sequences(
    study: Study, pilot: PilotFile, paths: Sequence[Path], part: str, display: Display
) -> None:
    """Encode episodes, those of the training with their mirror images, and keep the features."""
    frames = Frames.load(paths, get_vehicle(pilot.specification.vehicle).action_scaling)
    sides = (False, True) if part == 'training' else (False,)
    if part == 'training':
        # The training of the encoder has computed them, in the same order.
        with np.load(_encoder_run(study) / 'stages' / '0_features.npz') as stored:
            encoded = stored['features']
    else:
        encoder = warm_start.load_encoder(pilot).eval()
        encoded = features.encode(encoder, frames, 'cpu', report_progress=display.labelled(part))
    sequences = Sequences.from_frames(encoded, frames, sides)
    file = study.sequences / f'{part}.npz'
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(file) as stream:
        np.savez(stream, **{name: getattr(sequences, name) for name in _ARRAYS})


def load_sequences(study: Study, part: str) -> Sequences:
    """Return the features of the episodes of a part: 'training', 'held_out' or 'selection'."""
    with np.load(study.sequences / f'{part}.npz', allow_pickle=False) as stored:
        return Sequences(*(stored[name] for name in _ARRAYS))


def _run_jobs(
    study: Study, stage: str, jobs: Sequence[Job], workers: int, display: Display
) -> None:
    """Do the jobs that are not done, in processes of one thread."""
    missing = [job for job in jobs if not job.out.exists()]
    done = len(jobs) - len(missing)
    if not missing:
        return
    files = study.files
    arguments = (files.smoke, files.runs)
    with spawned_pool(min(workers, len(missing)), _start_worker, arguments, True) as pool:
        display.announce(stage, done, len(jobs), math.nan)
        for finished in as_completed([pool.submit(_do, job) for job in missing]):
            display.print(finished.result())
            done += 1
            display.announce(stage, done, len(jobs), math.nan)


class _Worker:
    """What a process keeps from job to job.

    Args:
        study: the study.
    """

    def __init__(self, study: Study) -> None:
        torch.set_num_threads(1)
        self.study = study
        self.encoder = pilot_file.load(_encoder_run(study) / 'pilot')
        self.training, self.held_out, self.selection = (
            load_sequences(study, part) for part in _PARTS
        )

    def do(self, job: Job) -> str:
        """Train a core; returns one line about it."""
        s = self._settings(job)
        core = make_core(s, self.encoder.specification.rate_hz)
        fit_input_scale(core, self.training.inputs)
        recall = TargetRecallLoss(core, s.recall, s.seed)
        factory = StageFactory(s, _no_frames, _no_frames, 'cpu')
        stage = factory.core_stage(
            core, self.training, self.held_out, json.dumps(asdict(s), sort_keys=True), recall
        )
        # The schedule ends with the planned step, in the middle of an epoch as a rule.
        stage = replace(stage, steps=job.steps)
        folder = self.study.training(job.name)
        folder.mkdir(parents=True, exist_ok=True)
        options = StageOptions(patience=1 << 30)
        history = run_stage(stage, folder / 'core.ckpt', options, lambda *_: None)
        losses = offline.losses_of(core, self.selection)
        content = {'settings': job.settings, 'parameters': parameter_count(core), 'losses': losses}
        if job.out.suffix == '.json':
            job.out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(job.out, (json.dumps(content) + '\n').encode())
        else:
            self._save(job, core, {**content, 'best_step': history.best_step})
        shown = ', '.join(f'{name} {loss:.4f}' for name, loss in losses.items())
        return f'{job.name}: {content["parameters"]} parameters, loss {shown}'

    def _settings(self, job: Job) -> TrainingSettings:
        """Return the settings of a job; as many epochs as its steps need."""
        plan = self.study.plan['training']
        values = {key: plan[key] for key in ('recall', 'slowest_s', 'unfolds')}
        return TrainingSettings.from_mapping(
            {
                'augmentation': 'none',
                **values,
                **job.settings,
                'name': job.name,
                'seed': job.seed,
                'sequence_length': 0,
                'core_batch': plan['batch'],
                'core_epochs': max(job.steps, 1),
                'features': self.encoder.specification.features,
            },
            'study.yaml',
        )

    def _save(self, job: Job, core: TrainableCore, card: Mapping[str, Any]) -> None:
        """Save the pilot: the encoder of all, and the core."""
        specification = replace(
            self.encoder.specification,
            name=job.name,
            core=core.specification,
            card={**self.encoder.specification.card, 'study': 'cores', **card},
        )
        wiring = parameters = graph = None
        if isinstance(core, GraphCore):
            graph = core.to_onnx()
        else:
            wiring, parameters = core.wiring, core.export()
        job.out.parent.mkdir(parents=True, exist_ok=True)
        pilot_file.save(job.out, specification, wiring, parameters, self.encoder.encoder, graph)


def _no_frames() -> Frames:
    raise AssertionError('a core is trained on features')


_workers: list[_Worker] = []


def _start_worker(smoke: bool, runs: Path) -> None:
    _workers.append(_Worker(Study(common.read_plan(HERE, smoke, runs))))


def _do(job: Job) -> str:
    return _workers[0].do(job)
