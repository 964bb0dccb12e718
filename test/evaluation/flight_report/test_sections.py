"""The parts of a mission in the report: bars of turns, paths, letters on the time axis, dates."""

import re

import numpy as np
import pytest
from made_runs import record

from liquid_pilot.evaluation.flight_report.charts import TimeAxis, time_ticks
from liquid_pilot.evaluation.flight_report.explanations import (
    Drivers,
    Explained,
    Part,
    along,
    window_names,
)
from liquid_pilot.evaluation.flight_report.head import moment_text
from liquid_pilot.evaluation.flight_report.run_folder import Mission
from liquid_pilot.evaluation.flight_report.sections import (
    bar,
    charts,
    film_strip,
    hardly_counted,
    time_axis,
)
from liquid_pilot.explanation.strongest_paths import CorePath

PICTURE = np.zeros((72, 128, 3), np.uint8)


def moments(*turns):
    """Explained moments of a flight, each with the parts of its turn."""
    given = record(4, '').moments
    return [
        Explained(moment, PICTURE, Drivers(sum(parts), tuple(Part('p', v) for v in parts), ()))
        for moment, parts in zip(given, turns, strict=True)
    ]


def bars(markup):
    """Return the left end and the width of the bars of a film strip, in per cent."""
    found = re.findall(r'<b( class=m)? style="left:([\d.]+)%;width:([\d.]+)%"></b>', markup)
    return [(bool(m), float(left), float(width)) for m, left, width in found]


def test_a_turn_to_the_left_extends_to_the_left():
    assert bars(bar(0.5)) == [(False, 25.0, 25.0)]
    assert bars(bar(-0.5)) == [(True, 50.0, 25.0)]


def test_all_moments_of_a_mission_have_one_scale():
    strip = film_strip(moments((0.4, 0.1), (-0.2, 0.0), (0.1, 0.05)))
    assert bars(strip) == [
        (False, 0.0, 50.0),
        (False, 37.5, 12.5),
        (True, 50.0, 25.0),
        (False, 50.0, 0.0),
        (False, 37.5, 12.5),
        (False, 43.8, 6.2),
    ]


@pytest.mark.parametrize(
    ('parts', 'hardly'),
    [((-0.01, -0.1), True), ((0.019, 0.0), True), ((0.05, 0.3), True), ((0.05, 0.1), False)],
)
def test_a_picture_that_hardly_counted_is_told_so(parts, hardly):
    explained = moments(parts, (0.5, 0.0), (0.5, 0.0))
    assert hardly_counted(explained[0].drivers) is hardly
    assert film_strip(explained).count('this picture hardly counted here') == hardly


def test_a_frame_that_was_not_answered_has_no_map():
    explained = moments((0.5,), (0.5,), (0.5,))
    assert film_strip(explained).count('what counted in the picture at') == 3
    last = explained[-1]
    last.moment, last.drivers = last.moment._replace(readings=np.empty(0)), None
    strip = film_strip(explained)
    assert strip.count('what counted in the picture at') == 2
    assert strip.count('the flight ended before it was answered') == 1


def test_the_paths_that_are_named_push_where_it_turned():
    paths = [CorePath(0, (1,), part) for part in (-0.3, 0.2, -0.1, 0.05, -0.04, 0.001)]
    assert [path.part for path in along(0.4, paths, 2)] == [0.2, 0.05]
    assert [path.part for path in along(-0.4, paths, 2)] == [-0.3, -0.1]
    assert [path.part for path in along(0.4, paths[4:], 2)] == []
    assert along(0.001, paths, 2) == []


def test_the_rows_say_how_far_back_they_reach():
    assert window_names(0.0) == ('', 'all before')
    assert window_names(0.1) == ('last 0.10 s', 'all before that')
    assert window_names(0.95) == ('last second', 'older memory')


def test_letters_that_would_overlap_stand_below_each_other_at_their_own_time():
    times = np.arange(100) * 0.1
    axis = TimeAxis(times, 10.0, [(0.0, 'A'), (0.1, 'B'), (0.2, 'C'), (3.0, 'D'), (9.9, 'E')])
    found = re.findall(r'left:([\d.]+)%;top:([\d.]+)rem">(\w)<', time_ticks(axis))
    assert found == [
        ('0.00', '0.0', 'A'),
        ('1.00', '1.3', 'B'),
        ('2.00', '2.6', 'C'),
        ('30.00', '0.0', 'D'),
        ('99.00', '0.0', 'E'),
    ]


def test_the_pilot_is_blue_and_the_guard_orange():
    flown = record(4, '')
    axis = time_axis(Mission(4, 'success', '', 2.0, 9.0, 1.0), flown, [])
    legend = charts(flown, axis, None).partition('</ul>')[0]
    assert re.findall(r'<path class="(line[^"]*)"[^<]*/></svg></span> ([^<]*)<', legend) == [
        ('line', 'what the pilot commanded'),
        ('line second', 'what the guard let through'),
    ]


def test_a_date_is_short_and_keeps_the_whole_in_its_title():
    assert moment_text('2026-11-28T23:26:59+0100') == (
        '<span title="2026-11-28T23:26:59+0100">2026-11-28 22:26 UTC</span>'
    )
    assert moment_text('<yesterday>') == '&lt;yesterday&gt;'
    assert moment_text(None) == 'unknown'
