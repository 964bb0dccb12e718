"""rosbag2 bags in, training episodes out.

    dataset = prepare(Path('config/dataset.yaml'), [Path('my_bag')], Path('cache'), (128, 72), None)
    dataset.training, dataset.validation        # paths of episodes, as demonstrations.Episode

The episodes lie in the cache folder and are made anew when a bag, the mapping, the image size or
this code changes. Nothing in the folder is touched before the new ones are complete.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import (
    CameraGeometry,
    DistortedCamera,
    LiquidPilotError,
    ObservationError,
)
from liquid_pilot.learning.data.dataset_index import DataSource
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.rosbag import reader, topic_mapping
from liquid_pilot.learning.rosbag import streams as bag_streams
from liquid_pilot.learning.rosbag.alignment import Segment, align
from liquid_pilot.onboard.perception.field_of_view import centre_crop, check_calibrated
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.utils.progress import ProgressCallback

BagProgressCallback = Callable[[str, int, int], None]
"""(bag, bytes' share done of 1000, 1000): called often; the caller draws the progress."""
_NOTE, _EPISODES = 'dataset.json', 'episodes'
_FORMAT = 'liquid_pilot/dataset/1'
_FINGERPRINTED_SOURCES = (
    'alignment.py',
    'topic_mapping.py',
    'reader.py',
    'streams.py',
    'dataset.py',
    *(
        f'../../onboard/perception/{name}.py'
        for name in ('imu', 'image_preprocessing', 'field_of_view', 'rectification')
    ),
)
_DEFAULT_WIDTH = 128


@dataclass(frozen=True)
class BagDataset:
    """Episodes made from bags."""

    training: list[Path]
    """Files of `learning.data.expert_rollouts.Episode`, outcome 'recorded'."""
    validation: list[Path]
    """Held out, by whole episodes."""
    camera: CameraGeometry
    """Of the stored images; belongs into the pilot file."""
    rate_hz: float
    """Median over all frames."""
    vehicle: str
    rectify: bool
    """Whether the images are without their lens's distortion; belongs there too."""
    report: dict[str, Any]
    """What was found in the bags, fit for JSON."""

    def summary_lines(self) -> list[str]:
        """The report as a table of text."""
        report = self.report
        lines = [f'{"topic":<32} {"messages":>8} {"Hz":>7} {"gaps":>5} {"refused":>7}  stamps']
        for bag in report['bags']:
            note = '  (not closed: read up to where it breaks off)' if bag['unclosed'] else ''
            lines.append(f'{bag["path"]}{note}')
            for topic, t in bag['topics'].items():
                rate = '-' if t['rate_hz'] is None else f'{t["rate_hz"]:.1f}'
                why = f'  {t["why"]}' if t['why'] else ''
                lines.append(
                    f'  {topic:<30} {t["messages"]:>8} {rate:>7} {t["gaps"]:>5} '
                    f'{t["refused"]:>7}  {t["stamps"]}{why}'
                )
            left = ', '.join(f'{count} {why}' for why, count in bag['dropped'].items())
            lines.append(
                f'  {bag["episodes"]} episodes of {bag["frames"]} frames'
                + (f'; frames left out: {left}' if left else '')
            )
        camera = self.camera
        lines.append(
            f'{len(self.training)} episodes to train on, {len(self.validation)} held out; '
            f'{report["frames"]} frames, {report["minutes"]:g} minutes at {self.rate_hz:g} Hz; '
            f'images {camera.width} x {camera.height}'
        )
        return lines


def prepare(
    mapping: Path,
    bags: list[Path],
    cache: Path,
    image_size: tuple[int, int] | None,
    on_progress: BagProgressCallback | None = None,
) -> BagDataset:
    """Episodes of all bags, in `cache`; read again only when something has changed.

    Args:
        mapping: YAML file, such as config/dataset.yaml.
        bags: rosbag2 folders, .mcap or .db3 files; the order does not matter.
        cache: folder for the episodes; made when missing, refused when it holds something else.
        image_size: (width, height) of the stored images; None: 128 pixels wide, the camera's
            aspect.
        on_progress: see BagProgressCallback.

    LiquidPilotError names the bag and the topic that cannot serve, and why.
    """
    if not bags:
        raise LiquidPilotError('no bag is given; name folders, .mcap or .db3 files')
    settings = topic_mapping.load(mapping)
    opened = [reader.Bag(path) for path in sorted({path.resolve() for path in bags})]
    key = _key(settings, opened, image_size)
    found = _cached(cache, key)
    if found is not None:
        return found
    if (
        cache.exists()
        and not (cache / _NOTE).exists()
        and (not cache.is_dir() or (cache / _EPISODES).exists())
    ):
        raise LiquidPilotError(f'{cache} holds something other than a dataset; choose another')
    work = cache / f'.making.{os.getpid()}'
    try:
        work.mkdir(parents=True)
        note = _make(settings, opened, image_size, work, on_progress)
        _replace_dataset(cache, work, {'format': _FORMAT, 'key': key, **note})
    except OSError as error:
        raise LiquidPilotError(f'{cache}: cannot be written ({error})') from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    made = _cached(cache, key)
    if made is None:
        raise LiquidPilotError(f'{cache}: was changed by somebody else meanwhile; try again')
    return made


def _make(
    settings: topic_mapping.BagMapping,
    bags: Sequence[reader.Bag],
    image_size: tuple[int, int] | None,
    work: Path,
    on_progress: BagProgressCallback | None,
) -> dict[str, Any]:
    (work / _EPISODES).mkdir()
    decode = reader.Decoder()
    target: CameraGeometry | None = None
    groups: list[str] = []
    """Of each episode: pieces of one recorded episode must not be parted by the split."""
    reports, lengths, periods = [], [], []
    for bag in bags:
        source = bag_streams.find_camera(bag, settings, decode)
        try:
            check_calibrated(source)
            if target is None:
                target = stored_camera(source, image_size)
            preprocess = Preprocessor(target, source, settings.camera.rectify)
        except ObservationError as error:
            hint = ''
            if isinstance(source, DistortedCamera) and settings.camera.rectify:
                hint = '; or learn from its images as they are: camera.rectify: false'
            raise LiquidPilotError(
                f'{bag.path}: topic {settings.camera.topic}: {error}{hint}'
            ) from None
        raw = work / 'images'
        with open(raw, 'wb') as file:
            size = max(1, sum(path.stat().st_size for path in bag.files))
            frame_bytes = target.width * target.height * 3
            frames = [0]

            def on_frame(
                bag: reader.Bag = bag, size: int = size, frames: list[int] = frames
            ) -> None:
                frames[0] += 1
                if on_progress and frames[0] % 20 == 0:
                    on_progress(bag.path.name, min(999, 1000 * bag.position // size), 1000)

            streams, topics = bag_streams.read_streams(
                bag, settings, decode, preprocess, file, on_frame
            )
        images = np.memmap(
            raw,
            np.uint8,
            'r',
            shape=(raw.stat().st_size // frame_bytes, target.height, target.width, 3),
        )
        pieces, dropped = align(streams, settings)
        for piece in pieces:
            number = len(groups)
            groups.append(f'{bag.path} {piece.name or number}')
            _save(work, number, piece, images)
            lengths.append(len(piece.dt_s))
            periods.append(piece.dt_s[1:])
        del images
        raw.unlink()
        reports.append(
            {
                'path': str(bag.path),
                'unclosed': bag.unclosed,
                'episodes': len(pieces),
                'frames': sum(len(piece.dt_s) for piece in pieces),
                'camera': _plain(source),
                'topics': {
                    name: topic.figures(settings.episodes.max_gap_s)
                    for name, topic in sorted(topics.items())
                },
                'dropped': dict(sorted(dropped.items())),
            }
        )
        if not pieces:
            raise LiquidPilotError(f'{bag.path}: no episode comes of it; {_dropped_text(dropped)}')
        if on_progress:
            on_progress(bag.path.name, 1000, 1000)
    held_out = _held_out(groups, settings)
    dt_s = np.concatenate(periods)
    return {
        'training': [i for i in range(len(groups)) if i not in held_out],
        'validation': sorted(held_out),
        'camera': _plain(target),
        'rate_hz': round(float(1.0 / np.median(dt_s)), 3),
        'vehicle': settings.vehicle,
        'rectify': settings.camera.rectify,
        'report': {
            'bags': reports,
            'frames': sum(lengths),
            'lengths': lengths,
            'groups': groups,
            'minutes': round(float(dt_s.sum()) / 60.0, 2),
        },
    }


def stored_camera(source: CameraGeometry, image_size: tuple[int, int] | None) -> CameraGeometry:
    """What a camera becomes when its middle is cut out at an aspect and scaled."""
    if image_size is None:
        image_size = (_DEFAULT_WIDTH, max(1, round(_DEFAULT_WIDTH * source.height / source.width)))
    width, height = image_size
    if min(width, height) < 1:
        raise LiquidPilotError(f'an image of {width} x {height} pixels cannot be stored')
    crop = centre_crop(
        CameraGeometry(width, height, 1.0, 1.0, 0.0, 0.0), source.width, source.height
    )
    across, down = width / crop.width, height / crop.height
    return CameraGeometry(
        width,
        height,
        source.fx * across,
        source.fy * down,
        (source.cx - crop.left) * across,
        (source.cy - crop.top) * down,
    )


def _save(work: Path, number: int, piece: Segment, images: np.ndarray) -> None:
    Episode(number, 'recorded', images[piece.frames], piece.imu, piece.dt_s, piece.commands).save(
        work / _EPISODES / _name(number)
    )


def _name(number: int) -> str:
    return f'episode_{number:08d}.npz'


def _held_out(groups: Sequence[str], settings: topic_mapping.BagMapping) -> set[int]:
    """The numbers of the episodes for validation; pieces of one episode stay together."""
    names = sorted(set(groups), key=groups.index)
    if len(names) < 2:
        raise LiquidPilotError(
            'there is only one episode, and one more is needed to validate on: record another, '
            'or set episodes.longest_s to cut it'
        )
    count = min(max(1, round(settings.validation_share * len(names))), len(names) - 1)
    order = np.random.default_rng(settings.seed).permutation(len(names))
    chosen = {names[i] for i in order[:count]}
    return {number for number, group in enumerate(groups) if group in chosen}


def _dropped_text(dropped: Counter[str]) -> str:
    if not dropped:
        return 'it holds no frames'
    reasons = ', '.join(f'{count} ({why})' for why, count in dropped.most_common())
    return f'frames left out: {reasons}'


def _key(
    settings: topic_mapping.BagMapping,
    bags: Sequence[reader.Bag],
    image_size: tuple[int, int] | None,
) -> str:
    """Changes when anything changes that the episodes are made of."""
    here = Path(__file__).parent
    files = [
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for bag in bags
        for file in bag.files
    ]
    code = [
        hashlib.sha256((here / name).read_bytes()).hexdigest() for name in _FINGERPRINTED_SOURCES
    ]
    text = json.dumps([dataclasses.asdict(settings), files, image_size, code])
    return hashlib.sha256(text.encode()).hexdigest()


def _cached(cache: Path, key: str) -> BagDataset | None:
    try:
        note = json.loads((cache / _NOTE).read_text())
        if note['format'] != _FORMAT or note['key'] != key:
            return None
        training, validation = (
            [cache / _EPISODES / _name(number) for number in note[side]]
            for side in ('training', 'validation')
        )
        dataset = BagDataset(
            training,
            validation,
            CameraGeometry(**note['camera']),
            note['rate_hz'],
            note['vehicle'],
            note['rectify'],
            note['report'],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dataset if all(path.is_file() for path in training + validation) else None


def _replace_dataset(cache: Path, work: Path, note: dict[str, Any]) -> None:
    """Exchange the episodes; the note, which makes them valid, comes last."""
    old = cache / _EPISODES
    (cache / _NOTE).unlink(missing_ok=True)
    if old.exists():
        os.replace(old, work / 'old')
    os.replace(work / _EPISODES, old)
    (work / _NOTE).write_text(json.dumps(note, indent=1) + '\n')
    os.replace(work / _NOTE, cache / _NOTE)


def _plain(camera: CameraGeometry) -> dict[str, float]:
    return dataclasses.asdict(camera)


def prepare_source(
    mapping: Path,
    bags: list[Path],
    cache: Path,
    image_size: tuple[int, int],
    announce: ProgressCallback,
) -> DataSource:
    """Recorded flights, prepared into `cache` by a mapping of their topics."""
    if not mapping.is_file():
        raise LiquidPilotError(f'{mapping}: there is no such file or folder')
    if not bags:
        raise LiquidPilotError(f'{mapping} is a mapping: name its recordings with --bags')
    found = prepare(
        mapping, bags, cache, image_size, lambda bag, done, of: announce(bag, done, of, math.nan)
    )
    return DataSource(
        found.training,
        found.validation,
        found.camera,
        found.rate_hz,
        found.vehicle,
        mapping.name,
        simulated=False,
        rectify=found.rectify,
    )
