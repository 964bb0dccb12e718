"""One tick: against a plain re-computation, and against all that must not be flown on."""

import dataclasses
import math

import numpy as np
import onnxruntime
import pytest
from lrc_pilots import with_lrc_core

from liquid_pilot.interfaces import (
    CameraGeometry,
    Command,
    ImageBuffer,
    ImuSample,
    LiquidPilotError,
    Observation,
    ObservationError,
)
from liquid_pilot.onboard.adaptation.time_scales import CoreScales, TimeScales
from liquid_pilot.onboard.inference.engine import Engine, StampError

MS = 1_000_000


def frame(seed=0, width=128, height=72, encoding='rgb8'):
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return ImageBuffer(rgb.tobytes(), width, height, 3 * width, encoding)


def sample(stamp_ns, value=0.0):
    return ImuSample(stamp_ns, (value, 0.1, -0.2), (0.3, value, 9.7))


def observation(stamp_ns=0, seed=0, imu=None, image=None):
    samples = (sample(stamp_ns - 10 * MS, 0.2), sample(stamp_ns, 0.6)) if imu is None else imu
    return Observation(stamp_ns, frame(seed) if image is None else image, samples)


@pytest.fixture(scope='module')
def engine(pilot):
    made = Engine(pilot)
    made.warm_up()
    return made


def reference(pilot, v, obs, dt_s):
    """The design's equations written out, in float64, and ONNX Runtime by its plain call."""
    p, spec = pilot.parameters, pilot.specification
    rgb = np.frombuffer(obs.image.data, np.uint8).reshape(obs.image.height, obs.image.width, 3)
    tensor = (rgb.transpose(2, 0, 1)[None] / 255.0).astype(np.float32)
    session = onnxruntime.InferenceSession(pilot.encoder, providers=['CPUExecutionProvider'])
    features = session.run(['features'], {'image': tensor})[0][0]
    imu = np.mean(
        [[*s.angular_velocity_flu_rad_s, *s.specific_force_flu_m_s2] for s in obs.imu], axis=0
    )
    normalised = (imu - np.array(spec.imu_mean)) / np.array(spec.imu_scale)
    x = np.concatenate([features.astype(float), normalised]) * p.input_w + p.input_b

    def synapses(source, w, sigma, mu, erev):
        active = w / (1.0 + np.exp(-sigma * (source[:, None] - mu)))
        return (active * erev).sum(0), active.sum(0)

    unfolds = spec.core['unfolds']
    v = v.astype(float)
    sensory = synapses(x, p.sensory_w, p.sensory_sigma, p.sensory_mu, p.sensory_erev)
    for _ in range(unfolds):
        inner = synapses(v, p.w, p.sigma, p.mu, p.erev)
        cm_t = p.cm * unfolds / dt_s
        v = (cm_t * v + p.gleak * p.vleak + sensory[0] + inner[0]) / (
            cm_t + p.gleak + sensory[1] + inner[1]
        )
    return v, (v[:4] * p.output_w + p.output_b) * np.array(spec.command_scale), x


def test_ticks_follow_the_equations(pilot, engine):
    state, v = engine.initial_state(), np.zeros(24)
    for index, stamp_ns in enumerate((7 * MS, 57 * MS, 190 * MS)):
        obs = observation(stamp_ns, seed=index)
        tick = engine.tick(state, obs)
        dt_s = (0.05, 0.05, 0.133)[index]
        v, values, x = reference(pilot, v, obs, dt_s)
        assert tick.dt_s == pytest.approx(dt_s, abs=1e-12)
        assert tick.core_inputs == pytest.approx(x, abs=2e-5)
        assert tick.state.core == pytest.approx(v, abs=2e-5)
        assert tick.command.values == pytest.approx(values, abs=5e-5)
        assert tick.command.stamp_ns == tick.state.last_stamp_ns == stamp_ns
        state = tick.state
    assert np.abs(values).max() > 0.01


