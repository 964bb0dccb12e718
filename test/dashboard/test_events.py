"""Events are sentences about what happened, once each."""

import math

import numpy as np
import pytest

from liquid_pilot.dashboard.events import EventDetector, Status
from liquid_pilot.onboard.inference.trace import GATE_FIELDS

THRESHOLDS = np.log(np.array([2.0, 3.0, 4.0], np.float32))


def gate(novel, texture=1.0):
    values = dict.fromkeys(GATE_FIELDS, 0.0)
    values.update(novel=float(novel), log_texture=math.log(texture))
    return np.array([values[name] for name in GATE_FIELDS])


def texts(detector):
    return [(event.kind, event.text) for event in detector.take()]


def fly(detector, until_s, novel, begin_s=0.0):
    for k in range(round((until_s - begin_s) / 0.05)):
        detector.on_gate(begin_s + 0.05 * k, gate(novel, 10.0 if novel else 1.0), THRESHOLDS)


def test_a_problem_whose_numbers_change_is_told_once():
    detector = EventDetector()
    for age_s in range(3, 90):
        message = f'camera: no frame for {age_s}.2 s on /camera/image_raw (0 publishers)'
        detector.on_status(float(age_s), 'pilot', Status(2, message, {'state': 'waiting'}))
    (event,) = detector.take()
    assert event.text == 'pilot: camera: no frame for 3.2 s on /camera/image_raw (0 publishers)'
    detector.on_status(91.0, 'pilot', Status(2, 'imu: no sample for 3 s', {'state': 'waiting'}))
    detector.on_status(92.0, 'pilot', Status(0, 'flying', {'state': 'flying'}))
    assert [event.level for event in detector.take()] == [2, 0]


def test_novelty_is_one_event_with_its_reason_and_its_end():
    detector = EventDetector()
    fly(detector, 1.0, False)
    fly(detector, 1.6, True, 1.0)
    fly(detector, 3.0, False, 1.6)
    (begin, end) = texts(detector)
    assert begin[0] == 'novel' and 'the texture: 2.5 × the threshold' in begin[1]
    assert end[0] == 'accepted' and 'again, after 0.6 s' in end[1]


def test_novelty_that_lasts_is_a_new_environment():
    detector = EventDetector()
    fly(detector, 2.1, True)
    fly(detector, 3.0, False, 2.1)
    assert 'new environment' in texts(detector)[1][1]


def test_novelty_that_flickers_is_one_event():
    detector = EventDetector()
    for k in range(20):
        fly(detector, 0.1 * k + 0.05, True, 0.1 * k)
        fly(detector, 0.1 * k + 0.1, False, 0.1 * k + 0.05)
    assert [kind for kind, _ in texts(detector)].count('novel') == 1


def test_a_time_scale_is_an_event_when_it_has_changed_by_half():
    detector = EventDetector()
    for step in range(101):
        detector.on_scale(0.05 * step, 'filter', math.log(1.0 + 0.02 * step))
    found = texts(detector)
    assert len(found) == 2 and '1.50 × the trained' in found[0][1] and 'slower' in found[0][1]
    detector.on_scale(6.0, 'filter', math.nan)
    detector.on_scale(6.0, 'filter', 0.0)
    assert 'faster, its time constants are 1.00' in texts(detector)[0][1]


def test_a_reset_does_not_count_as_adaptation():
    detector = EventDetector()
    detector.on_flight(0.0, 'one')
    detector.on_scale(0.0, 'filter', 1.0)
    detector.take()
    detector.on_flight(1.0, 'two')
    detector.on_scale(1.0, 'filter', 0.0)
    detector.on_scale(1.5, 'filter', 1.0)
    assert [kind for kind, _ in texts(detector)] == ['reset']


@pytest.mark.parametrize(
    ('state', 'level'),
    [('engaged', 0), ('safe', 2), ('stopped', 1), ('overridden', 1), ('disengaged', 0)],
)
def test_the_guard_says_what_it_does_and_why(state, level):
    detector = EventDetector()
    for _ in range(3):
        detector.on_status(1.0, 'guard', Status(0, state, {'state': state, 'reason': 'because'}))
    (event,) = detector.take()
    assert (event.kind, event.level) == ('guard', level)
    assert event.text.startswith(f'The guard is {state}: ') and event.text.endswith('(because)')


def test_nodes_fall_ill_fall_silent_and_come_back():
    detector = EventDetector()
    detector.on_status(0.0, 'pilot', Status(0, 'flying', {'state': 'flying'}))
    detector.on_status(1.0, 'pilot', Status(2, 'no frame', {'state': 'rejecting'}))
    detector.on_status(2.0, 'pilot', Status(2, 'no frame', {'state': 'rejecting'}))
    detector.on_status(3.0, 'pilot', Status(0, 'flying', {'state': 'flying'}))
    detector.on_silence(9.0, ['pilot'])
    events = detector.take()
    assert [event.text for event in events] == [
        'pilot: no frame',
        'pilot is well again',
        'pilot reports no more: it has ended, or hangs',
    ]
    assert [event.level for event in events] == [2, 0, 2]


def test_the_world_changes_at_its_time_in_each_mission():
    detector = EventDetector(changes=[(3.0, 'snow of severity 4 of 5'), (0.0, 'wind')])
    assert math.isnan(detector.on_stamp(0.5, 10**9))
    for start_ns in (7 * 10**9, 60 * 10**9):
        detector.on_mission_start(start_ns)
        for tick in range(200):
            flight_s = detector.on_stamp(0.1 * tick, start_ns + 50_000_000 * tick)
            assert flight_s == pytest.approx(0.05 * tick)
        found = [(event.kind, event.text, event.time_s) for event in detector.take()]
        assert found == [
            ('world', 'The world: wind', 0.0),
            ('world', 'The world changes: snow of severity 4 of 5', pytest.approx(6.0)),
        ]
        detector.on_mission(20.0, 'end success')
        detector.take()
        # What is stamped after the end, or before the beginning, is of no mission.
        assert math.isnan(detector.on_stamp(20.0, start_ns + 10**10))


def test_a_change_long_before_the_page_was_there_is_no_event():
    detector = EventDetector(changes=[(3.0, 'fog')])
    detector.on_mission_start(0)
    assert detector.on_stamp(0.0, 8 * 10**9) == 8.0
    assert not detector.take()


def test_a_mission_that_fails_is_a_warning():
    detector = EventDetector()
    for text in ('seed 7', 'end success', 'end crash tree 3'):
        detector.on_mission(1.0, text)
    assert [event.level for event in detector.take()] == [0, 0, 1]


def test_a_simulator_that_writes_its_report_is_not_said_to_hang():
    detector = EventDetector()
    for number, (said, expected) in enumerate(
        (('seed 7', True), ('end success', False), ('seed 8', True))
    ):
        detector.on_status(10.0 * number, 'simulator', Status(0, '', {'state': said}))
        detector.on_mission(10.0 * number, said)
        detector.take()
        detector.on_silence(10.0 * number + 4.0, ['simulator'])
        texts = [event.text for event in detector.take()]
        assert texts == ['simulator reports no more: it has ended, or hangs'] * expected
    # The guard has nothing to write.
    detector.on_mission(40.0, 'end success')
    detector.take()
    detector.on_silence(44.0, ['guard'])
    assert len(detector.take()) == 1
