"""The SVG figures of docs/explanation/ are as the package draws them, small, and legible."""

import importlib.util
import math
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot.onboard.safety.guard import TRANSITIONS

ROOT = Path(__file__).resolve().parent.parent
MAX_BYTES = 40_000
NUMBER = re.compile(r'-?\d+(?:\.\d+)?')


def load(name):
    """Import a module of scripts/figures/, whose modules import each other by name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, ROOT / 'scripts' / 'figures' / f'{name}.py'
        )
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


CHART = load('svg_chart')
GUARD = load('guard_figure')
FIGURES = load('draw_figures')


def page(name):
    return (ROOT / 'docs' / 'explanation' / name).read_text()


@pytest.mark.parametrize('name', FIGURES.FIGURES)
def test_a_figure_is_small_and_has_a_title_and_a_dark_scheme(name):
    text = (FIGURES.FOLDER / name).read_text()
    assert len(text.encode()) < MAX_BYTES
    root = ElementTree.fromstring(text)
    title = root.find('{http://www.w3.org/2000/svg}title')
    assert title is not None and len(title.text) > 20
    assert 'prefers-color-scheme:dark' in text
    # Nothing is loaded from elsewhere.
    assert not re.search(r'href|url\(|<image|<script', text)


@pytest.mark.parametrize('name', [name for name in FIGURES.FIGURES if 'flight' not in name])
def test_a_figure_is_as_the_package_draws_it(name):
    """To half a pixel, since the last bits of a step depend on the processor."""
    kept, drawn = (FIGURES.FOLDER / name).read_text(), FIGURES.FIGURES[name]()
    assert NUMBER.sub('#', kept) == NUMBER.sub('#', drawn), (
        'run `python scripts/figures/draw_figures.py`'
    )
    numbers = [np.array(NUMBER.findall(text), float) for text in (kept, drawn)]
    assert np.abs(numbers[0] - numbers[1]).max() <= 0.5


@pytest.mark.slow
def test_the_mission_of_the_page_is_the_one_that_is_flown(capsys):
    flight = FIGURES.fly()
    ElementTree.fromstring(FIGURES.draw_flight(flight))
    said = capsys.readouterr().out
    low, high, slow, most, median = re.search(
        r'constants ([\d.]+) ms to ([\d.]+) s; (\d+) of 34 .* change ([\d.]+)-fold.* ([\d.]+)-fold',
        said,
    ).groups()
    text = page('liquid_network.md')
    assert f'(seed {FIGURES.SEED}; it succeeds)' in text
    assert f'between {low} ms and {float(high):.1f} s' in text
    assert f'The other {slow} are the **memory**' in text
    assert f'changes {most}-fold, the median one {median}-fold' in text.replace('\n  ', ' ')


def test_a_flight_is_drawn_from_what_was_flown(capsys):
    time_s = np.arange(0.0, 3.0, 0.05)
    taus_s = np.geomspace(0.0002, 2.0, 34) * (1.0 + 0.5 * np.sin(time_s)[:, None])
    text = FIGURES.draw_flight((time_s, taus_s, np.zeros((len(time_s), 4))))
    paths = ElementTree.fromstring(text).findall('{http://www.w3.org/2000/svg}path')
    assert len([each for each in paths if each.get('d').count('L') >= 5]) >= 34
    assert 'one frame: 50 ms' in text and 'seed 13' in capsys.readouterr().out


def test_the_picture_of_the_guard_shows_its_transitions_and_no_other():
    assert GUARD.drawn_transitions() == TRANSITIONS


# What the page says about one neuron


def test_the_time_constants_of_the_page_are_those_of_the_neuron():
    core = FIGURES.one_neuron(cm=0.3)
    v = np.zeros(1, np.float32)
    taus = [
        round(1e3 * float(core.time_constants(v, np.array([x], np.float32))[0]))
        for x in (0.0, 0.3, 1.0)
    ]
    assert taus == [294, 221, 75]
    said = page('liquid_neuron.md').replace('\n', ' ')
    assert 'time constant is 294 ms. A weak input makes it 221 ms, a strong one 75 ms.' in said


def settled(log_cm, log_gleak, x=0.5):
    core = FIGURES.one_neuron(cm=0.3)
    states, _ = FIGURES.respond(core, np.full(2000, x), 0.01, log_cm, log_gleak)
    return float(states[-1])


@pytest.mark.parametrize('factor', [0.5, 2.0])
def test_cm_changes_the_speed_and_gleak_the_end_too(factor):
    scale = math.log(factor)
    assert settled(scale, 0.0) == pytest.approx(settled(0.0, 0.0), abs=1e-5)
    assert abs(settled(0.0, scale) - settled(0.0, 0.0)) > 0.1
    # With both scaled, tau of the leak is as before, and the end is not.
    assert settled(scale, scale) == pytest.approx(settled(0.0, scale), abs=1e-5)


@pytest.mark.parametrize('dt_s', [1e-3, 0.05, 1.0, 100.0])
def test_the_state_stays_between_the_potentials_however_long_a_step_is(dt_s):
    core = FIGURES.one_neuron(cm=0.0005)
    rng = np.random.default_rng(1)
    states, _ = FIGURES.respond(core, rng.normal(0.0, 3.0, 200), dt_s)
    assert states.min() >= 0.0 and states.max() <= 1.0


def test_points_on_a_straight_line_are_left_out_and_others_stay():
    points = [(float(x), 10.0 if x == 50 else 0.0) for x in range(101)]
    assert CHART.line(points) == 'M0 0L49 0L50 10L51 0L100 0'
    assert CHART.line([(0.0, 0.0), (0.0, 5.0)]) == 'M0 0L0 5'


def test_main_writes_every_figure_and_says_its_size(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(FIGURES, 'FOLDER', tmp_path)
    monkeypatch.setattr(FIGURES, 'FIGURES', {'a/b.svg': lambda: '<svg/>'})
    monkeypatch.setattr(sys, 'argv', ['draw_figures'])
    assert FIGURES.main() == 0
    assert (tmp_path / 'a' / 'b.svg').read_text() == '<svg/>'
    assert 'docs/images/a/b.svg: 0.0 kB' in capsys.readouterr().out
