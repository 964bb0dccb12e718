"""The frontend in the engine, with a real encoder and core."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from frontend_makers import ALL_OFF, DT_S, GRID, luminance
from lrc_pilots import with_lrc_core
from statistics_makers import make_statistics

from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.novelty_gate import log_texture
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter
from liquid_pilot.onboard.adaptation.time_scales import CoreScales, TimeScales
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor

ADAPTING = AdaptationSettings()
PERIOD_NS = 50_000_000


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


def arrays(output):
    """The arrays of an output of the frontend: of the filter, by block."""
    return (
        output.error,
        output.gradient,
        output.filter_tau_s,
        output.filter_gain,
        output.filter_noise,
    )


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


def test_with_everything_off_the_flight_is_that_without_a_frontend(pilot, adaptable):
    assert_same_bits(
        fly(Engine(adaptable, adaptation=AdaptationSettings(ALL_OFF))), fly(Engine(pilot))
    )


@pytest.mark.parametrize('gain', ['learned', 'estimated', 'constant'])
def test_the_same_state_and_observation_give_the_same_bits(adaptable, gain):
    settings = AdaptationSettings(FrontendSettings(filter_gain=gain, constant_filter_factor=4.0))
    engine = Engine(adaptable, adaptation=settings)
    scales, state = scales_for(adaptable), engine.initial_state()
    judged = []
    for seen in flight():
        once = engine.tick(state, seen, scales)
        again = engine.tick(state, seen, scales)
        assert_same_bits([once], [again])
        for ours, theirs in zip(
            (*arrays(once.frontend_output), *once.state.frontend.temporal_filter),
            (*arrays(again.frontend_output), *again.state.frontend.temporal_filter),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
        assert once.frontend_output[4:10] == again.frontend_output[4:10]
        assert once.state.frontend.luminance == again.state.frontend.luminance
        judged.append(once.frontend_output.novel)
        state = once.state
    # Both kinds of ticks were among them.
    assert judged == [12 <= k < 20 for k in range(1, 28)]


@pytest.mark.parametrize('core', ['ltc', 'lrc'])
def test_a_novel_frame_slows_the_core_and_the_command(adaptable, core):
    adaptable = with_lrc_core(adaptable) if core == 'lrc' else adaptable
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
