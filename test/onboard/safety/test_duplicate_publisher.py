"""Two live processes that publish as one node are distinguished from one that restarts."""

from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.onboard.safety.duplicate_publisher import DuplicatePublisherDetector


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
