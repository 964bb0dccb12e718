"""The figures of /diagnostics, and how often a problem is said."""

import itertools
import math

import pytest

from liquid_pilot.nodes.common.health import ERROR, WARNING, HealthMonitor


def test_rate_latency_and_age():
    health = HealthMonitor()
    assert health.rate_hz(0.0) == 0.0
    assert math.isnan(health.latency_ms(0.5))
    assert math.isnan(health.age_s(0.0))
    for index in range(100):
        health.tick(0.05 * index, 0.001 * (index + 1))
    now_s = 0.05 * 99 + 0.02
    assert health.rate_hz(now_s) == pytest.approx(20.0)
    assert health.latency_ms(0.5) == pytest.approx(50.5)
    assert health.latency_ms(0.99) == pytest.approx(99.01)
    assert health.age_s(now_s) == pytest.approx(0.02)
    assert health.rate_hz(now_s + 10.0) == 0.0
    assert health.values(now_s) == {
        'rate_hz': '20.0',
        'latency_p50_ms': '50.50',
        'latency_p99_ms': '99.01',
        'age_s': '0.02',
        'count': '100',
    }


def logged(health, kind, seconds, text='imu: silent for {:.1f} s'):
    """Times at which a problem that is seen ten times a second is logged."""
    return [s for s in seconds if health.problem(kind, text.format(s), s)]


def tenths(begin_s, end_s):
    return [k / 10 for k in range(round(10 * begin_s), round(10 * end_s))]


def test_a_lasting_problem_is_logged_ever_less_often_and_stays_until_solved():
    health = HealthMonitor()
    assert logged(health, 'imu', tenths(0, 100)) == [0.0, 3.0, 9.0, 21.0, 45.0, 93.0]
    assert health.problem('camera', 'camera: dark', 0.5, WARNING)
    assert health.problems == [(ERROR, 'imu: silent for 99.9 s'), (WARNING, 'camera: dark')]
    assert health.resolved('imu', 'other') == ['imu']
    assert health.problems == [(WARNING, 'camera: dark')]
    assert health.resolved() == ['camera']
    assert health.problems == []


def test_a_day_of_a_fault_is_some_lines_and_never_silence():
    health = HealthMonitor()
    times_s = logged(health, 'imu', range(86_400))
    assert len(times_s) < 300
    assert max(later - s for s, later in itertools.pairwise(times_s)) <= 300


def test_the_end_of_a_problem_is_logged_once():
    health = HealthMonitor()
    logged(health, 'imu', tenths(0, 10))
    assert health.ended(10.0) == {}
    health.resolved('imu')
    ends = {s: found for s in tenths(10, 60) if (found := health.ended(s))}
    assert ends == {13.0: {'imu': 10.0}}
    # Then it is a new one.
    assert logged(health, 'imu', tenths(60, 64)) == [60.0, 63.0]


def test_a_problem_that_comes_and_goes_is_one_problem():
    health, lines, ends = HealthMonitor(), [], []
    for s in tenths(0, 30):
        if int(s) % 2:
            health.resolved('imu')
        elif health.problem('imu', 'imu: silent', s):
            lines.append(s)
        ends += health.ended(s)
    assert lines == [0.0, 4.0, 10.0, 22.0]
    assert ends == []


def test_another_text_of_the_same_kind_is_news():
    health = HealthMonitor()
    logged(health, 'image', tenths(0, 50), 'image: too dark, {:.1f}')
    assert logged(health, 'image', tenths(50, 60), 'image: too bright, {:.1f}') == [
        50.0,
        53.0,
        59.0,
    ]
    # Two of them in turn are not one line each.
    texts = ('image: too dark', 'image: too bright')
    said = [s for s in tenths(60, 80) if health.problem('image', texts[round(10 * s) % 2], s)]
    assert len(said) <= 7
