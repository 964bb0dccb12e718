"""What the report says of the guard."""

import math

import numpy as np
import pytest
from made_runs import record

from liquid_pilot.evaluation.flight_report.flight_record import FlightRecord
from liquid_pilot.evaluation.flight_report.story import guard_share
from liquid_pilot.onboard.vehicles.registry import get_vehicle


def test_the_share_of_commands_that_the_guard_changed():
    share, largest = guard_share(record(4, ''), None)
    assert share == pytest.approx(1 / 40)
    assert largest.tolist() == pytest.approx([0.5, 0.0, 0.0, 0.0])
    assert math.isnan(guard_share(FlightRecord(4), None)[0])


def test_what_a_car_cannot_do_is_no_change_by_the_guard():
    driven = record(4, '')
    driven.output = driven.command * (1.0, 0.0, 0.0, 1.0)
    assert guard_share(driven, None)[0] == 1.0
    share, largest = guard_share(driven, get_vehicle('rover').limits)
    assert (share, float(np.max(largest))) == (0.0, 0.0)
