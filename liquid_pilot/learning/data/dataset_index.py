"""The episodes of a training, with the camera, the rate and the vehicle that they are of.

A folder of episodes holds `dataset.json`, which describes them. Simulated demonstrations and
recorded flights are both such folders.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.data.episode import episode_file_name
from liquid_pilot.simulation.base.condition import CLEAR
from liquid_pilot.utils.atomic_write import atomic_writer
from liquid_pilot.utils.foreign_text import plain_text
from liquid_pilot.utils.json_fields import JsonFields, one_line, parse_json

INDEX = 'dataset.json'
"""File of a folder of episodes that describes them."""
VERSION = 1
"""Version of the index of simulated demonstrations."""
EPISODES = 'episodes'
"""Folder of the files of a recorded dataset, beside its index."""
RECORDED_FORMAT = 'liquid_pilot/dataset/1'
"""Format of recorded flights as `learning.rosbag.dataset` writes it, with the held-out episodes."""
_SIMULATED_FORMAT = 'liquid_pilot.episodes'
"""Format of simulated demonstrations; which episodes are held out is decided when training."""


@dataclass(frozen=True)
class DataSource:
    """Episodes to learn from and episodes to validate on, which are disjoint."""

    training: list[Path]
    """Files of the episodes to learn from."""
    validation: list[Path]
    """Files of the held-out episodes."""
    camera: CameraGeometry
    """Geometry of the stored images."""
    rate_hz: float
    """Rate of the frames, Hz."""
    vehicle: str
    """Class of the vehicle, such as 'quadrotor'."""
    name: str
    """Name of the episodes for messages; the last part of it goes into the pilot's card."""
    simulated: bool
    """Whether the simulator can fly more such episodes, for DAgger."""
    conditions: tuple[str, ...] = ()
    """Conditions that simulated demonstrations were flown in, in turn."""
    correct_drift: bool = False
    """Whether the expert of simulated demonstrations corrected its drift."""
    rectify: bool = True
    """Whether the images are free of lens distortion, as those of the flying camera must then
    be."""
    warnings: tuple[str, ...] = ()
    """What is suspicious in the recordings, in one line each."""

    def __post_init__(self) -> None:
        """Raise LiquidPilotError where a side is empty or an episode is on both sides."""
        if not self.training:
            raise LiquidPilotError(f'{self.name}: there is no episode to learn from')
        if not self.validation:
            raise LiquidPilotError(
                f'{self.name}: no episode is held out for validation; record or demonstrate more'
            )
        if set(self.training) & set(self.validation):
            raise LiquidPilotError(f'{self.name}: an episode is in training and in validation')


def write_index(
    folder: Path, camera: CameraGeometry, rate_hz: float, vehicle: str, made_with: dict[str, Any]
) -> None:
    """Write `dataset.json` of demonstrations, or check that the one that exists is the same.

    Args:
        folder: folder of the episodes.
        camera: geometry of the stored images.
        rate_hz: rate of the frames, Hz.
        vehicle: class of the vehicle.
        made_with: settings of the collection, as plain values.

    Raises:
        LiquidPilotError: the folder holds demonstrations of other settings.
    """
    text = _index_text(camera, rate_hz, vehicle, made_with)
    if _has_index(folder, text):
        return
    with atomic_writer(folder / INDEX) as file:
        file.write(text.encode())


def check_index(
    folder: Path, camera: CameraGeometry, rate_hz: float, vehicle: str, made_with: dict[str, Any]
) -> None:
    """Refuse a folder of demonstrations of other settings; for the arguments see `write_index`."""
    _has_index(folder, _index_text(camera, rate_hz, vehicle, made_with))


def _has_index(folder: Path, text: str) -> bool:
    index = folder / INDEX
    if not index.exists():
        return False
    if index.read_text() != text:
        raise LiquidPilotError(
            f'{folder} holds demonstrations of other settings; choose another --out, or delete it'
        )
    return True


def _index_text(
    camera: CameraGeometry, rate_hz: float, vehicle: str, made_with: dict[str, Any]
) -> str:
    content = {
        'format': _SIMULATED_FORMAT,
        'version': VERSION,
        'camera': asdict(camera),
        'rate_hz': rate_hz,
        'vehicle': vehicle,
        'made_with': made_with,
    }
    return json.dumps(content, indent=2, sort_keys=True) + '\n'


