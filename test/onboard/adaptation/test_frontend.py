"""The frontend before a core: a rejected frame leaves no trace, and each part can be off."""

import dataclasses
import math

import numpy as np
import pytest
from frontend_makers import ALL_OFF, DT_S, GRID, HEIGHT, WIDTH, luminance
from statistics_makers import make_statistics

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.onboard.adaptation.frontend import (
    AdaptiveFrontend,
    FrontendState,
)
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings, log_texture
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter

CAMERA = CameraGeometry.from_vertical_fov(WIDTH, HEIGHT, 1.0)
BASE = np.random.default_rng(0).uniform(0.2, 0.8, (3, HEIGHT, WIDTH))


def encode(image):
    """(1, 3, H, W) -> (16,): the mean green of as many parts of the picture."""
    return image[0, 1].reshape(2, 16, 8, 8).mean((1, 3)).ravel().astype(np.float32)


def world(k):
    """The kth frame of a world that hardly changes."""
    waves = np.sin(0.2 * k + np.arange(WIDTH) / 5)
    return (BASE + 0.02 * waves).astype(np.float32)[None]


def strange():
    """A frame with the sun in half of it."""
    image = world(0)
    image[..., WIDTH // 2 :] = 1.0
    return image


def dark(k=0):
    return 0.1 * world(k)


def statistics_of_the_world():
    tau_s = np.full(GRID, 0.0125, np.float32)
    texture = TemporalFilter(tau_s, HEIGHT, WIDTH).step(world(0)[0], None, DT_S).texture
    grey = luminance(world(0))
    return make_statistics(
        16,
        0,
        GRID,
        receptor_tau_s=tau_s,
        feature_mean=encode(world(0)),
        light=((grey.mean(), math.log(grey.std())), (0.02, 0.1)),
        feature_whitening=np.eye(16) / 0.02,
        change_whitening=np.eye(16) / 0.02,
        texture_mean=log_texture(texture).reshape(GRID),
        texture_whitening=np.eye(32) / 0.1,
        usual=(1.2, 1.0, 1.0),
    )


STATISTICS = statistics_of_the_world()
HOLDING = dataclasses.replace(ALL_OFF, temporal_filter=True, compensate_rotation=True)


def see(front, image, state, log_scale=None, rates=(0.0, 0.0, 0.0), periods=1):
    """Process one frame some periods later, of a camera that turns at these rates (FLU)."""
    return front.process(image, state, periods * DT_S, np.array(rates), log_scale)


def flown(settings=None, frames=10):
    """Return a frontend after some ordinary frames, and its output of the last one."""
    front = AdaptiveFrontend(STATISTICS, encode, CAMERA, DT_S, settings)
    frontend_output = see(front, world(0), FrontendState())
    for k in range(1, frames):
        frontend_output = see(front, world(k), frontend_output.state)
        assert not frontend_output.novel
        assert (
            frontend_output.log_core_time_scale,
            frontend_output.speed_factor,
            frontend_output.gain,
        ) == (0.0, 1.0, 1.0)
    return front, frontend_output


@pytest.mark.parametrize('gain', ['learned', 'estimated', 'constant'])
def test_a_refused_frame_leaves_no_trace(gain):
    front, before = flown(FrontendSettings(filter_gain=gain))
    kept = [array.copy() for array in (before.features, *before.state.temporal_filter[:2])]
    frontend_output = see(front, strange(), before.state)
    assert frontend_output.novel
    assert frontend_output.log_core_time_scale == pytest.approx(math.log(16.0))
    assert frontend_output.features.tobytes() == before.features.tobytes()
    assert frontend_output.state.luminance == before.state.luminance
    assert frontend_output.state.temporal_filter.potential is before.state.temporal_filter.potential
    assert (
        frontend_output.state.temporal_filter.sensitivity
        is before.state.temporal_filter.sensitivity
    )
    share = before.state.temporal_filter.noise_share
    assert frontend_output.state.temporal_filter.noise_share is share
    assert (share is not None) == (gain == 'estimated')
    assert not frontend_output.error.any()
    assert not frontend_output.gradient.any()
    assert frontend_output.error.shape == frontend_output.gradient.shape == GRID
    for array, copy in zip((before.features, *before.state.temporal_filter[:2]), kept, strict=True):
        np.testing.assert_array_equal(array, copy)
    # The next ordinary frame is seen as if it had not been, after two periods.
    after = see(front, world(10), frontend_output.state)
    direct = see(front, world(10), before.state, periods=2)
    assert after.elapsed_s == direct.elapsed_s == pytest.approx(2 * DT_S)
    assert not after.novel
    assert after.features.tobytes() == direct.features.tobytes()
    assert after.state.luminance == direct.state.luminance
    np.testing.assert_array_equal(after.gradient, direct.gradient)
    np.testing.assert_array_equal(after.filter_gain, direct.filter_gain)
    np.testing.assert_array_equal(after.filter_noise, direct.filter_noise)


def test_the_output_shows_gain_and_noise_that_the_pilot_makes_by_itself():
    scale, rng = np.full(GRID, 1.5, np.float32), np.random.default_rng(4)
    grain = rng.normal(0.0, 4.0 / 255.0, (1, 3, HEIGHT, WIDTH)).astype(np.float32)
    learned = see(*_front_and_state('learned'), scale)
    assert learned.filter_gain.size == learned.filter_noise.size == 0
    np.testing.assert_allclose(learned.filter_tau_s, 0.0125 * math.exp(1.5), rtol=1e-6)
    front, image, state = _front_and_state('estimated')
    estimated = see(front, image + grain, state, scale)
    # In the frame in which noise begins half of its variance is taken to be in the potential.
    assert estimated.filter_noise.mean() == pytest.approx(4.0 / math.sqrt(2.0), rel=0.15)
    np.testing.assert_allclose(
        estimated.filter_gain, 1 - np.exp(-DT_S / estimated.filter_tau_s), rtol=1e-5
    )
    assert (estimated.filter_gain < 0.98).any()
    front, image, state = _front_and_state('constant', constant_filter_factor=3.0)
    constant = see(front, image, state, scale)
    assert constant.filter_noise.size == 0
    np.testing.assert_allclose(constant.filter_tau_s, 3 * 0.0125, rtol=1e-6)
    np.testing.assert_allclose(constant.filter_gain, 1 - math.exp(-4.0 / 3.0), rtol=1e-6)


def _front_and_state(gain, **more):
    front, before = flown(FrontendSettings(filter_gain=gain, **more))
    return front, world(9), before.state


def test_an_accepted_frame_is_held_by_the_temporal_filter():
    front, before = flown()
    scale = np.full(GRID, 1.5, np.float32)
    frontend_output = see(front, world(12), before.state, scale)
    expected = TemporalFilter(STATISTICS.filter_tau_s, HEIGHT, WIDTH).step(
        world(12)[0], before.state.temporal_filter, DT_S, scale
    )
    np.testing.assert_array_equal(
        frontend_output.state.temporal_filter.potential, expected.state.potential
    )
    np.testing.assert_array_equal(frontend_output.features, encode(expected.state.potential[None]))
    np.testing.assert_array_equal(frontend_output.error, expected.error)
    np.testing.assert_array_equal(frontend_output.gradient, expected.gradient)
    assert np.abs(frontend_output.features - encode(world(12))).max() > 1e-3


@pytest.mark.parametrize(
    ('rates', 'right', 'down'),
    [
        ((0.0, 0.0, 4.0), 6, 0),  # to the left: what is seen moves right
        ((0.0, 0.0, -2.0), -3, 0),
        ((0.0, 2.0, 0.0), 0, -3),  # nose down: it moves up
        ((0.0, -4.0, 2.0), 3, 6),
    ],
)
def test_what_is_held_follows_the_cameras_rotation(rates, right, down):
    front = AdaptiveFrontend(STATISTICS, encode, CAMERA, DT_S, HOLDING)
    dot = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    dot[..., 16, 32] = 1.0
    state = see(front, dot, FrontendState()).state
    slow = np.full(GRID, 12.0, np.float32)
    turned = see(front, 0 * dot, state, slow, rates).state.temporal_filter.potential
    assert np.unravel_index(turned[0].argmax(), (HEIGHT, WIDTH)) == (16 + down, 32 + right)
    front.configure(dataclasses.replace(HOLDING, compensate_rotation=False))
    still = see(front, 0 * dot, state, slow, rates).state.temporal_filter.potential
    assert np.unravel_index(still[0].argmax(), (HEIGHT, WIDTH)) == (16, 32)


def test_the_camera_goes_on_turning_while_frames_are_refused():
    front, before = flown()
    yaw = (0.0, 0.0, 1.0)
    refused = see(front, strange(), before.state, rates=yaw)
    refused = see(front, strange(), refused.state, rates=yaw)
    assert refused.novel
    turned = CAMERA.fx * DT_S
    expected = TemporalFilter(STATISTICS.filter_tau_s, HEIGHT, WIDTH).step(
        world(9)[0], before.state.temporal_filter, refused.elapsed_s + DT_S, None, (3 * turned, 0.0)
    )
    after = see(front, world(9), refused.state, rates=yaw)
    assert not after.novel
    np.testing.assert_array_equal(after.state.temporal_filter.potential, expected.state.potential)


def test_the_speed_factor_falls_only_after_a_while_and_recovers():
    front, frontend_output = flown(
        FrontendSettings(
            slowdown_on_blindness_after_s=0.25, slowdown_on_blindness_time_constant_s=0.3
        )
    )
    speed_factors = []
    for _ in range(20):
        frontend_output = see(front, strange(), frontend_output.state)
        assert frontend_output.novel
        speed_factors.append(frontend_output.speed_factor)
    assert speed_factors[:4] == [1.0] * 4
    blind_s = DT_S * np.arange(1, 21)
    np.testing.assert_allclose(
        speed_factors, np.exp(-np.maximum(blind_s - 0.25, 0) / 0.3), rtol=1e-6
    )
    assert speed_factors[-1] < 0.1
    assert see(front, world(0), frontend_output.state).speed_factor == 1.0


def test_without_the_photometric_match_the_picture_stays_dark():
    gateless = dataclasses.replace(ALL_OFF, photometric=True)
    image = dark()
    lit = see(flown(gateless, 1)[0], image, FrontendState())
    assert lit.gain == pytest.approx(10.0, rel=1e-3)
    grey = luminance(image)
    assert (grey.mean(), grey.std()) == pytest.approx(
        (luminance(world(0)).mean(), luminance(world(0)).std()), rel=1e-2
    )
    np.testing.assert_array_equal(lit.features, encode(image))
    image = dark()
    unlit = see(flown(ALL_OFF, 1)[0], image, FrontendState())
    assert unlit.gain == 1.0
    assert unlit.state.luminance is None
    np.testing.assert_array_equal(image, dark())
    np.testing.assert_array_equal(unlit.features, encode(dark()))


def test_without_the_temporal_filter_the_encoder_sees_the_frame_and_the_learner_still_its_errors():
    front, before = flown(dataclasses.replace(FrontendSettings(), temporal_filter=False))
    scale = np.full(GRID, 2.0, np.float32)
    frontend_output = see(front, world(12), before.state, scale)
    np.testing.assert_array_equal(frontend_output.features, encode(world(12)))
    assert frontend_output.error.all()
    assert frontend_output.gradient.any()
    assert (frontend_output.state.temporal_filter.potential != world(12)[0]).any()


def test_without_rejection_a_novel_frame_is_seen_but_slows_core_and_vehicle():
    front, frontend_output = flown(
        dataclasses.replace(FrontendSettings(), reject_novel_frames=False)
    )
    light = frontend_output.state.luminance
    for _ in range(8):
        frontend_output = see(front, strange(), frontend_output.state)
        assert frontend_output.novel
        assert frontend_output.log_core_time_scale > 0.0
    assert frontend_output.speed_factor < 1.0
    assert frontend_output.error.any()
    assert frontend_output.state.luminance != light
    np.testing.assert_array_equal(
        frontend_output.features, encode(frontend_output.state.temporal_filter.potential[None])
    )
    assert frontend_output.features.max() > 0.7


def test_without_slow_core_and_slowdown_a_refused_frame_does_neither():
    front, frontend_output = flown(
        dataclasses.replace(
            FrontendSettings(), slow_core_on_novelty=False, slowdown_on_blindness=False
        )
    )
    known = frontend_output.features
    for _ in range(15):
        frontend_output = see(front, strange(), frontend_output.state)
        assert frontend_output.novel
        assert (frontend_output.log_core_time_scale, frontend_output.speed_factor) == (0.0, 1.0)
        assert frontend_output.features.tobytes() == known.tobytes()


def test_with_everything_off_features_are_the_encoders():
    front, state = AdaptiveFrontend(STATISTICS, encode, CAMERA, DT_S, ALL_OFF), FrontendState()
    for image in (world(0), strange(), dark(3), world(4)):
        expected, given = encode(image), image.copy()
        frontend_output = see(front, image, state, np.full(GRID, 1.0, np.float32))
        assert frontend_output.features.tobytes() == expected.tobytes()
        np.testing.assert_array_equal(image, given)
        assert not frontend_output.novel
        assert (
            frontend_output.log_core_time_scale,
            frontend_output.speed_factor,
            frontend_output.gain,
        ) == (0.0, 1.0, 1.0)
        state = frontend_output.state


def test_parts_may_be_switched_between_two_ticks():
    front, before = flown()
    front.configure(ALL_OFF)
    off = see(front, strange(), before.state)
    np.testing.assert_array_equal(off.features, encode(strange()))
    assert (off.state.luminance, off.state.gate) == (None, None)
    # Another factor, and a gate that waits for one frame only.
    front.configure(
        FrontendSettings(
            core_time_scale_on_novelty=4.0, gate=NoveltyGateSettings(max_rejection_s=1.5 * DT_S)
        )
    )
    frontend_output = see(front, world(11), before.state)
    assert not frontend_output.novel
    assert frontend_output.state.luminance is not None
    refused = see(front, strange(), frontend_output.state)
    assert refused.log_core_time_scale == pytest.approx(math.log(4.0))
    assert not see(front, strange(), refused.state).novel
