"""Draw what every condition does to the picture: a sheet of all families, at three severities.

    python benchmarks/conditions/condition_sheet.py [--seed 7] [--out docs/images/conditions.webp]
    python benchmarks/conditions/condition_sheet.py --courses --out docs/images/courses.webp

Families of the picture and the world, one per row, severities 1, 3 and 5 from left to right, all at
the same instant of the same flight: the expert flies for two seconds, and the frame is taken. Only
where an effect comes and goes, it is the first frame after these two seconds that shows it. The
time to make a frame of severity 5 beyond one of clear weather is printed too, in milliseconds.
--courses shows a flight of the expert on each memory course instead, from start to target. The last
line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from liquid_pilot.interfaces import ImageBuffer
from liquid_pilot.simulation.base.condition import (
    COURSE_FAMILIES,
    FAMILIES,
    LASTING_FAMILIES,
    MEMORY_COURSES,
    parse,
)
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.conditions.pipeline import IMAGE_EFFECTS
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet

_FLOWN_TICKS = 40
_MAX_TICKS = 100
_INTERMITTENT = ('occlusion', 'blink')
"""Families whose effect comes and goes."""
_MIN_DIFFERENCE = 20.0
"""Mean difference from the clear picture, of 255, from which on such an effect is shown."""
_SHOWN_SEVERITIES = (1, 3, 5)
_COURSE_FRAMES = 6
_LABEL_PX = 74
_QUALITY = 42
"""Quality of the WebP file, 0 to 100."""


def fly(
    simulation: Simulation, seed: int, label: str, clear: Sequence[np.ndarray] = ()
) -> tuple[list[np.ndarray], float]:
    """Fly for two seconds, and on until the frame differs from that of clear weather.

    Args:
        simulation: the simulation.
        seed: seed of the flight.
        label: label of the condition.
        clear: frames of the same flight in clear weather; empty: stop after two seconds.

    Returns:
        The frames, (H, W, 3) uint8 RGB, and the median time of a tick in ms.
    """
    packet = simulation.reset(seed, conditions=parse(label))
    expert = simulation.task.expert(simulation.layout)
    times, frames = [], [_pixels(packet.observation.image)]
    for tick in range(1, _MAX_TICKS if clear or label == 'clear' else _FLOWN_TICKS + 1):
        started = time.perf_counter()
        packet = simulation.advance(expert.command(packet.state))
        times.append(time.perf_counter() - started)
        seen = packet.observation
        frames.append(frames[-1] if seen is None else _pixels(seen.image))
        if clear and tick >= _FLOWN_TICKS:
            difference = np.abs(frames[-1].astype(int) - clear[tick]).mean()
            if difference > _MIN_DIFFERENCE:
                break
    return frames, 1e3 * float(np.median(times[:_FLOWN_TICKS]))


def _pixels(image: ImageBuffer) -> np.ndarray:
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)


def fly_course(simulation: Simulation, seed: int, label: str) -> list[np.ndarray]:
    """Return frames of a flight of the expert, evenly spread from start to target.

    Args:
        simulation: the simulation.
        seed: seed of the flight.
        label: label of the condition.
    """
    packet = simulation.reset(seed, conditions=parse(label))
    expert = simulation.task.expert(simulation.layout)
    mission, frames = Mission(seed, simulation.layout), []
    while mission.update(packet) is None:
        frames.append(_pixels(packet.observation.image))
        packet = simulation.advance(expert.command(packet.state))
    return [frames[int(k)] for k in np.linspace(0, len(frames) - 1, _COURSE_FRAMES)]


def conditions_sheet(rows: dict[str, list[np.ndarray]], width: int) -> np.ndarray:
    """Return a picture (h, w, 3) uint8 RGB with one row per family, in two blocks side by side."""
    heads = [f'severity {severity}' for severity in _SHOWN_SEVERITIES]
    half = -(-len(rows) // 2)
    drawn = [
        SheetRow(family, [SheetPicture(picture) for picture in pictures])
        for family, pictures in rows.items()
    ]
    blocks = [
        image_sheet('', heads, block, width, label_width=_LABEL_PX)
        for block in (drawn[:half], drawn[half:])
    ]
    height = max(len(block) for block in blocks)
    padded = [
        np.pad(block, ((0, height - len(block)), (0, 0), (0, 0)), constant_values=255)
        for block in blocks
    ]
    return np.concatenate(padded, axis=1)


def courses_sheet(rows: dict[str, list[np.ndarray]], width: int) -> np.ndarray:
    """Return a picture (h, w, 3) uint8 RGB with one row per course."""
    shares = [round(100 * k / (_COURSE_FRAMES - 1)) for k in range(_COURSE_FRAMES)]
    heads = [{0: 'start', 100: 'target'}.get(share, f'{share} % of the time') for share in shares]
    drawn = [
        SheetRow(course, [SheetPicture(picture) for picture in pictures])
        for course, pictures in rows.items()
    ]
    return image_sheet('', heads, drawn, width)


def _write(path: Path, page: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]
    cv2.imwrite(str(path), cv2.cvtColor(page, cv2.COLOR_RGB2BGR), quality)


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--seed', type=int, default=7)
    parser.add_argument('--width', type=int, default=132, help='width of a picture, in pixels')
    parser.add_argument('--courses', action='store_true', help='draw the courses')
    parser.add_argument('--out', type=Path, default=Path('docs/images/conditions.webp'))
    parsed = parser.parse_args(arguments)
    rows, cost = {}, {}
    if parsed.courses:
        with Simulation() as simulation:
            for course in MEMORY_COURSES:
                rows[course] = fly_course(simulation, parsed.seed, f'{course}:3')
        _write(parsed.out, courses_sheet(rows, parsed.width))
        print(json.dumps({'flights': len(rows)}))
        return
    with Simulation() as simulation:
        clear, clear_ms = fly(simulation, parsed.seed, 'clear')
        for family in [
            name
            for name in FAMILIES
            if name in IMAGE_EFFECTS or name in LASTING_FAMILIES - {*COURSE_FAMILIES}
        ]:
            reference = clear if family in _INTERMITTENT else ()
            flown = [
                fly(simulation, parsed.seed, f'{family}:{severity}', reference)
                for severity in _SHOWN_SEVERITIES
            ]
            rows[family] = [frames[-1] for frames, _ in flown]
            cost[family] = round(flown[-1][1] - clear_ms, 2)
            print(f'{family:>10}  {cost[family]:5.2f} ms', flush=True)
    _write(parsed.out, conditions_sheet(rows, parsed.width))
    print(json.dumps({'clear_tick_ms': round(clear_ms, 2), 'added_ms': cost}))


if __name__ == '__main__':
    main()
