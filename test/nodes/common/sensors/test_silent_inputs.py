"""What is said of an input from which nothing comes fits that input."""

from types import SimpleNamespace

import pytest

from liquid_pilot.nodes.common.sensors.silent_inputs import silence_text


def said(source, publishers, cause=''):
    node = SimpleNamespace(
        resolve_topic_name=lambda topic: f'/drone1/{topic}',
        count_publishers=lambda name: publishers,
    )
    return silence_text(node, source, 'a/topic', 'it is silent', cause)


def test_where_and_how_many():
    assert said('camera', 0).startswith('camera: it is silent on /drone1/a/topic (0 publishers); ')
    assert '(1 publisher); ' in said('imu', 1) and '(2 publishers); ' in said('imu', 2)
    assert said('camera', 1, 'frames get lost').endswith('(1 publisher); frames get lost')


@pytest.mark.parametrize('publishers', [0, 1])
def test_the_advice_is_that_of_the_input(publishers):
    camera, imu, adaptation = (said(name, publishers) for name in ('camera', 'imu', 'adaptation'))
    assert 'driver' in camera and 'IMU' not in camera
    assert 'driver of the IMU' in imu and 'camera' not in imu
    assert 'flies on as trained' in adaptation and 'driver' not in adaptation
    expected = 'raise adaptation_timeout_s' if publishers else 'start the adaptation node'
    assert expected in adaptation


@pytest.mark.parametrize('source', ['camera', 'imu'])
def test_nobody_is_told_to_start_what_runs(source):
    assert 'start the driver' in said(source, 0)
    assert 'start' not in said(source, 1) and 'sends nothing that arrives' in said(source, 1)