def test_the_tick_gives_plain_numbers_and_its_own_arrays(engine):
    first = engine.tick(engine.initial_state(), observation(0, seed=1))
    kept = [first.state.core.copy(), first.features.copy(), first.core_inputs.copy()]
    second = engine.tick(first.state, observation(50 * MS, seed=2))
    assert all(type(value) is float for value in first.command.values)
    assert type(first.command.stamp_ns) is int
    for array, copy in zip(
        (first.state.core, first.features, first.core_inputs), kept, strict=True
    ):
        assert np.array_equal(array, copy)
    assert not np.array_equal(first.features, second.features)
    assert first.imu == pytest.approx([0.4, 0.1, -0.2, 0.3, 0.4, 9.7])


def test_the_same_input_gives_the_same_bits_in_any_engine(pilot, engine):
    other = Engine(pilot)
    for _ in range(2):
        a, b = engine.initial_state(), other.initial_state()
        for index in range(5):
            obs = observation(index * 50 * MS, seed=index)
            tick_a, tick_b = engine.tick(a, obs), other.tick(b, obs)
            assert tick_a.command == tick_b.command
            assert tick_a.state.core.tobytes() == tick_b.state.core.tobytes()
            a, b = tick_a.state, tick_b.state


@pytest.mark.parametrize(
    ('gap_ms', 'dt_s'), [(1, 0.01), (10, 0.01), (33, 0.033), (200, 0.2), (60_000, 0.2)]
)
def test_elapsed_time_is_the_stamps_within_bounds(engine, gap_ms, dt_s):
    state = engine.tick(engine.initial_state(), observation(10**18)).state
    tick = engine.tick(state, observation(10**18 + gap_ms * MS))
    assert tick.dt_s == pytest.approx(dt_s, abs=1e-12)


@pytest.mark.parametrize(
    ('step', 'repeated', 'words'), [(0, True, 'the same'), (-MS, False, '0.001 s before')]
)
def test_time_that_does_not_advance_is_refused(engine, step, repeated, words):
    state = engine.tick(engine.initial_state(), observation(100 * MS)).state
    with pytest.raises(StampError, match=words) as raised:
        engine.tick(state, observation(100 * MS + step))
    assert raised.value.repeated is repeated
    assert engine.tick(state, observation(150 * MS)).dt_s == pytest.approx(0.05)


@pytest.mark.parametrize(
    ('obs', 'words'),
    [
        (observation(50 * MS, imu=()), 'no sample'),
        (observation(50 * MS, imu=(sample(1), sample(2, math.nan))), 'not finite'),
        (observation(50 * MS, imu=(sample(1, math.inf), sample(2, -math.inf))), 'not finite'),
        (observation(50 * MS, imu=(sample(1, math.inf),)), 'not finite'),
        (observation(50 * MS, image=frame(encoding='32FC3')), 'encoding'),
        (observation(50 * MS, image=frame()._replace(step=100)), 'step'),
        (observation(50 * MS, image=frame()._replace(data=b'')), 'bytes of data'),
        (observation(50 * MS, image=frame()._replace(width=0, height=0)), 'too few'),
    ],
)
def test_what_must_not_be_flown_on_is_refused_and_leaves_no_trace(engine, obs, words):
    state = engine.tick(engine.initial_state(), observation(0)).state
    good = observation(50 * MS, seed=3)
    before = engine.tick(state, good)
    with pytest.raises(ObservationError, match=words):
        engine.tick(state, obs)
    after = engine.tick(state, good)
    assert after.command == before.command


def test_a_command_that_is_not_finite_never_leaves(make_pilot, make_parameters):
    def overflowing(wired):
        huge = np.full(4, 3e38, np.float32)
        return dataclasses.replace(make_parameters(wired), output_w=huge, output_b=huge)

    engine = Engine(make_pilot(parameters=overflowing, command_scale=(2.0, 1.0, 1.0, 1.5)))
    state = engine.initial_state()._replace(core=np.full(24, 0.9, np.float32))
    with pytest.raises(ObservationError, match='not finite; reset'):
        engine.tick(state, observation(0))


def test_a_broken_neuron_is_seen_before_it_reaches_the_command(make_pilot, make_parameters):
    def unconnected(wired):
        parameters = make_parameters(wired)
        return dataclasses.replace(parameters, w=np.zeros_like(parameters.w))

    engine = Engine(make_pilot(parameters=unconnected))
    core = np.zeros(24, np.float32)
    core[20] = np.nan
    with pytest.raises(ObservationError, match='not finite'):
        engine.tick(engine.initial_state()._replace(core=core), observation(0))


