"""Training episodes from rosbag2 bags, converted once and cached.

    dataset = prepare(Path('config/dataset.yaml'), [Path('my_bag')], Path('cache'), (128, 72), None)
    dataset.training, dataset.validation        # files of `learning.data.episode.Episode`

The episodes are kept in the cache folder and are converted again when a bag, the mapping, the image
size or the version of the conversion changes. Nothing in the folder changes before the new ones are
complete.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.data.dataset_index import (
    EPISODES,
    INDEX,
    RECORDED_FORMAT,
    DataSource,
    bag_warnings,
)
from liquid_pilot.learning.data.episode import episode_file_name
from liquid_pilot.learning.rosbag import reader, topic_mapping
from liquid_pilot.learning.rosbag.conversion import (
    CONVERSION_VERSION,
    BagProgressCallback,
    convert_bags,
)
from liquid_pilot.learning.rosbag.topic_report import TABLE_HEAD, table_lines
from liquid_pilot.utils.atomic_write import replace_folder, write_atomically
from liquid_pilot.utils.foreign_text import plain_text
from liquid_pilot.utils.progress import ProgressCallback


@dataclass(frozen=True)
class BagDataset:
    """Episodes made from bags."""

    training: list[Path]
    """Files of the episodes to learn from; their outcome is 'recorded'."""
    validation: list[Path]
    """Files of the held-out episodes."""
    camera: CameraGeometry
    """Geometry of the stored images, which the pilot file must hold."""
    rate_hz: float
    """Median rate of all frames, Hz."""
    vehicle: str
    """Class of the vehicle."""
    rectify: bool
    """Whether the images are free of lens distortion, which the pilot file must hold too."""
    report: dict[str, Any]
    """Counts of messages, frames and episodes as plain values."""

    def summary_lines(self) -> list[str]:
        """Return the report as lines of a table."""
        report = self.report
        lines = [TABLE_HEAD]
        for bag in report['bags']:
            note = '  (not closed: read up to where it breaks off)' if bag['unclosed'] else ''
            lines.append(f'{bag["path"]}{note}')
            lines += table_lines(bag['topics'])
            dropped = ', '.join(f'{count} {reason}' for reason, count in bag['dropped'].items())
            lines.append(
                f'  {bag["episodes"]} episodes of {bag["frames"]} frames'
                + (f'; frames left out: {dropped}' if dropped else '')
            )
            lines += [f'  warning: {finding}' for finding in bag['findings']]
        camera = self.camera
        lines.append(
            f'{len(self.training)} episodes to train on, {len(self.validation)} held out; '
            f'{report["frames"]} frames, {report["minutes"]:g} minutes at {self.rate_hz:g} Hz; '
            f'images {camera.width} x {camera.height}'
        )
        # Names of topics and types are those of the bag.
        return [plain_text(line) for line in lines]


def prepare(
    mapping: Path,
    bags: list[Path],
    cache: Path,
    image_size: tuple[int, int] | None,
    on_progress: BagProgressCallback | None = None,
    correct_clocks: bool = False,
) -> BagDataset:
    """Convert bags to episodes, or return the cached ones where nothing has changed.

    Args:
        mapping: path of the mapping file (YAML), such as config/dataset.yaml.
        bags: rosbag2 folders, .mcap or .db3 files, in any order.
        cache: folder for the episodes; created when missing, refused when it holds something else.
        image_size: (width, height) of the stored images; None for 128 pixels of width and the
            aspect of the camera.
        on_progress: callback; see `BagProgressCallback`.
        correct_clocks: whether estimated offsets between the clocks of images, IMU and commands
            are corrected, as with `correct_clocks: true` in the mapping.

    Raises:
        LiquidPilotError: a bag or a topic cannot be used; the message names it and the reason.
    """
    if not bags:
        raise LiquidPilotError('no bag is given; name folders, .mcap or .db3 files')
    settings = topic_mapping.load(mapping)
    if correct_clocks:
        settings = dataclasses.replace(settings, correct_clocks=True)
    opened = [reader.Bag(path) for path in sorted({path.resolve() for path in bags})]
    key = cache_key(settings, opened, image_size)
    cached = _load_cached(cache, key)
    if cached is not None:
        return cached
    if (
        cache.exists()
        and not (cache / INDEX).exists()
        and (not cache.is_dir() or (cache / EPISODES).exists())
    ):
        raise LiquidPilotError(f'{cache} holds something other than a dataset; choose another')
    work = cache / f'.making.{os.getpid()}'
    try:
        work.mkdir(parents=True)
        content = convert_bags(settings, opened, image_size, work, on_progress)
        _replace_dataset(cache, work, {'format': RECORDED_FORMAT, 'key': key, **content})
    except OSError as error:
        raise LiquidPilotError(f'{cache}: cannot be written ({error})') from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    dataset = _load_cached(cache, key)
    if dataset is None:
        raise LiquidPilotError(f'{cache}: was changed by another process meanwhile; try again')
    return dataset


def cache_key(
    settings: topic_mapping.BagMapping,
    bags: Sequence[reader.Bag],
    image_size: tuple[int, int] | None,
) -> str:
    """Return a digest of everything that decides the episodes.

    The mapping counts by its values, not by the names of its keys, and the code by its declared
    version, so that renames invalidate nothing.

    Args:
        settings: the mapping.
        bags: the bags, in order.
        image_size: (width, height) of the stored images; None for the default.
    """
    files = [
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for bag in bags
        for file in bag.files
    ]
    text = json.dumps([CONVERSION_VERSION, dataclasses.astuple(settings), files, image_size])
    return hashlib.sha256(text.encode()).hexdigest()


def _load_cached(cache: Path, key: str) -> BagDataset | None:
    """Return the dataset of a cache; None where it is of another key or incomplete."""
    try:
        index = json.loads((cache / INDEX).read_text())
        if index['format'] != RECORDED_FORMAT or index['key'] != key:
            return None
        training, validation = (
            [cache / EPISODES / episode_file_name(number) for number in index[side]]
            for side in ('training', 'validation')
        )
        dataset = BagDataset(
            training,
            validation,
            CameraGeometry(**index['camera']),
            index['rate_hz'],
            index['vehicle'],
            index['rectify'],
            index['report'],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dataset if all(path.is_file() for path in training + validation) else None


def _replace_dataset(cache: Path, work: Path, index: dict[str, Any]) -> None:
    """Replace the episodes, then write the index, which makes them valid."""
    (cache / INDEX).unlink(missing_ok=True)
    replace_folder(work / EPISODES, cache / EPISODES, work / 'old')
    write_atomically(cache / INDEX, json.dumps(index, indent=1) + '\n')


def prepare_source(
    mapping: Path,
    bags: list[Path],
    cache: Path,
    image_size: tuple[int, int],
    report_progress: ProgressCallback,
) -> DataSource:
    """Convert recorded flights into a source of a training.

    Args:
        mapping: path of the mapping file (YAML).
        bags: rosbag2 folders, .mcap or .db3 files.
        cache: folder for the episodes.
        image_size: (width, height) of the stored images.
        report_progress: callback, called while bags are read.

    Raises:
        LiquidPilotError: there is no mapping or no bag, or `prepare` refuses one.
    """
    if not mapping.is_file():
        raise LiquidPilotError(f'{mapping}: there is no such file or folder')
    if not bags:
        raise LiquidPilotError(f'{mapping} is a mapping: name its recordings with --bags')
    dataset = prepare(
        mapping,
        bags,
        cache,
        image_size,
        lambda bag, done, total: report_progress(bag, done, total, math.nan),
    )
    return DataSource(
        dataset.training,
        dataset.validation,
        dataset.camera,
        dataset.rate_hz,
        dataset.vehicle,
        mapping.name,
        simulated=False,
        rectify=dataset.rectify,
        warnings=bag_warnings(dataset.report),
    )
