"""Shared parts of the studies: plans, folders, the command line, missions and results files.

A study's folder holds its plan (`study.yaml`), its code, the figures that were found
(`results.json`), the page that is made from them (`README.md`) and the pictures. Pilots, missions,
demonstrations and checkpoints are kept under `runs/`, which git does not track.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from liquid_pilot.evaluation.runner import Results, evaluate
from liquid_pilot.evaluation.statistics import holm
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.processes.process_pool import spawned_pool
from liquid_pilot.utils.progress import ProgressCallback, progress_display

ROOT = Path(__file__).resolve().parent.parent
RESULTS_FILE, PAGE_FILE, REMARKS_FILE = 'results.json', 'README.md', 'remarks.md'
MAX_LINE_LENGTH = 400
"""Longest JSON value that `results.json` holds on one line, in characters."""


@dataclass(frozen=True)
class StudyFiles:
    """The plan of a study, and the folders of its parts."""

    plan: dict[str, Any]
    """The content of study.yaml, or of its smoke version."""
    folder: Path
    """The study's own folder, with the plan and the remarks."""
    runs: Path
    """The folder that holds the working folders of all studies."""
    out: Path
    """The folder that results.json, the page and the pictures are written to."""
    smoke: bool = False

    @property
    def work(self) -> Path:
        """The working folder: pilots, missions, demonstrations and checkpoints."""
        return self.work_of(self.folder.name)

    def work_of(self, name: str) -> Path:
        """Return the working folder of another study of the same runs."""
        return self.runs / (f'{name}-smoke' if self.smoke else name)

    def remarks(self) -> str:
        """Return the text that a person wrote about the published figures; '' of other figures."""
        path = self.folder / REMARKS_FILE
        return path.read_text() if self.out == self.folder and path.is_file() else ''


def read_plan(
    folder: Path, smoke: bool = False, runs: Path | None = None, publish: bool = False
) -> StudyFiles:
    """Read the plan of a study.

    Args:
        folder: the study's own folder.
        smoke: whether to return the smoke version, a tiny study for tests.
        runs: the folder of the working folders; None: `runs/` of the repository.
        publish: whether results and page are written to the study's own folder.
    """
    content = yaml.safe_load((folder / 'study.yaml').read_text())
    tiny = content.pop('smoke')
    plan = {**content, **tiny} if smoke else content
    files = StudyFiles(plan, folder, runs or ROOT / 'runs', folder, smoke)
    return files if publish else StudyFiles(plan, folder, files.runs, files.work, smoke)


def parse_arguments(
    description: str,
    steps: Sequence[str],
    arguments: list[str] | None,
    part_names: Callable[[bool], Sequence[str]] | None = None,
    add_options: Callable[[argparse.ArgumentParser], None] | None = None,
) -> argparse.Namespace:
    """Parse the command line of a study.

    Args:
        description: the docstring of the script.
        steps: the steps of the study, in their order; without a step all of them are done.
        arguments: the command line; None: that of this process.
        part_names: function that returns the names that --only accepts, given --smoke; None: no
            --only.
        add_options: function that adds the options of this study alone.
    """
    parser = argparse.ArgumentParser(description=description.partition('\n')[0], allow_abbrev=False)
    parser.add_argument(
        'steps',
        nargs='*',
        metavar='STEP',
        help=f'any of {", ".join(steps)} (default: all), or `page`: write the page of '
        'results.json again',
    )
    parser.add_argument('--workers', type=int, default=2, metavar='N', help='number of processes')
    parser.add_argument('--smoke', action='store_true', help='do a tiny version of the study')
    parser.add_argument(
        '--runs',
        type=Path,
        metavar='DIR',
        help='folder of pilots, missions and checkpoints (default: runs)',
    )
    parser.add_argument(
        '--publish',
        action='store_true',
        help="write results.json, the page and the pictures to the study's own folder, in place "
        'of the published ones (default: to its folder under runs)',
    )
    if part_names is not None:
        parser.add_argument('--only', metavar='NAME', help='do one part of the plan')
    if add_options is not None:
        add_options(parser)
    parsed = parser.parse_args(arguments)
    unknown = sorted(set(parsed.steps) - {*steps, 'page'})
    if unknown:
        parser.error(f'no step named {", ".join(unknown)}; there is: {", ".join(steps)}, page')
    parsed.steps = parsed.steps or list(steps)
    if part_names is not None:
        known = part_names(parsed.smoke)
        if parsed.only not in (None, *known):
            parser.error(f'no part named {parsed.only!r}; there is: {", ".join(known)}')
    return parsed


