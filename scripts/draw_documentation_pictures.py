#!/usr/bin/env python3
"""Draw the pictures of docs/images/ from missions, and print their sizes.

    python scripts/draw_documentation_pictures.py                 # all; some minutes; needs ROS 2
    python scripts/draw_documentation_pictures.py flight roads    # some of them

| file | made from |
|---|---|
| flight.webp | forest-ltc, adapting, seed 0, in process (`figures/flight_film.py`) |
| paths.webp | paths.png of `fly --missions 3` |
| adaptation.webp | adaptation.png of `fly --missions 3 --condition noise:5@2s+blink:3@5s` |
| driving_adaptation.webp | adaptation.png of `fly --vehicle rover --missions 2 --seed 31
  --condition friction:3@10s` |
| road.webp | road-ltc, seeds 0 to 2, in process |
| saliency.webp | three moments of missions, in process (`figures/saliency_sheet.py`) |
| conditions.webp, courses.webp | benchmarks/conditions/condition_sheet.py |

watch.webp is a browser's picture of the page of `watch`, at 5.6 s of `fly --missions 1 --seed 7
--condition snow:4@3s --record`, and report.webp of the report of `fly --missions 2 --seed 4
--condition snow:4@3s`. gazebo_mujoco.webp is drawn by benchmarks/gazebo_pictures.py from a
recording in Gazebo, and gazebo_flights.webp has the frames of three of these missions. For
developers: the script is not installed.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import SensorPacket
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / 'scripts' / 'figures'), str(ROOT)]
import flight_film  # noqa: E402
from saliency_sheet import saliency_sheet  # noqa: E402

from studies.figures import reduce_colours  # noqa: E402

FOLDER = ROOT / 'docs' / 'images'
FILM_SEED = 0
"""Seed of the mission of flight.webp."""
ROAD_SEEDS = range(3)
_PLOT_COLOURS = 16


def fly(name: str, *options: str) -> bytes:
    """Fly missions through ROS, and return a picture of the run as a WebP file without loss.

    Args:
        name: file of the run, such as 'paths.png'.
        options: options of `liquid-pilot fly`.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'run'
        command = [sys.executable, '-m', 'liquid_pilot.cli', 'fly', '--headless', *options]
        subprocess.run([*command, '--out', str(out)], check=True, stdout=sys.stderr)
        with Image.open(out / name) as picture:
            flat = reduce_colours(np.asarray(picture.convert('RGB')), _PLOT_COLOURS)
    buffer = io.BytesIO()
    flat.convert('RGB').save(buffer, 'WEBP', lossless=True, method=6)
    return buffer.getvalue()


def film() -> bytes:
    """Return the moving picture of a mission."""
    return flight_film.encode(flight_film.frames(FILM_SEED))


def roads(columns: int = 5) -> bytes:
    """Return what the camera of the rover sees on some roads, one row for each."""
    rows = []
    shares = [round(100 * column / columns) for column in range(columns)]
    heads = ['start', *(f'{share} % of the time' for share in shares[1:])]
    with Simulation(SimulationSettings(vehicle='rover')) as simulation:
        pilot = InProcessPilot(pilot_file.load(pilot_file.resolve('road-ltc')), simulation)
        for seed in ROAD_SEEDS:
            packets: list[SensorPacket] = []
            fly_mission(seed, simulation, pilot, on_packet=packets.append)
            images = [packet.observation.image for packet in packets if packet.observation]
            picks = [images[len(images) * column // columns] for column in range(columns)]
            shown = [
                np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
                for image in picks
            ]
            rows.append(SheetRow(f'seed {seed}', [SheetPicture(pixels) for pixels in shown]))
    buffer = io.BytesIO()
    page = Image.fromarray(image_sheet('', heads, rows, 168))
    page.save(buffer, 'WEBP', quality=45, method=6)
    return buffer.getvalue()


def sheet(*options: str) -> bytes:
    """Return a sheet of conditions or courses."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'sheet.webp'
        script = ROOT / 'benchmarks' / 'conditions' / 'condition_sheet.py'
        command = [sys.executable, str(script), *options, '--out', str(out)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return out.read_bytes()


PICTURES: dict[str, Callable[[], bytes]] = {
    'flight': film,
    'paths': partial(fly, 'paths.png', '--missions', '3'),
    'adaptation': partial(
        fly, 'adaptation.png', '--missions', '3', '--condition', 'noise:5@2s+blink:3@5s'
    ),
    'driving_adaptation': partial(
        fly,
        'adaptation.png',
        *('--vehicle', 'rover', '--missions', '2', '--seed', '31'),
        *('--condition', 'friction:3@10s'),
    ),
    'road': roads,
    'saliency': saliency_sheet,
    'conditions': sheet,
    'courses': partial(sheet, '--courses'),
}
"""The pictures, by the name of their file without `.webp`."""


def main(arguments: list[str] | None = None) -> int:
    """Draw the pictures, print their sizes, and return the exit code."""
    parser = argparse.ArgumentParser(
        description='Draw the pictures of the documentation.', allow_abbrev=False
    )
    parser.add_argument(
        'names', nargs='*', choices=[*PICTURES, []], help='pictures; without names: all'
    )
    parsed = parser.parse_args(arguments)
    for name in parsed.names or PICTURES:
        data = PICTURES[name]()
        (FOLDER / f'{name}.webp').write_bytes(data)
        print(f'docs/images/{name}.webp: {len(data) / 1000:.1f} kB', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
