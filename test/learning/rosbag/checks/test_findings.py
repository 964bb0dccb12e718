"""What is said of a vehicle at rest, of clocks that cannot be told apart, of empty pictures."""

import math
import time

import numpy as np
import pytest
from turning_bags import Turning, motion

from liquid_pilot.learning.rosbag.alignment import BagStreams
from liquid_pilot.learning.rosbag.checks.clocks import ClockReport, compare_clocks, shifted
from liquid_pilot.learning.rosbag.checks.findings import (
    clock_findings,
    command_findings,
    depth_findings,
    imu_findings,
    picture_findings,
)
from liquid_pilot.learning.rosbag.checks.picture_motion import PictureTurns
from liquid_pilot.learning.rosbag.stamps import MISSING_NS
from liquid_pilot.learning.rosbag.topic_mapping import from_mapping

MAPPING = from_mapping({}, 'test')
S = 1_000_000_000
BIAS = np.array([0, 0.5, 0, 0, 0, 0])


def streams(rest_s=0.0, turning=True, lags_s=(math.nan,) * 3, **changes):
    """Return 30 s of a vehicle that turns after it stood for a while, and its pictures."""
    times, commanded, yaw, _ = motion(Turning(seconds=30.0))
    stamps_ns = np.round(times * S).astype(np.int64)
    moves = times >= rest_s
    rng = np.random.default_rng(0)
    imu = rng.normal(0.0, 0.01, (len(times), 6))
    imu[:, 2] += yaw * moves
    imu[:, 5] += 9.81
    commands = np.zeros((len(times) // 10, 4))
    commands[:, 0] = moves[::10]
    commands[:, 3] = (commanded * moves)[::10] if turning else 0.0
    made = BagStreams(stamps_ns[::5].copy(), stamps_ns, imu, stamps_ns[::10].copy(), commands)
    made.lags_s = dict(zip(('image', 'imu', 'command'), lags_s, strict=True))
    rates = np.array([(yaw * moves)[k + 1 : k + 6].mean() for k in range(0, len(yaw) - 5, 5)])
    frames_ns = made.frames_ns
    turns = PictureTurns(frames_ns[:-1], frames_ns[1:], rates, 100.0, 50.0, 0.0)
    for name, value in changes.items():
        getattr(made, name)[:] = value(getattr(made, name))
    return made, turns


def test_the_imu_of_a_vehicle_that_stands_is_looked_at_closely():
    good, turns = streams(rest_s=5.0)
    clocks = compare_clocks(good, turns, 0.5)
    assert clocks.offsets_s == {}
    assert imu_findings(good, MAPPING, clocks) == []
    biased, _ = streams(rest_s=5.0, imu=lambda imu: imu + BIAS)
    found = imu_findings(biased, MAPPING, clocks)
    assert len(found) == 1 and 'reads 0.503 rad/s on average at rest' in found[0]
    # Without rest the same mean may be a turn.
    moving, _ = streams(imu=lambda imu: imu + BIAS)
    assert imu_findings(moving, MAPPING, clocks) == []


@pytest.mark.parametrize(
    ('turning', 'lags_s', 'wrong'),
    [
        (True, (math.nan, math.nan, math.nan), 'image'),
        (False, (math.nan, math.nan, math.nan), 'imu'),
        (False, (-1.6, 0.0, 0.0), 'image'),
        (False, (0.0, 1.6, 0.0), 'imu'),
    ],
)
def test_whose_clock_is_off_is_told_by_the_command_or_by_the_recording(turning, lags_s, wrong):
    """Pictures are stamped 1.6 s too late against the gyroscope."""
    made, turns = streams(turning=turning, lags_s=lags_s)
    late = round(1.6 * S)
    made.frames_ns = made.frames_ns + late
    turns = turns._replace(start_ns=turns.start_ns + late, end_ns=turns.end_ns + late)
    clocks = compare_clocks(made, turns, 0.5)
    assert list(clocks.offsets_s) == [wrong]
    expected_s = -1.6 if wrong == 'image' else 1.6
    assert clocks.offsets_s[wrong] == pytest.approx(expected_s, abs=0.02)
    text = clock_findings(clocks, MAPPING, corrected=False)[0]
    assert ('is not known' in text) == (lags_s == (math.nan,) * 3 and not turning)
    moved = shifted(made, clocks.offsets_s)
    assert moved.frames_ns[0] - moved.imu_ns[0] == pytest.approx(0, abs=0.02 * S)


def test_a_wild_stamp_costs_no_time():
    made, turns = streams(rest_s=5.0)
    made.imu_ns[-1] = 4 * 10**18
    made.imu_ns[0] = -(10**18)
    made.commands_ns[-1] = 3 * 10**18
    began_s = time.process_time()
    clocks = compare_clocks(made, turns, 0.5)
    assert imu_findings(made, MAPPING, clocks) == []
    assert time.process_time() - began_s < 2.0


def test_times_of_recording_tell_where_nothing_turns():
    made, turns = streams(turning=False, imu=lambda imu: imu * [1, 1, 0, 1, 1, 1])
    quiet = turns._replace(yaw_rate_rad_s=0.0 * turns.yaw_rate_rad_s)
    made.lags_s = {'image': 0.8, 'imu': 0.0, 'command': 0.0}
    assert compare_clocks(made, quiet, 0.5).offsets_s == {}, 'a slow link is no wrong clock'
    made.lags_s = {'image': 0.1, 'imu': 7200.0, 'command': 0.0}
    assert compare_clocks(made, quiet, 0.5).offsets_s == {'imu': 7199.9}
    made.lags_s = {'image': 0.1, 'imu': 0.0, 'command': -3600.0}
    assert compare_clocks(made, quiet, 0.5).offsets_s == {'command': -3600.0}
    made.frames_ns[:] = MISSING_NS
    assert compare_clocks(made, quiet, 0.5).offsets_s == {}


def test_a_few_commands_beyond_a_limit_are_noise():
    made, _ = streams(commands=lambda commands: commands * [2.4, 1, 1, 1])
    assert command_findings(made, MAPPING) == []
    made.commands[:2, 0] = 2.6
    assert command_findings(made, MAPPING) == []
    made.commands[:6, 0] = 2.6
    assert '6 of 300 commands exceed' in command_findings(made, MAPPING)[0]
    made.commands[:6, 0] = 1.0
    made.commands[0, 3] = -8.0
    assert 'yaw_rate 8 rad/s instead of at most 1.5' in command_findings(made, MAPPING)[0]
    made.commands[:, :] = math.nan
    assert command_findings(made, MAPPING) == []
    assert len(imu_findings(made, MAPPING, ClockReport())) == 0


def test_pictures_of_nothing_are_named():
    empty = np.zeros(0, np.int64)
    rates = np.zeros(0)

    def said(*measured):
        return picture_findings('/c', PictureTurns(empty, empty, rates, *measured))

    assert said(100.0, 50.0, 0.1) == [] and said(math.nan, math.nan, math.nan) == []
    assert 'black' in said(1.0, 5.0, 0.0)[0]
    assert 'of one colour' in said(200.0, 0.2, 0.0)[0]
    assert '99 % of the pictures are copies' in said(100.0, 50.0, 0.99)[0]
    assert depth_findings('/c', 65000, 16) == depth_findings('/c', 0, 16) == []
    assert '10 bits' in depth_findings('/c', 1023, 16)[0]
    assert depth_findings('/c', 1024, 12) == depth_findings('/c', 4095, 12) == []
    assert '10 bits' in depth_findings('/c', 1023, 12)[0]
    assert 'reach 4096 and only 12 bits' in depth_findings('/c', 4096, 12)[0]
