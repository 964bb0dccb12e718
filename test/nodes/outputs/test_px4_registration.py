"""When a mode is asked for, what PX4's answers mean, and when the mode is lost."""

import itertools

import pytest

from liquid_pilot.nodes.outputs.px4_registration import (
    CHECK_TIMEOUT_S,
    ModeRegistration,
    Registration,
    Reply,
)

OURS = Registration(24, 1)


@pytest.fixture
def mode():
    return ModeRegistration('Liquid pilot', itertools.count(100).__next__)


def registered(mode, now_s=0.0):
    request = mode.request_due(now_s)
    assert mode.on_reply(Reply(request, True, 1, OURS), now_s) is None
    assert mode.registered == OURS
    return mode


def requests(mode, until_s, step_s=0.25):
    """The times at which a request is due."""
    times = [step_s * k for k in range(int(until_s / step_s))]
    return [now_s for now_s in times if mode.request_due(now_s) is not None]


def test_requests_without_an_answer_become_rare_and_are_reported(mode):
    times = requests(mode, 300.0)
    assert times[:6] == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0]
    assert all(25.0 <= b - a <= 30.0 for a, b in itertools.pairwise(times[6:]))
    assert len(times) < 16
    assert 'does not answer' in mode.problem and 'Offboard stays possible' in mode.problem


def test_the_first_requests_are_not_a_problem(mode):
    assert len(requests(mode, 6.0)) == 3 and not mode.problem


def test_an_answer_registers_and_ends_the_requests(mode):
    registered(mode)
    assert not mode.problem and requests(mode, 100.0) == []


def test_the_answer_to_another_component_is_not_ours(mode):
    mode.request_due(0.0)
    assert mode.on_reply(Reply(99, True, 1, OURS), 0.1) is None
    assert mode.registered is None


def test_a_late_answer_counts_and_a_second_place_is_given_back(mode):
    first, second = mode.request_due(0.0), mode.request_due(1.0)
    assert mode.on_reply(Reply(first, True, 1, OURS), 1.1) is None
    other = Registration(25, 2)
    assert mode.on_reply(Reply(second, True, 1, other), 1.2) == other
    assert mode.registered == OURS
    # Once more, by a middleware that repeats it: nothing of ours is given back.
    assert mode.on_reply(Reply(first, True, 1, OURS), 1.3) is None
    assert mode.registered == OURS


def test_two_answers_with_the_same_numbers_are_one_registration(mode):
    first, second = mode.request_due(0.0), mode.request_due(1.0)
    mode.on_reply(Reply(first, True, 1, OURS), 1.1)
    # PX4 had restarted in between, and the first answer was late.
    assert mode.on_reply(Reply(second, True, 1, OURS), 1.2) is None
    assert mode.registered == OURS


def test_what_was_asked_of_a_px4_that_has_restarted_is_void(mode):
    first, second = mode.request_due(0.0), mode.request_due(1.0)
    mode.on_reply(Reply(first, True, 1, OURS), 1.1)
    mode.on_status(3.0, False, 0)
    assert mode.on_reply(Reply(second, True, 1, OURS), 3.1) is None
    assert mode.registered is None


def test_a_loss_ends_the_pause_of_requests_without_an_answer(mode):
    requests(mode, 100.0)
    last = mode.request_due(130.0)
    mode.on_reply(Reply(last, True, 1, OURS), 130.1)
    mode.on_status(132.0, False, 0)
    assert mode.registered is None and mode.request_due(132.0) is not None


@pytest.mark.parametrize('number', [Registration(-1, 0), Registration(14, 0), Registration(23, -1)])
def test_numbers_that_are_none_are_not_used(mode, number):
    mode.on_reply(Reply(mode.request_due(0.0), True, 1, number), 0.1)
    assert mode.registered is None and mode.problem


def test_another_version_of_the_interface_is_said_and_given_back(mode):
    assert mode.on_reply(Reply(mode.request_due(0.0), True, 2, OURS), 0.1) == OURS
    assert mode.registered is None and 'version 2' in mode.problem


