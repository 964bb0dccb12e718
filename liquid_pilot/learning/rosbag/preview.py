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
from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet
from liquid_pilot.utils.palette import GREY, ORANGE, SKY_BLUE, rgb, style
from liquid_pilot.utils.png import encode_png

_ROWS, _COLUMNS, _WIDTH = 8, 6, 256
_NAMES = ('forward m/s', 'left m/s', 'up m/s', 'yaw rate rad/s')
_ARROW_RGB, _BAR_RGB = rgb(ORANGE), rgb(SKY_BLUE)


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
    every = np.concatenate([episode.commands for episode in episodes])
    speed = max(float(np.abs(every[:, :2]).max()), 1e-6)
    turn = max(float(np.abs(every[:, 3]).max()), 1e-6)
    rows = []
    for episode in episodes:
        times_s = np.cumsum(episode.dt_s) - episode.dt_s[0]
        picks = np.round(np.linspace(0, len(times_s) - 1, _COLUMNS)).astype(int)
        pictures = []
        for pick in picks:
            # Adding zero turns -0.0 into 0.0.
            numbers = ', '.join(f'{round(float(v), 1) + 0.0:.1f}' for v in episode.commands[pick])
            caption = f'{times_s[pick]:.1f} s: {numbers}'
            frame = _draw_command(episode.images[pick], episode.commands[pick], speed, turn)
            pictures.append(SheetPicture(frame, caption))
        rows.append(SheetRow(f'episode\n{episode.seed}\n{times_s[-1]:.1f} s', pictures))
    title = (
        'Frames and commands: the time, then forward, left, up (m/s) and yaw rate (rad/s). '
        'Arrow: velocity, up is forward. Bar: yaw rate.'
    )
    shares = [round(100 * column / (_COLUMNS - 1)) for column in range(_COLUMNS)]
    heads = [{0: 'start', 100: 'end'}.get(share, f'{share} % of the time') for share in shares]
    return image_sheet(title, heads, rows, _WIDTH)


def _draw_command(
    image: np.ndarray, command: np.ndarray, max_speed: float, max_turn: float
) -> np.ndarray:
    """Return a frame, as wide as in the sheet, with a command in it."""
    height = round(_WIDTH * image.shape[0] / image.shape[1])
    picture = cv2.resize(image, (_WIDTH, height))
    forward, left, _, yaw = map(float, command)
    middle = (_WIDTH // 2, height // 2)
    reach = 0.4 * height
    tip = (
        round(middle[0] - reach * left / max_speed),
        round(middle[1] - reach * forward / max_speed),
    )
    cv2.arrowedLine(picture, middle, tip, _ARROW_RGB, 2, cv2.LINE_AA, tipLength=0.25)
    end = round(middle[0] - 0.4 * _WIDTH * yaw / max_turn)
    cv2.line(picture, (middle[0], height - 8), (end, height - 8), _BAR_RGB, 5)
    return picture


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
        for number, (values, name) in enumerate(zip(episode.commands.T, _NAMES, strict=True)):
            axes: Any = right if name.startswith('yaw') else left
            look = style(number)
            axes.plot(times_s, values, color=look.colour, ls=look.dashes, label=name, linewidth=1.2)
        right.plot(times_s, episode.imu[:, 2], color=GREY, linewidth=0.8, label='gyroscope z rad/s')
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.set_xlabel('time, s')
        left.set_ylabel('m/s')
        right.set_ylabel('rad/s')
        text = f'episode {episode.seed}, {len(times_s)} frames:'
        left.set_title(f'{text} velocity commanded', fontsize=9)
        right.set_title(f'{text} turn commanded, and turn measured', fontsize=9)
    for axes in grid[0]:
        axes.legend(fontsize=7, ncols=3)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _write(path: Path, rgb: np.ndarray) -> Path:
    return write_atomically(path, encode_png(rgb), sync=False)
