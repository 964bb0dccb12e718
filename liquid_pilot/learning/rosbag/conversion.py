"""Converts the messages of rosbag2 bags to episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import (
    CameraGeometry,
    DistortedCamera,
    LiquidPilotError,
    ObservationError,
)
from liquid_pilot.learning.data.dataset_index import EPISODES
from liquid_pilot.learning.data.episode import Episode, episode_file_name
from liquid_pilot.learning.rosbag import reader, topic_mapping
from liquid_pilot.learning.rosbag.alignment import Segment, align
from liquid_pilot.learning.rosbag.bag_cameras import find_camera
from liquid_pilot.learning.rosbag.checks.clocks import compare_clocks, shifted
from liquid_pilot.learning.rosbag.checks.findings import (
    clock_findings,
    command_findings,
    imu_findings,
    picture_findings,
)
from liquid_pilot.learning.rosbag.checks.picture_motion import picture_turns
from liquid_pilot.learning.rosbag.collector import MessageCollector
from liquid_pilot.learning.rosbag.storage.messages import Decoder
from liquid_pilot.learning.rosbag.topic_report import TopicReport
from liquid_pilot.onboard.perception.field_of_view import centre_crop, check_calibrated
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor

CONVERSION_VERSION = 2
"""Version of the conversion from messages to arrays, which is a part of the cache's key.

Raise it in the same commit as any change by which a bag gives other arrays: in the modules of this
package, or in imu, image_preprocessing, field_of_view or rectification of
onboard.perception. Renames, comments and new messages leave it as it is. A test converts a small
bag, compares the arrays with a recorded digest of this version, and fails when they differ and the
version was not raised."""
BagProgressCallback = Callable[[str, int, int], None]
"""Callback that receives (bag, share of its bytes that was read in thousandths, 1000) from time to
time."""
_DEFAULT_WIDTH = 128
_PROGRESS_INTERVAL_FRAMES = 20


@dataclass
class _Conversion:
    """The results of the conversion of all bags so far."""

    target: CameraGeometry | None = None
    """Geometry of the stored images, which the first bag decides."""
    groups: list[str] = field(default_factory=list)
    """Recorded episode of each episode; the parts of one must stay on one side of the split."""
    lengths: list[int] = field(default_factory=list)
    """Frames of each episode."""
    periods_s: list[np.ndarray] = field(default_factory=list)
    """Times between the frames of each episode, s."""
    reports: list[dict[str, Any]] = field(default_factory=list)
    """Report of each bag."""


def convert_bags(
    settings: topic_mapping.BagMapping,
    bags: Sequence[reader.Bag],
    image_size: tuple[int, int] | None,
    work: Path,
    on_progress: BagProgressCallback | None,
) -> dict[str, Any]:
    """Write the episodes of all bags into a folder.

    Args:
        settings: topics, ages, rate and division into episodes.
        bags: the bags, in order.
        image_size: (width, height) of the stored images; None for 128 pixels of width and the
            aspect of the first bag's camera.
        work: an empty folder.
        on_progress: see BagProgressCallback.

    Returns:
        The entries of the index about the episodes, as plain values.

    Raises:
        LiquidPilotError: a bag or a topic cannot be used; the message names it and the reason.
    """
    (work / EPISODES).mkdir()
    decode = Decoder()
    done = _Conversion()
    for bag in bags:
        _convert_bag(bag, settings, image_size, decode, work, done, on_progress)
    held_out = _held_out(done.groups, settings)
    dt_s = np.concatenate(done.periods_s)
    assert done.target is not None
    return {
        'training': [i for i in range(len(done.groups)) if i not in held_out],
        'validation': sorted(held_out),
        'camera': asdict(done.target),
        'rate_hz': round(float(1.0 / np.median(dt_s)), 3),
        'vehicle': settings.vehicle,
        'rectify': settings.camera.rectify,
        'report': {
            'bags': done.reports,
            'frames': sum(done.lengths),
            'lengths': done.lengths,
            'groups': done.groups,
            'minutes': round(float(dt_s.sum()) / 60.0, 2),
        },
    }


def _convert_bag(
    bag: reader.Bag,
    settings: topic_mapping.BagMapping,
    image_size: tuple[int, int] | None,
    decode: Decoder,
    work: Path,
    done: _Conversion,
    on_progress: BagProgressCallback | None,
) -> None:
    """Write the episodes of one bag, and add them to the results."""
    source = find_camera(bag, settings, decode)
    preprocess, target = _make_preprocessor(bag, settings, source, done.target, image_size)
    done.target = target
    raw = work / 'images'
    size = max(1, sum(path.stat().st_size for path in bag.files))
    frames_read = 0

    def on_frame() -> None:
        nonlocal frames_read
        frames_read += 1
        if on_progress and frames_read % _PROGRESS_INTERVAL_FRAMES == 0:
            on_progress(bag.path.name, min(999, 1000 * bag.position // size), 1000)

    with open(raw, 'wb') as file:
        collector = MessageCollector(bag, settings, decode, preprocess, file, on_frame)
        streams = collector.read()
    shape = (raw.stat().st_size // (target.width * target.height * 3), target.height, target.width)
    images = np.memmap(raw, np.uint8, 'r', shape=(*shape, 3))
    turns = picture_turns(images, streams.frames_ns, target)
    clocks = compare_clocks(streams, turns, settings.command.max_age_s)
    corrected = settings.correct_clocks and bool(clocks.offsets_s)
    aligned = shifted(streams, clocks.offsets_s) if corrected else streams
    findings = [
        *streams.notes,
        *clock_findings(clocks, settings, corrected),
        *imu_findings(streams, settings, clocks),
        *command_findings(streams, settings),
        *picture_findings(settings.image.topic, turns),
    ]
    segments, dropped = align(aligned, settings)
    for segment in segments:
        number = len(done.groups)
        done.groups.append(f'{bag.path} {segment.name or number}')
        _save(work, number, segment, images)
        done.lengths.append(len(segment.dt_s))
        done.periods_s.append(segment.dt_s[1:])
    del images
    raw.unlink()
    report = _bag_report(bag, settings, source, segments, collector.reports, dropped)
    report['findings'] = findings
    report['clock_offsets_s'] = clocks.offsets_s
    done.reports.append(report)
    if not segments:
        reasons = '; '.join((_dropped_text(dropped), *findings))
        raise LiquidPilotError(f'{bag.path}: it gives no episode; {reasons}')
    if on_progress:
        on_progress(bag.path.name, 1000, 1000)


def _make_preprocessor(
    bag: reader.Bag,
    settings: topic_mapping.BagMapping,
    source: CameraGeometry,
    target: CameraGeometry | None,
    image_size: tuple[int, int] | None,
) -> tuple[Preprocessor, CameraGeometry]:
    """Return the preprocessing of a bag's images, and the geometry that it gives them."""
    try:
        check_calibrated(source)
        if target is None:
            target = stored_camera(source, image_size)
        depth = settings.image.mono16_bits
        return Preprocessor(target, source, settings.camera.rectify, depth), target
    except ObservationError as error:
        hint = ''
        if isinstance(source, DistortedCamera) and settings.camera.rectify:
            hint = '; or learn from its images as they are: camera.rectify: false'
        raise LiquidPilotError(
            f'{bag.path}: topic {settings.camera.topic}: {error}{hint}'
        ) from None


