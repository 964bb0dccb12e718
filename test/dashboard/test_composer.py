"""Records are made between two ticks of the pilot."""

import math

import pytest

from liquid_pilot.dashboard.composer import Composer
from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.history import History

TICK_S, RATE_HZ = 0.05, 20.0


@pytest.fixture
def seen(flight):
    return FlightState(History(100.0, 10.0))


def test_a_tick_is_complete_at_once_where_no_guard_answers(seen, flight):
    seen.on_trace(1.0, flight[0].trace)
    assert seen.is_complete(1.001)
    seen.on_sent(1.0, flight[0].sent)
    seen.on_trace(1.05, flight[1].trace)
    assert not seen.is_complete(1.06) and seen.is_complete(1.1)
    seen.on_sent(1.07, flight[1].sent)
    assert seen.is_complete(1.07)


def test_the_pause_between_two_ticks_is_known_while_there_are_ticks(seen, flight):
    assert seen.pause_s(1.0) == (math.inf, math.inf)
    trace = flight[1].trace
    seen.on_trace(1.0, trace)
    since_s, left_s = seen.pause_s(1.01)
    assert since_s == pytest.approx(0.01)
    assert left_s == pytest.approx(0.8 * trace.dt_s - 0.01) and trace.dt_s == pytest.approx(TICK_S)
    assert seen.pause_s(3.0) == (math.inf, math.inf)


@pytest.mark.parametrize(('work_s', 'latest_s'), [(0.005, 0.034), (0.015, 0.024), (0.09, 0.019)])
def test_a_record_ends_before_the_next_tick_or_begins_right_after_the_last(
    seen, flight, serve, work_s, latest_s
):
    composer = Composer(seen, serve().server, RATE_HZ)
    composer._work_s = work_s
    seen.on_trace(1.0, flight[1].trace)
    begins = [0.001 * k for k in range(50) if composer._is_time(1.0 + 0.001 * k, 9.0, 1.0)]
    assert begins[0] == 0.0 and begins[-1] == pytest.approx(latest_s, abs=2e-3)
    # It does not wait for ever.
    assert composer._is_time(1.049, 9.0, 0.5)


def test_records_are_no_more_than_the_rate_allows(seen, flight, serve):
    composer = Composer(seen, serve().server, RATE_HZ)
    seen.on_trace(1.0, flight[1].trace)
    assert not composer._is_time(1.0, 9.0, 1.02) and composer._is_time(1.01, 9.0, 1.02)
    # Though nothing has arrived, now and then the page is told.
    assert composer._is_time(1.0, 0.9, None) and not composer._is_time(1.0, 1.1, None)
