"""The transparency study: scores of saliency maps and of neurons, so that claims can be false.

    python studies/transparency/run.py [STEP ...] [--only ARM] [--smoke] [--publish]

The plan is study.yaml. Step `flights` lets the expert fly the forests, with all that the encoders
see meanwhile. Step `maps` scores the saliency maps of their frames. Step `neurons` fits trees to
the activity of the neurons. Step `kept` flies missions with clamped neurons. Step `report` writes
results.json, README.md and the picture from what is there. Without a step all of them are done, in
one process; --only does `neurons` and `kept` of one arm. What exists is not made again, so a study
that was stopped goes on. Records are kept in runs/transparency, and the report too unless --publish
puts it in place of the published one. Step `page` writes README.md and the picture of results.json
again. --smoke does a tiny study in runs/transparency-smoke. The last line printed is one JSON
object.
"""

# ruff: noqa: I001, E402 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
for _pool in ('OMP', 'OPENBLAS', 'MKL'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')  # pictures are small

from studies import thread_limits  # noqa: F401

from typing import Any

from studies import common
from studies.common import Display
from studies.transparency import page, report
from studies.transparency.study import HERE, Study

STEPS = ('flights', 'maps', 'neurons', 'kept', 'report')


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""

    def names(smoke: bool) -> list[str]:
        return Study(common.read_plan(HERE, smoke)).arms

    parsed = common.parse_arguments(__doc__, STEPS, arguments, names)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study = Study(files)

    def do_steps(display: Display) -> dict[str, Any]:
        if {'flights', 'maps', 'neurons', 'kept'} & set(parsed.steps):
            from studies.transparency import flights, maps, neurons

            if 'flights' in parsed.steps:
                flights.fly_missing(study, display)
            if 'maps' in parsed.steps:
                maps.score_missing(study, display)
            if 'neurons' in parsed.steps:
                neurons.explain_missing(study, display, parsed.only)
            if 'kept' in parsed.steps:
                neurons.keep_missing(study, display, parsed.only)
        return {}

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            parsed.steps,
            lambda: report.summarise(study),
            # The page of an unfinished study says what is missing.
            lambda content: 0,
            lambda content: (page.markdown(study, content), page.pictures(content)),
            lambda content: {'missing': content['missing']},
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
