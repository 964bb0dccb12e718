"""The frontend before a core: a rejected frame leaves no trace, and each part can be off."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from statistics_makers import make_statistics

from liquid_pilot.interfaces import (
    CameraGeometry,
    ImageBuffer,
    ImuSample,
    LiquidPilotError,
    Observation,
)
from liquid_pilot.onboard.adaptation.frontend import (
    AdaptiveFrontend,
    FrontendSettings,
    FrontendState,
)
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings, log_texture
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter
from liquid_pilot.onboard.adaptation.time_scales import CoreScales, TimeScales
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor

HEIGHT, WIDTH, GRID = 32, 64, (4, 8)
CAMERA = CameraGeometry.from_vertical_fov(WIDTH, HEIGHT, 1.0)
DT_S = 0.05
PERIOD_NS = 50_000_000
ALL_OFF = FrontendSettings(
    photometric=False,
    temporal_filter=False,
    reject_novel_frames=False,
    slow_core_on_novelty=False,
    slowdown_on_blindness=False,
)
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


def luminance(image):
    return np.tensordot((0.299, 0.587, 0.114), image[0].astype(float), 1)


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
ADAPTING = AdaptationSettings()
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


def test_a_refused_frame_leaves_no_trace():
    front, before = flown()
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


def test_trust_fades_only_after_a_while_and_comes_back():
    front, frontend_output = flown(
        FrontendSettings(
            slowdown_on_blindness_after_s=0.25, slowdown_on_blindness_time_constant_s=0.3
        )
    )
    trust = []
    for _ in range(20):
        frontend_output = see(front, strange(), frontend_output.state)
        assert frontend_output.novel
        trust.append(frontend_output.speed_factor)
    assert trust[:4] == [1.0] * 4
    blind_s = DT_S * np.arange(1, 21)
    np.testing.assert_allclose(trust, np.exp(-np.maximum(blind_s - 0.25, 0) / 0.3), rtol=1e-6)
    assert trust[-1] < 0.1
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


def test_without_receptors_the_encoder_sees_the_frame_and_the_learner_still_their_errors():
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


def test_without_stretch_or_caution_a_refused_frame_does_neither():
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


# In the engine, with a real encoder and core.


def view(k):
    """(72, 128, 3) uint8: a pattern that drifts; what is fed to the engine."""
    x, y = np.arange(128), np.arange(72)[:, None]
    planes = [np.sin(x / 9 + y / (7 + c) + 0.05 * k) for c in range(3)]
    return (127 + 60 * np.stack(planes, -1)).astype(np.uint8)


def observation(k, rgb=None):
    rgb = view(k) if rgb is None else rgb
    stamp_ns = k * PERIOD_NS + (k % 3) * 7_000_000
    imu = ImuSample(stamp_ns, (0.3 * math.sin(0.3 * k), 0.1, -0.2), (0.3, 0.0, 9.7))
    return Observation(stamp_ns, ImageBuffer(rgb.tobytes(), 128, 72, 384, 'rgb8'), (imu,))


def flight():
    """Ordinary frames, three of noise, and ordinary ones again."""
    noise = np.random.default_rng(0).integers(0, 256, (72, 128, 3), np.uint8)
    return [observation(k, noise if 12 <= k < 20 else None) for k in range(1, 28)]


@pytest.fixture(scope='module')
def adaptable(pilot):
    """The pilot, with the statistics of the drifting pattern."""
    specification = pilot.specification
    camera = specification.camera
    see = Encoder(pilot.encoder, camera.height, camera.width, specification.features)
    preprocess = Preprocessor(camera)
    tau_s = np.full(GRID, 0.0125, np.float32)
    temporal_filter, state = TemporalFilter(tau_s, camera.height, camera.width), None
    features, textures, grey = [], [], []
    for k in range(1, 40):
        image = preprocess(observation(k).image)
        found = temporal_filter.step(image[0], state, DT_S)
        state = found.state
        features.append(see(state.potential[None]))
        textures.append(log_texture(found.texture))
        grey.append(luminance(image))
    features, textures, grey = np.array(features), np.array(textures), np.array(grey)
    change = np.diff(features, axis=0).std()
    return dataclasses.replace(
        pilot,
        training_statistics=make_statistics(
            specification.features,
            pilot.parameters.neurons,
            GRID,
            receptor_tau_s=tau_s,
            light=((grey.mean(), math.log(grey.std())), (0.05, 0.2)),
            feature_mean=features.mean(0),
            feature_whitening=np.eye(16) / features.std(),
            change_whitening=np.eye(16) / change,
            texture_mean=textures.mean(0).reshape(GRID),
            texture_whitening=np.eye(32) / textures.std(0).mean(),
            usual=(2.5, 2.5, 2.5),
        ),
    )


def fly(engine, scales=None):
    state, ticks = engine.initial_state(), []
    for seen in flight():
        ticks.append(engine.tick(state, seen, scales))
        state = ticks[-1].state
    return ticks


def scales_for(pilot):
    rng = np.random.default_rng(3)
    core = (0.3 * rng.normal(size=(2, pilot.parameters.neurons))).astype(np.float32)
    return TimeScales(rng.uniform(0, 1, GRID).astype(np.float32), CoreScales(*core))


def assert_same_bits(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.command == b.command
        assert a.features.tobytes() == b.features.tobytes()
        assert a.core_inputs.tobytes() == b.core_inputs.tobytes()
        assert a.state.core.tobytes() == b.state.core.tobytes()


def test_a_pilot_without_statistics_cannot_adapt_and_says_what_to_do(pilot):
    with pytest.raises(LiquidPilotError, match=r'liquid-pilot fit-statistics.*without adaptation'):
        Engine(pilot, adaptation=ADAPTING)


def test_statistics_alone_change_nothing(pilot, adaptable):
    assert_same_bits(fly(Engine(pilot)), fly(Engine(adaptable)))
    assert fly(Engine(adaptable))[0].frontend_output.error.size == 0
    assert not Engine(adaptable).adapting and Engine(adaptable, adaptation=ADAPTING).adapting


def test_with_everything_off_the_flight_is_that_without_a_front(pilot, adaptable):
    assert_same_bits(
        fly(Engine(adaptable, adaptation=AdaptationSettings(ALL_OFF))), fly(Engine(pilot))
    )


def test_the_same_state_and_observation_give_the_same_bits(adaptable):
    engine = Engine(adaptable, adaptation=ADAPTING)
    scales, state = scales_for(adaptable), engine.initial_state()
    judged = []
    for seen in flight():
        once = engine.tick(state, seen, scales)
        again = engine.tick(state, seen, scales)
        assert_same_bits([once], [again])
        for ours, theirs in zip(
            (*once.frontend_output[2:4], *once.state.frontend.temporal_filter),
            (*again.frontend_output[2:4], *again.state.frontend.temporal_filter),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
        assert once.frontend_output[4:] == again.frontend_output[4:]
        assert once.state.frontend.luminance == again.state.frontend.luminance
        judged.append(once.frontend_output.novel)
        state = once.state
    # Both kinds of ticks were among them.
    assert judged == [12 <= k < 20 for k in range(1, 28)]


def test_a_novel_frame_slows_the_core_and_the_command(adaptable):
    engine, scales = Engine(adaptable, adaptation=ADAPTING), scales_for(adaptable)
    ticks = fly(engine, scales)
    scale = adaptable.specification.command_scale
    for before, tick in itertools.pairwise(ticks):
        stretch = np.float32(math.log(16.0) if tick.frontend_output.novel else 0.0)
        core, output = engine.core.step(
            before.state.core,
            tick.core_inputs,
            tick.dt_s,
            CoreScales(scales.core.log_cm + stretch, scales.core.log_gleak),
        )
        assert core.tobytes() == tick.state.core.tobytes()
        np.testing.assert_allclose(
            tick.command.values, tick.frontend_output.speed_factor * output * scale
        )
    assert min(tick.frontend_output.speed_factor for tick in ticks) < 0.9
