"""Sheets of pictures: title, column heads, row labels, captions and gaps."""

import numpy as np
import pytest

from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet
from liquid_pilot.utils.palette import PALE_GREY, rgb

GREEN = np.full((72, 128, 3), (10, 200, 30), np.uint8)


def has_ink(part):
    return bool((part < 128).any())


def test_pictures_stand_in_rows_and_columns_with_their_words():
    rows = [
        SheetRow('seed 1\nsuccess', [SheetPicture(GREEN, '0.0 s'), SheetPicture(GREEN, '1.0 s')]),
        SheetRow('seed 2\ncrash', [SheetPicture(GREEN, '0.0 s'), None]),
    ]
    sheet = image_sheet('What the camera saw', ['start', 'end'], rows, 64)
    places = np.argwhere((sheet == (10, 200, 30)).all(axis=2))
    top, left = places.min(axis=0)
    assert len(places) == 3 * 64 * 36
    # Title, heads and captions are above the first row, and labels beside it.
    heads = sheet[top - 44 : top - 20, left:]
    assert has_ink(sheet[:22]) and has_ink(heads[:, :64]) and has_ink(heads[:, 69:])
    assert has_ink(sheet[top - 20 : top, left : left + 64])
    assert has_ink(sheet[top : top + 36, : left - 5])
    gap = sheet[-16:-6, -60:-6]
    assert (gap == rgb(PALE_GREY)).all()


def test_without_title_heads_and_captions_nothing_is_left_free_for_them():
    rows = [SheetRow('noise', [SheetPicture(GREEN)])]
    bare = image_sheet('', (), rows, 64)
    full = image_sheet('title', ['start'], rows, 64)
    assert len(full) - len(bare) == 2 * (19 + 5)
    wide = image_sheet('', (), rows, 64, label_width=200)
    assert wide.shape[1] == 5 + 200 + 10 + 64 + 5


@pytest.mark.parametrize('shape', [(72, 128), (48, 64)])
def test_pictures_keep_their_shape(shape):
    picture = np.full((*shape, 3), (10, 200, 30), np.uint8)
    sheet = image_sheet('', (), [SheetRow('a', [SheetPicture(picture)])], 96)
    rows, columns = np.nonzero((sheet == (10, 200, 30)).all(axis=2))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (96 * shape[0] // shape[1], 96)
