"""`liquid-pilot explain`: why a pilot did what it did, and what its neurons stand for."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liquid_pilot.cli.common import (
    add_setting,
    check_conditions,
    integer,
    load_pilot,
    number,
    path,
)
from liquid_pilot.cli.inside.explain_sources import (
    DEFAULT_MISSIONS,
    Report,
    fly,
    fly_ablated_missions,
    read_recording,
    source_of,
)
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.kernel_cache import require_compiler
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_writable_folder

if TYPE_CHECKING:
    from liquid_pilot.explanation.flights.explanation import Explanation

DESCRIPTION = (
    'Tells why a pilot did what it did: which part of the picture and which paths through its '
    'neurons made the strongest turn (or another command) of some flights, for how long it '
    'remembers, what each neuron stands for, and what changes without it. A PILOT flies some '
    'missions in this process. Of a RUN folder the same missions are flown again, or its recording '
    'is read. Of a BAG, recorded with this package, the traces and images are read. Writes '
    'answer.txt, wiring.png, film_strip.png, neurons.md and explain.json into a folder, and prints '
    'the answer.'
)
_COMMANDS = ('forward', 'left', 'up', 'yaw')
_SIMULATED, _RECORDED = ('mujoco', 'matplotlib', 'sklearn'), ('rosbags', 'zstandard', 'lz4')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'source',
        metavar='SUBJECT',
        help='name of a shipped pilot or its folder; run folder of `fly` or `evaluate`; or a '
        'recording (rosbag2 folder, .mcap or .db3 file)',
    )
    parser.add_argument(
        '--command',
        choices=_COMMANDS,
        default='yaw',
        help='value of the command to explain (default: yaw, why it turned)',
    )
    parser.add_argument(
        '--at',
        type=number('--at', 0.0),
        metavar='SECONDS',
        help='moment to explain, in the first flight (default: where the command is strongest in '
        'all flights)',
    )
    parser.add_argument(
        '--missions',
        type=integer('--missions', 1),
        metavar='N',
        help=f'number of missions to fly, or of those of a run (default: {DEFAULT_MISSIONS}); a '
        'recording is read whole',
    )
    parser.add_argument(
        '--seed',
        type=integer('--seed', 0),
        metavar='S',
        help=f'seed of the first mission; of a run: the mission to begin with (default: '
        f'{FlightSettings.seed}, or the first of the run)',
    )
    add_setting(parser, FlightSettings, 'condition', description='conditions that a PILOT flies in')
    parser.add_argument(
        '--closed-loop',
        type=integer('--closed-loop', 0),
        default=0,
        metavar='K',
        help='also fly K missions without each neuron and without each group of synapses, on '
        'other seeds than those that are explained (default: 0; forest-ltc takes about half a '
        'minute of processor time for each K)',
    )
    parser.add_argument(
        '--pilot',
        default='',
        metavar='PILOT',
        help='pilot that flew in a RUN or BAG, where it is not a shipped one that is found by '
        'itself',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
        metavar='DIR',
        help='folder to write (default: runs/<date and time>_explain)',
    )
    parser.add_argument(
        '--json', action='store_true', help='print explain.json in place of the answer'
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be explained, before anything is flown or read."""
    source = source_of(arguments)
    check_writable_folder(_out(arguments), '--out')
    if source.kind == 'bag':
        require_modules((*_RECORDED, 'matplotlib'), 'explaining a recording')
        for option, given in (
            ('--missions', arguments.missions is not None),
            ('--seed', arguments.seed is not None),
            ('--closed-loop', arguments.closed_loop > 0),
        ):
            if given:
                raise LiquidPilotError(
                    f'{option} is for missions that are flown here, and {source.path} is a '
                    f'recording; leave {option} out'
                )
    else:
        require_modules(_SIMULATED, 'explaining flights')
        require_compiler()
    if source.pilot:
        pilot = load_pilot(source.pilot)
        check_conditions(source.condition, pilot.specification.vehicle, '--condition')
        limit = pilot.specification.limits.maximum[_COMMANDS.index(arguments.command)]
        if limit == 0.0:
            raise LiquidPilotError(
                f'--command {arguments.command}: a {pilot.specification.vehicle} does not take it '
                '(its limit is 0); choose another command'
            )


