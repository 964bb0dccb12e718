"""Where a training learns from: episodes, and the camera, rate and vehicle they are of.

A folder of episodes holds `dataset.json`, which says these; simulated demonstrations and recorded
flights are such folders alike.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.files import replacing
from liquid_pilot.learning.progress import Announce
from liquid_pilot.liquid.fields import Fields, one_line, parse_json

INDEX = 'dataset.json'
VERSION = 1


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
    """For the pilot's card: what these episodes are."""

    def __post_init__(self) -> None:
        """Refuse what cannot be learned from, or would be judged by what it has learned."""
        if not self.training:
            raise LiquidPilotError(f'{self.name}: there is no episode to learn from')
        if not self.validation:
            raise LiquidPilotError(f'{self.name}: no episode is held out for validation; record or '
                                   'demonstrate more')
        if set(self.training) & set(self.validation):
            raise LiquidPilotError(f'{self.name}: an episode is in training and in validation')


def write_index(folder: Path, camera: CameraGeometry, rate_hz: float, vehicle: str,
                made_with: dict[str, Any], validation: list[str] | None = None) -> None:
    """Write `dataset.json`, or check that the one there was made with the same.

    `validation` names the held-out files; None leaves the choice to who trains.
    """
    content = {'format': 'liquid_pilot.episodes', 'version': VERSION, 'camera': asdict(camera),
               'rate_hz': rate_hz, 'vehicle': vehicle, 'made_with': made_with,
               'validation': validation}
    text = json.dumps(content, indent=2, sort_keys=True) + '\n'
    index = folder / INDEX
    if index.exists():
        if index.read_text() != text:
            raise LiquidPilotError(f'{folder} holds demonstrations of other settings; '
                                   'choose another --out, or delete it')
        return
    with replacing(index) as file:
        file.write(text.encode())


def read(folder: Path, held_out_share: float = 0.08) -> DataSource:
    """The episodes of a folder with `dataset.json`.

    Where that names no held-out episodes, they are spread evenly over the others, so that the same
    files are always divided in the same way.
    """
    index = folder / INDEX
    if not index.is_file():
        raise LiquidPilotError(f'{folder}: has no {INDEX}; make one with `liquid-pilot demonstrate '
                               f'--out {folder}` or `liquid-pilot dataset`')
    content = Fields(parse_json(index.read_bytes(), str(index)), f'{index}: ', VERSION)
    if content.string('format') != 'liquid_pilot.episodes':
        raise content.error('format', "must be 'liquid_pilot.episodes'")
    content.integer('version', VERSION, VERSION)
    sizes = content.fields('camera')
    camera = CameraGeometry(
        sizes.integer('width', 1, 8192), sizes.integer('height', 1, 8192),
        *(sizes.number(key, 1e-3, 1e6) for key in ('fx', 'fy')),
        *(sizes.number(key, -1e6, 1e6) for key in ('cx', 'cy')))
    rate_hz = content.number('rate_hz', 0.1, 1000.0)
    vehicle = content.string('vehicle')
    named = content.peek('validation')
    paths = sorted(folder.glob('*.npz'))
    if named is None:
        validation = _spread(paths, held_out_share)
    else:
        validation = [path for path in paths if path.name in set(named)]
    held_out = set(validation)
    return DataSource([path for path in paths if path not in held_out], validation, camera,
                      rate_hz, vehicle, str(folder))


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
                f'{path}: not an episode ({one_line(error)}); delete it') from None
        digest.update(repr((path.name, parts)).encode())
    return digest.hexdigest()


def of_bags(mapping: Path, bags: list[Path], cache: Path, image_size: tuple[int, int],
            announce: Announce) -> DataSource:
    """Recorded flights, prepared into `cache` by a mapping of their topics."""
    if not mapping.is_file():
        raise LiquidPilotError(f'{mapping}: there is no such file or folder')
    if not bags:
        raise LiquidPilotError(f'{mapping} is a mapping: name its recordings with --bags')
    from liquid_pilot.learning.bags import prepare

    found = prepare(mapping, bags, cache, image_size,
                    lambda done, of: announce('bags', done, of, math.nan))
    return DataSource(found.training, found.validation, found.camera, found.rate_hz,
                      found.vehicle, f'bags by {mapping.name}')