@pytest.mark.parametrize('core', ['ltc', 'lrc'])
def test_time_constants_are_inputs_of_a_tick(engine, pilot, core):
    engine = Engine(with_lrc_core(pilot)) if core == 'lrc' else engine
    zero = np.zeros(24, np.float32)
    state = engine.initial_state()
    plain = engine.tick(state, observation(0))
    same = engine.tick(state, observation(0), TimeScales(core=CoreScales(zero, zero)))
    assert same.command == plain.command
    slow = TimeScales(core=CoreScales(np.full(24, math.log(4.0), np.float32), zero))
    slower = engine.tick(state, observation(0), slow)
    assert np.abs(slower.state.core).sum() < 0.6 * np.abs(plain.state.core).sum()
    ratio = engine.time_constants(plain, slow) / engine.time_constants(plain)
    assert ratio == pytest.approx(np.full(24, 4.0), rel=1e-5)
    assert engine.tick(state, observation(0)).command == plain.command


def test_a_larger_camera_of_the_same_view_flies_the_same(engine, pilot):
    view = pilot.specification.camera.vertical_fov_rad
    small = np.frombuffer(frame(5).data, np.uint8).reshape(72, 128, 3)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    image = ImageBuffer(large.tobytes(), 256, 144, 768, 'rgb8')
    flying = Engine(pilot, source_camera=CameraGeometry.from_vertical_fov(256, 144, view))
    flying.warm_up()
    assert flying.source_camera.width == 256
    with_large = flying.tick(flying.initial_state(), observation(0, image=image))
    with_small = engine.tick(engine.initial_state(), observation(0, seed=5))
    assert with_large.command == with_small.command


def test_a_camera_that_sees_too_little_is_refused_with_degrees(pilot):
    narrow = CameraGeometry.from_vertical_fov(640, 360, math.radians(35.0))
    with pytest.raises(ObservationError, match=r'58\.5 x 35\.0 degrees.*91\.5 x 60\.0 degrees'):
        Engine(pilot, source_camera=narrow)
    engine = Engine(pilot)
    with pytest.raises(ObservationError, match='wider lens'):
        engine.set_camera(narrow)
    assert engine.source_camera is None


def test_an_encoder_that_does_not_fit_is_named(make_pilot, make_encoder, pilot):
    wrong = (
        (make_encoder(input_name='picture'), 'picture'),
        (make_encoder(output_name='latent'), 'latent'),
        (make_encoder(features=20), r'\[1, 20\]'),
        (make_encoder(camera=CameraGeometry.from_vertical_fov(64, 36, 1.0)), r'\[1, 3, 36, 64\]'),
        (b'no graph at all', 'cannot be loaded'),
    )
    for encoder, words in wrong:
        with pytest.raises(LiquidPilotError, match=r'encoder\.onnx.*' + words):
            Engine(dataclasses.replace(pilot, encoder=encoder))


def test_a_core_that_does_not_fit_the_encoder_is_refused(pilot):
    changed = dataclasses.replace(pilot.specification, features=10)
    with pytest.raises(LiquidPilotError, match='10 features and 6 IMU axes'):
        Engine(dataclasses.replace(pilot, specification=changed))


def test_an_unknown_core_is_refused(pilot):
    core = {**pilot.specification.core, 'type': 'transformer'}
    changed = dataclasses.replace(pilot.specification, core=core)
    with pytest.raises(LiquidPilotError, match="core type 'transformer' is not known"):
        Engine(dataclasses.replace(pilot, specification=changed))


def test_the_state_is_all_that_a_tick_remembers(engine):
    start = engine.initial_state()
    tick = engine.tick(start, observation(0, seed=8))
    assert start.last_stamp_ns is None
    assert not start.core.any()
    engine.tick(tick.state, observation(50 * MS, seed=9))
    again = engine.tick(start, observation(0, seed=8))
    assert again.command == tick.command
    assert isinstance(again.command, Command)
