"""Where a training learns from: episodes, and the camera, rate and vehicle they are of.

A folder of episodes holds `dataset.json`, which says these; simulated demonstrations and recorded
flights are such folders alike.
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
from liquid_pilot.utils.atomic_write import atomic_writer
from liquid_pilot.utils.json_fields import JsonFields, one_line, parse_json

INDEX = 'dataset.json'
VERSION = 1
_SIMULATED_FORMAT = 'liquid_pilot.episodes'
"""Simulated demonstrations: which of them are held out is for who trains to say."""
_RECORDED_FORMAT = 'liquid_pilot/dataset/1'
"""Recorded flights as `learning.rosbag.dataset` prepares them, which names the held-out ones."""


@dataclass(frozen=True)
class DataSource:
    """Episodes to learn from and episodes to choose by, never the same."""

    training: list[Path]
    validation: list[Path]
    camera: CameraGeometry
    """Of the stored images."""
    rate_hz: float
    vehicle: str
    """Vehicle class, such as 'quadrotor'."""
    name: str
    """What these episodes are, for messages and, its last part, for the pilot's card."""
    simulated: bool
    """Whether the simulator can fly more of them (DAgger)."""
    conditions: tuple[str, ...] = ()
    """Of simulated demonstrations: the weather and courses that they were flown in, in turn."""
    rectify: bool = True
    """Whether the images are without a lens's distortion, as a flying camera's are then to be."""

    def __post_init__(self) -> None:
        """Refuse what cannot be learned from, or would be judged by what it has learned."""
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
    """Write `dataset.json` of demonstrations, or check that the one there says the same."""
    content = {
        'format': _SIMULATED_FORMAT,
        'version': VERSION,
        'camera': asdict(camera),
        'rate_hz': rate_hz,
        'vehicle': vehicle,
        'made_with': made_with,
    }
    text = json.dumps(content, indent=2, sort_keys=True) + '\n'
    index = folder / INDEX
    if index.exists():
        if index.read_text() != text:
            raise LiquidPilotError(
                f'{folder} holds demonstrations of other settings; '
                'choose another --out, or delete it'
            )
        return
    with atomic_writer(index) as file:
        file.write(text.encode())


def read(folder: Path, held_out_share: float = 0.08) -> DataSource:
    """The episodes of a folder with `dataset.json`.

    Of demonstrations `held_out_share`, evenly spread, are kept for validation, so that the same
    files are always divided in the same way; a recorded dataset says which it holds out.
    """
    index = folder / INDEX
    if not index.is_file():
        raise LiquidPilotError(
            f'{folder}: has no {INDEX}; make one with `liquid-pilot demonstrate '
            f'--out {folder}` or `liquid-pilot dataset`'
        )
    content = JsonFields(parse_json(index.read_bytes(), str(index)), f'{index}: ', VERSION)
    form = content.string('format')
    if form not in (_SIMULATED_FORMAT, _RECORDED_FORMAT):
        raise content.error(
            'format', f'must be {_SIMULATED_FORMAT!r} or {_RECORDED_FORMAT!r}, not {form!r}'
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
    if form == _RECORDED_FORMAT:
        training, validation = (
            [
                folder / 'episodes' / f'episode_{number:08d}.npz'
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
    conditions = ()
    if form == _SIMULATED_FORMAT:
        made_with = content.take('made_with', dict, 'a mapping')
        conditions = tuple(map(str, made_with.get('conditions', ())))
    return DataSource(
        training,
        validation,
        camera,
        rate_hz,
        vehicle,
        str(folder),
        form == _SIMULATED_FORMAT,
        conditions,
        content.flag('rectify', True),
    )


def join(sources: Sequence[DataSource]) -> DataSource:
    """Several sources as one; LiquidPilotError when they are not of the same robot."""
    first, *others = sources
    for other in others:
        for name in ('camera', 'rectify', 'rate_hz', 'vehicle', 'simulated'):
            if getattr(other, name) != getattr(first, name):
                raise LiquidPilotError(
                    f'{other.name}: {name} is {getattr(other, name)!r}, that of '
                    f'{first.name} is {getattr(first, name)!r}'
                )
    return replace(
        first,
        training=[path for each in sources for path in each.training],
        validation=[path for each in sources for path in each.validation],
        name='+'.join([first.name, *(Path(each.name).name for each in others)]),
    )


def _spread(paths: list[Path], share: float) -> list[Path]:
    """About `share` of the paths, evenly spread, at least one of two or more."""
    if len(paths) < 2:
        return []
    count = min(max(round(share * len(paths)), 1), len(paths) - 1)
    return [paths[(2 * k + 1) * len(paths) // (2 * count)] for k in range(count)]


def fingerprint(paths: list[Path]) -> str:
    """A name for the content of episodes: of each file its name, and size and CRC of each array."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            with zipfile.ZipFile(path) as archive:
                parts = [(part.filename, part.file_size, part.CRC) for part in archive.infolist()]
        except (OSError, zipfile.BadZipFile) as error:
            raise LiquidPilotError(
                f'{path}: not an episode ({one_line(error)}); delete it'
            ) from None
        digest.update(repr((path.name, parts)).encode())
    return digest.hexdigest()
