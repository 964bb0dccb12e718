"""When setpoints may go to a vehicle that reports whether it flies."""

import pytest

from liquid_pilot.onboard.safety.airborne import (
    AIRBORNE_AWAITED,
    AIRBORNE_UNKNOWN,
    AWAIT_S,
    NOT_AIRBORNE,
    AirborneWatch,
)
from liquid_pilot.onboard.safety.preflight import VehicleStatus

FLYING, GROUNDED, SILENT = (VehicleStatus(True, airborne=value) for value in (True, False, None))


@pytest.mark.parametrize('required', [False, True])
def test_nothing_is_sent_on_the_ground_and_all_in_the_air(required):
    watch = AirborneWatch(required)
    for _ in range(2):
        assert watch.problem(GROUNDED, True, 0.0) == NOT_AIRBORNE
        assert watch.problem(FLYING, False, 0.0) == ''


def test_a_vehicle_that_has_just_connected_has_time_to_report():
    """Its heartbeat comes before its landed state, and a setpoint between them does harm."""
    watch = AirborneWatch(False)
    # Before it has connected, other checks refuse.
    assert watch.problem(VehicleStatus(False), False, 0.0) == ''
    assert watch.problem(SILENT, False, 100.0) == AIRBORNE_AWAITED
    assert watch.problem(SILENT, True, 100.0 + AWAIT_S - 0.1) == AIRBORNE_AWAITED
    assert watch.problem(SILENT, False, 100.0 + AWAIT_S) == ''
    # One that never reports is not waited for again in its flight.
    for status in (VehicleStatus(False), SILENT):
        assert watch.problem(status, True, 200.0) == ''


def test_a_vehicle_that_reports_nothing_is_sent_velocities_and_no_thrust():
    for status in (None, SILENT):
        velocity, thrust = AirborneWatch(False), AirborneWatch(True)
        for watch in (velocity, thrust):
            watch.problem(status, False, 0.0)
        assert velocity.problem(status, False, AWAIT_S) == ''
        # A stop before the first report is no report.
        for commanding in (False, True):
            assert thrust.problem(status, commanding, AWAIT_S) == AIRBORNE_UNKNOWN


@pytest.mark.parametrize('required', [False, True])
@pytest.mark.parametrize('silent', [SILENT, VehicleStatus(False)])
def test_reports_that_end_change_nothing_for_a_vehicle_that_is_commanded(required, silent):
    watch = AirborneWatch(required)
    watch.problem(FLYING, False, 0.0)
    assert watch.problem(silent, True, 50.0) == ''
    watch.problem(GROUNDED, True, 51.0)
    for commanding in (True, False):
        assert watch.problem(silent, commanding, 100.0) == NOT_AIRBORNE


def test_a_vehicle_that_a_human_may_have_landed_unnoticed_is_asked_anew():
    watch = AirborneWatch(True)
    watch.problem(FLYING, True, 0.0)
    assert watch.problem(SILENT, False, 10.0) == AIRBORNE_AWAITED
    assert watch.problem(SILENT, True, 10.0 + AWAIT_S) == AIRBORNE_UNKNOWN
