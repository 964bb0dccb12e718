"""The explanation of flights, its words and its pictures, of a liquid core and of a GRU."""

import json

import cv2
import numpy as np
import pytest
from gru_pilots import gru_pilot  # noqa: F401
from small_pilots import pilot, rover_pilot  # noqa: F401

from liquid_pilot.explanation.core_paths import CoreTick
from liquid_pilot.explanation.flights import explanation as explaining
from liquid_pilot.explanation.flights.core_record import CoreRecord
from liquid_pilot.explanation.flights.pictures import film_strip_png, wiring_png
from liquid_pilot.explanation.flights.plain_words import answer, neuron_table
from liquid_pilot.explanation.other_cores import to_command
from liquid_pilot.explanation.pixels import PixelExplainer
from liquid_pilot.explanation.wrapped_core import RecordedCore
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.recurrent_cores import make_core

TICKS = 50


def flight(flown, seed, with_variables=False):
    """Return a flight of smooth random inputs, with random pictures of the small encoder."""
    rng = np.random.default_rng(seed)
    core = RecordedCore(make_core(flown))
    state, x = core.initial_state(), np.zeros(core.inputs, np.float32)
    ticks = 200 if with_variables else TICKS
    for _ in range(ticks):
        x = (0.9 * x + 0.4 * rng.normal(size=core.inputs)).astype(np.float32)
        state, _ = core.step(state, x, 0.05)
    steps, scale = core.steps, to_command(flown)
    after = np.array([step.after for step in steps])
    return CoreRecord(
        f'seed {seed}',
        np.arange(ticks) * 0.05,
        [CoreTick(step.inputs, step.dt_s) for step in steps],
        np.array([step.before for step in steps]),
        after,
        np.array([scale(step.output) for step in steps]),
        np.array([core.time_constants(step.after, step.inputs) for step in steps]),
        [rng.random((3, 36, 64)).astype(np.float16) for _ in steps],
        {'target bearing': after[:, 4].astype(float)} if with_variables else {},
    )


def explain(flown, command=3, at_s=None, **options):
    flights = [flight(flown, seed, **options) for seed in (1, 2)]
    moment = explaining.choose_moment(flights, command, at_s)
    return explaining.explain_flights(flown, flights, moment)


def test_the_strongest_moment_is_chosen_and_a_time_is_found(pilot):  # noqa: F811
    flights = [flight(pilot, seed) for seed in (1, 2)]
    yaw = np.array([each.commands[:, 3] for each in flights])
    chosen = explaining.choose_moment(flights)
    assert abs(yaw[chosen.flight, chosen.tick]) == np.abs(yaw[:, 10:]).max()
    forward = explaining.choose_moment(flights, 0)
    values = np.array([each.commands[:, 0] for each in flights])
    away = np.abs(values - values.mean(axis=1, keepdims=True))
    assert away[forward.flight, forward.tick] == away[:, 10:].max()
    assert explaining.choose_moment(flights, 3, 1.23) == (0, 25, 3)
    with pytest.raises(LiquidPilotError, match=r'which lasts 2\.45 s'):
        explaining.choose_moment(flights, 3, 99.0)
    with pytest.raises(LiquidPilotError, match='no tick'):
        explaining.choose_moment([])


def test_the_answer_adds_up_and_names_paths(pilot, tmp_path):  # noqa: F811
    found = explain(pilot)
    text = answer(found, np.eye(36, 64))
    assert text.startswith('small, seed ') and ('turned left' in text or 'turned right' in text)
    content = json.loads(json.dumps(explaining.to_json(found), allow_nan=False))
    parts = content['moment']['decomposition']
    listed = sum(path['part'] for path in parts['paths'])
    whole = listed + parts['other_paths'] + parts['longer_paths'] + parts['remembered_from_before']
    assert whole == pytest.approx(parts['change'], abs=1e-9)
    assert sum(parts['by_input'].values()) + parts['remembered_from_before'] == pytest.approx(
        parts['change'], abs=1e-9
    )
    assert parts['change'] + parts['reference_value'] == pytest.approx(
        content['moment']['value'], abs=1e-5
    )
    assert ' -> inter ' in text and ' -> motor yaw rate' in text
    assert 'most in the left third' in text
    assert len(content['neurons']) == 18 and len(content['synapse_groups']) == 4
    assert 'not simulated here' in content['notes'][0]
    table = neuron_table(found)
    assert table.count('\n| ') == 1 + 1 + 18 + 4 and 'command -> command' in table


def test_the_pictures_are_drawn(pilot, gru_pilot):  # noqa: F811
    found = explain(pilot)
    wiring = cv2.imdecode(np.frombuffer(wiring_png(found), np.uint8), cv2.IMREAD_COLOR)
    assert wiring.shape[0] > 700
    # BGR of the blue and of the vermillion of the palette: there are synapses of both signs.
    for colour in ((178, 114, 0), (0, 94, 213)):
        assert (np.abs(wiring.astype(int) - colour).max(axis=2) < 40).any()
    strip = cv2.imdecode(
        np.frombuffer(film_strip_png(found, PixelExplainer(pilot)), np.uint8), cv2.IMREAD_COLOR
    )
    assert strip.shape[1] > 3 * 256
    for each in found.flights:
        each.drop_pictures()
    assert film_strip_png(found, PixelExplainer(pilot)) is None
    assert wiring_png(explain(gru_pilot)) is None


def test_a_gru_is_explained_without_paths(gru_pilot):  # noqa: F811
    found = explain(gru_pilot)
    text = answer(found)
    assert 'Its core (gru) has no paths' in text and 'unit ' in text
    content = json.loads(json.dumps(explaining.to_json(found), allow_nan=False))
    assert 'decomposition' not in content['moment'] and content['synapse_groups'] == []
    assert content['neurons'][0]['time_scale']['tau_s'] == [None, None, None]
    assert content['moment']['memory']['span_s'] > 0.0


@pytest.mark.slow
def test_a_meaning_is_told_only_where_a_tree_tells_it(pilot):  # noqa: F811
    pytest.importorskip('sklearn')
    found = explain(pilot, with_variables=True)
    own = found.meanings[4]
    assert own.name == 'command 4' and own.r2 > 0.7
    assert found.disentanglement.neurons == 18
    text = answer(found)
    assert 'is not clear' in text or 'high where target bearing' in text
    assert '| command 4 | high where target bearing' in neuron_table(found)


def test_the_yaw_rate_of_a_car_that_steers_by_curvature_adds_up(rover_pilot):  # noqa: F811
    found = explain(rover_pilot)
    content = explaining.to_json(found)['moment']
    parts = content['decomposition']
    assert parts['change'] + parts['reference_value'] == pytest.approx(content['value'], abs=1e-5)
    assert 'rad/s' in answer(found)