def read(folder: Path, held_out_share: float = 0.08) -> DataSource:
    """Read the index of a folder of episodes.

    Args:
        folder: a folder with `dataset.json`.
        held_out_share: share of demonstrations that is held out for validation. They are evenly
            spread, so that the same files are always divided in the same way. A recorded dataset
            names its held-out episodes itself.

    Raises:
        LiquidPilotError: there is no index, or it is wrong, or there are too few episodes.
    """
    index = folder / INDEX
    if not index.is_file():
        raise LiquidPilotError(
            f'{folder}: has no {INDEX}; make one with `liquid-pilot demonstrate '
            f'--out {folder}` or `liquid-pilot dataset`'
        )
    content = JsonFields(parse_json(index.read_bytes(), str(index)), f'{index}: ', VERSION)
    file_format = content.string('format')
    if file_format not in (_SIMULATED_FORMAT, RECORDED_FORMAT):
        raise content.error(
            'format', f'must be {_SIMULATED_FORMAT!r} or {RECORDED_FORMAT!r}, not {file_format!r}'
        )
    sizes = content.fields('camera')
    camera = CameraGeometry(
        sizes.integer('width', 1, 8192),
        sizes.integer('height', 1, 8192),
        *(sizes.number(key, 1e-3, 1e6) for key in ('fx', 'fy')),
        *(sizes.number(key, -1e6, 1e6) for key in ('cx', 'cy')),
    )
    rate_hz = content.number('rate_hz', 0.1, 1000.0)
    vehicle = content.string('vehicle')
    conditions: tuple[str, ...] = ()
    correct_drift = False
    if file_format == RECORDED_FORMAT:
        training, validation = (
            [
                folder / EPISODES / episode_file_name(number)
                for number in content.take(side, list, 'a list of numbers')
            ]
            for side in ('training', 'validation')
        )
    else:
        content.integer('version', VERSION, VERSION)
        paths = sorted(folder.glob('*.npz'))
        validation = _spread(paths, held_out_share)
        held_out = set(validation)
        training = [path for path in paths if path not in held_out]
        made_with = content.take('made_with', dict, 'a mapping')
        conditions = tuple(map(str, made_with.get('conditions', ())))
        correct_drift = bool(made_with.get('correct_drift', False))
    return DataSource(
        training,
        validation,
        camera,
        rate_hz,
        vehicle,
        str(folder),
        file_format == _SIMULATED_FORMAT,
        conditions,
        correct_drift,
        content.flag('rectify', True),
        bag_warnings(content.peek('report')) if file_format == RECORDED_FORMAT else (),
    )


def bag_warnings(report: Any) -> tuple[str, ...]:
    """Return what the report of converted bags says against them; nothing for another value.

    >>> bag_warnings({'bags': [{'path': 'one', 'findings': ['topic /imu: it is in g']}]})
    ('one: topic /imu: it is in g',)

    Args:
        report: the report in the index of a dataset.
    """
    bags = report.get('bags') if isinstance(report, dict) else None
    return tuple(
        plain_text(f'{bag.get("path")}: {finding}')
        for bag in (bags if isinstance(bags, list) else ())
        if isinstance(bag, dict) and isinstance(bag.get('findings'), list)
        for finding in bag['findings']
    )


def join(sources: Sequence[DataSource]) -> DataSource:
    """Join several sources into one. Its conditions are those of all of them, in turn.

    Raises:
        LiquidPilotError: they differ in camera, rate or vehicle, or some are recorded.
    """
    first, *others = sources
    conditions = [each for source in sources for each in source.conditions or (CLEAR,)]
    for other in others:
        for name in ('camera', 'rectify', 'rate_hz', 'vehicle', 'simulated'):
            if getattr(other, name) != getattr(first, name):
                raise LiquidPilotError(
                    f'{other.name}: {name} is {getattr(other, name)!r}, that of '
                    f'{first.name} is {getattr(first, name)!r}'
                )
    return replace(
        first,
        training=[path for source in sources for path in source.training],
        validation=[path for source in sources for path in source.validation],
        name='+'.join([first.name, *(Path(other.name).name for other in others)]),
        conditions=tuple(conditions) if any(each != CLEAR for each in conditions) else (),
        correct_drift=any(source.correct_drift for source in sources),
    )


def _spread(paths: list[Path], share: float) -> list[Path]:
    """Return about `share` of the paths, evenly spread, and at least one of two or more."""
    if len(paths) < 2:
        return []
    count = min(max(round(share * len(paths)), 1), len(paths) - 1)
    return [paths[(2 * k + 1) * len(paths) // (2 * count)] for k in range(count)]


def fingerprint(paths: list[Path]) -> str:
    """Return a digest of episodes, by the name of each file and the size and CRC of its arrays.

    Raises:
        LiquidPilotError: a file is broken; the message names it.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with zipfile.ZipFile(path) as archive:
                arrays = [(item.filename, item.file_size, item.CRC) for item in archive.infolist()]
        except (OSError, zipfile.BadZipFile) as error:
            raise LiquidPilotError(
                f'{path}: not an episode ({one_line(error)}); delete it'
            ) from None
        digest.update(repr((path.name, arrays)).encode())
    return digest.hexdigest()
