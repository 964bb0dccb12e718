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

import cv2
import numpy as np

from liquid_pilot.evaluation.statistics import wilson_interval
from liquid_pilot.interfaces import ImageBuffer, LiquidPilotError
from liquid_pilot.simulation.base.mission import OUTCOMES, MissionResult
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.png import encode_png

INTERRUPTED = 'interrupted by the user'
"""The reason of a mission that the user interrupted; such a mission is not counted as a trial."""
OUTCOME_COLOURS = {
    'success': '#1a7f37',
    'crash': '#cf222e',
    'timeout': '#bf8700',
    'aborted': '#6e7781',
}
_MAX_PANELS = 100
_MAX_ROWS = 12


class CameraFrames(NamedTuple):
    """Some of the camera's frames of one mission."""

    seed: int
    outcome: str
    frames: Sequence[tuple[float, ImageBuffer]]
    """(seconds since the start, frame)."""


def summarise(results: Sequence[MissionResult]) -> dict[str, Any]:
    """Return the counts of outcomes and the success rate with its 95 % interval (Wilson).

    A mission that the user interrupted is not a trial; one that was aborted for any other reason
    counts as a failure.
    """
    trials = [result for result in results if result.reason != INTERRUPTED]
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in OUTCOMES}
    low, high = wilson_interval(counts['success'], len(trials))
    durations = [result.duration_s for result in results if result.outcome == 'success']
    return {
        'missions': len(results),
        'trials': len(trials),
        'successes': counts['success'],
        'crashes': counts['crash'],
        'timeouts': counts['timeout'],
        'aborted': counts['aborted'],
        'success_rate': round(counts['success'] / len(trials), 4) if trials else None,
        'wilson_95': [round(low, 4), round(high, 4)],
        'mean_success_duration_s': round(sum(durations) / len(durations), 3) if durations else None,
    }


def write_report(
    out_dir: Path,
    results: Sequence[MissionResult],
    meta: Mapping[str, Any],
    camera_frames: Sequence[CameraFrames] = (),
    pictures: bool = True,
) -> list[Path]:
    """Write the report of a run.

    report.json is written first, so that it exists even if a picture cannot be drawn.

    Args:
        out_dir: the folder, which is made if it does not exist.
        results: the missions.
        meta: how they were flown; written as 'run'.
        camera_frames: frames of the missions for camera.png.
        pictures: whether to write more than report.json.

    Returns:
        The paths of the files.

    Raises:
        LiquidPilotError: when the folder cannot be written.
    """
    content = {
        'missions': [result.to_json() for result in results],
        'summary': summarise(results),
        'run': dict(meta),
    }
    text = json.dumps(content, indent=2, allow_nan=False, default=str) + '\n'
    written = []
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        written.append(write_atomically(out_dir / 'report.json', text.encode()))
        if not pictures:
            return written
        if any(result.path for result in results):
            written.append(write_atomically(out_dir / 'paths.npz', _npz(results)))
            written.append(write_atomically(out_dir / 'paths.png', encode_png(draw_paths(results))))
        if any(mission.frames for mission in camera_frames):
            written.append(
                write_atomically(out_dir / 'camera.png', encode_png(contact_sheet(camera_frames)))
            )
    except OSError as error:
        raise LiquidPilotError(f'the report cannot be written into {out_dir}: {error}') from error
    return written


