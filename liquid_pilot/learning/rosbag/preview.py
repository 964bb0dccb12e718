"""Draws episodes, so that a user can see whether images and commands belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.png import encode_png

_ROWS, _COLUMNS, _WIDTH = 8, 6, 256
_NAMES = ('forward m/s', 'left m/s', 'up m/s', 'yaw rate rad/s')
_COLOURS = ('#0969da', '#1a7f37', '#9a6700', '#d1242f')


def write_previews(episodes: Sequence[Path], folder: Path) -> list[Path]:
    """Draw a few of the episodes.

    Args:
        episodes: files of the episodes.
        folder: folder for frames.png and commands.png.

    Returns:
        The two files.

    Raises:
        LiquidPilotError: an episode is broken, or a file cannot be written.
    """
    picks = np.unique(np.round(np.linspace(0, len(episodes) - 1, min(_ROWS, len(episodes)))))
    shown = [Episode.load(episodes[int(pick)]) for pick in picks]
    try:
        return [
            _write(folder / 'frames.png', contact_sheet(shown)),
            _write(folder / 'commands.png', plot_commands(shown)),
        ]
    except OSError as error:
        raise LiquidPilotError(f'{folder}: cannot be written ({error})') from None


def contact_sheet(episodes: Sequence[Episode]) -> np.ndarray:
    """Draw a row of evenly spaced frames for each episode, with the command in each frame.

    An arrow from the middle shows forward velocity (up) and lateral velocity (to the side), and a
    bar at the bottom shows the yaw rate. Both are scaled by the largest of all commands.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    shape = episodes[0].images.shape
    height, label, margin = round(_WIDTH * shape[1] / shape[2]), 18, 4
    sheet = np.full(
        (
            len(episodes) * (height + label + margin) + margin,
            _COLUMNS * (_WIDTH + margin) + margin,
            3,
        ),
        255,
        np.uint8,
    )
    every = np.concatenate([episode.commands for episode in episodes])
    speed = max(float(np.abs(every[:, :2]).max()), 1e-6)
    turn = max(float(np.abs(every[:, 3]).max()), 1e-6)
    for row, episode in enumerate(episodes):
        times_s = np.cumsum(episode.dt_s) - episode.dt_s[0]
        top = margin + row * (height + label + margin)
        for column, index in enumerate(
            np.round(np.linspace(0, len(times_s) - 1, _COLUMNS)).astype(int)
        ):
            forward, left, up, yaw = map(float, episode.commands[index])
            picture = cv2.resize(episode.images[index], (_WIDTH, height))
            middle = (_WIDTH // 2, height // 2)
            reach = 0.4 * height
            tip = (
                round(middle[0] - reach * left / speed),
                round(middle[1] - reach * forward / speed),
            )
            cv2.arrowedLine(picture, middle, tip, (255, 220, 0), 2, cv2.LINE_AA, tipLength=0.25)
            end = round(middle[0] - 0.4 * _WIDTH * yaw / turn)
            cv2.line(picture, (middle[0], height - 8), (end, height - 8), (255, 60, 60), 5)
            at = margin + column * (_WIDTH + margin)
            text = f'{times_s[index]:.1f} s  {forward:.1f} {left:.1f} {up:.1f} m/s {yaw:.2f} rad/s'
            text = text if column else f'episode {episode.seed}: {text}'
            cv2.putText(
                sheet,
                text,
                (at, top + label - 5),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.36,
                (40, 40, 40),
                1,
                cv2.LINE_AA,
            )
            sheet[top + label : top + label + height, at : at + _WIDTH] = picture
    return sheet


def plot_commands(episodes: Sequence[Episode]) -> np.ndarray:
    """Plot the commands over time, with the yaw rate of the gyroscope beside the commanded one.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.1 * len(episodes) + 0.4), dpi=100, layout='constrained')
    grid = figure.subplots(len(episodes), 2, squeeze=False)
    for episode, (left, right) in zip(episodes, grid, strict=True):
        times_s = np.cumsum(episode.dt_s) - episode.dt_s[0]
        for values, name, colour in zip(episode.commands.T, _NAMES, _COLOURS, strict=True):
            axes: Any = right if name.startswith('yaw') else left
            axes.plot(times_s, values, color=colour, label=name, linewidth=1.2)
        right.plot(
            times_s, episode.imu[:, 2], color='#57606a', linewidth=0.8, label='gyroscope z rad/s'
        )
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.set_xlabel('s')
        left.set_title(f'episode {episode.seed}: {len(times_s)} frames', fontsize=9)
    for axes in grid[0]:
        axes.legend(fontsize=7, ncols=3)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _write(path: Path, rgb: np.ndarray) -> Path:
    return write_atomically(path, encode_png(rgb))
