"""Frames, IMU and commands by their stamps, whatever order and jitter they come in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.learning.rosbag.alignment import BagStreams, EpisodeMarker, align
from liquid_pilot.learning.rosbag.topic_mapping import from_mapping

MS = 1_000_000


@st.composite
def recordings(draw):
    """Jittered frames and samples of which some are lost, and all of them shuffled."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    loss = draw(st.floats(0.0, 0.6))
    jitter = draw(st.integers(0, 40))

    def times(period_ms, count):
        stamps = np.arange(count) * period_ms * MS
        stamps = stamps + rng.integers(0, jitter * MS + 1, count)
        stamps = stamps[rng.random(count) >= loss]
        rng.shuffle(stamps)
        return stamps.astype(np.int64)

    frames, imu, commands = times(50, 120), times(10, 600), times(100, 60)
    # Values tell their own time, so that what was picked can be seen.
    return BagStreams(
        frames,
        imu,
        np.repeat(imu[:, None] / 1e9, 6, 1),
        commands,
        np.repeat(commands[:, None] / 1e9, 4, 1),
    )


@settings(max_examples=60, deadline=None)
@given(recordings(), st.sampled_from([0.0, 0.08]), st.sampled_from([0.2, 0.5]))
def test_each_frame_has_its_own_time_and_nothing_from_the_future(streams, latency_s, gap_s):
    mapping = from_mapping(
        {
            'command': {'latency_s': latency_s},
            'imu': {'max_age_s': 0.1},
            'episodes': {'max_gap_s': gap_s, 'min_duration_s': 0.0},
        },
        'test',
    )
    segments, dropped = align(streams, mapping)
    used = (
        np.concatenate([segment.frames for segment in segments]) if segments else np.zeros(0, int)
    )
    assert len(set(used)) == len(used)
    assert len(used) + sum(dropped.values()) == len(streams.frames_ns)
    commands = np.sort(streams.commands_ns)
    for segment in segments:
        stamps = streams.frames_ns[segment.frames]
        steps = np.diff(stamps)
        assert (steps > 0).all()
        assert (steps <= gap_s * 1e9).all()
        np.testing.assert_allclose(segment.dt_s[1:], steps / 1e9, rtol=1e-6)
        for index, stamp_ns in enumerate(stamps):
            valid = commands[commands <= stamp_ns + round(latency_s * 1e9)]
            assert abs(segment.commands[index, 0] - valid[-1] / 1e9) < 1e-5
            assert segment.imu[index, 0] <= stamp_ns / 1e9 + 1e-5
            if index:
                inside = streams.imu_ns[
                    (streams.imu_ns > stamps[index - 1]) & (streams.imu_ns <= stamp_ns)
                ]
                if len(inside):
                    assert abs(segment.imu[index, 0] - np.mean(inside) / 1e9) < 1e-5


def test_markers_split_episodes_and_what_lies_between_is_left_out():
    frames = np.arange(100, dtype=np.int64) * 50 * MS
    imu = np.arange(500, dtype=np.int64) * 10 * MS
    streams = BagStreams(
        frames,
        imu,
        np.zeros((500, 6)),
        frames,
        np.zeros((100, 4)),
        [
            EpisodeMarker(3000 * MS, ''),
            EpisodeMarker(0, 'seed 1'),
            EpisodeMarker(1000 * MS, 'seed 2'),
            EpisodeMarker(4000 * MS, 'x'),
        ],
    )
    mapping = from_mapping({'episodes': {'split_by': 'topic', 'min_duration_s': 0.5}}, 'test')
    segments, dropped = align(streams, mapping)
    assert [(segment.name, segment.frames[0], segment.frames[-1]) for segment in segments] == [
        ('seed 1', 0, 19),
        ('seed 2', 20, 60),
        ('x', 80, 99),
    ]
    assert dropped == {'between episodes': 19}


def test_values_beyond_single_precision_are_not_finite():
    frames = np.arange(100, dtype=np.int64) * 50 * MS
    imu, commands = np.zeros((100, 6)), np.zeros((100, 4))
    imu[20, 2], imu[40, 5], commands[60, 0], commands[70, 3] = 1e39, -1e300, 1e39, -1e200
    mapping = from_mapping({'episodes': {'min_duration_s': 0.5}}, 'test')
    segments, dropped = align(BagStreams(frames, frames, imu, frames, commands), mapping)
    assert dropped == {'IMU not finite': 2, 'command not finite': 2}
    assert all(
        np.isfinite(part.imu).all() and np.isfinite(part.commands).all() for part in segments
    )
