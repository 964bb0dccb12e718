"""The autopilots study: its rules, its figures and its page, without an autopilot."""

import json
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from pymavlink.dialects.v20 import common as mavlink

from liquid_pilot.onboard.geometry import heading_rad
from studies import autopilots, common
from studies.autopilots import failures, flights, graph, page, report
from studies.autopilots.link import Relay
from studies.autopilots.study import BLOCK_FILE, Attempt, Study, consecutive, verdict

PLAN = {'half': 0.5, 'stopped_m_s': 0.2, 'watch_s': 12.0, 'drift_s': 10.0}
LATE = 'no odometry on /odom for 0.6 s'


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(Path(autopilots.__file__).parent, runs=tmp_path))


def attempt(outcome, reason=''):
    return Attempt(8000000, outcome, reason, 7.0, Path('block'))


def write_run(folder, missions, **record):
    folder.mkdir(parents=True)
    entries = [
        {'seed': seed, 'outcome': outcome, 'reason': '', 'duration_s': 7.0}
        for seed, outcome in missions
    ]
    (folder / 'report.json').write_text(json.dumps({'missions': entries}))
    (folder / BLOCK_FILE).write_text(json.dumps(record))


def test_the_plan_names_vehicles_adapters_and_faults_that_there_are(study):
    from liquid_pilot.onboard.setpoints.registry import ADAPTERS

    assert study.arms['copter_attitude'].guard['hover_thrust'] == 0.39
    for part in (*study.arms.values(), *study.groups.values()):
        assert part.vehicle in ('copter', 'px4', 'rover')
        assert part.adapter in ADAPTERS
    # The parameters of the vehicle, and over them those of the arm or group.
    assert study.groups['copter_velocity_3'].parameters == {'GUID_TIMEOUT': 3}
    assert not any('camera' in fault for fault in study.groups['rover'].faults)


@pytest.mark.parametrize(
    ('attempts', 'counts'),
    [
        ([], None),
        ([attempt('crash', 'hit tree_1'), attempt('success')], 0),
        ([attempt('aborted', LATE)], None),
        ([attempt('aborted', LATE), attempt('success')], 1),
        ([attempt('aborted', LATE), attempt('aborted', LATE), attempt('success')], 1),
        ([attempt('aborted', 'interrupted by the user'), attempt('timeout')], 1),
        ([attempt('aborted', 'a human has the vehicle'), attempt('success')], 0),
    ],
)
def test_a_mission_is_flown_again_once_and_only_when_the_machine_was_late(attempts, counts):
    assert verdict(attempts) is (None if counts is None else attempts[counts])


def test_a_run_whose_autopilot_was_slower_than_real_time_does_not_count(study):
    folder = study.arm_folder('px4_velocity')
    write_run(folder / '1-a', [(8000000, 'crash'), (8000001, 'success')], clock_ratio=0.9)
    write_run(folder / '2-b', [(8000000, 'success')], clock_ratio=0.99)
    assert study.attempts(folder)[8000000][0].outcome == 'success'
    assert study.missing(folder, range(8000000, 8000003)) == [8000001, 8000002]
    (void,) = study.void_runs(folder)
    assert (void['missions'], void['successes']) == (2, 1)
    assert '0.9 of real time' in void['reason']


def test_missing_seeds_are_flown_in_runs_of_consecutive_ones():
    assert consecutive([1, 2, 3, 5, 6], 2) == [(1, 2), (3, 1), (5, 2)]
    assert consecutive([], 10) == []


def flight_ahead(stop_after_s, speed_m_s=1.5, braking_s=0.5):
    """Return a track to the north at 20 Hz that begins a second before the fault at 100 s."""
    track, north_m = [], 0.0
    for time_s in np.arange(99.0, 115.0, 0.05):
        left = 1.0 - (time_s - 100.0 - stop_after_s) / braking_s
        speed = speed_m_s * min(1.0, max(0.0, left))
        north_m += 0.05 * speed
        track.append((time_s, north_m, 0.0, -10.0, speed, 0.0, 0.0))
    return track


