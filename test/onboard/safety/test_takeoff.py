"""When a take-off is over, by what an autopilot says that knows only 'off the ground'."""

import math

from liquid_pilot.onboard.safety.takeoff import TakeoffWatch


def play(watch, flying, climbs, start_s):
    """Feed climb rates at 10 Hz; return the answers."""
    return [watch.update(flying, climb, start_s + 0.1 * k) for k, climb in enumerate(climbs)]


def test_a_vehicle_flies_once_it_no_longer_climbs():
    watch = TakeoffWatch()
    assert play(watch, False, [0.0] * 30, 0.0) == [False] * 30
    # It lifts off slowly, climbs for three seconds, and stands.
    assert play(watch, True, [0.1] * 5 + [2.5] * 30 + [0.1] * 15, 3.0) == [False] * 50
    assert play(watch, True, [0.0] * 30, 8.0)[-1] is True


def test_a_climb_in_flight_is_no_take_off_and_a_landing_ends_the_flight():
    watch = TakeoffWatch()
    assert play(watch, True, [0.0] * 30, 0.0)[-1] is True
    assert play(watch, True, [2.0] * 30, 3.0) == [True] * 30
    assert play(watch, False, [0.0] * 2, 6.0) == [False] * 2
    assert play(watch, True, [0.0] * 2, 6.2) == [False] * 2


def test_what_is_not_reported_is_not_known():
    watch = TakeoffWatch()
    assert play(watch, True, [0.0] * 30, 0.0)[-1] is True
    assert watch.update(None, 0.0, 3.0) is None
    assert watch.update(True, 0.0, 3.1) is False


def test_a_climb_rate_that_is_no_number_settles_nothing():
    watch = TakeoffWatch()
    assert not any(play(watch, True, [math.nan] * 100, 0.0))
