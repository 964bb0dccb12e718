"""The moving picture of one mission: camera, path from above, and what the pilot commands.

The mission is flown in this process, as `liquid-pilot fly` flies it, and its frames are rendered
again in a larger size from the recorded poses. For developers: the module serves
`draw_documentation_pictures.py` and is not installed.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import Command, LiquidPilotError, SensorPacket, VehicleState
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.top_view import TopView
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.palette import BLACK, BLUE, GREY, LIGHT_GREY, ORANGE, PALE_GREY, rgb

PILOT = 'forest-ltc'
CAMERA_PX = 320, 180
"""Width and height of the camera's picture in the film."""
MAP_PX = 88
_SIDE_PX, _MARGIN_PX, _LINE_PX = 186, 6, 17
_EVERY_TICKS = 3
_SIDE_EVERY = 2
"""Map and bars change with every so many pictures of the camera."""
_BARS = (('forward', 'm/s'), ('left', 'm/s'), ('up', 'm/s'), ('turn left', 'rad/s'))
_LEVELS = 7
"""Number of steps of each channel outside the camera's picture."""
Area = tuple[slice, slice]
"""Rows and columns of a rectangle; both begin at even pixels."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class RecordedTick(NamedTuple):
    """What one picture of the film needs."""

    time_s: float
    state: VehicleState
    command: Command
    """The command as it left the guard."""


def fly(seed: int) -> tuple[MissionResult, list[RecordedTick]]:
    """Fly a mission of the shipped pilot, adapting, and record every tick.

    Args:
        seed: seed of the forest.

    Raises:
        LiquidPilotError: the mission does not succeed.
    """
    packets: list[SensorPacket] = []
    commands: list[Command] = []
    with Simulation() as simulation:
        pilot = InProcessPilot(
            pilot_file.load(pilot_file.resolve(PILOT)), simulation, adapting=parse_mode('adapt')
        )
        result = fly_mission(
            seed, simulation, pilot, on_packet=packets.append, on_command=commands.append
        )
    if result.outcome != 'success':
        raise LiquidPilotError(f'seed {seed} ended as {result.outcome}; choose another seed')
    ticks = [
        RecordedTick(row[0], packet.state, command)
        for row, packet, command in zip(result.path, packets, commands, strict=False)
    ]
    return result, ticks


class Map:
    """The forest from above, with the path so far.

    Args:
        view: the layout seen from above.
        path: (n, 2) east and north of the whole path, m.
        radius_m: radius of the ring of success around the target.
        size_px: edge of the picture.
    """

    def __init__(self, view: TopView, path: np.ndarray, radius_m: float, size_px: int) -> None:
        goal = next(mark for mark in view.landmarks if mark.is_goal)
        ring = np.array(goal.position) + radius_m * np.array([[-1, -1], [1, 1]])
        points = np.concatenate([path, ring])
        low, high = points.min(axis=0) - 1.0, points.max(axis=0) + 1.0
        self._scale = size_px / float((high - low).max())
        self._corner = 0.5 * (low + high) + [-0.5, 0.5] * np.full(2, size_px / self._scale)
        self._path = path
        self._ground = np.full((size_px, size_px, 3), 255, np.uint8)
        for _, colour, places in view.discs:
            for x, y, radius in places:
                self._circle(self._ground, (x, y), radius, colour, -1)
        self._circle(self._ground, goal.position, radius_m, BLACK, 1)
        self._circle(self._ground, goal.position, 0.3, ORANGE, -1)
        cv2.rectangle(self._ground, (0, 0), (size_px - 1, size_px - 1), rgb(LIGHT_GREY), 1)

    def draw(self, tick: int, heading: float) -> np.ndarray:
        """Return (size, size, 3) uint8 RGB with the path until a tick, and the vehicle.

        Args:
            tick: number of the tick.
            heading: heading of the vehicle, rad, counter-clockwise from east.
        """
        picture = self._ground.copy()
        line = np.array([self._pixel(point) for point in self._path[: tick + 1]], np.int32)
        cv2.polylines(picture, [line], False, rgb(BLUE), 2, cv2.LINE_AA)
        nose = np.array([(0.7, 0.0), (-0.4, 0.4), (-0.4, -0.4)])
        cos, sin = math.cos(heading), math.sin(heading)
        corners = nose @ np.array([[cos, sin], [-sin, cos]]) + self._path[tick]
        outline = np.array([self._pixel(corner) for corner in corners], np.int32)
        cv2.fillPoly(picture, [outline], rgb(BLUE), cv2.LINE_AA)
        return picture

    def _pixel(self, point: np.ndarray) -> tuple[int, int]:
        x, y = (np.asarray(point) - self._corner) * self._scale
        return round(float(x)), round(float(-y))

    def _circle(
        self,
        picture: np.ndarray,
        centre: tuple[float, float],
        radius: float,
        colour: str,
        width: int,
    ) -> None:
        pixel = self._pixel(np.array(centre))
        cv2.circle(picture, pixel, round(radius * self._scale), rgb(colour), width, cv2.LINE_AA)


def compose(
    camera: np.ndarray,
    top: np.ndarray,
    tick: RecordedTick,
    limits: tuple[float, ...],
    arrived: bool = False,
) -> np.ndarray:
    """Return one picture of the film: the camera on the left, everything else on the right.

    Args:
        camera: (H, W, 3) uint8 RGB picture of the camera.
        top: square picture from above.
        tick: time and command.
        limits: largest forward, left, up (m/s) and yaw rate (rad/s) that the bars show.
        arrived: whether the mission has succeeded.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    height, width = camera.shape[:2]
    left, title = width + 2 * _MARGIN_PX, _MARGIN_PX + _LINE_PX
    page = np.full((title + height + _MARGIN_PX, left + _SIDE_PX + _MARGIN_PX, 3), 255, np.uint8)
    page[title : title + height, _MARGIN_PX : _MARGIN_PX + width] = camera
    page[title : title + len(top), left : left + len(top)] = top
    _write(page, 'what the camera sees', _MARGIN_PX, _MARGIN_PX)
    words = 'success after' if arrived else 'from above,'
    _write(page, f'{words} {tick.time_s:.1f} s', left, _MARGIN_PX)
    y = title + len(top) + 3
    _write(page, 'the network commands', left, y)
    y += _LINE_PX + 1
    for (name, unit), value, most in zip(_BARS, tick.command.values, limits, strict=True):
        _write(page, name, left, y)
        _draw_bar(page, left + 92, y + 2, value / most)
        # Adding zero turns -0.0 into 0.0.
        _write(page, f'{round(value, 1) + 0.0:.1f} {unit}', left + 126, y)
        y += _LINE_PX + 1
    return page


