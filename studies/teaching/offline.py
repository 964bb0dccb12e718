"""The ceiling: torch tunes a pilot after the flight, on what it saw while the hand flew."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command, SensorPacket
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.training.train import Initialisation, train
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.imu import mean_imu
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation
from studies.teaching.lessons import LessonKey, fly_lesson
from studies.training import copy_pilot

TRAINING_SHARE = 0.8
"""Share of the seconds of a lesson that is learned from; the rest, the last, validates."""
Row = tuple[np.ndarray, np.ndarray, float, tuple[float, ...]]
"""Image, IMU, elapsed time and command of one tick."""


def tune(
    key: LessonKey, file: PilotFile, first_forest: int, settings: dict[str, Any], folder: Path
) -> PilotFile:
    """Fly a lesson, tune a pilot on it, and keep the pilot.

    Args:
        key: the lesson.
        file: the pilot.
        first_forest: seed of the first forest or road of the lesson.
        settings: settings of the training.
        folder: folder of the tuned pilot.

    Returns:
        The tuned pilot; one that is there is not made again.
    """
    if folder.is_dir():
        return pilot_file.load(folder)
    work = folder.with_name(f'{folder.name}.training')
    flights = _record(key, file, first_forest)
    training, validation = _split(flights)
    files = {'training': training, 'validation': validation}
    paths: dict[str, list[Path]] = {name: [] for name in files}
    work.mkdir(parents=True, exist_ok=True)
    for name, parts in files.items():
        for number, rows in enumerate(parts):
            paths[name].append(work / f'{name}_{number}.npz')
            _episode(number, rows).save(paths[name][-1])
    specification = file.specification
    data = DataSource(
        training=paths['training'],
        validation=paths['validation'],
        camera=specification.camera,
        rate_hz=specification.rate_hz,
        vehicle=specification.vehicle,
        name=key.name,
        simulated=True,
    )
    chosen = TrainingSettings.from_mapping(
        {'vehicle': specification.vehicle, 'features': specification.features, **settings},
        'study.yaml',
    )
    tuned = train(
        chosen,
        work / 'out',
        lambda *_: None,
        1,
        threads=1,
        data=data,
        initialisation=Initialisation(pilot=file),
    )
    copy_pilot(tuned, folder)
    shutil.rmtree(work)
    return pilot_file.load(folder)


def _record(key: LessonKey, file: PilotFile, first_forest: int) -> list[list[Row]]:
    """Return the ticks of each flight of a lesson."""
    simulation = Simulation(SimulationSettings(vehicle=file.specification.vehicle))
    simulation.reset(first_forest)
    preprocess = Preprocessor(file.specification.camera, simulation.camera)
    flights: list[list[Row]] = []
    last_ns = [0]

    def begin() -> None:
        flights.append([])

    def watch(packet: SensorPacket, command: Command) -> None:
        observation = packet.observation
        assert observation is not None
        rows = flights[-1]
        before_ns = last_ns[0] if rows else packet.stamp_ns - simulation.control_period_ns
        planes = preprocess(observation.image)[0]
        image = np.rint(planes.transpose(1, 2, 0) * 255.0).astype(np.uint8)
        dt_s = (observation.stamp_ns - before_ns) / NANOSECONDS_PER_SECOND
        rows.append((image, mean_imu(observation.imu), dt_s, command.values))
        last_ns[0] = observation.stamp_ns

    fly_lesson(key, simulation, first_forest, watch, begin)
    return [rows for rows in flights if rows]


def _split(flights: list[list[Row]]) -> tuple[list[list[Row]], list[list[Row]]]:
    """Return the ticks of training and of validation, flight by flight."""
    left = round(TRAINING_SHARE * sum(map(len, flights)))
    training, validation = [], []
    for rows in flights:
        training.append(rows[:left])
        validation.append(rows[left:])
        left = max(left - len(rows), 0)
    return [rows for rows in training if rows], [rows for rows in validation if rows]


def _episode(number: int, rows: list[Row]) -> Episode:
    images, imu, dt_s, commands = zip(*rows, strict=True)
    return Episode(
        number,
        'lesson',
        np.stack(images),
        np.array(imu, np.float32),
        np.array(dt_s, np.float32),
        np.array(commands, np.float32),
    )
