"""study.yaml as an object: what is flown by whom, and where it is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import arms
from rich.progress import Progress

import studies
from liquid_pilot import pilot_file
from liquid_pilot.evaluation.runner import Results, evaluate
from liquid_pilot.interfaces import LiquidPilotError

HERE = Path(__file__).resolve().parent
ROOT = studies.ROOT
SHIPPED = ROOT / 'pilots' / 'forest-ltc'


@dataclass(frozen=True)
class Study:
    """The plan, and where its parts are kept."""

    content: dict[str, Any]
    work: Path
    """Demonstrations and checkpoints: large, and cheap to make again."""
    record: Path
    """Pilots and flights."""

    @classmethod
    def read(cls, smoke: bool = False) -> Study:
        """The study, or its smoke version in a folder of its own."""
        return cls(*studies.read(HERE, smoke))

    @property
    def seeds(self) -> list[int]:
        """Training seeds."""
        return self.content['training_seeds']

    def pilot(self, kind: str, seed: int) -> Path:
        """Where a pilot is kept."""
        return SHIPPED if kind == 'shipped' else self.record / 'pilots' / f'{kind}-{seed}'

    def arm(self, name: str) -> tuple[str, str]:
        """(kind of pilot, mode) of an arm of study.yaml."""
        arm = self.content['arms'][name]
        mode = arm.get('mode', '')
        return arm['pilot'], self._fixed if mode == f'{arms.PREFIX}fixed' else mode

    @cached_property
    def _fixed(self) -> str:
        path = self.record / 'fixed.json'
        if not path.is_file():
            raise LiquidPilotError('the fixed low-pass is not chosen yet: run the step `fixed`')
        return json.loads(path.read_text())['best']

    def conditions(self, part: dict[str, Any]) -> list[str]:
        """Labels of a part of the flights."""
        if 'conditions' in part:
            return part['conditions']
        onset = f'@{self.content["onset_s"]}s' if part.get('onset') else ''
        return [label + onset for label in self.content['families'][part['families']]]

    def forests(self, part: dict[str, Any], seed: int) -> range:
        """Those that the pilots of a training seed fly through."""
        first = self.content['first_forest'] + 10_000 * (seed - 1)
        return range(first, first + self.content[part.get('forests', 'forests')])

    def flights(self, seed: int) -> Path:
        """The folder of the flights of a training seed."""
        return self.record / 'flights' / str(seed)

    def evaluate(
        self,
        seed: int,
        chosen: Sequence[tuple[str, str]],
        conditions: Sequence[str],
        forests: Sequence[int],
        workers: int,
        progress: Progress,
        title: str,
    ) -> Results:
        """Fly what is missing of (kind, mode) pairs of one training seed; Ctrl-C goes through."""
        task = progress.add_task(title, total=None)

        def on_progress(done: int, total: int, *rest: Any) -> None:
            progress.update(task, completed=done, total=total)

        results = evaluate(
            [pilot_file.load(self.pilot(kind, seed)) for kind, _ in chosen],
            conditions,
            forests,
            self.flights(seed),
            workers,
            on_progress,
            progress.console.print,
            modes=[mode for _, mode in chosen],
            make_pilot=arms.make_pilot,
        )
        progress.update(task, visible=False)
        if results.interrupted:
            raise KeyboardInterrupt
        return results
