"""What is kept of a flight: the moments that matter, and each tick with what was known of it."""

import math

import numpy as np
import pytest

from liquid_pilot.evaluation.flight_report.recorder import FlightRecorder, to_rgb
from liquid_pilot.interfaces import Command, ImageBuffer, Observation, SensorPacket, VehicleState
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, Trace
from liquid_pilot.simulation.base.condition import parse

PERIOD_NS = 50_000_000
FIRST_NS = 1_000_000_000


class Trees:
    """A layout with one trunk at the east of the start."""

    def obstacle_discs(self):
        return np.array([[1.0, 0.0, 0.2]])


def packet(tick, east_m=0.0, shade=0, frame=True):
    stamp_ns = FIRST_NS + tick * PERIOD_NS
    image = ImageBuffer(bytes([shade]) * (32 * 18 * 3), 32, 18, 96, 'rgb8')
    quarter = math.sqrt(0.5)
    state = VehicleState(
        stamp_ns, (east_m, 0.5, 1.0), (quarter, 0.0, 0.0, quarter), (0.0,) * 3, (0.0,) * 3
    )
    observation = Observation(stamp_ns, image, ()) if frame else None
    return SensorPacket(stamp_ns, observation, (), state, 9.0, None)


def trace(tick, novel=False):
    gate = np.zeros(len(GATE_FIELDS))
    gate[0] = novel
    full = np.full(4, 0.1 * tick)
    return Trace(
        *('f' * 64, 'flight', FIRST_NS + tick * PERIOD_NS, tick + 1, 0.05),
        *(np.full(8, float(tick)), np.zeros(6), np.full(5, float(tick)), np.full(5, 0.1), full),
        *(np.zeros(4), np.zeros(4), np.full(4, 0.02), gate),
    )


def flown(ticks=20, condition='snow:4@0.5s', late=3, novel=(12, 13)):
    """Fly past the tree, with traces that arrive some ticks late."""
    recorder = FlightRecorder(3, Trees(), parse(condition))
    traces = [trace(tick, tick in novel) for tick in range(ticks)]
    for tick in range(ticks):
        recorder.on_packet(packet(tick, 0.1 * tick, shade=10 * tick))
        recorder.on_guard('engaged' if tick < 15 else 'safe', '' if tick < 15 else 'too late')
        for one in traces[max(tick - late, 0) : max(tick - late + 1, 0)]:
            recorder.on_trace(one)
        turn = 0.5 if tick == 7 else 0.1
        recorder.on_output(Command(FIRST_NS + tick * PERIOD_NS, 1.0, 0.0, 0.0, turn))
    return recorder.finish(traces[:-1], 'f' * 64, 'a test')


def test_the_moments_are_those_that_matter():
    record = flown()
    found = {name: moment for moment in record.moments for name in moment.names}
    ticks = {name: round(moment.time_s / 0.05) for name, moment in found.items()}
    assert ticks == {
        'start': 0,
        'turn': 7,
        'before': 9,
        'onset': 10,
        'closest': 10,
        'novel': 12,
        'guard': 15,
        'end': 19,
    }
    # One frame that is two moments is there once.
    assert found['onset'] is found['closest']
    assert [moment.rgb[0, 0, 0] for moment in record.moments] == [0, 70, 90, 100, 120, 150, 190]
    # The state before a tick is that after the one before it, and zero at the start.
    assert found['novel'].state[0] == 11.0
    assert found['novel'].state_after[0] == 12.0
    assert not found['start'].state.any()
    # The last frame ended the flight: the pilot did not answer it.
    assert not found['end'].readings.size
    assert math.isnan(found['end'].dt_s)


def test_each_tick_has_what_was_known_of_it():
    record = flown()
    assert record.time_s.tolist() == pytest.approx([0.05 * tick for tick in range(20)])
    assert record.heading_rad == pytest.approx(math.pi / 2)
    assert record.clearance_m.argmin() == 10
    assert record.clearance_m.min() == pytest.approx(0.5 - 0.2)
    assert record.command[4].tolist() == pytest.approx([0.4] * 4)
    assert np.isnan(record.command[-1]).all()
    assert record.output[:, 0].tolist() == [1.0] * 20
    assert np.flatnonzero(record.novel).tolist() == [12, 13]
    assert record.filter_tau_s[0].tolist() == pytest.approx([0.02] * 3)
    assert [(event.state, event.reason) for event in record.events] == [
        ('engaged', ''),
        ('safe', 'too late'),
    ]


def test_every_change_of_the_world_is_a_moment():
    record = flown(condition='snow:4@0.25s+wind:2@0.5s+noise:2')
    names = [name for moment in record.moments for name in moment.names]
    assert names.count('before') == 1
    assert {'onset', 'onset_2'} <= set(names)


def test_nothing_is_known_of_a_mission_without_a_packet():
    record = FlightRecorder(3, None).finish([])
    assert (len(record.time_s), record.moments, record.events) == (0, [], [])


def test_a_flight_without_traces_scene_or_frames_is_kept_as_far_as_it_goes():
    recorder = FlightRecorder(3, None)
    recorder.on_output(None)
    recorder.on_packet(packet(0, frame=False))
    recorder.on_packet(packet(1))
    record = recorder.finish([])
    assert np.isnan(record.clearance_m).all()
    assert [moment.names for moment in record.moments] == [('start', 'end')]


@pytest.mark.parametrize(
    ('encoding', 'pixel', 'expected'),
    [
        ('rgb8', [1, 2, 3], [1, 2, 3]),
        ('bgr8', [1, 2, 3], [3, 2, 1]),
        ('mono8', [7], [7, 7, 7]),
        ('bayer_rggb8', [7], [128, 128, 128]),
    ],
)
def test_a_picture_of_any_encoding_is_shown(encoding, pixel, expected):
    """Rows may be longer than their pixels."""
    row = bytes(pixel * 20) + b'xx'
    image = ImageBuffer(row * 10, 20, 10, len(row), encoding)
    assert to_rgb(image)[4, 5].tolist() == expected


def test_a_large_picture_is_kept_small():
    image = ImageBuffer(bytes(1280 * 720 * 3), 1280, 720, 1280 * 3, 'rgb8')
    assert to_rgb(image).shape == (180, 320, 3)
