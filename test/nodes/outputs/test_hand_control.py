"""Commands of a hand leave finite, bounded, fresh, or as the safe one; and only from a human."""

import math
from itertools import pairwise

import pytest

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.nodes.outputs.hand_control import HandControl
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits

LIMITS = get_vehicle_limits('quadrotor')
TURN = 0.4


@pytest.fixture
def hand():
    made = HandControl(LIMITS, Geofence())
    made.follow(True, 0.0, None)
    return made


def send(hand, now_s, *values, age_s=0.0, vehicle=None):
    stamp_ns = round(1e9 * (now_s - age_s))
    values = values or (0.5, 0.0, 0.0, TURN)
    return hand.accept(Command(stamp_ns, *values), now_s, round(1e9 * now_s), vehicle)


def test_a_hand_flies_while_a_human_has_the_vehicle_and_not_longer(hand):
    last = [send(hand, 1.0 + 0.05 * k) for k in range(20)][-1]
    assert last.accepted and last.command.values == pytest.approx((0.5, 0.0, 0.0, TURN))
    hand.follow(False, 2.0, None)
    assert send(hand, 2.05) is None and hand.check(9.0) is None and hand.reason == ''
    # Nor is anything sent that was wanted before.
    hand.follow(True, 9.1, None)
    assert hand.check(9.2) is None


def test_before_a_human_has_it_nothing_is_sent():
    hand = HandControl(LIMITS, Geofence())
    assert send(hand, 1.0) is None and hand.check(9.0) is None


def test_a_hand_that_falls_silent_leaves_the_safe_command(hand):
    send(hand, 1.0)
    assert hand.check(1.2) is None
    decision = hand.check(1.0 + LIMITS.command_timeout_s + 0.05)
    assert decision.command.values == LIMITS.safe_command
    assert 'no good command' in hand.reason


@pytest.mark.parametrize('values', [(math.nan, 0, 0, 0), (0, math.inf, 0, 0), (0, 0, 0, -math.inf)])
def test_what_is_not_finite_is_answered_by_the_safe_command(hand, values):
    send(hand, 1.0)
    assert send(hand, 1.05, *values).command.values == LIMITS.safe_command


def test_what_is_absurd_is_bounded_and_ramped(hand):
    commands = [send(hand, 1.0 + 0.05 * k, 1e9, -1e9, 1e9, -1e9).command for k in range(60)]
    most = LIMITS.maximum
    assert commands[-1].values == pytest.approx((most[0], -most[1], most[2], -most[3]))
    for before, after in pairwise(commands):
        changes = zip(before.values, after.values, LIMITS.slew, strict=True)
        assert all(abs(b - a) <= slew * 0.1 + 1e-9 for a, b, slew in changes)


@pytest.mark.parametrize('age_s', [LIMITS.command_timeout_s + 0.1, -1.0])
def test_what_is_old_or_of_the_future_is_not_sent(hand, age_s):
    assert send(hand, 5.0, age_s=age_s).command.values == LIMITS.safe_command


def test_the_fence_is_where_the_pilot_was_engaged():
    hand = HandControl(LIMITS, Geofence(radius_m=10.0))
    hand.follow(True, 0.0, (0.0, 0.0, 0.0))

    def at(east_m, now_s):
        return VehicleState(
            round(1e9 * now_s), (east_m, 0.0, 2.0), (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3
        )

    inside, outside = [], []
    for k in range(20):
        now_s = 1.0 + 0.05 * k
        inside.append(send(hand, now_s, 1.0, 0.0, 0.0, 0.0, vehicle=at(0.0, now_s)))
    assert inside[-1].command.forward_m_s == pytest.approx(1.0)
    for k in range(20):
        now_s = 2.0 + 0.05 * k
        outside.append(send(hand, now_s, 1.0, 0.0, 0.0, 0.0, vehicle=at(30.0, now_s)))
    assert outside[-1].command.forward_m_s <= 0.0
