"""The pictures of the documentation: the film is whole, and the scripts name what they draw."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.simulation.base.top_view import Landmark, TopView
from liquid_pilot.utils.palette import BLUE, ORANGE, rgb

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / 'docs' / 'images'


@pytest.fixture(scope='module')
def scripts():
    """Return the modules that draw the film and all pictures."""
    folders = [str(ROOT / 'scripts'), str(ROOT / 'scripts' / 'figures')]
    sys.path[:0] = folders
    try:
        import draw_documentation_pictures
        import flight_film
    finally:
        for folder in folders:
            sys.path.remove(folder)
    return flight_film, draw_documentation_pictures


def frames_of(path_or_file):
    with Image.open(path_or_file) as film:
        frames, durations_ms = [], []
        for number in range(film.n_frames):
            film.seek(number)
            frames.append(np.asarray(film.convert('RGB')))
            durations_ms.append(film.info['duration'])
    return frames, durations_ms


def test_the_published_film_is_small_wide_and_short():
    path = IMAGES / 'flight.webp'
    frames, durations_ms = frames_of(path)
    assert path.stat().st_size < 150_000
    assert frames[0].shape[1] >= 480
    assert 5.0 <= sum(durations_ms) / 1000 <= 10.0


def test_a_film_shows_its_pictures_at_the_speed_of_the_mission(scripts, tmp_path):
    film, _ = scripts
    width, height = film.CAMERA_PX
    path = np.stack([np.linspace(0.0, 5.0, 40), np.zeros(40)], axis=1)
    view = TopView((), (), (Landmark('target', '*', ORANGE, (6.0, 0.0), True),), path)
    top = film.Map(view, path, 1.5, film.MAP_PX)
    pictures = []
    for number in range(0, 40, 3):
        camera = np.full((height, width, 3), (10, 100 + number, 30), np.uint8)
        command = Command(0, 2.0, -1.0, 0.0, 0.1 * number)
        state = VehicleState(0, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
        tick = film.RecordedTick(0.05 * number, state, command)
        pictures.append(film.compose(camera, top.draw(number, 0.0), tick, (2.5, 1.5, 1.0, 1.5)))
    file = tmp_path / 'film.webp'
    file.write_bytes(film.encode(pictures, hold_ms=1000))
    frames, durations_ms = frames_of(file)
    assert sum(durations_ms) == pytest.approx(150 * (len(pictures) - 1) + 1000, abs=2)
    assert frames[0].shape == pictures[0].shape
    # The last frame is the last picture: to the codec in the camera, and in few colours elsewhere.
    last = frames[-1].astype(int)
    assert np.abs(last - pictures[-1]).mean() < 12.0
    camera = last[40:-20, 20 : width - 20]
    assert np.abs(camera - (10, 139, 30)).max() < 12


def test_bars_point_to_where_the_vehicle_is_commanded(scripts):
    film, _ = scripts
    page = np.full((40, 100, 3), 255, np.uint8)
    film._draw_bar(page, 50, 10, 1.0)
    film._draw_bar(page, 50, 25, -0.5)
    blue = (page == rgb(BLUE)).all(axis=2)
    assert blue[15, 51:78].all() and not blue[15, :49].any()
    assert blue[30, 37:50].all() and not blue[30, 52:].any() and not blue[30, :35].any()


def test_every_picture_has_a_script(scripts):
    _, pictures = scripts
    drawn = {f'{name}.webp' for name in pictures.PICTURES}
    files = {file.name for file in IMAGES.glob('*.webp')}
    assert drawn <= files
    for name in files - drawn:
        assert name in pictures.__doc__, f'{name}: say how it was made'


def test_every_picture_is_shown_somewhere():
    pages = [ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md')]
    text = '\n'.join(page.read_text() for page in pages)
    for file in IMAGES.glob('*.webp'):
        assert f'images/{file.name})' in text, f'{file.name}: no page shows it'
