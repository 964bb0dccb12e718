"""The picture: what the camera sees where the pilot is silent, and why a frame cannot be read."""

import json

from shown_flights import GUARD, PERIOD_NS, show

from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.history import History
from liquid_pilot.interfaces import ImageBuffer

UNREADABLE = ImageBuffer(b'', 4, 4, 12, 'odd')


def test_the_camera_is_shown_without_a_pilot_at_its_own_rate(flight):
    shown = FlightState(History(100.0, 10.0))
    assert not shown.is_complete(0.0)
    for number in range(3):
        shown.on_picture(PERIOD_NS * (number + 1), flight[number].image)
        assert shown.is_complete(0.05 * number)
        record, _ = shown.record(0.05 * number)
        assert record.picture and record.stamp_ns == PERIOD_NS * (number + 1)
        # The same frame is not shown again, and a camera that has stopped is seen to have.
        assert not shown.is_complete(0.05 * number)
        assert not shown.record(0.05 * number)[0].picture


def test_the_camera_goes_on_where_the_pilot_has_ended(flight):
    shown = FlightState(History(100.0, 10.0))
    show(shown, flight)
    last_s = flight[-1].trace.stamp_ns * 1e-9
    shown.on_picture(PERIOD_NS * 20, flight[0].image)
    # While the pilot flies, a frame waits for its tick.
    assert not shown.is_complete(last_s + 0.1) and not shown.record(last_s + 0.1)[0].picture
    assert shown.is_complete(last_s + 2.0)
    record, _ = shown.record(last_s + 2.0)
    assert record.picture and record.stamp_ns == PERIOD_NS * 20


def test_why_a_frame_cannot_be_read_is_reported_until_one_can(flight):
    shown = FlightState(History(100.0, 10.0))
    shown.on_status(0.0, 'guard', GUARD)
    shown.on_picture(1, UNREADABLE)
    record, _ = shown.record(0.0)
    reports = json.loads(record.status)
    assert not record.picture and reports['picture']['level'] == 2
    assert "encoding 'odd'" in reports['picture']['message']
    shown.on_picture(2, flight[0].image)
    record, _ = shown.record(0.1)
    assert record.picture and list(json.loads(record.status)) == ['guard']


def test_the_bars_of_an_unknown_pilot_are_those_of_the_vehicle():
    shown = FlightState(History(100.0, 10.0))
    assert shown.about()['maximum'] == []
    shown.maximum = (4.5, 0.0, 0.0, 1.5)
    assert shown.about()['maximum'] == [4.5, 0.0, 0.0, 1.5]
