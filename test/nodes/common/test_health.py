"""The figures of /diagnostics, and how often a problem is said."""

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


def test_a_problem_is_said_once_in_a_while_and_stays_until_solved():
    health = HealthMonitor()
    said = [health.problem('imu', 'imu: silent', 0.1 * i) for i in range(70)]
    assert [i for i, aloud in enumerate(said) if aloud] == [0, 30, 60]
    assert health.problem('camera', 'camera: dark', 0.5, WARNING)
    assert health.problems == [(ERROR, 'imu: silent'), (WARNING, 'camera: dark')]
    assert health.resolved('imu', 'other') == ['imu']
    assert health.problems == [(WARNING, 'camera: dark')]
    assert health.resolved() == ['camera']
    assert health.problems == []
