"""The figures of a mission, compared with figures computed by hand."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.evaluation.metrics import FlightMetrics, clearance_m, command_rate_rms, path_ratio
from liquid_pilot.interfaces import Command
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.forest.layout import generate_forest


def test_clearance_is_between_the_hull_and_the_bark_and_between_two_ticks_too():
    path = [(0.0, 0.0, 0.0, 1.5), (1.0, 10.0, 0.0, 1.5)]
    trunks = np.array([(5.0, 1.0, 0.3), (12.0, 0.0, 0.1), (-30.0, 0.0, 0.2)])
    assert clearance_m(path, trunks, 0.2) == pytest.approx(1.0 - 0.3 - 0.2)
    assert clearance_m(path, trunks[1:], 0.2) == pytest.approx(2.0 - 0.1 - 0.2)
    assert clearance_m(path[:1], trunks, 0.0) == pytest.approx(math.hypot(5, 1) - 0.3)
    assert clearance_m(path, np.empty((0, 3)), 0.2) is None
    assert clearance_m([], trunks, 0.2) is None


points = st.tuples(st.floats(-9, 9), st.floats(-9, 9))


@settings(max_examples=60, deadline=None)
@given(st.lists(points, min_size=2, max_size=6), points)
def test_clearance_agrees_with_looking_everywhere_along_the_path(corners, trunk):
    path = [(0.1 * k, x, y, 1.0) for k, (x, y) in enumerate(corners)]
    dense = np.concatenate([np.linspace(a, b, 400) for a, b in pairwise(corners)])
    looked = np.linalg.norm(dense - trunk, axis=1).min() - 0.3
    found = clearance_m(path, np.array([(*trunk, 0.3)]), 0.0)
    assert looked - 0.05 <= found <= looked + 1e-9


@settings(max_examples=200, deadline=None)
@given(st.floats(-14, 1), st.floats(0.0, 1.0), st.floats(-14, 1), st.booleans())
def test_clearance_is_exact_along_segments_of_any_length(log_length, share, log_offset, still):
    length, offset = 0.0 if still else 10.0**log_length, 10.0**log_offset
    path = [(0.0, 0.0, 0.0, 1.0), (0.1, length, 0.0, 1.0)]
    trunk = np.array([(share * length, offset, 0.0)])
    assert clearance_m(path, trunk, 0.0) == pytest.approx(offset, rel=1e-9, abs=1e-15 * length)


def test_changes_of_the_command_are_rates_of_what_left_the_guard():
    def command(k, forward, left=0.0, up=0.0, turn=0.0):
        return Command(k * 50_000_000, forward, left, up, turn)

    assert command_rate_rms([command(0, 1.0), command(0, 1.0), command(1, 1.0)]) == (0.0, 0.0)
    assert command_rate_rms([command(k, 1.0, turn=0.3) for k in range(9)]) == (0.0, 0.0)
    assert command_rate_rms([command(0, 1.0)]) == (0.0, 0.0)
    ramp = [command(k, 0.03 * k, 0.04 * k, turn=-0.1 * k) for k in range(9)]
    assert command_rate_rms(ramp) == pytest.approx((1.0, 2.0))
    once = [command(0, 0.0), command(1, 0.1), command(2, 0.1), command(3, 0.1), command(4, 0.1)]
    assert command_rate_rms(once)[0] == pytest.approx(2.0 / math.sqrt(4))


def test_the_path_ratio_is_of_flights_that_arrived():
    layout = generate_forest(3)
    start = layout.target_distance_m
    flown = MissionResult(3, 'success', '', 9.0, 1.25 * (start - 1.4), 1.4, layout, [])
    assert path_ratio(flown) == pytest.approx(1.25)
    flown.outcome = 'crash'
    assert path_ratio(flown) is None


def test_a_path_is_written_only_when_it_was_asked_for_and_then_to_the_last_bit():
    figures = ('success', '', 1 / 3, 2 / 3, 1.0, None, 0.123456, 1.0, 0.5)
    assert 'path' not in FlightMetrics(*figures).to_json()
    assert FlightMetrics(*figures).to_json()['clearance_m'] == 0.1235
    path = [(0.1, 1 / 3, math.pi, 1e-17)]
    again = json.loads(json.dumps(FlightMetrics(*figures, path).to_json()))
    assert [tuple(row) for row in again['path']] == path