def test_a_refusal_is_reported_and_asked_again_after_half_a_minute(mode):
    mode.on_reply(Reply(mode.request_due(0.0), False, 1, Registration(-1, -1)), 0.1)
    assert 'commander status' in mode.problem
    assert mode.request_due(29.0) is None
    registered(mode, 31.0)
    assert not mode.problem


def test_a_refusal_while_armed_is_not_asked_again_while_armed(mode):
    mode.on_status(0.0, True, 0)
    mode.on_reply(Reply(mode.request_due(0.0), False, 1, Registration(-1, -1)), 0.1)
    assert 'while disarmed only' in mode.problem
    for now_s in (10.0, 500.0):
        mode.on_status(now_s, True, 0)
        assert mode.request_due(now_s) is None


def test_the_disarming_ends_the_pause_after_a_refusal(mode):
    mode.on_status(0.0, True, 0)
    mode.on_reply(Reply(mode.request_due(0.0), False, 1, Registration(-1, -1)), 0.1)
    mode.on_status(2.0, False, 0)
    registered(mode, 2.0)


def test_a_mode_that_px4_does_not_list_any_more_is_lost_and_asked_for_at_once(mode):
    registered(mode)
    # A status of the time before the registration may still arrive.
    mode.on_status(0.1, False, 0)
    assert mode.registered == OURS
    mode.on_status(1.5, False, 1 << 24)
    assert mode.registered == OURS
    mode.on_status(2.0, False, 1 << 23)
    assert mode.registered is None
    assert mode.request_due(2.0) is not None


def statuses(mode, start_s, until_s, modes=None, period_s=0.5):
    """Give statuses at 2 Hz, and return the time at which the mode was lost; None: it was not."""
    for k in range(int((until_s - start_s) / period_s) + 1):
        mode.on_status(start_s + period_s * k, False, modes)
        if mode.registered is None:
            return start_s + period_s * k
    return None


def test_a_mode_whose_check_is_not_asked_for_is_lost_where_px4_lists_no_modes(mode):
    mode.on_status(0.0, False, None)
    registered(mode)
    assert statuses(mode, 0.5, 1.0) is None
    assert mode.on_check_request(1.0, None) == OURS
    assert statuses(mode, 1.5, 9.0) == pytest.approx(1.0 + CHECK_TIMEOUT_S + 0.5)
    # Its number may be that of another component by now.
    assert mode.on_check_request(5.0, None) is None


def test_where_px4_lists_the_mode_it_is_not_lost_for_want_of_a_question(mode):
    registered(mode)
    assert statuses(mode, 0.5, 60.0, modes=1 << 24) is None


def test_after_a_stall_of_this_process_nothing_is_lost(mode):
    """The statuses of ten seconds are delivered at once, before the questions."""
    mode.on_status(0.0, False, None)
    registered(mode)
    assert statuses(mode, 0.5, 2.0) is None and mode.on_check_request(2.0, None)
    assert statuses(mode, 12.0, 12.02, period_s=0.001) is None
    assert mode.on_check_request(12.1, None) == OURS


@pytest.mark.parametrize('other', [Registration(24, 5), Registration(27, 1)])
def test_a_number_that_px4_gives_to_another_component_is_ours_no_more(mode, other):
    registered(mode)
    mode.on_reply(Reply(99, True, 1, Registration(27, 5)), 2.0)
    mode.on_reply(Reply(99, False, 1, OURS), 2.0)
    assert mode.registered == OURS
    mode.on_reply(Reply(99, True, 1, other), 2.1)
    assert mode.registered is None and mode.request_due(2.1) is not None


def test_a_check_that_px4_does_not_know_is_lost(mode):
    registered(mode)
    assert mode.on_check_request(0.3, 0) == OURS
    assert mode.on_check_request(1.3, 1 << OURS.arming_check_id) == OURS
    assert mode.on_check_request(1.6, 1 << 5) is None
    assert mode.registered is None


def test_a_link_that_is_down_loses_nothing_by_itself(mode):
    registered(mode)
    # No status, no question: for a minute nothing is known, and PX4 may still fly the mode.
    assert mode.on_check_request(60.0, None) == OURS
    mode.on_status(60.1, True, 1 << 24)
    assert mode.registered == OURS
