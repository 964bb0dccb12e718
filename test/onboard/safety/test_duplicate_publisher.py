"""Two live processes that publish as one node are distinguished from one that restarts."""

from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.onboard.safety.duplicate_publisher import (
    DuplicatePublisherDetector,
    InterleavedMessages,
    LivePublishers,
)


def watch(names, period_s):
    detector, seen = DuplicatePublisherDetector(), []
    for k, name in enumerate(names):
        detector.record(name, k * period_s)
        seen.append(detector.detected(k * period_s))
    return detector, seen


@given(st.lists(st.integers(1, 4), max_size=6), st.floats(0.05, 3.0))
def test_a_process_that_restarts_again_and_again_is_no_duplicate(lives, period_s):
    names = [f'life {k}' for k, messages in enumerate(lives) for _ in range(messages)]
    assert not any(watch(names, period_s)[1])


@given(st.floats(0.05, 1.9), st.integers(1, 3))
def test_two_who_take_turns_are_found_and_forgotten_later(period_s, others):
    names = ['one', *(f'other {k}' for k in range(others)), 'one']
    if period_s * others <= DuplicatePublisherDetector.ALTERNATION_WINDOW_S - 0.01:
        detector, seen = watch(names, period_s)
        assert seen[:-1] == [False] * (len(names) - 1) and seen[-1]
        assert detector.detected(len(names) * period_s)
        assert not detector.detected(
            len(names) * period_s + DuplicatePublisherDetector.ALTERNATION_WINDOW_S
        )


def test_a_name_that_comes_back_much_later_is_another_start():
    assert not any(watch(['a', 'b', 'a'], DuplicatePublisherDetector.ALTERNATION_WINDOW_S + 0.1)[1])


def test_who_has_just_spoken_may_be_alive_and_who_has_not_is_not():
    detector = DuplicatePublisherDetector()
    for name, now_s in (('old', 0.0), ('old', 1.0), ('new', 1.5), ('new', 2.5)):
        detector.record(name, now_s)
    assert (
        detector.recent_count(3.4) == 2
        and detector.recent_count(3.6) == 1
        and detector.recent_count(9.0) == 0
    )


def detections(messages):
    """Whether two publishers are found after each message (number, time in s)."""
    order, found = InterleavedMessages(), []
    for number, now_s in messages:
        order.record(number, now_s)
        found.append(order.detected(now_s))
    return found


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_one_publisher_of_which_messages_get_lost_is_one(gaps):
    numbers = [sum(gaps[: k + 1]) for k in range(len(gaps))]
    assert not any(detections((number, 0.05 * k) for k, number in enumerate(numbers)))


@given(st.integers(1, 10_000), st.integers(1, 3))
def test_one_that_is_restarted_is_one(before, first):
    """It begins to count again, even where it soon counts as far as before."""
    messages = [(before + k, 0.05 * k) for k in range(20)]
    messages += [(first + k, 2.0 + 0.05 * k) for k in range(600)]
    assert not any(detections(messages))


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 20))
def test_two_are_found_by_the_second_message_of_the_second_one(one, other, ratio):
    """Whatever their numbers and rates are, and until both have not been heard for the window."""
    messages = [(one + k, 0.05 * k) for k in range(40)]
    at_s, one = messages[-1][1], one + 40
    for k in range(8):
        at_s += 0.05
        messages.append((other + k, at_s))
        for _ in range(ratio):
            at_s += 0.05
            messages.append((one, at_s))
            one += 1
    found = detections(messages)
    assert not any(found[:40])
    # Two whose numbers happen to rise together for a while take longer.
    assert all(found[40 + 3 * (ratio + 1) :]) or abs(other - one) < 400
    assert InterleavedMessages().detected(0.0) is False


def test_a_second_one_that_speaks_once_is_found_when_the_first_one_goes_on():
    messages = [(900 + k, 0.05 * k) for k in range(20)] + [(5, 1.0), (920, 1.05), (921, 1.1)]
    assert detections(messages) == [False] * 21 + [True, True]
    assert detections([*messages, (1000, 1.05 + InterleavedMessages.WINDOW_S + 0.1)])[-1] is False


def test_endpoints_count_unless_their_process_has_reported_them_and_is_silent():
    live = LivePublishers()
    live.report('', 0.0)
    assert live.among(['a', 'b'], 100.0) == ['a', 'b'], 'nobody has reported them'
    live.report('a', 0.0)
    assert live.among(['a', 'b'], 2.5) == ['a', 'b']
    assert live.among(['a', 'b'], 2.6) == ['b']
    live.report('a', 3.0)
    assert live.among(['a', 'b'], 3.1) == ['a', 'b'], 'it hung, and lives'
