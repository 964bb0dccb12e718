"""What every condition does to the picture: a sheet of all families and severities.

    python benchmarks/condition_sheet.py [--seed 7] [--out docs/images/conditions.jpg]

Families of the picture and the world, one a row, severities 1 to 5 from left to right, all at the
same instant of the same flight: the expert flies for two seconds, and the frame is taken. Prints
beside each what it costs to make a frame of severity 5, in milliseconds over fair weather. The last
line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from liquid_pilot.simulation.conditions import FAMILIES, SEVERITIES, WORLD, parse
from liquid_pilot.simulation.expert import Expert
from liquid_pilot.simulation.weather import PICTURE
from liquid_pilot.simulation.world import Simulation

_FLOWN_TICKS = 40
_LABEL_PX = 92


def fly(simulation: Simulation, seed: int, label: str) -> tuple[np.ndarray, float]:
    """The frame after two seconds, (H, W, 3) uint8 RGB, and the median time of a tick in ms."""
    packet = simulation.reset(seed, conditions=parse(label))
    expert = Expert(simulation.layout)
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


def sheet(rows: dict[str, list[np.ndarray]], width: int) -> np.ndarray:
    """(h, w, 3) uint8 RGB: a name and five pictures a row."""
    height = width * 9 // 16
    page = np.full((len(rows) * height, _LABEL_PX + len(SEVERITIES) * width, 3), 255, np.uint8)
    for row, (family, pictures) in enumerate(rows.items()):
        top = row * height
        cv2.putText(page, family, (6, top + height // 2 + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.5,
                    (0, 0, 0), 1, cv2.LINE_AA)
        for column, picture in enumerate(pictures):
            left = _LABEL_PX + column * width
            page[top:top + height, left:left + width] = cv2.resize(
                picture, (width, height), interpolation=cv2.INTER_AREA)
    return page


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--seed', type=int, default=7)
    parser.add_argument('--width', type=int, default=168, help='of a picture, in pixels')
    parser.add_argument('--out', type=Path, default=Path('docs/images/conditions.jpg'))
    parsed = parser.parse_args(arguments)
    rows, cost = {}, {}
    with Simulation() as simulation:
        _, fair_ms = fly(simulation, parsed.seed, 'clear')
        for family in [name for name in FAMILIES if name in PICTURE or name in WORLD]:
            flown = [fly(simulation, parsed.seed, f'{family}:{each}') for each in SEVERITIES]
            rows[family] = [picture for picture, _ in flown]
            cost[family] = round(flown[-1][1] - fair_ms, 2)
            print(f'{family:>10}  {cost[family]:5.2f} ms', flush=True)
    parsed.out.parent.mkdir(parents=True, exist_ok=True)
    page = cv2.cvtColor(sheet(rows, parsed.width), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(parsed.out), page, [cv2.IMWRITE_JPEG_QUALITY, 80])
    print(json.dumps({'fair_tick_ms': round(fair_ms, 2), 'added_ms': cost}))


if __name__ == '__main__':
    main()
