"""The age of an input: by its stamp and by its arrival, whichever is older."""

import pytest

from liquid_pilot.onboard.safety.input_age import InputAge

S = 1_000_000_000


def followed(*messages):
    """An age after messages (stamp in s, arrival in s), and which of them were new."""
    age = InputAge()
    return age, [age.record(round(stamp_s * S), at_s) for stamp_s, at_s in messages]


def test_before_the_first_message_there_is_none():
    assert InputAge().problem(5.0, 0.5, 5 * S) == 'no message has arrived'


def test_what_arrived_long_ago_is_old():
    age, _ = followed((10.0, 1.0))
    assert age.problem(1.5, 0.5, None) == ''
    assert age.problem(1.6, 0.5, None) == 'none for 0.6 s'


@pytest.mark.parametrize(
    ('clock_s', 'words'),
    [
        (10.0, ''),
        (10.5, ''),
        (10.6, 'it is stamped 0.6 s ago by the ROS clock'),
        (110.0, 'it is stamped 100.0 s ago by the ROS clock'),
        (9.9, ''),
        (9.8, 'it is stamped 0.2 s in the future by the ROS clock'),
        (None, ''),
    ],
)
def test_what_has_just_arrived_is_as_old_as_its_stamp(clock_s, words):
    age, _ = followed((10.0, 1.0))
    assert age.problem(1.0, 0.5, None if clock_s is None else round(clock_s * S)) == words


def test_a_message_without_a_stamp_says_so():
    age, _ = followed((0.0, 1.0))
    assert age.problem(1.0, 0.5, 100 * S) == 'it carries no time stamp'


def test_a_stamp_that_repeats_is_not_new_however_long_it_lasts():
    age, new = followed(*[(10.0, 0.1 * k) for k in range(60)])
    assert new == [True] + [False] * 59
    assert age.problem(5.9, 0.5, None) == 'the stamp is the same for 5.9 s'


def test_an_older_stamp_is_not_new_unless_it_is_a_new_start():
    age, new = followed((10.0, 0.0), (9.9, 0.1), (10.1, 0.2), (3.0, 1.1), (3.0, 1.3), (3.1, 1.4))
    assert new == [True, False, True, False, True, True]
    assert age.problem(1.4, 0.5, None) == ''