def _draw_bar(page: np.ndarray, middle: int, top: int, share: float) -> None:
    """Draw a bar from its middle to the right (share 1) or to the left (share -1)."""
    half = 28
    end = middle + round(half * min(max(share, -1.0), 1.0))
    cv2.rectangle(page, (middle - half, top), (middle + half, top + 11), rgb(PALE_GREY), -1)
    cv2.rectangle(page, (min(middle, end), top), (max(middle, end), top + 11), rgb(BLUE), -1)
    cv2.line(page, (middle, top - 1), (middle, top + 12), rgb(GREY), 1)


def _write(page: np.ndarray, text: str, left: int, top: int) -> None:
    cv2.putText(page, text, (left, top + 11), _FONT, 0.42, rgb(BLACK), 1, cv2.LINE_AA)


def frames(seed: int) -> list[np.ndarray]:
    """Return the pictures of the film of a seed, (h, w, 3) uint8 RGB each."""
    result, ticks = fly(seed)
    path = np.array(result.path)[:, 1:3]
    layout = result.layout
    if layout is None:
        raise LiquidPilotError(f'seed {seed} has no layout')
    top = Map(layout.top_view(), path, result.arrival_radius_m, MAP_PX)
    limits = pilot_file.load(pilot_file.resolve(PILOT)).specification.limits.maximum
    width, height = CAMERA_PX
    settings = replace(SimulationSettings(), camera_width=width, camera_height=height)
    drawn = []
    with Simulation(settings) as simulation:
        simulation.reset(seed)
        for number in [*range(0, len(ticks) - 1, _EVERY_TICKS), len(ticks) - 1]:
            image = simulation.render_from(ticks[number].state)
            camera = np.frombuffer(image.data, np.uint8).reshape(height, width, 3)
            heading = heading_rad(ticks[number].state.orientation_wxyz)
            seen, last = top.draw(number, heading), number == len(ticks) - 1
            drawn.append(compose(camera, seen, ticks[number], limits, last))
    return drawn


