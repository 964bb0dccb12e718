"""The turn of pictures, drawn and real."""

import json
import os
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from turning_bags import CAMERA, Turning, motion, panorama, picture

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.learning.rosbag.checks.picture_motion import MAX_PAIRS, picture_turns
from liquid_pilot.learning.rosbag.checks.rate_match import match_rate
from liquid_pilot.learning.rosbag.stamps import MISSING_NS

RECORDINGS = Path(os.environ.get('LIQUID_PILOT_RECORDINGS', ''))
"""Folder of recordings that are no part of this repository."""
PERIOD_NS = 50_000_000


def pictures(seconds=10.0):
    """Return pictures at 20 Hz of a camera that turns, their stamps, and its yaw rate."""
    _, _, yaw, heading = motion(Turning(seconds=seconds))
    view = panorama(0)
    frames = [np.repeat(picture(view, angle)[:, :, None], 3, 2) for angle in heading[::5]]
    mean = np.array([yaw[k + 1 : k + 6].mean() for k in range(0, len(yaw) - 5, 5)])
    return np.array(frames), np.arange(len(frames)) * PERIOD_NS, mean


def test_the_turn_is_that_of_the_camera():
    frames, stamps_ns, yaw = pictures()
    turns = picture_turns(frames, stamps_ns, CAMERA)
    assert len(turns.yaw_rate_rad_s) == len(frames) - 1
    assert np.corrcoef(turns.yaw_rate_rad_s, yaw)[0, 1] > 0.98
    assert turns.yaw_rate_rad_s.std() / yaw.std() == pytest.approx(1.0, abs=0.15)
    assert turns.repeated == 0.0
    assert turns.spread > 20.0


def test_order_gaps_missing_stamps_and_copies():
    frames, stamps_ns, _ = pictures()
    order = np.random.default_rng(0).permutation(len(frames))
    whole = picture_turns(frames, stamps_ns, CAMERA)
    shuffled = picture_turns(frames[order], stamps_ns[order], CAMERA)
    assert np.array_equal(whole.yaw_rate_rad_s, shuffled.yaw_rate_rad_s)
    later = np.where(np.arange(len(frames)) < 100, stamps_ns, stamps_ns + 10**10)
    later[3] = MISSING_NS
    # The frames beside the missing one are two periods apart, and still a pair.
    assert len(picture_turns(frames, later, CAMERA).start_ns) == len(frames) - 3
    copies = np.repeat(frames, 2, axis=0)
    turns = picture_turns(copies, np.arange(len(copies)) * PERIOD_NS, CAMERA)
    assert turns.repeated == pytest.approx(0.5, abs=0.01)
    none = picture_turns(frames[:1], stamps_ns[:1], CAMERA)
    assert not len(none.start_ns) and np.isnan(none.repeated)


def test_a_long_bag_is_looked_at_here_and_there():
    frames = np.tile(pictures(2.0)[0], (200, 1, 1, 1))
    turns = picture_turns(frames, np.arange(len(frames)) * PERIOD_NS, CAMERA)
    assert 0.9 * MAX_PAIRS < len(turns.start_ns) <= MAX_PAIRS
    assert turns.end_ns[-1] > 0.98 * len(frames) * PERIOD_NS


@pytest.mark.skipif(
    not (RECORDINGS / 'donkeycar_tub' / 'tub.tar.gz').is_file(),
    reason='LIQUID_PILOT_RECORDINGS names no folder with donkeycar_tub/tub.tar.gz, which is '
    'donkeycar/tests/tub of the repository autorope/donkeycar as an archive',
)
def test_a_real_car_turns_after_it_steers_and_a_late_camera_is_seen():
    """1,000 frames of a small car on a track, at 20 Hz; the stamps are not those of the drive."""
    steering, frames = {}, {}
    with tarfile.open(RECORDINGS / 'donkeycar_tub' / 'tub.tar.gz') as archive:
        for member in archive.getmembers():
            name = Path(member.name).name
            if not member.isfile() or name.startswith('._'):
                continue
            data = archive.extractfile(member).read()
            if name.endswith('.catalog'):
                for line in data.decode().splitlines():
                    record = json.loads(line)
                    steering[record['cam/image_array']] = record['user/angle']
            elif name.endswith('.jpg'):
                frames[name] = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    names = sorted(steering, key=lambda name: int(name.partition('_')[0]))
    stamps_ns = np.arange(len(names)) * PERIOD_NS
    camera = CameraGeometry(160, 120, 100.0, 100.0, 80.0, 60.0)
    turns = picture_turns(np.array([frames[name] for name in names]), stamps_ns, camera)
    # Its steering is positive to the right, and stands here in place of a gyroscope.
    steered = np.array([steering[name] for name in names])
    for late_s in (0.0, 0.9, -3.0):
        match = match_rate(
            turns.start_ns / 1e9 + late_s,
            turns.end_ns / 1e9 + late_s,
            turns.yaw_rate_rad_s,
            stamps_ns / 1e9,
            steered,
        )
        assert match.certain
        assert match.correlation < -0.9
        assert match.delay_s == pytest.approx(-0.22 - late_s, abs=0.03)
