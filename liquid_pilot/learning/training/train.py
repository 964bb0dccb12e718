"""Trains a pilot: runs rounds of stages, fits the statistics and saves the pilot file."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from liquid_pilot import pilot_file
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.training.adaptation_statistics import (
    fit_statistics,
    save_with_statistics,
)
from liquid_pilot.learning.training.curves import draw_curves
from liquid_pilot.learning.training.demonstrations import collect_dagger_flights
from liquid_pilot.learning.training.plan import (
    Initialisation,
    TrainingPlan,
    make_plan,
    plan_round,
)
from liquid_pilot.learning.training.rounds import load_finished_round, run_round
from liquid_pilot.learning.training.stage import TrainingHistory
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.utils.progress import ProgressCallback


def train(
    settings: TrainingSettings,
    out: Path,
    report_progress: ProgressCallback,
    workers: int = 2,
    threads: int | None = None,
    data: DataSource | None = None,
    initialisation: Initialisation | None = None,
    device: str = 'cpu',
) -> PilotFile:
    """Train a pilot and save it as `out`/pilot.

    Demonstrations, finished rounds, finished stages and checkpoints that are already in `out` are
    used again, so that an interrupted run goes on where it was and, on a CPU with the same
    `threads`, ends with the same bits.

    Args:
        settings: values of the training.
        out: folder for checkpoints, features, rounds, curves and the pilot.
        report_progress: callback, called often, for a display.
        workers: processes that fly demonstrations.
        threads: threads of the optimiser; None for one per core.
        data: episodes to learn from; None flies demonstrations into `out` first.
        initialisation: weights to start from; None starts from random ones.
        device: torch device, such as 'cpu' or 'cuda'.

    Returns:
        The pilot, with the statistics that it adapts by.

    Raises:
        LiquidPilotError: settings, episodes, device and initial weights do not fit together, or a
            file cannot be read or written.
        KeyboardInterrupt: on Ctrl-C, after the step in progress was saved.
    """
    torch.set_num_threads(threads or os.cpu_count() or 1)
    plan = make_plan(settings, out, report_progress, workers, data, initialisation, device)
    return run_plan(plan, report_progress)


def run_plan(plan: TrainingPlan, report_progress: ProgressCallback) -> PilotFile:
    """Run all rounds of a plan, fit the statistics, and save the pilot.

    Args:
        plan: the training.
        report_progress: callback, called often, for a display.

    Returns:
        The pilot of the last round, with the statistics that it adapts by.
    """
    curves: dict[str, TrainingHistory] = {}
    pilot = _run_rounds(plan, curves, report_progress)
    saved = _load_saved_pilot(plan.out / 'pilot', pilot.specification.card['key'])
    if saved is None:
        statistics = fit_statistics(pilot, plan.data.training, report_progress)
        saved = save_with_statistics(pilot, statistics, plan.out / 'pilot')
    if curves:
        draw_curves(curves, plan.out)
    return saved


def _run_rounds(
    plan: TrainingPlan, curves: dict[str, TrainingHistory], report_progress: ProgressCallback
) -> PilotFile:
    """Run the first round and those of DAgger; return the pilot of the last one."""
    pilot = _run_round(plan, 0, [], curves, report_progress)
    added: list[Path] = []
    for index in range(1, plan.rounds):
        added += collect_dagger_flights(
            plan.settings, plan.data, pilot.path, plan.out, index, plan.workers, report_progress
        )
        pilot = _run_round(plan, index, added, curves, report_progress)
    return pilot


def _run_round(
    plan: TrainingPlan,
    index: int,
    added: list[Path],
    curves: dict[str, TrainingHistory],
    report_progress: ProgressCallback,
) -> PilotFile:
    round_plan = plan_round(plan, index, added)
    finished = load_finished_round(round_plan)
    return finished or run_round(round_plan, curves, report_progress)


def _load_saved_pilot(path: Path, key: str) -> PilotFile | None:
    """Return the pilot that is saved at `path`, if it is of this training and has statistics."""
    if not path.exists():
        return None
    pilot = pilot_file.load(path)
    same = pilot.specification.card.get('key') == key
    return pilot if same and pilot.training_statistics is not None else None