def _npz(results: Sequence[MissionResult]) -> bytes:
    """Return an npz file with 'seed_<seed>' of each mission: (n, 4) of seconds, x, y, z (ENU)."""
    arrays: dict[str, Any] = {
        f'seed_{result.seed}': np.array(result.path, np.float64).reshape(-1, 4)
        for result in results
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def draw_paths(results: Sequence[MissionResult]) -> np.ndarray:
    """Draw the paths from above, one panel per mission.

    Args:
        results: the missions; of more than a hundred, failures are drawn first.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    flown = [result for result in results if result.path]
    if len(flown) > _MAX_PANELS:
        flown.sort(key=lambda result: (result.outcome == 'success', result.seed))
    shown = flown[:_MAX_PANELS]
    columns = min(len(shown), 4 if len(shown) <= 12 else 10)
    rows = -(-len(shown) // columns)
    small = len(shown) > 12
    side = 1.5 if small else 3.4
    figure = Figure(figsize=(columns * side, rows * side + 0.6), dpi=110)
    for index, result in enumerate(shown, start=1):
        _draw_panel(figure.add_subplot(rows, columns, index), result, small)
    note = '' if len(shown) == len(flown) else f' ({len(shown)} of {len(flown)}, failures first)'
    counts = summarise(results)
    figure.suptitle(
        f'{counts["successes"]} of {counts["trials"]} missions succeeded{note}',
        fontsize=11,
        y=1.0 - 0.12 / figure.get_figheight(),
        va='top',
    )
    figure.subplots_adjust(
        left=0.02,
        right=0.98,
        bottom=0.02,
        top=1.0 - 0.55 / figure.get_figheight(),
        wspace=0.06,
        hspace=0.18,
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _draw_panel(axes: Any, result: MissionResult, small: bool) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, Polygon

    path = np.array(result.path)[:, 1:3]
    corners = [path]
    if result.layout is not None:
        drawn = result.layout.top_view()
        corners.append(drawn.extent_points)
        for colour, discs in drawn.discs:
            axes.add_collection(
                PatchCollection(
                    [Circle((x, y), radius) for x, y, radius in discs],
                    facecolor=colour,
                    edgecolor='none',
                )
            )
        for colour, width, points in drawn.lines:
            if width > 0.0:
                axes.add_patch(Polygon(_ribbon(points, width), facecolor=colour))
            else:
                axes.plot(*points.T, color=colour, linewidth=-width, zorder=3)
        for colour, edge, (x, y) in drawn.markers:
            axes.plot(
                x,
                y,
                marker='*',
                color=colour,
                markersize=7 if small else 14,
                markeredgecolor=edge,
                zorder=4,
            )
    axes.plot(
        path[:, 0],
        path[:, 1],
        color=OUTCOME_COLOURS[result.outcome],
        zorder=3,
        linewidth=1.0 if small else 1.8,
    )
    axes.plot(*path[0], marker='o', color='#0969da', markersize=3 if small else 6, zorder=4)
    if result.outcome == 'crash':
        axes.plot(
            *path[-1],
            marker='x',
            color=OUTCOME_COLOURS['crash'],
            zorder=5,
            markersize=4 if small else 9,
        )
    points = np.concatenate(corners)
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    extent = float((points.max(axis=0) - points.min(axis=0)).max())
    half = 0.5 * extent + max(2.5, 0.04 * extent)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect('equal')
    axes.set_xticks([])
    axes.set_yticks([])
    title = f'{result.seed}: {result.outcome}'
    if not small:
        title = f'seed {title}, {result.duration_s:.1f} s'
        _draw_scale(axes, middle - half * 0.95, half)
    axes.set_title(title, fontsize=6 if small else 9, color=OUTCOME_COLOURS[result.outcome], pad=2)


def _draw_scale(axes: Any, corner: np.ndarray, half: float) -> None:
    """Draw a scale bar of a round length, at most three tenths of the panel long."""
    metres = max(
        (round_m for round_m in (1, 2, 5, 10, 20, 50, 100) if round_m < 0.6 * half), default=1
    )
    x, y = corner
    axes.plot([x, x + metres], [y, y], color='black', linewidth=2)
    axes.text(x + 0.5 * metres, y + 0.03 * half, f'{metres} m', ha='center', fontsize=7)


def _ribbon(points: np.ndarray, width: float) -> np.ndarray:
    """Return the outline (2 n, 2) of a line through points (n, 2) of the given width."""
    along = np.gradient(points, axis=0)
    left = np.stack([-along[:, 1], along[:, 0]], axis=1)
    left *= 0.5 * width / np.maximum(np.hypot(*left.T), 1e-9)[:, None]
    return np.concatenate([points + left, (points - left)[::-1]])


def contact_sheet(camera_frames: Sequence[CameraFrames], columns: int = 6) -> np.ndarray:
    """Draw frames of missions, one row per mission, evenly spread over its time.

    Args:
        camera_frames: the missions; the first twelve that have frames are drawn.
        columns: max number of frames per mission.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    rows = [mission for mission in camera_frames if mission.frames][:_MAX_ROWS]
    first = rows[0].frames[0][1]
    width = 256
    height = max(1, round(width * first.height / first.width))
    margin, label = 4, 18
    sheet = np.full(
        (len(rows) * (height + label + margin) + margin, columns * (width + margin) + margin, 3),
        255,
        np.uint8,
    )
    for row, mission in enumerate(rows):
        top = margin + row * (height + label + margin)
        colour = OUTCOME_COLOURS[mission.outcome]
        rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        picks = np.linspace(0, len(mission.frames) - 1, min(columns, len(mission.frames)))
        for column, pick in enumerate(np.round(picks).astype(int)):
            time_s, image = mission.frames[pick]
            left = margin + column * (width + margin)
            text = f'{time_s:.1f} s' if column else f'seed {mission.seed}: {mission.outcome}'
            cv2.putText(
                sheet,
                text,
                (left, top + label - 5),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.42,
                rgb if column == 0 else (60, 60, 60),
                1,
                cv2.LINE_AA,
            )
            rgb8 = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
            sheet[top + label : top + label + height, left : left + width] = cv2.resize(
                rgb8, (width, height), interpolation=cv2.INTER_AREA
            )
    return sheet


def format_duration(seconds: float) -> str:
    """Format a duration, such as '12.3 s' or '4 min 05 s'; '-' for NaN."""
    if math.isnan(seconds):
        return '-'
    if seconds < 100.0:
        return f'{seconds:.1f} s'
    return f'{int(seconds) // 60} min {int(seconds) % 60:02d} s'
