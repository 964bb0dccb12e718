"""The flights of a recording, from what its messages carry."""

import math

import numpy as np
import pytest

from liquid_pilot.evaluation.recorded_flights import NO_IMAGE, RECORDED, FlightCollector
from liquid_pilot.interfaces import Command, ImageBuffer, VehicleState
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, Trace

PERIOD_NS = 50_000_000
IMAGE = ImageBuffer(bytes([9]) * (32 * 18 * 3), 32, 18, 96, 'rgb8')


def trace(flight, tick, first_ns):
    gate = np.zeros(len(GATE_FIELDS))
    gate[0] = tick in (4, 5)
    return Trace(
        *('f' * 64, flight, first_ns + tick * PERIOD_NS, tick + 1, 0.05),
        *(np.full(8, 1.0), np.zeros(6), np.full(5, 0.1 * tick), np.full(5, 0.1), np.full(4, 0.5)),
        *(np.zeros(4), np.zeros(4), np.full(4, 0.02), gate),
    )


def state(east_m):
    return VehicleState(0, (east_m, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)


def collect(markers=(), image=IMAGE, ticks=10):
    """Two flights of some ticks, in each of which the guard takes over at the eighth one."""
    starts = {'one': 10**9, 'two': 90 * 10**9}
    traces = [trace(name, tick, ns) for name, ns in starts.items() for tick in range(ticks)]
    collector = FlightCollector(traces, markers)
    for one in traces:
        tick = one.sequence - 1
        collector.on_odometry(state(0.2 * tick))
        collector.on_frame(one.stamp_ns, image)
        # A frame that the pilot did not answer is of no flight.
        collector.on_frame(one.stamp_ns + PERIOD_NS // 2, image)
        collector.on_guard('safe' if tick >= 7 else 'engaged', 'too late' if tick >= 7 else '')
        if tick:
            # In real time the answer comes after the next frame.
            turn = 0.9 if tick == 6 else 0.1
            collector.on_output(Command(one.stamp_ns - PERIOD_NS, 1.0, 0.0, 0.0, turn))
    return collector.finish()


def test_each_reset_of_the_network_begins_a_flight():
    first, second = collect()
    assert [one.mission.seed for one in (first, second)] == [1, 2]
    assert not first.is_simulated and first.mission.outcome == RECORDED
    assert first.mission.duration_s == pytest.approx(0.45)
    assert first.mission.flown_m == pytest.approx(1.8)
    assert math.isnan(first.mission.target_distance_m)
    assert first.path.shape == (10, 4) and first.path[3] == pytest.approx((0.15, 0.6, 0.0, 1.0))
    record = second.record
    assert (record.seed, record.source, len(record.time_s)) == (2, 'read from a recording', 10)
    assert record.output[:9, 0] == pytest.approx(np.ones(9)) and np.isnan(record.output[9, 0])
    assert np.isnan(record.clearance_m).all() and record.novel.sum() == 2
    assert [event.state for event in record.events] == ['engaged', 'safe']


def test_the_moments_are_those_of_the_frames_that_were_answered():
    moments = {name: one for one in collect()[0].record.moments for name in one.names}
    assert moments['turn'].time_s == pytest.approx(0.25)
    assert moments['novel'].time_s == pytest.approx(0.2)
    assert moments['guard'].time_s == pytest.approx(0.35)
    assert moments['end'].rgb.shape == (18, 32, 3)


def test_the_markers_of_a_simulator_name_seed_and_outcome():
    markers = [(10**9, 'seed 7'), (2 * 10**9, 'end crash'), (90 * 10**9 + 1, 'seed 8')]
    first, second = collect(markers)
    assert (first.mission.seed, first.mission.outcome, first.is_simulated) == (7, 'crash', True)
    assert (second.mission.seed, second.mission.outcome) == (8, RECORDED)
    assert second.record.seed == 8


def test_flights_of_the_same_seed_are_counted():
    assert [one.mission.seed for one in collect([(10**9, 'seed 7')])] == [1, 2]


def test_without_pictures_the_rest_is_there():
    record = collect(image=NO_IMAGE)[0].record
    assert record.state.shape == (10, 5)
    assert all(one.rgb.shape == (0, 0, 3) for one in record.moments)


def test_a_short_start_is_no_flight():
    assert collect(ticks=4) == []
