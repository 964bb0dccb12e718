"""Keys of a hand add to what the pilot wants, for a moment, within the limits."""

import math

import pytest

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.teaching.hand_keys import DIRECTIONS, HELD_S, HandKeys

LIMITS = VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0))
WISH = (1.0, 0.2, 0.0, -0.3)
NOTHING = (0.0, 0.0, 0.0, 0.0)


@pytest.fixture
def keys():
    return HandKeys(LIMITS, 0.4)


@pytest.mark.parametrize(('key', 'number', 'sign'), [(k, *v) for k, v in DIRECTIONS.items()])
def test_each_key_moves_one_axis_of_the_command(keys, key, number, sign):
    assert keys.press(key, 1.0)
    moved = [b - a for a, b in zip(NOTHING, keys.command(NOTHING, 1.1), strict=True)]
    expected = [0.0] * 4
    expected[number] = sign * 0.4 * LIMITS.maximum[number]
    assert moved == pytest.approx(expected)


def test_a_key_acts_while_it_is_held_and_ends_soon_after(keys):
    for k in range(10):
        keys.press('left', 0.1 * k)
        assert keys.command(WISH, 0.1 * k)[3] > WISH[3]
    assert keys.command(WISH, 0.9 + HELD_S - 0.01) != WISH
    assert keys.command(WISH, 0.9 + HELD_S + 0.01) == WISH
    # A clock that goes back ends it too.
    assert keys.command(WISH, 0.0) == WISH


def test_keys_add_up_and_opposite_ones_replace_each_other(keys):
    keys.press('left', 0.0)
    keys.press('w', 0.1)
    assert keys.command(NOTHING, 0.2) == pytest.approx((0.0, 0.0, 0.4, 0.6))
    keys.press('right', 0.2)
    assert keys.command(NOTHING, 0.3) == pytest.approx((0.0, 0.0, 0.4, -0.6))
    keys.release()
    assert keys.command(WISH, 0.3) == WISH


def test_space_stops_until_another_key(keys):
    keys.press('up', 0.0)
    assert keys.press(' ', 0.1)
    assert keys.command(WISH, 0.2) == keys.command(WISH, 9.0) == NOTHING
    keys.press('up', 9.0)
    assert keys.command(WISH, 9.1)[0] == pytest.approx(2.0)


def test_what_is_sent_is_finite_and_within_the_limits(keys):
    keys.press('up', 0.0)
    assert keys.command((9.0, -9.0, 9.0, -9.0), 0.1) == (2.5, -1.5, 1.0, -1.5)
    assert keys.command((math.nan, 0.0, 0.0, 0.0), 0.1) == (1.0, 0.0, 0.0, 0.0)
    assert keys.command((math.inf, 0.0, 0.0, 0.0), 9.0) == NOTHING


def test_other_keys_command_nothing(keys):
    assert not any(keys.press(key, 0.0) for key in ('q', '\r', 'y', '', '\x1b'))
    assert keys.command(WISH, 0.0) == WISH
