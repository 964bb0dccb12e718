"""What the report says of the guard, of adaptation and of novelty."""

import math

import numpy as np
import pytest
from made_runs import record

from liquid_pilot.evaluation.flight_report.flight_record import FlightRecord, GuardEvent
from liquid_pilot.evaluation.flight_report.run_folder import Mission
from liquid_pilot.evaluation.flight_report.story import (
    guard_changes,
    guard_share,
    largest_distance,
    story,
)
from liquid_pilot.onboard.inference.trace import GATE_FIELDS
from liquid_pilot.onboard.vehicles.registry import get_vehicle


def told(flown, about, limits=None, thresholds=None):
    """Return the sentence of a story that begins with a word."""
    mission = Mission(4, 'success', '', 2.0, 9.0, 1.0)
    sentences = story(mission, flown, [], np.empty(0), 0.0125, limits, thresholds)
    return next(one for one in sentences if one.startswith(f'<b>{about}'))


def test_the_share_of_commands_that_the_guard_changed():
    share, largest = guard_share(record(4, ''), None)
    assert share == pytest.approx(1 / 40)
    assert largest.tolist() == pytest.approx([0.5, 0.0, 0.0, 0.0])
    assert math.isnan(guard_share(FlightRecord(4), None)[0])


def test_what_a_car_cannot_do_is_no_change_by_the_guard():
    driven = record(4, '')
    driven.output = driven.command * (1.0, 0.0, 0.0, 1.0)
    assert guard_share(driven, None)[0] == 1.0
    limits = get_vehicle('rover').limits
    share, largest = guard_share(driven, limits)
    assert (share, float(np.max(largest))) == (0.0, 0.0)
    assert guard_changes(driven, limits) == []


def test_each_kind_of_change_by_the_guard_has_its_time_and_reason():
    limits = get_vehicle('quadrotor').limits
    most = limits.maximum[0]
    flown = record(4, '')
    flown.events = [
        GuardEvent(0.0, 'engaged', ''),
        GuardEvent(1.0, 'safe', 'no good command'),
        GuardEvent(1.2, 'engaged', 'geofence: it is far from home'),
        GuardEvent(1.4, 'engaged', ''),
    ]
    flown.command = np.zeros((40, 4))
    flown.command[:, 3] = -0.5
    flown.output = flown.command.copy()
    flown.command[2, 0], flown.output[2, 0] = 1.5, 0.3
    flown.command[5, 0], flown.output[5, 0] = 1.0, 0.5
    flown.command[10, 0], flown.output[10, 0] = most + 0.4, most
    flown.output[21, 3] = 0.0
    flown.command[25, 2], flown.output[25, 2] = 0.2, -0.1
    found = guard_changes(flown, limits)
    assert [(one.time_s, one.value, one.amount) for one in found] == [
        (pytest.approx(0.1), 0, pytest.approx(1.2)),
        (pytest.approx(1.05), 3, pytest.approx(0.5)),
        (pytest.approx(0.5), 0, pytest.approx(0.4)),
        (pytest.approx(1.25), 2, pytest.approx(0.3)),
    ]
    assert told(flown, 'The guard', limits) == (
        '<b>The guard:</b> it changed 12 % of the commands, '
        'most at 0.10 s, where it held forward back by 1.20 m/s: a command may change only so '
        'fast; and at 1.05 s, where it held the turn to the right back by 0.50 rad/s: it sent the '
        'safe command (no good command); and at 0.50 s, where it held forward back by 0.40 m/s: '
        'the vehicle may do no more; and at 1.25 s, where it held up back by 0.30 m/s: geofence: '
        'it is far from home; then at 1.00 s safe (no good command).'
    )
    flown.output[2, 0] = 2.9
    assert 'at 0.10 s, where it changed forward by 1.40 m/s' in told(flown, 'The guard', limits)
    assert 'it limits speeds, and how fast they change' in told(flown, 'The guard')


def test_what_adapted_is_told_with_its_factor_and_its_time():
    flown = record(4, '')
    tau = np.full(40, 0.0125)
    tau[10:20] = np.geomspace(0.014, 0.075, 10)
    tau[20:] = np.linspace(0.074, 0.06, 20)
    flown.filter_tau_s[:, 1] = tau
    # It leaves the trained value by a tenth at tick 10; tick 19 is the first near its peak.
    assert told(flown, 'What adapted').endswith(
        'went to 6.0 times what was trained, from 12.5 to 75.0 ms, between 0.50 s and 0.95 s; '
        'it averages the pictures over a longer time.'
    )
    flown.filter_tau_s[:, 1] = 0.005
    assert told(flown, 'What adapted').endswith(
        'smoothed less: its time constants (geometric mean) went to 0.4 times what was trained, '
        'from 12.5 to 5.0 ms, from the start; it averages the pictures over a shorter time.'
    )


def test_the_strangest_frame_is_told_where_none_was_rejected():
    flown = record(4, '')
    thresholds = np.array([8.0, 5.0, 4.0])
    flown.gate[:, GATE_FIELDS.index('novel')] = 0.0
    flown.gate[30, GATE_FIELDS.index('log_change')] = math.log(3.1)
    flown.gate[12, GATE_FIELDS.index('log_distance')] = math.log(4.0)
    times, kind, at_s = largest_distance(flown, thresholds)
    assert (times, kind, at_s) == (pytest.approx(0.62), 1, pytest.approx(1.5))
    said = told(flown, 'Novelty', thresholds=thresholds)
    assert 'at 1.50 s, came to 0.62 times the threshold (by the change of its features)' in said
    assert told(flown, 'Novelty').endswith('rejected it.')
    flown.gate[:] = np.nan
    assert math.isnan(largest_distance(flown, thresholds)[0])
    assert told(flown, 'Novelty', thresholds=thresholds).endswith('rejected it.')
