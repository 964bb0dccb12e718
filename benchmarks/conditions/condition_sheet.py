"""Draw what every condition does to the picture: a sheet of all families and severities.

    python benchmarks/conditions/condition_sheet.py [--seed 7] [--out docs/images/conditions.webp]
    python benchmarks/conditions/condition_sheet.py --courses --out docs/images/courses.webp

Families of the picture and the world, one per row, severities 1 to 5 from left to right, all at the
same instant of the same flight: the expert flies for two seconds, and the frame is taken. The time
to make a frame of severity 5 beyond one of clear weather is printed too, in milliseconds. --courses
shows two flights of the expert on each memory course instead, from start to target. The last line
printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from liquid_pilot.simulation.base.condition import (
    FAMILIES,
    MEMORY_COURSES,
    SEVERITIES,
    WORLD_FAMILIES,
    parse,
)
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.conditions.pipeline import IMAGE_EFFECTS
from liquid_pilot.simulation.simulator import Simulation

_FLOWN_TICKS = 40
_LABEL_PX = 92
_COURSE_FRAMES = 7


def fly(simulation: Simulation, seed: int, label: str) -> tuple[np.ndarray, float]:
    """Return the frame after two seconds, (H, W, 3) RGB, and the median time of a tick in ms.

    Args:
        simulation: the simulation.
        seed: seed of the flight.
        label: label of the condition.
    """
    packet = simulation.reset(seed, conditions=parse(label))
    expert = simulation.task.expert(simulation.layout)
    times, frame = [], packet.observation
    for _ in range(_FLOWN_TICKS):
        started = time.perf_counter()
        packet = simulation.advance(expert.command(packet.state))
        times.append(time.perf_counter() - started)
        if packet.observation is not None:
            frame = packet.observation
    image = frame.image
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
    return pixels, 1e3 * float(np.median(times))


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
        image = packet.observation.image
        frames.append(np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3))
        packet = simulation.advance(expert.command(packet.state))
    return [frames[int(k)] for k in np.linspace(0, len(frames) - 1, _COURSE_FRAMES)]


def sheet(rows: dict[str, list[np.ndarray]], width: int) -> np.ndarray:
    """Return a picture (h, w, 3) uint8 RGB with one row per name: the name and its pictures."""
    height = width * 9 // 16
    columns = max(map(len, rows.values()))
    page = np.full((len(rows) * height, _LABEL_PX + columns * width, 3), 255, np.uint8)
    for row, (family, pictures) in enumerate(rows.items()):
        top = row * height
        cv2.putText(
            page,
            family,
            (6, top + height // 2 + 5),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.5,
            (0, 0, 0),
            1,
            cv2.LINE_AA,
        )
        for column, picture in enumerate(pictures):
            left = _LABEL_PX + column * width
            page[top : top + height, left : left + width] = cv2.resize(
                picture, (width, height), interpolation=cv2.INTER_AREA
            )
    return page


def _write(path: Path, page: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(page, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 62])


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--seed', type=int, default=7)
    parser.add_argument('--width', type=int, default=168, help='width of a picture, in pixels')
    parser.add_argument('--courses', action='store_true', help='draw the courses')
    parser.add_argument('--out', type=Path, default=Path('docs/images/conditions.webp'))
    parsed = parser.parse_args(arguments)
    rows, cost = {}, {}
    if parsed.courses:
        with Simulation() as simulation:
            for course in MEMORY_COURSES:
                for k in range(2):
                    rows[f'{course} {k + 1}'] = fly_course(
                        simulation, parsed.seed + k, f'{course}:3'
                    )
        _write(parsed.out, sheet(rows, parsed.width))
        print(json.dumps({'flights': len(rows)}))
        return
    with Simulation() as simulation:
        _, clear_ms = fly(simulation, parsed.seed, 'clear')
        for family in [
            name
            for name in FAMILIES
            if name in IMAGE_EFFECTS or name in WORLD_FAMILIES - {*MEMORY_COURSES}
        ]:
            flown = [fly(simulation, parsed.seed, f'{family}:{each}') for each in SEVERITIES]
            rows[family] = [picture for picture, _ in flown]
            cost[family] = round(flown[-1][1] - clear_ms, 2)
            print(f'{family:>10}  {cost[family]:5.2f} ms', flush=True)
    _write(parsed.out, sheet(rows, parsed.width))
    print(json.dumps({'clear_tick_ms': round(clear_ms, 2), 'added_ms': cost}))


if __name__ == '__main__':
    main()