def test_the_figures_of_a_fault_are_those_of_the_track():
    found = failures.measure(flight_ahead(2.0), 100.0, 1.5, PLAN)
    assert found['slows_s'] == pytest.approx(2.25, abs=0.06)
    assert found['stops_s'] == pytest.approx(2.45, abs=0.06)
    # One sample is 0.075 m.
    assert found['drift_m'] == pytest.approx(3.0 + 0.37, abs=0.15)
    assert found['climb_m'] == 0.0


def test_a_vehicle_that_flies_on_drifts_for_the_time_of_the_plan():
    found = failures.measure(flight_ahead(1e9), 100.0, 1.5, PLAN)
    assert (found['slows_s'], found['stops_s']) == (None, None)
    assert found['drift_m'] == pytest.approx(15.0, abs=0.1)


def test_a_moment_of_standstill_is_no_stop():
    track = [
        (*row[:4], 0.0 if 101.0 < row[0] < 101.5 else row[4], *row[5:]) for row in flight_ahead(5.0)
    ]
    assert failures.measure(track, 100.0, 1.5, PLAN)['stops_s'] > 5.0
    assert failures.measure([], 100.0, 1.5, PLAN)['drift_m'] is None


def test_an_estimate_whose_position_slides_away_from_its_velocity_is_seen():
    still = np.array(flight_ahead(1e9))
    assert np.abs(report.disagreements_m(still)).max() < 0.01
    sliding = still.copy()
    sliding[:, 2] += 0.2 * sliding[:, 0]
    assert np.abs(report.disagreements_m(sliding)).max() == pytest.approx(0.4, abs=0.02)
    assert report.disagreements_m(still[:0]) == []


def test_the_latency_at_the_link_is_that_of_the_setpoint_of_the_command():
    commands = [(k * 50_000_000, k * 50_000_000 + 12_000_000) for k in range(20)]
    setpoints = np.array([stamp + 15_000_000 for stamp, _ in commands])
    assert flights.link_latency_ms(commands, setpoints) == [15.0, 15.0]
    # The setpoint may pass before the command is heard here.
    assert flights.link_latency_ms(commands, setpoints - 8_000_000) == [7.0, 7.0]
    assert flights.link_latency_ms(commands, setpoints[:0]) == [None, None]


def test_the_clock_ratio_tells_a_slow_simulation_and_not_a_restart():
    here = np.arange(0.0, 10.0, 0.1)
    assert flights.clock_ratio(np.column_stack([here, 0.9 * here + 5.0])) == 0.9
    restarted = np.column_stack([here, np.where(here < 5.0, here, here - 5.0)])
    assert flights.clock_ratio(restarted) is None


def test_the_true_pose_is_in_the_axes_of_the_package():
    turned = np.sqrt(0.5)

    def report_of(lat, lon, alt, north_cm_s, east_cm_s, down_cm_s):
        # Heading east: FRD is turned by 90 degrees about down.
        attitude, rest = (turned, 0.0, 0.0, turned), (0, 0, 0, 0, 0)
        velocity = north_cm_s, east_cm_s, down_cm_s
        return mavlink.MAVLink_hil_state_quaternion_message(
            0, attitude, 0.1, 0.2, 0.3, lat, lon, alt, *velocity, *rest
        )

    odometry = graph.TrueOdometry()
    first = odometry.state(report_of(473977420, 85455940, 488000, 0, 150, 0), 7)
    assert first.stamp_ns == 7
    assert first.position_enu_m == (0.0, 0.0, 0.0)
    # To the east: yaw 0 in ENU, and forward.
    assert abs(heading_rad(first.orientation_wxyz)) < 1e-6
    assert first.velocity_flu_m_s == pytest.approx((1.5, 0.0, 0.0), abs=1e-6)
    assert first.angular_velocity_flu_rad_s == pytest.approx((0.1, -0.2, -0.3))
    second = odometry.state(report_of(473978319, 85457269, 498000, 0, 0, -100), 8)
    # 1e-7 degrees are 11.1 mm to the north, and 7.5 mm to the east at this latitude.
    assert second.position_enu_m == pytest.approx((10.0, 10.0, 10.0), abs=0.02)
    assert second.velocity_flu_m_s == pytest.approx((0.0, 0.0, 1.0), abs=1e-6)