def _bag_report(
    bag: reader.Bag,
    settings: topic_mapping.BagMapping,
    source: CameraGeometry,
    segments: Sequence[Segment],
    topics: dict[str, TopicReport],
    dropped: Counter[str],
) -> dict[str, Any]:
    """Return the contents of one bag as plain values."""
    return {
        'path': str(bag.path),
        'unclosed': bag.unclosed,
        'episodes': len(segments),
        'frames': sum(len(segment.dt_s) for segment in segments),
        'camera': asdict(source),
        'topics': {
            name: topic.to_json(settings.episodes.max_gap_s)
            for name, topic in sorted(topics.items())
        },
        'dropped': dict(sorted(dropped.items())),
    }


def stored_camera(source: CameraGeometry, image_size: tuple[int, int] | None) -> CameraGeometry:
    """Return the geometry of images that are cropped about their centre and scaled.

    Args:
        source: geometry of the recorded images.
        image_size: (width, height) of the stored images; None for 128 pixels of width and the
            aspect of the source.

    Raises:
        LiquidPilotError: the size is empty.
    """
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


def _save(work: Path, number: int, segment: Segment, images: np.ndarray) -> None:
    frames = images[segment.frames]
    Episode(number, 'recorded', frames, segment.imu, segment.dt_s, segment.commands).save(
        work / EPISODES / episode_file_name(number)
    )


def _held_out(groups: Sequence[str], settings: topic_mapping.BagMapping) -> set[int]:
    """Return the numbers of the episodes for validation.

    Args:
        groups: recorded episode of each episode; the parts of one stay together.
        settings: share and seed of the choice.
    """
    names = sorted(set(groups), key=groups.index)
    if len(names) < 2:
        raise LiquidPilotError(
            'there is only one episode, and one more is needed to validate on: record another, '
            'or set episodes.max_duration_s to cut it'
        )
    count = min(max(1, round(settings.validation_share * len(names))), len(names) - 1)
    order = np.random.default_rng(settings.seed).permutation(len(names))
    chosen = {names[i] for i in order[:count]}
    return {number for number, group in enumerate(groups) if group in chosen}


def _dropped_text(dropped: Counter[str]) -> str:
    if not dropped:
        return 'it holds no frames'
    reasons = ', '.join(f'{count} ({reason})' for reason, count in dropped.most_common())
    return f'frames left out: {reasons}'