def encode(pictures: list[np.ndarray], quality: int = 12, hold_ms: int = 1500) -> bytes:
    """Return an animated WebP file that runs at the speed of the mission, again and again.

    The camera is encoded with loss and the rest without, in one small rectangle for the map and one
    for the bars. The file has half the size of one with whole pictures.

    Args:
        pictures: the pictures of the film, (h, w, 3) uint8 RGB each.
        quality: quality of the camera's picture, 0 to 100.
        hold_ms: time that the last picture stays, ms.
    """
    step_ms = round(1000 * _EVERY_TICKS / SimulationSettings().camera_rate_hz)
    height, width = pictures[0].shape[:2]
    top, split = _MARGIN_PX + _LINE_PX, CAMERA_PX[0] + 2 * _MARGIN_PX
    camera = slice(top, top + CAMERA_PX[1]), slice(_MARGIN_PX, split - _MARGIN_PX)
    below = top + MAP_PX + 2
    areas = [(slice(0, below), slice(split, width)), (slice(below, height), slice(split, width))]
    flat = [_flatten(picture) for picture in pictures]
    shown = flat[0]
    chunks = [_frame(flat[0], (slice(0, height), slice(0, width)), 1)]
    for number, picture in enumerate(pictures):
        last = number == len(pictures) - 1
        changed: list[Area] = []
        if last or number % _SIDE_EVERY == 0:
            parts = [_changed_part(shown, flat[number], area) for area in areas]
            changed, shown = [part for part in parts if part is not None], flat[number]
        rest_ms = (hold_ms if last else step_ms) - len(changed)
        chunks.append(_frame(picture, camera, rest_ms if not changed else 1, quality))
        chunks += [
            _frame(flat[number], part, rest_ms if part is changed[-1] else 1) for part in changed
        ]
    header = struct.pack('<BBH', 0x02, 0, 0) + _three(width - 1) + _three(height - 1)
    content = _chunk(b'VP8X', header) + _chunk(b'ANIM', struct.pack('<IH', 0xFFFFFFFF, 0))
    content += b''.join(chunks)
    return b'RIFF' + struct.pack('<I', len(content) + 4) + b'WEBP' + content


def _flatten(picture: np.ndarray) -> np.ndarray:
    """Return a picture with few colours, white among them."""
    return np.round(np.round(picture / 255.0 * _LEVELS) / _LEVELS * 255.0).astype(np.uint8)


def _changed_part(before: np.ndarray, after: np.ndarray, area: Area) -> Area | None:
    """Return the smallest rectangle of an area in which two pictures differ; None without."""
    rows, columns = area
    differ = (before[area] != after[area]).any(axis=2)
    if not differ.any():
        return None
    low, high = (end(np.argwhere(differ), axis=0) for end in (np.min, np.max))
    top, left = rows.start + int(low[0]), columns.start + int(low[1])
    return (
        slice(top // 2 * 2, rows.start + int(high[0]) + 1),
        slice(left // 2 * 2, columns.start + int(high[1]) + 1),
    )


def _frame(picture: np.ndarray, area: Area, duration_ms: int, quality: int | None = None) -> bytes:
    """Return one frame of an animated WebP file, which replaces a rectangle.

    Args:
        picture: (h, w, 3) uint8 RGB.
        area: the rectangle.
        duration_ms: time until the next frame.
        quality: quality, 0 to 100; None: without loss.
    """
    rows, columns = area
    cut = Image.fromarray(np.ascontiguousarray(picture[rows, columns]))
    buffer = io.BytesIO()
    if quality is None:
        cut.save(buffer, 'WEBP', lossless=True, method=6)
    else:
        cut.save(buffer, 'WEBP', quality=quality, method=6)
    # After 'RIFF', its size and 'WEBP' there is one chunk, with the picture.
    image = buffer.getvalue()[12:]
    head = _three(columns.start // 2) + _three(rows.start // 2)
    head += _three(cut.width - 1) + _three(cut.height - 1) + _three(duration_ms)
    return _chunk(b'ANMF', head + b'\x02' + image)


def _three(number: int) -> bytes:
    return number.to_bytes(3, 'little')


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack('<I', len(content)) + content + b'\0' * (len(content) % 2)
