"""What all studies share: how a plan is read, bars, the command line, and a control."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.progress import Progress

from liquid_pilot.evaluation.statistics import holm
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate

ROOT = Path(__file__).resolve().parent.parent


def read_plan(folder: Path, smoke: bool) -> tuple[dict[str, Any], Path, Path]:
    """The plan of a study's folder, and where its parts are kept.

    Returns:
        What study.yaml holds, or its smoke version; the folder of what is large and cheap to make
        again; and the folder of the record: of a smoke version the same.
    """
    content = yaml.safe_load((folder / 'study.yaml').read_text())
    tiny = content.pop('smoke')
    if smoke:
        work = ROOT / 'runs' / f'{folder.name}-smoke'
        return {**content, **tiny}, work, work
    return content, ROOT / 'runs' / folder.name, folder


def add_holm_p_values(rows: Sequence[dict[str, Any]]) -> None:
    """Give each row with a 'p' its 'p_holm', corrected over all of them."""
    tests = [row for row in rows if 'p' in row]
    for row, adjusted in zip(tests, holm([row['p'] for row in tests]), strict=True):
        row['p_holm'] = round(adjusted, 6)


class ProgressBars:
    """A bar for each thing under way, as trainer and demonstrator announce them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}
        self.label = ''
        """Before the names of stages."""

    def announce(self, stage: str, done: int, of: int, loss: float) -> None:
        """How far a stage has come."""
        name = f'{self.label}{stage}'
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=of)
        self._progress.update(self._tasks[name], completed=done, total=of, visible=done < of)


def parse(
    about: str,
    steps: Sequence[str],
    arguments: list[str] | None,
    names: Sequence[str] | Callable[[bool], Sequence[str]] = (),
) -> argparse.Namespace:
    """The command line of a study: steps, --workers, --smoke and, where it has parts, --only.

    Args:
        about: the module's docstring.
        steps: all there are, in their order.
        arguments: None for the process's own.
        names: of parts for --only; a function of --smoke where the plan has them.
    """
    parser = argparse.ArgumentParser(description=about.partition('\n')[0])
    parser.add_argument('steps', nargs='*', help=f'of {", ".join(steps)}; default: all')
    parser.add_argument('--workers', type=int, default=2, metavar='N', help='processes')
    parser.add_argument('--smoke', action='store_true', help='a tiny study, for a look')
    if names:
        parser.add_argument('--only', metavar='NAME', help='one part of the plan')
    parsed = parser.parse_args(arguments)
    unknown = set(parsed.steps) - set(steps)
    if unknown:
        parser.error(f'no step named {", ".join(sorted(unknown))}; there is: {", ".join(steps)}')
    parsed.steps = parsed.steps or list(steps)
    if names:
        known = names(parsed.smoke) if callable(names) else names
        if parsed.only not in (None, *known):
            parser.error(f'no part named {parsed.only!r}; there is: {", ".join(known)}')
    return parsed


def run(
    work: Callable[[Progress], dict[str, Any]], report: Callable[[], dict[str, Any]] | None
) -> int:
    """Do the work with bars, then the report; prints one JSON object of both; the exit code."""
    try:
        with Progress(console=Console(stderr=True)) as progress:
            closing = work(progress)
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    print(json.dumps({**closing, **(report() if report is not None else {})}))
    return 0


class FixedTimeScales:
    """In a learner's place: time constants that nothing changes.

    Args:
        receptors: (rows, columns), logarithms over the trained ones.
        neurons: of the core, whose own time constants stay.
    """

    def __init__(self, receptors: np.ndarray, neurons: int) -> None:
        self._receptors = receptors.astype(np.float32)
        self._core = np.zeros((2, neurons), np.float32)

    def reset(self) -> None:
        """Nothing to forget."""

    def add(self, evidence: LearnerInput) -> TimeScaleUpdate:
        """The same for every tick."""
        return TimeScaleUpdate(evidence.sequence, self._receptors, *self._core)