class Display:
    """Progress bars, and lines of text above them."""

    def __init__(self, announce: ProgressCallback, console: Console) -> None:
        self.announce = announce
        self.print: Callable[[str], None] = console.print

    def labelled(self, label: str) -> ProgressCallback:
        """Return a progress callback that writes a label before the name of each stage."""

        def announce(stage: str, done: int, of: int, loss: float) -> None:
            self.announce(f'{label} {stage}', done, of, loss)

        return announce


@contextmanager
def open_display() -> Iterator[Display]:
    """Show progress on standard error until the context ends."""
    console = Console(stderr=True)
    with progress_display(console) as announce:
        yield Display(announce, console)


def run(do_steps: Callable[[Display], dict[str, Any]], report: Callable[[], dict[str, Any]]) -> int:
    """Do the steps of a study, then write its report.

    Prints one JSON object with what both return.

    Returns:
        The exit code: 0, 1 after an error, or 130 when the user stopped the study.
    """
    try:
        with open_display() as display:
            closing = do_steps(display)
        print(json.dumps({**closing, **report()}))
    except LiquidPilotError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    return 0


def do_jobs(
    work: Callable[[Any], Any],
    jobs: Sequence[Any],
    keep: Callable[[Any, Any], None],
    workers: int,
    display: Display,
    stage: str,
    planned: int,
) -> None:
    """Do the missing jobs of a step in processes, and show them as one progress bar.

    Args:
        work: function that does a job; importable by its name.
        jobs: the missing jobs.
        keep: callback, called with each job and what `work` has returned for it.
        workers: number of processes.
        display: where the progress is shown.
        stage: the name of the bar.
        planned: the number of jobs of the step, those included that were done before.
    """
    if not jobs:
        return
    with spawned_pool(min(workers, len(jobs)), ignore_ctrl_c=True) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        for done, future in enumerate(as_completed(futures), 1 + planned - len(jobs)):
            keep(futures[future], future.result())
            display.announce(stage, done, planned, math.nan)


class Missions:
    """The missions of one step, shown as one progress bar.

    Args:
        display: where the progress is shown.
        stage: the name of the bar.
        planned: the number of missions of the step, those included that are stored already.
    """

    def __init__(self, display: Display, stage: str, planned: int) -> None:
        self._display, self._stage, self._planned = display, stage, planned
        self._done = 0
        self.throughput: dict[str, float] = {}
        """Throughput of the last evaluation that flew a mission; see `Throughput.to_json`."""

    def evaluate(
        self,
        pilots: Sequence[PilotFile],
        conditions: Sequence[str],
        seeds: Sequence[int],
        out: Path,
        workers: int,
        **more: Any,
    ) -> Results:
        """Fly the missions that are missing in a folder; see `evaluation.runner.evaluate`.

        Raises:
            KeyboardInterrupt: when the user stopped the evaluation.
        """
        here = len(pilots) * len(conditions) * len(seeds)

        def on_progress(done: int, total: int, *rest: Any) -> None:
            self._announce(here - total + done)

        results = evaluate(
            pilots,
            conditions,
            seeds,
            out,
            workers,
            on_progress=on_progress,
            on_event=self._display.print,
            **more,
        )
        if results.interrupted:
            raise KeyboardInterrupt
        self._announce(here)
        self._done += here
        if results.new_flights:
            self.throughput = results.throughput.to_json()
        return results

    def _announce(self, done_here: int) -> None:
        self._display.announce(self._stage, self._done + done_here, self._planned, math.nan)


