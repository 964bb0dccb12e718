r"""Compare the frames of Gazebo's camera with those that MuJoCo renders from the same positions.

    liquid-pilot fly --simulator gazebo --no-adapt --record --missions 4 --seed 10000 \
        --out runs/gazebo
    python benchmarks/gazebo_pictures.py runs/gazebo [--out docs/images/gazebo_mujoco.webp]

For every mission of a recorded flight in Gazebo, each frame is compared with the picture that
MuJoCo renders of the forest of the same seed, from the odometry of that time. `difference` is the
mean absolute difference of the two, of 255. `command_rms` is the RMS difference of the pilot's
commands between the two series of pictures, both with the recorded IMU (m/s for forward, left and
up, rad/s for yaw), and `command_sd` the standard deviation of the commands in flight. The last line
printed is one JSON object.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from rich.progress import track

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import (
    CameraGeometry,
    ImageBuffer,
    ImuSample,
    LiquidPilotError,
    Observation,
    VehicleState,
)
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.storage.messages import Decoder
from liquid_pilot.nodes.common import messages
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet

UNPACK = {
    '/camera/image_raw': messages.unpack_image,
    '/odom': messages.unpack_odometry,
    '/imu/data': messages.unpack_imu,
}
"""Functions that unpack the messages, in the order of the fields of `RecordedFlight`."""
SHOTS_S = (0.0, 4.0)
"""Times of the pairs in the picture."""
MAX_ROWS = 3
"""Max number of missions in the picture."""
AXES = ('forward', 'left', 'up', 'yaw')


class RecordedFlight(NamedTuple):
    """One recorded mission."""

    seed: int
    frames: list[tuple[int, ImageBuffer]]
    states: list[VehicleState]
    imu: list[ImuSample]


def read(folder: Path) -> list[RecordedFlight]:
    """Return the missions of a recording, each from its first frame to its last."""
    decode, kept, marks = Decoder(), {topic: [] for topic in UNPACK}, []
    for message in Bag(folder / 'recording').messages([*UNPACK, '/mission']):
        content = decode(message)
        if message.topic == '/mission':
            stamp_ns = messages.to_nanoseconds(content.stamp)
            marks.append((stamp_ns, *content.frame_id.split()[:2]))
        else:
            kept[message.topic].append(UNPACK[message.topic](content))
    flights = []
    for (first_ns, word, seed), (last_ns, *_) in itertools.pairwise(marks):
        if word == 'seed':
            # The stamp is the first of each of them.
            flights.append(
                RecordedFlight(
                    int(seed),
                    *(
                        [one for one in every if first_ns <= one[0] <= last_ns]
                        for every in kept.values()
                    ),
                )
            )
    if not any(flight.frames for flight in flights):
        raise LiquidPilotError(f'{folder}: no recorded mission; fly with --record')
    return flights


def pixels(image: ImageBuffer) -> np.ndarray:
    """Return an image as an array (h, w, 3) uint8."""
    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
    return rows[:, : 3 * image.width].reshape(image.height, image.width, 3)


def redraw(flight: RecordedFlight, simulation: Simulation, conditions: str) -> list[ImageBuffer]:
    """Return MuJoCo's picture for every frame.

    Args:
        flight: the recorded mission.
        simulation: the simulation.
        conditions: label of its conditions.
    """
    simulation.reset(flight.seed, conditions=parse(conditions))
    stamps = [state.stamp_ns for state in flight.states]
    drawn = []
    for stamp_ns, _ in flight.frames:
        at = min(bisect.bisect_left(stamps, stamp_ns), len(stamps) - 1)
        drawn.append(simulation.render_from(flight.states[at]))
    return drawn


def commands(engine: Engine, flight: RecordedFlight, images: list[ImageBuffer]) -> np.ndarray:
    """Return the pilot's commands (frames, 4), from its initial state on.

    Args:
        engine: the engine of the pilot.
        flight: the recorded mission.
        images: one picture for each frame.
    """
    state, answers, before_ns = engine.initial_state(), [], 0
    for (stamp_ns, _), image in zip(flight.frames, images, strict=True):
        imu = tuple(s for s in flight.imu if before_ns < s.stamp_ns <= stamp_ns) or tuple(
            flight.imu[:1]
        )
        tick = engine.tick(state, Observation(stamp_ns, image, imu))
        state, before_ns = tick.state, stamp_ns
        answers.append(tick.command.values)
    return np.array(answers)


def sheet(flights: list[RecordedFlight], drawn: list[list[ImageBuffer]]) -> np.ndarray:
    """Return a picture with one row per mission: pairs of frames, Gazebo's on the left."""
    rows = []
    for flight, mine in zip(flights[:MAX_ROWS], drawn, strict=False):
        times = [(ns - flight.frames[0][0]) * 1e-9 for ns, _ in flight.frames]
        pairs = []
        for shot_s in SHOTS_S:
            at = min(bisect.bisect_left(times, shot_s), len(times) - 1)
            pairs += [SheetPicture(pixels(flight.frames[at][1])), SheetPicture(pixels(mine[at]))]
        rows.append(SheetRow(f'seed {flight.seed}', pairs))
    heads = [f'{simulator}, {s:g} s' for s in SHOTS_S for simulator in ('Gazebo', 'MuJoCo')]
    return image_sheet('', heads, rows, 220)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('run', type=Path, help='run folder of a recorded flight in Gazebo')
    parser.add_argument('--pilot', default='forest-ltc')
    parser.add_argument('--condition', default='clear', help='the condition of the flight')
    parser.add_argument('--out', type=Path, help='picture of the pairs, a PNG or WebP file')
    arguments = parser.parse_args()
    flights = [flight for flight in read(arguments.run) if flight.frames]
    first = flights[0].frames[0][1]
    settings = SimulationSettings(camera_width=first.width, camera_height=first.height)
    camera = CameraGeometry.from_vertical_fov(
        first.width, first.height, settings.camera_vertical_fov_rad
    )
    engine = Engine(pilot_file.load(pilot_file.resolve(arguments.pilot)), camera)
    drawn, differences, apart, own = [], [], [], []
    with Simulation(settings) as simulation:
        for flight in track(flights, 'redrawing'):
            mine = redraw(flight, simulation, arguments.condition)
            differences += [
                float(np.abs(pixels(seen).astype(int) - pixels(here)).mean())
                for (_, seen), here in zip(flight.frames, mine, strict=True)
            ]
            answers = commands(engine, flight, [image for _, image in flight.frames])
            apart.append(answers - commands(engine, flight, mine))
            own.append(answers)
            drawn.append(mine)
    figures = {
        'missions': len(flights),
        'frames': len(differences),
        'difference': round(float(np.mean(differences)), 2),
        'command_rms': _by_axis(np.sqrt(np.mean(np.concatenate(apart) ** 2, axis=0))),
        'command_sd': _by_axis(np.std(np.concatenate(own), axis=0)),
    }
    if arguments.out is not None:
        picture = sheet(flights, drawn)[..., ::-1]
        cv2.imwrite(str(arguments.out), picture, [cv2.IMWRITE_WEBP_QUALITY, 45])
    print(json.dumps(figures))


def _by_axis(values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(AXES, values, strict=True)}


if __name__ == '__main__':
    main()
