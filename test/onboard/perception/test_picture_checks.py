"""Which pictures are believed: single blank frames are, a blind camera is not, and it recovers."""

import cv2
import numpy as np
import pytest

from liquid_pilot.onboard.perception.picture_checks import PictureCheck, PictureLimits

PERIOD_S = 0.05
SCENE = cv2.resize(
    np.random.default_rng(1).random((3, 40, 3), np.float32),
    (1280, 72),
    interpolation=cv2.INTER_CUBIC,
).clip(0, 1)


class Camera:
    """Pictures of a scene from a vehicle that turns, with the noise of a sensor."""

    def __init__(self, check):
        self.check, self.rng = check, np.random.default_rng(0)
        self.now_s = self.yaw_px = 0.0

    def scene(self, gain=1.0, noise=0.01):
        left = round(self.yaw_px)
        seen = SCENE.take(range(left, left + 128), axis=1, mode='wrap').transpose(2, 0, 1)[None]
        return (gain * seen + noise * self.rng.standard_normal(seen.shape)).clip(0, 1)

    def show(self, picture, turn_rad_s=0.0, period_s=PERIOD_S):
        self.now_s += period_s
        self.yaw_px += 74.0 * turn_rad_s * period_s
        made = picture(self) if callable(picture) else picture
        self.check.measure(np.ascontiguousarray(made, np.float32))
        return self.check.update(self.now_s, (0.001, -0.002, turn_rad_s))

    def show_for(self, seconds, picture, turn_rad_s=0.0, period_s=PERIOD_S):
        return [self.show(picture, turn_rad_s, period_s) for _ in range(round(seconds / period_s))]


@pytest.fixture
def camera():
    made = Camera(PictureCheck())
    assert not any(made.show_for(3.0, Camera.scene, 0.3))
    return made


def uniform(level):
    return np.full((1, 3, 72, 128), level, np.float32)


def white_noise(camera):
    return camera.rng.random((1, 3, 72, 128))


def covered(camera):
    return np.abs(0.02 * camera.rng.standard_normal((1, 3, 72, 128)))


BLIND = {
    'black': (uniform(0.0), 'shown nothing'),
    'white': (uniform(1.0), 'shown nothing'),
    'grey': (uniform(0.5), 'shown nothing'),
    'not a number': (uniform(np.nan), 'shown nothing'),
    'white noise': (white_noise, 'noise'),
    'covered, with gain': (covered, 'noise'),
}


@pytest.mark.parametrize('kind', BLIND)
def test_a_blind_camera_is_believed_for_the_limit_only_and_recovers(camera, kind):
    picture, words = BLIND[kind]
    said = camera.show_for(4.0, picture, 0.3)
    first = next(k for k, text in enumerate(said) if text)
    assert PictureLimits().max_blind_s <= first * PERIOD_S <= PictureLimits().max_blind_s + 0.11
    assert all(words in text and ';' in text for text in said[first:])
    good = camera.show_for(1.5, Camera.scene, 0.3)
    assert all(good[:9])
    assert not any(good[15:])


def test_a_frozen_picture_is_a_fault_while_the_gyroscope_turns(camera):
    frozen = camera.scene()
    assert not any(camera.show_for(5.0, frozen, 0.0))
    said = camera.show_for(3.0, frozen, 0.3)
    first = next(k for k, text in enumerate(said) if text)
    assert 1.0 <= first * PERIOD_S < 1.5
    assert 'stays the same' in said[-1]
    # It goes on while the vehicle holds still, as the picture is still frozen.
    assert all(camera.show_for(3.0, frozen, 0.0))
    assert not any(camera.show_for(1.5, Camera.scene, 0.0)[15:])


def test_a_bias_of_the_gyroscope_is_no_turn(camera):
    frozen = camera.scene()
    assert not any(camera.show_for(60.0, frozen, 0.02))


@pytest.mark.parametrize(
    'change',
    [
        lambda camera: camera.scene(gain=0.1),
        lambda camera: camera.scene(noise=0.8),
        lambda camera: camera.scene() if camera.rng.random() > 0.6 else uniform(0.0),
        lambda camera: 0.816 * 0.5 + 0.184 * camera.scene(),
    ],
    ids=['dark', 'noisy', 'blinking', 'low contrast'],
)
def test_a_bad_picture_of_a_scene_is_believed(camera, change):
    assert not any(camera.show_for(20.0, change, 0.3))


def test_what_two_frames_show_far_apart_may_differ(camera):
    assert not any(camera.show_for(30.0, white_noise, 0.0, period_s=0.5))
    assert not any(camera.show_for(30.0, white_noise, 4.0))


def test_a_burst_shorter_than_the_limit_changes_nothing(camera):
    for _ in range(10):
        assert not any(camera.show_for(1.9, uniform(0.2), 0.3))
        assert not camera.show(Camera.scene, 0.3)


def test_after_a_reset_nothing_is_remembered(camera):
    assert camera.show_for(4.0, uniform(0.0))[-1]
    camera.check.reset()
    assert not camera.show(uniform(0.0))
    assert not any(camera.show_for(1.0, Camera.scene))


def test_what_is_measured_does_not_change_the_picture(camera):
    picture = np.ascontiguousarray(camera.scene(), np.float32)
    before = picture.copy()
    camera.check.measure(picture)
    assert (picture == before).all()
