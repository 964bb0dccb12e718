"""Write the report of a run: report.json, paths.npz, paths.png and camera.png.

Each file is written under another name and then renamed, so that none is ever half written.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from liquid_pilot.evaluation.path_picture import Restore, as_it_is, draw_paths
from liquid_pilot.evaluation.statistics import wilson_interval
from liquid_pilot.interfaces import ImageBuffer, LiquidPilotError
from liquid_pilot.simulation.base.mission import OUTCOMES, MissionResult
from liquid_pilot.utils.atomic_write import atomic_writer, write_atomically
from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet
from liquid_pilot.utils.png import encode_png

INTERRUPTED = 'interrupted by the user'
"""The reason of a mission that the user interrupted."""
_MAX_ROWS = 12
_COLUMNS = 6
"""Max number of frames of a mission in camera.png."""


class CameraFrames(NamedTuple):
    """Some of the camera's frames of one mission."""

    seed: int
    outcome: str
    frames: Sequence[tuple[float, ImageBuffer]]
    """(seconds since the start, frame)."""


def summarise(results: Sequence[MissionResult]) -> dict[str, Any]:
    """Return the counts of outcomes and the success rate with its 95 % interval (Wilson).

    An aborted mission is not a trial, whoever or whatever has ended it: it says nothing about the
    pilot. Nor is one that a human has flown a part of.
    """
    trials = [result for result in results if result.is_trial]
    counts = {outcome: sum(result.outcome == outcome for result in trials) for outcome in OUTCOMES}
    aborted = sum(result.outcome == 'aborted' for result in results)
    low, high = wilson_interval(counts['success'], len(trials))
    durations = [result.duration_s for result in trials if result.outcome == 'success']
    return {
        'missions': len(results),
        'trials': len(trials),
        'successes': counts['success'],
        'crashes': counts['crash'],
        'timeouts': counts['timeout'],
        'aborted': aborted,
        'by_hand': len(results) - len(trials) - aborted,
        'success_rate': round(counts['success'] / len(trials), 4) if trials else None,
        'wilson_95': [round(low, 4), round(high, 4)],
        'mean_success_duration_s': round(sum(durations) / len(durations), 3) if durations else None,
    }


def not_counted(summary: Mapping[str, Any]) -> str:
    """Return how many missions are no trials, to be added to a sentence; empty: all are.

    Args:
        summary: what `summarise` returned.
    """
    aborted, by_hand = summary.get('aborted') or 0, summary.get('by_hand') or 0
    words = f'; {aborted} aborted, not counted' if aborted else ''
    return words + (f'; {by_hand} flown partly by hand, not counted' if by_hand else '')


def write_report(
    out_dir: Path,
    results: Sequence[MissionResult],
    meta: Mapping[str, Any],
    camera_frames: Sequence[CameraFrames] = (),
    pictures: bool = True,
    restore: Restore = as_it_is,
) -> list[Path]:
    """Write the report of a run.

    report.json is written first, so that it exists even if a picture cannot be drawn.

    Args:
        out_dir: the folder, which is made if it does not exist.
        results: the missions.
        meta: how they were flown; written as 'run'.
        camera_frames: frames of the missions for camera.png.
        pictures: whether to write more than report.json.
        restore: function that returns a mission with its scene and its whole path, where
            `results` hold less than that.

    Returns:
        The paths of the files.

    Raises:
        LiquidPilotError: when the folder cannot be written.
    """
    counts = summarise(results)
    content = {
        'missions': [result.to_json() for result in results],
        'summary': counts,
        'run': dict(meta),
    }
    encoder = json.JSONEncoder(indent=2, allow_nan=False, default=str)
    written = []
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        # It is written after every mission: piece by piece, so that the memory for it stays small.
        with atomic_writer(out_dir / 'report.json') as file:
            file.writelines(piece.encode() for piece in encoder.iterencode(content))
            file.write(b'\n')
        written.append(out_dir / 'report.json')
        if not pictures:
            return written
        if any(result.path for result in results):
            written.append(write_atomically(out_dir / 'paths.npz', _npz(results, restore)))
            title = f'{counts["successes"]} of {counts["trials"]} missions succeeded'
            picture = encode_png(draw_paths(results, title, restore))
            written.append(write_atomically(out_dir / 'paths.png', picture))
        if any(mission.frames for mission in camera_frames):
            written.append(
                write_atomically(out_dir / 'camera.png', encode_png(contact_sheet(camera_frames)))
            )
    except OSError as error:
        raise LiquidPilotError(f'the report cannot be written into {out_dir}: {error}') from error
    return written


def _npz(results: Sequence[MissionResult], restore: Restore) -> bytes:
    """Return an npz file with 'seed_<seed>' of each mission: (n, 4) of seconds, x, y, z (ENU)."""
    arrays: dict[str, Any] = {
        f'seed_{result.seed}': np.array(
            restore(result).path if result.path else [], np.float64
        ).reshape(-1, 4)
        for result in results
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def shown_frames(
    frames: Sequence[tuple[float, ImageBuffer]], columns: int = _COLUMNS
) -> list[tuple[float, ImageBuffer]]:
    """Return the frames of a mission that its row shows, evenly spread over its time.

    Args:
        frames: (seconds since the start, frame).
        columns: max number of frames.
    """
    count = min(columns, len(frames))
    picks = np.round(np.linspace(0, len(frames) - 1, count)).astype(int)
    return [frames[pick] for pick in picks]


def contact_sheet(camera_frames: Sequence[CameraFrames], columns: int = _COLUMNS) -> np.ndarray:
    """Draw frames of missions, one row per mission, evenly spread over its time.

    Args:
        camera_frames: the missions; the first twelve that have frames are drawn.
        columns: max number of frames per mission; one that has fewer has gaps in its middle.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    missions = [mission for mission in camera_frames if mission.frames][:_MAX_ROWS]
    rows = []
    for mission in missions:
        shown = shown_frames(mission.frames, columns)
        pictures: list[SheetPicture | None] = [None] * columns
        places = np.round(np.linspace(0, columns - 1, len(shown))).astype(int)
        for column, (time_s, image) in zip(places, shown, strict=True):
            pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
            pictures[column] = SheetPicture(pixels, f'{time_s:.1f} s')
        label = f'seed {mission.seed}\n{mission.outcome}\n{mission.frames[-1][0]:.1f} s'
        rows.append(SheetRow(label, pictures))
    shares = [round(100 * column / max(columns - 1, 1)) for column in range(columns)]
    heads = [{0: 'start', 100: 'end'}.get(share, f'{share} % of the time') for share in shares]
    return image_sheet('What the camera saw, one row per mission', heads, rows)


def format_duration(seconds: float) -> str:
    """Format a duration, such as '12.3 s' or '4 min 05 s'; '-' for NaN."""
    if math.isnan(seconds):
        return '-'
    if seconds < 100.0:
        return f'{seconds:.1f} s'
    return f'{int(seconds) // 60} min {int(seconds) % 60:02d} s'
