"""Odometry of a vehicle elsewhere: age, silence, jumps, and numbers that cannot be."""

import math

import pytest

from liquid_pilot.interfaces import ObservationError, VehicleState
from liquid_pilot.nodes.missions.scene_odometry import OdometryFaultError, OdometryTrack

SECOND = 1_000_000_000


def state(t, x=0.0, speed=0.0, yaw=0.0, stamp=True):
    orientation = (math.cos(0.5 * yaw), 0.0, 0.0, math.sin(0.5 * yaw))
    stamp_ns = round(t * SECOND) if stamp else 0
    return VehicleState(stamp_ns, (x, 0.0, 1.0), orientation, (speed, 0.0, 0.0), (0.0, 0.0, 0.0))


@pytest.fixture
def track():
    return OdometryTrack('/odom', 0.5, 0.2, 3.0)


def test_a_pose_is_extrapolated_to_the_instant_and_not_for_ever(track):
    track.add(state(100.0, x=1.0, speed=2.0), 7.01)
    # By the stamp: 40 ms; it arrived 30 ms ago.
    seen = track.at(7.04, round(100.04 * SECOND))
    assert seen.position_enu_m[0] == pytest.approx(1.08)
    assert seen.stamp_ns == round(100.04 * SECOND)
    late = track.at(7.51, round(100.5 * SECOND))
    assert late.position_enu_m[0] == pytest.approx(1.4)
    assert track.age_ms(0.0) == pytest.approx(40.0) and track.age_ms(1.0) == pytest.approx(500.0)


@pytest.mark.parametrize('clock_s', [3.0, 90.0, 5000.0])
def test_stamps_of_another_clock_give_no_age(track, clock_s):
    track.add(state(100.0, x=1.0, speed=2.0), 7.0)
    seen = track.at(7.05, round(clock_s * SECOND))
    assert seen.position_enu_m[0] == pytest.approx(1.1)


def test_what_arrives_is_handed_out_once(track):
    for k in range(3):
        track.add(state(k / 30.0, x=float(k)), k / 30.0)
    assert [each.position_enu_m[0] for each in track.pop()] == [0.0, 1.0, 2.0]
    assert track.pop() == [] and track.newest.position_enu_m[0] == 2.0
    assert track.rate_hz == pytest.approx(30.0)


def test_silence_is_said_with_its_topic(track):
    assert not track.is_alive(0.0)
    with pytest.raises(OdometryFaultError, match='/odom'):
        track.check(0.0)
    track.add(state(0.0), 1.0)
    track.check(1.5)
    with pytest.raises(OdometryFaultError, match=r'no odometry on /odom for 0\.6 s'):
        track.check(1.6)


def test_a_fast_vehicle_does_not_jump_and_a_jump_is_one(track):
    track.add(state(0.0, x=0.0, speed=20.0), 0.0)
    track.add(state(0.4, x=8.1, speed=20.0), 0.4)
    track.check(0.4)
    # Messages that were held up and come at once are told by their stamps.
    track.add(state(0.8, x=16.0, speed=20.0), 0.4)
    track.check(0.4)
    track.add(state(0.83, x=21.0, speed=20.0), 0.43)
    with pytest.raises(OdometryFaultError, match=r'jumped by 4\.4 m in one message'):
        track.check(0.43)
    # It stays a fault of this mission, and the next one starts without it.
    track.add(state(0.86, x=21.6, speed=20.0), 0.46)
    with pytest.raises(OdometryFaultError, match='jumped'):
        track.check(0.46)
    track.clear()
    track.check(0.46)


def test_a_heading_that_jumps_is_a_jump(track):
    track.add(state(0.0, yaw=3.1), 0.0)
    track.add(state(0.05, yaw=-3.1), 0.05)
    track.check(0.05)
    track.add(state(0.1, yaw=-2.0), 0.1)
    with pytest.raises(OdometryFaultError, match='heading on /odom jumped by 63 degrees'):
        track.check(0.1)


def test_without_stamps_the_arrival_counts(track):
    track.add(state(0.0, x=0.0, speed=10.0, stamp=False), 0.0)
    track.add(state(0.0, x=4.0, speed=10.0, stamp=False), 0.4)
    track.check(0.4)


@pytest.mark.parametrize(
    'changes',
    [
        {'position_enu_m': (math.nan, 0.0, 0.0)},
        {'position_enu_m': (0.0, math.inf, 0.0)},
        {'velocity_flu_m_s': (0.0, 1e9, 0.0)},
        {'angular_velocity_flu_rad_s': (0.0, math.nan, 0.0)},
        {'orientation_wxyz': (0.0, 0.0, 0.0, 0.0)},
    ],
)
def test_numbers_that_cannot_be_are_not_taken(track, changes):
    good = state(0.0, x=1.0)
    track.add(good, 0.0)
    with pytest.raises(ObservationError, match='odometry'):
        track.add(good._replace(**changes), 0.1)
    assert track.newest == good and track.silence_s(0.1) == pytest.approx(0.1)
