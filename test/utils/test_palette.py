"""The palette: its colours stay apart for every kind of colour vision, and are declared once."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot.simulation.base.mission import OUTCOMES
from liquid_pilot.utils import palette

ROOT = Path(__file__).resolve().parent.parent.parent
DRAWING = (
    'liquid_pilot/evaluation/*.py',
    'liquid_pilot/learning/**/*.py',
    'liquid_pilot/pilot_file/plot.py',
    'liquid_pilot/simulation/*/layout.py',
    'liquid_pilot/utils/image_sheet.py',
    'studies/**/*.py',
    'benchmarks/**/*.py',
    'scripts/figures/flight_film.py',
)
# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
VISIONS = {
    'normal': np.eye(3),
    'protanopia': np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    'deuteranopia': np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, vision):
    """Return CIE L*, a*, b* of a colour as someone sees it."""
    srgb = np.array(palette.rgb(colour)) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(VISIONS[vision] @ linear, 0.0, 1.0) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(first, other, vision):
    return float(np.linalg.norm(lab(first, vision) - lab(other, vision)))


@pytest.mark.parametrize('vision', VISIONS)
@pytest.mark.parametrize('styles', [palette.SERIES, tuple(palette.OUTCOMES.values())])
def test_colours_stay_apart(styles, vision):
    for one, other in itertools.combinations(styles, 2):
        assert distance(one.colour, other.colour, vision) > 15.0, (one, other)


def test_the_check_finds_a_red_green_pair():
    assert distance('#cf222e', '#1a7f37', 'normal') > 80.0
    red, green = '#a04000', '#507000'
    assert distance(red, green, 'deuteranopia') < 15.0 < 60.0 < distance(red, green, 'normal')


def test_neither_series_nor_outcomes_differ_by_colour_alone():
    for styles in (palette.SERIES, tuple(palette.OUTCOMES.values())):
        assert len({one.marker for one in styles}) == len(styles)
        for one, other in itertools.combinations(styles, 2):
            assert (one.dashes, one.marker) != (other.dashes, other.marker)
    assert set(palette.OUTCOMES) == set(OUTCOMES)


def test_styles_repeat():
    assert palette.style(len(palette.SERIES)) == palette.style(0) == palette.SERIES[0]


def test_what_draws_takes_its_colours_from_the_palette():
    files = [file for pattern in DRAWING for file in ROOT.glob(pattern)]
    assert len(files) > 50
    found = {
        file.relative_to(ROOT).as_posix(): colours
        for file in files
        if (colours := re.findall(r"'#[0-9a-fA-F]{6}'", file.read_text()))
    }
    assert not found, f'declare these colours in liquid_pilot/utils/palette.py: {found}'
