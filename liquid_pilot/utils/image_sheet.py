"""A sheet of pictures in rows and columns, with a title, column heads and row labels in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.utils.palette import BLACK, GREY, PALE_GREY, rgb

_FONT, _LINE_PX, _MARGIN_PX = cv2.FONT_HERSHEY_SIMPLEX, 19, 5
_PAPER = 255
_TEXT_SCALE, _TITLE_SCALE = 0.5, 0.6


class SheetPicture(NamedTuple):
    """One picture of a sheet."""

    rgb: npt.NDArray[np.uint8]
    """(H, W, 3) uint8 RGB."""
    caption: str = ''
    """Text above the picture, such as its time."""


class SheetRow(NamedTuple):
    """One row of a sheet."""

    label: str
    """Text to the left of the row, with newlines between its lines."""
    pictures: Sequence[SheetPicture | None]
    """Pictures from left to right; None leaves a gap, in which 'no picture' is written."""


def image_sheet(
    title: str,
    heads: Sequence[str],
    rows: Sequence[SheetRow],
    picture_width: int = 256,
    label_width: int = 0,
) -> npt.NDArray[np.uint8]:
    """Draw pictures in rows and columns.

    Args:
        title: what the sheet shows; empty: no title. All texts must be ASCII.
        heads: texts above the columns; empty: none.
        rows: the rows; all pictures have the shape of the first one.
        picture_width: width of a picture in the sheet, pixels.
        label_width: min width of the labels, pixels; they take more where they need it.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    first = next(one for row in rows for one in row.pictures if one is not None)
    height = max(1, round(picture_width * first.rgb.shape[0] / first.rgb.shape[1]))
    captions = any(one is not None and one.caption for row in rows for one in row.pictures)
    label_px = max(
        label_width, *(_text_width(line) for row in rows for line in row.label.split('\n'))
    )
    left_px = _MARGIN_PX + label_px + 2 * _MARGIN_PX
    row_px = height + _MARGIN_PX + _LINE_PX * captions
    top_px = (
        _MARGIN_PX + (_LINE_PX + _MARGIN_PX) * bool(title) + (_LINE_PX + _MARGIN_PX) * bool(heads)
    )
    width = left_px + len(heads or rows[0].pictures) * (picture_width + _MARGIN_PX)
    sheet = np.full((top_px + len(rows) * row_px, width, 3), _PAPER, np.uint8)
    if title:
        _write(sheet, title, _MARGIN_PX, _MARGIN_PX, _TITLE_SCALE)
    for column, head in enumerate(heads):
        left = left_px + column * (picture_width + _MARGIN_PX)
        _write(sheet, head, left, top_px - _LINE_PX - _MARGIN_PX)
    for number, row in enumerate(rows):
        top = top_px + number * row_px
        _draw_row(sheet, row, top, left_px, (picture_width, height), captions)
    return sheet


def _draw_row(
    sheet: npt.NDArray[np.uint8],
    row: SheetRow,
    top: int,
    left_px: int,
    size: tuple[int, int],
    captions: bool,
) -> None:
    width, height = size
    picture_top = top + _LINE_PX * captions
    lines = row.label.split('\n')
    for line, text in enumerate(lines):
        centred = picture_top + (height - len(lines) * _LINE_PX) // 2 + line * _LINE_PX
        _write(sheet, text, _MARGIN_PX, centred)
    for column, picture in enumerate(row.pictures):
        left = left_px + column * (width + _MARGIN_PX)
        frame = sheet[picture_top : picture_top + height, left : left + width]
        if picture is None:
            frame[:] = rgb(PALE_GREY)
            _write(sheet, 'no picture', left + _MARGIN_PX, picture_top + _MARGIN_PX, colour=GREY)
            continue
        if picture.caption:
            _write(sheet, picture.caption, left, top)
        frame[:] = cv2.resize(picture.rgb, (width, height), interpolation=cv2.INTER_AREA)


def _text_width(text: str, scale: float = _TEXT_SCALE) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, 1)[0][0])


def _write(
    sheet: npt.NDArray[np.uint8],
    text: str,
    left: int,
    top: int,
    scale: float = _TEXT_SCALE,
    colour: str = BLACK,
) -> None:
    """Write one line whose upper left corner is given."""
    place: Any = (left, top + _LINE_PX - 6)
    cv2.putText(sheet, text, place, _FONT, scale, rgb(colour), 1, cv2.LINE_AA)