def add_holm_p_values(rows: Sequence[dict[str, Any]]) -> None:
    """Give each row with a 'p' its 'p_holm', corrected for the number of these rows."""
    tests = [row for row in rows if 'p' in row]
    for row, adjusted in zip(tests, holm([row['p'] for row in tests]), strict=True):
        row['p_holm'] = round(adjusted, 6)


def results_json(content: Mapping[str, Any]) -> bytes:
    """Return the content of a results file: short values stand on one line each."""
    return (_format_json(content, 0) + '\n').encode()


def _format_json(value: Any, indent: int) -> str:
    flat = json.dumps(value, allow_nan=False)
    if len(flat) + indent <= MAX_LINE_LENGTH or not isinstance(value, (dict, list)):
        return flat
    if isinstance(value, dict):
        opening, closing = '{', '}'
        parts = [
            f'{json.dumps(key)}: {_format_json(each, indent + 1)}' for key, each in value.items()
        ]
    else:
        opening, closing = '[', ']'
        parts = [_format_json(each, indent + 1) for each in value]
    margin = '\n' + ' ' * (indent + 1)
    return f'{opening}{margin}{("," + margin).join(parts)}\n{" " * indent}{closing}'


def read_results(files: StudyFiles) -> dict[str, Any]:
    """Return the results of a study as they were written.

    Raises:
        LiquidPilotError: when there are none.
    """
    path = files.out / RESULTS_FILE
    if not path.is_file():
        raise LiquidPilotError(f'{path} does not exist; do the step `report` first')
    return json.loads(path.read_text())


def write_results(files: StudyFiles, content: dict[str, Any], missing: int) -> None:
    """Write the results of a study to results.json.

    Args:
        files: the files of the study.
        content: the results, as JSON values.
        missing: number of planned missions that have not been flown.

    Raises:
        LiquidPilotError: when unfinished results would take the place of the published ones.
    """
    if missing and files.out == files.folder:
        raise LiquidPilotError(
            f'{missing} missions are missing; fly them first, or leave out --publish'
        )
    files.out.mkdir(parents=True, exist_ok=True)
    write_atomically(files.out / RESULTS_FILE, results_json(content))


def write_page(files: StudyFiles, text: str, pictures: Mapping[str, bytes]) -> Path:
    """Write README.md and the pictures beside results.json; returns the path of the page.

    Args:
        files: the files of the study.
        text: the page as Markdown.
        pictures: the PNG files by name.
    """
    for name, picture in pictures.items():
        write_atomically(files.out / name, picture)
    return write_atomically(files.out / PAGE_FILE, text.encode())


def publish(
    files: StudyFiles,
    steps: Sequence[str],
    summarise: Callable[[], dict[str, Any]],
    missing: Callable[[dict[str, Any]], int],
    page: Callable[[dict[str, Any]], tuple[str, Mapping[str, bytes]]],
    closing: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """Do the steps `report`, with the page, or `page` alone, where one of them is wanted.

    The entry `raw_data` of a plan, which is added when all missions are flown and kept in a commit,
    becomes part of the results; see `page_text.provenance`.

    Args:
        files: the files of the study.
        steps: the steps that are wanted.
        summarise: function that returns the results, as JSON values.
        missing: function that returns how many planned missions the results lack; unfinished
            results do not take the place of published ones.
        page: function that returns the text of the page, and its pictures by name.
        closing: function that returns what the last line says of the results.

    Returns:
        What the last line says; nothing where neither step is wanted.
    """
    if 'report' in steps:
        content = summarise()
        if 'raw_data' in files.plan and not files.smoke:
            content['raw_data'] = files.plan['raw_data']
        write_results(files, content, missing(content))
    elif 'page' not in steps:
        return {}
    content = read_results(files)
    text, pictures = page(content)
    return {**closing(content), 'page': str(write_page(files, text, pictures))}
