"""The turn of a camera is found from two pictures, and nothing is said where they do not tell."""

import cv2
import numpy as np
import pytest

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.onboard.perception.picture_rotation import (
    PictureRotation,
    fitted_turn,
    flow_of_turns,
)

CAMERA = CameraGeometry(128, 72, 73.8, 73.8, 64.0, 36.0)


def scene(seed=0):
    """A wide picture with blobs of all sizes."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((h, 2 * h)), (256, 144), interpolation=cv2.INTER_CUBIC)
        for h in (9, 18, 36, 72)
    ]
    return np.clip(sum(layers) / 4.0, 0.0, 1.0).astype(np.float32)


def seen(wide, rotation_vector):
    """What a camera sees of a scene at infinity, (1, 3, H, W), once it has turned."""
    turn, _ = cv2.Rodrigues(np.array(rotation_vector, np.float64))
    straight = np.array([[73.8, 0.0, 127.5], [0.0, 73.8, 71.5], [0.0, 0.0, 1.0]])
    own = np.array([[73.8, 0.0, 63.5], [0.0, 73.8, 35.5], [0.0, 0.0, 1.0]])
    # A point of the turned camera, as the wide picture has it.
    picture = cv2.warpPerspective(
        wide,
        straight @ turn @ np.linalg.inv(own),
        (128, 72),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return np.repeat(picture[None, None], 3, axis=1)


@pytest.mark.parametrize(
    'turn', [(0.02, 0.0, 0.0), (0.0, -0.03, 0.0), (0.0, 0.0, 0.04), (0.01, 0.02, -0.03)]
)
def test_a_turn_is_found_by_its_angles(turn):
    meter, wide = PictureRotation(CAMERA), scene()
    meter.add_picture(seen(wide, (0.0, 0.0, 0.0)))
    assert meter.turn_rad() is None
    meter.add_picture(seen(wide, turn))
    assert meter.turn_rad() == pytest.approx(turn, abs=2e-3)
    # The next picture is compared with the last one, not with the first.
    meter.add_picture(seen(wide, turn))
    assert meter.turn_rad() == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)
    meter.forget()
    meter.add_picture(seen(wide, (0.0, 0.0, 0.0)))
    assert meter.turn_rad() is None


def test_a_third_of_points_that_move_by_themselves_changes_little():
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.6, 0.6, (45, 2))
    turn = np.array([0.01, -0.02, 0.015])
    flow = flow_of_turns(points) @ turn + rng.normal(0.0, 5e-4, (45, 2))
    flow[:15] += rng.normal(0.0, 0.1, (15, 2))
    assert fitted_turn(points, flow) == pytest.approx(turn, abs=2e-3)


def test_points_that_move_without_order_say_nothing():
    rng = np.random.default_rng(2)
    assert fitted_turn(rng.uniform(-0.6, 0.6, (40, 2)), rng.normal(0.0, 0.2, (40, 2))) is None
    assert fitted_turn(np.full((20, 2), np.nan), np.zeros((20, 2))) is None


@pytest.mark.parametrize('level', [0.0, 0.5, 1.0, np.nan])
def test_a_picture_without_corners_says_nothing(level):
    meter = PictureRotation(CAMERA)
    for _ in range(2):
        meter.add_picture(np.full((1, 3, 72, 128), level, np.float32))
    assert meter.turn_rad() is None