def run(arguments: argparse.Namespace) -> int:
    """Explain and return the exit code."""
    from liquid_pilot.explanation.flights.explanation import choose_moment, explain_flights

    source = source_of(arguments)
    command = _COMMANDS.index(arguments.command)
    with _progress() as report:
        notes: list[str] = []
        if source.kind == 'bag':
            pilot, flights = read_recording(source, (command, arguments.at), report, notes)
        else:
            pilot = load_pilot(source.pilot)
            flights = fly(pilot, source, (command, arguments.at), report, notes)
        moment = choose_moment(flights, command, arguments.at)
        explanation = explain_flights(pilot, flights, moment, report)
        explanation.notes += notes
        out, is_whole = _out(arguments), True
        out.mkdir(parents=True, exist_ok=True)
        written, saliency = _draw(explanation, out, report)
        if arguments.closed_loop:
            # It takes long, and all that is known without it is on the disk before.
            _write(explanation, saliency, out)
            is_whole = fly_ablated_missions(explanation, source, arguments.closed_loop, report)
    text, encoded, texts = _write(explanation, saliency, out)
    print(encoded if arguments.json else text)
    for note in explanation.notes:
        print(f'Note: {note}', file=sys.stderr)
    names = sorted(file.name for file in [*written, *texts])
    print(f'{out}: {", ".join(names)}', file=sys.stderr)
    if not is_whole:
        raise KeyboardInterrupt
    return 0


def _write(explanation: Explanation, saliency: Any, out: Path) -> tuple[str, str, list[Path]]:
    """Write the texts; return the answer, the content of explain.json, and the files."""
    from liquid_pilot.explanation.flights.explanation import to_json
    from liquid_pilot.explanation.flights.plain_words import answer, neuron_table
    from liquid_pilot.utils.atomic_write import write_atomically

    text = answer(explanation, saliency)
    encoded = json.dumps(to_json(explanation), indent=1, allow_nan=False)
    files = [
        write_atomically(out / 'answer.txt', text + '\n'),
        write_atomically(out / 'neurons.md', neuron_table(explanation)),
        write_atomically(out / 'explain.json', encoded + '\n'),
    ]
    return text, encoded, files


def _out(arguments: argparse.Namespace) -> Path:
    """Return the folder to write."""
    named: Path | None = arguments.out
    return named or Path('runs') / f'{time.strftime("%Y-%m-%d_%H-%M-%S")}_explain'


def _draw(explanation: Explanation, out: Path, report: Report) -> tuple[list[Path], Any]:
    """Write the pictures; return their files, and the map of the moment, None without a picture."""
    import numpy as np

    from liquid_pilot.explanation.flights.pictures import film_strip_png, wiring_png
    from liquid_pilot.explanation.pixels import PixelExplainer
    from liquid_pilot.utils.atomic_write import write_atomically

    wiring = wiring_png(explanation)
    report('pictures drawn', 1, 2)
    saliency = None
    moment = explanation.moment
    picture = explanation.flights[moment.moment.flight].pictures[moment.moment.tick]
    try:
        pixels = PixelExplainer(explanation.pilot)
    except LiquidPilotError as error:
        explanation.notes.append(f'What the pilot looked at is not shown: {error}.')
        picture, strip = None, None
    else:
        strip = film_strip_png(explanation, pixels)
    if picture is not None:
        saliency = pixels.explain(picture.astype(np.float32)[None], by_feature=moment.by_feature)
    report('pictures drawn', 2, 2)
    written = [
        write_atomically(out / name, data)
        for name, data in (('wiring.png', wiring), ('film_strip.png', strip))
        if data is not None
    ]
    return written, saliency


@contextmanager
def _progress() -> Iterator[Report]:
    """Draw a bar for each stage."""
    from liquid_pilot.utils.progress import progress_display

    with progress_display() as report:
        yield lambda stage, done, of: report(stage, done, of, math.nan)