def frame(message):
    link = mavlink.MAVLink(None, srcSystem=245, srcComponent=191)
    return bytes(message.pack(link))


def test_the_relay_counts_what_the_guard_sends_and_cuts_either_direction():
    interval = mavlink.MAVLink_command_long_message(1, 1, 511, 0, 32, 20000, 0, 0, 0, 0, 0)
    arm = mavlink.MAVLink_command_long_message(1, 1, 400, 0, 1, 0, 0, 0, 0, 0, 0)
    setpoint = mavlink.MAVLink_set_position_target_local_ned_message(
        0, 1, 1, 1, 0, *[0.0] * 3, 1.5, *[0.0] * 7
    )
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vehicle,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guard,
    ):
        vehicle.bind(('127.0.0.1', 0))
        guard.bind(('127.0.0.1', 0))
        for each in (vehicle, guard):
            each.settimeout(5.0)
        with Relay(0, guard.getsockname()[1]) as relay:
            vehicle.sendto(b'down', ('127.0.0.1', relay.port))
            data, address = guard.recvfrom(1000)
            assert data == b'down'
            for message in (interval, arm, setpoint):
                guard.sendto(frame(message), address)
                assert vehicle.recv(1000) == frame(message)
            relay.uplink = False
            guard.sendto(frame(arm), address)
            relay_has_seen(relay, 5)
            relay.uplink, relay.downlink = True, False
            vehicle.sendto(b'cut', ('127.0.0.1', relay.port))
            relay_has_seen(relay, 6)
            relay.downlink = True
            vehicle.sendto(b'after', ('127.0.0.1', relay.port))
            assert guard.recv(1000) == b'after'
        vehicle.settimeout(0.01)
        with pytest.raises(TimeoutError):
            vehicle.recv(1000)
    assert relay.commands == {511: 1, 400: 1}
    assert relay.messages == {76: 2, 84: 1}
    assert len(relay.setpoint_times_ns) == 1


def relay_has_seen(relay, datagrams):
    """Wait until the relay has taken so many datagrams, whether it passed them on or not."""
    until_s = time.monotonic() + 5.0
    while relay.taken < datagrams:
        assert time.monotonic() < until_s
        time.sleep(0.001)


def test_an_arming_and_a_take_off_without_the_human_are_seen(tmp_path):
    log = tmp_path / 'human.jsonl'
    events = [
        (0.0, 'landed_state', {'landed': 'ground'}),
        (1.0, 'human: arm', {}),
        (2.0, 'armed', {}),
        (3.0, 'human: take-off', {}),
        (4.0, 'landed_state', {'landed': 'take-off'}),
        (9.0, 'landed_state', {'landed': 'air'}),
        (300.0, 'landed_state', {'landed': 'ground'}),
        (301.0, 'disarmed', {}),
    ]
    alone = [(900.0, 'armed', {}), (901.0, 'landed_state', {'landed': 'air'})]
    write = '\n'.join
    lines = [json.dumps({'time': at, 'event': name, **more}) for at, name, more in events + alone]
    log.write_text(write(lines[:-2]))
    expected = {'armed': 1, 'armed_alone': 0, 'took_off': 1, 'took_off_alone': 0}
    assert report.count_arming(log) == expected
    log.write_text(write(lines))
    assert report.count_arming(log) == {
        'armed': 2,
        'armed_alone': 1,
        'took_off': 2,
        'took_off_alone': 1,
    }


def test_a_page_of_nothing_says_what_is_missing(study):
    content = report.summarise(study)
    text = ' '.join(page.markdown(study, content).split())
    assert 'Not flown yet: missions 50 of copter_velocity' in text
    assert '18 of px4_dds_1' in text
    assert report.counts(content)['flown'] == 0


def test_the_page_is_made_from_the_results():
    files = common.read_plan(Path(autopilots.__file__).parent, publish=True)
    content = common.read_results(files)
    text = page.markdown(Study(files), content)
    assert (files.out / 'README.md').read_text() == text, (
        'write it again: python studies/autopilots/run.py page --publish'
    )
    assert (files.out / 'results.json').read_bytes() == common.results_json(content)
    for arm in content['arms']:
        assert (arm['armed_alone'], arm['took_off_alone']) == (0, 0), arm['name']
