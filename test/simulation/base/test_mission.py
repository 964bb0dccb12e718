"""One rule of success: arrival, contact, area, ceiling, time, and an abort."""

import math
from dataclasses import replace

import pytest

from liquid_pilot.interfaces import ImageBuffer, SensorPacket, VehicleState
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.task import MissionRules

IMAGE = ImageBuffer(b'\0\0\0', 1, 1, 3, 'rgb8')


def packet(seconds, position=(0.0, 0.0, 1.5), distance=10.0, contact=None):
    stamp = round(seconds * 1e9)
    state = VehicleState(stamp, position, (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
    return SensorPacket(stamp, IMAGE, (), state, distance, contact)


@pytest.mark.parametrize(
    ('last', 'outcome', 'reason'),
    [
        (packet(5.0, distance=1.5), 'success', 'within'),
        (packet(5.0, distance=1.0, contact='tree_3'), 'crash', 'tree_3'),
        (packet(5.0, (0.0, 0.0, 8.1)), 'crash', 'above'),
        (packet(5.0, (39.0, 12.0, 1.5)), 'crash', 'area'),
        (packet(42.0), 'timeout', '40 s'),
    ],
)
def test_how_a_mission_ends(last, outcome, reason):
    mission = Mission(1, None)
    assert mission.update(packet(2.0)) is None
    assert mission.update(packet(3.0, (1.0, 0.0, 1.5), 9.0)) is None
    assert mission.update(last) == outcome
    assert reason in mission.reason
    assert mission.update(packet(43.0, contact='ground')) == outcome, 'the first end is the end'
    result = mission.result
    assert result.duration_s == pytest.approx((last.stamp_ns - 2e9) / 1e9)
    assert len(result.path) == 3 and result.path[0] == (0.0, 0.0, 0.0, 1.5)


def test_headings_and_the_radius_of_success_are_kept_with_the_path():
    mission = Mission(1, None, MissionRules(arrival_radius_m=2.5))
    for second, turn_rad in enumerate((0.0, 0.5, -3.0)):
        level = packet(float(second))
        nose = (math.cos(0.5 * turn_rad), 0.0, 0.0, math.sin(0.5 * turn_rad))
        mission.update(replace(level, state=level.state._replace(orientation_wxyz=nose)))
    result = mission.result
    assert result.headings_rad == pytest.approx([0.0, 0.5, -3.0])
    assert len(result.headings_rad) == len(result.path) and result.arrival_radius_m == 2.5


def test_distance_flown_is_summed_along_the_path():
    mission = Mission(1, None, MissionRules(arrival_radius_m=0.5))
    for second, x in enumerate([0.0, 1.0, 3.0, 2.0]):
        mission.update(packet(second, (x, 0.0, 1.5)))
    assert mission.result.distance_flown_m == pytest.approx(4.0)


def test_a_mission_that_is_cut_short_is_aborted():
    mission = Mission(4, None)
    mission.update(packet(0.0))
    assert mission.result.outcome == 'aborted'
    mission.abort('the user stopped it')
    assert mission.result.to_json() == {
        'seed': 4,
        'outcome': 'aborted',
        'reason': 'the user stopped it',
        'duration_s': 0.0,
        'distance_flown_m': 0.0,
        'target_distance_m': 10.0,
    }


def test_only_a_timeout_can_be_voided_because_the_pilot_could_not_fly():
    late = Mission(4, None, MissionRules(time_limit_s=1.0))
    late.update(packet(0.0))
    assert late.update(packet(1.0)) == 'timeout'
    late.void_timeout('guard stopped')
    assert (late.outcome, late.result.reason) == ('aborted', 'guard stopped')
    crashed = Mission(4, None)
    crashed.update(packet(0.0, distance=1.0))
    crashed.void_timeout('guard stopped')
    assert crashed.result.outcome == 'success'


def test_an_abort_does_not_undo_an_end():
    mission = Mission(4, None)
    mission.update(packet(0.0, distance=1.0))
    mission.abort('too late')
    assert mission.result.outcome == 'success'


def test_a_mission_without_any_packet_has_a_valid_report():
    report = Mission(4, None).result.to_json()
    assert report['target_distance_m'] is None and report['outcome'] == 'aborted'
