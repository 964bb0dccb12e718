"""Small pilots with random weights, and a scene that one of them has statistics of."""

import math
from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import CameraGeometry, VehicleLimits
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.novelty_gate import log_texture
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

CAMERA = CameraGeometry.from_vertical_fov(64, 36, math.radians(52.0))
FEATURES = 8
GRID = (2, 4)
SCENE = cv2.resize(
    np.random.default_rng(7).uniform(0.2, 0.8, (7, 70, 3)),
    (1120, 72),
    interpolation=cv2.INTER_CUBIC,
)


def _encoder(rng):
    """One strided convolution, its positive part, and a matrix."""
    kernel = rng.normal(0, 0.2, (4, 3, 5, 5)).astype(np.float32)
    matrix = rng.normal(0, 0.1, (4 * 9 * 16, FEATURES)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node('Conv', ['image', 'k'], ['c'], strides=[4, 4], pads=[2, 2, 2, 2]),
            helper.make_node('Relu', ['c'], ['r']),
            helper.make_node('Flatten', ['r'], ['f']),
            helper.make_node('MatMul', ['f', 'm'], ['features']),
        ],
        'encoder',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, 36, 64])],
        [helper.make_tensor_value_info('features', TensorProto.FLOAT, [1, FEATURES])],
        [numpy_helper.from_array(kernel, 'k'), numpy_helper.from_array(matrix, 'm')],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _parameters(wired, rng):
    def uniform(low, high, *shape):
        return rng.uniform(low, high, shape).astype(np.float32)

    n = wired.neurons
    tensors = {
        'gleak': uniform(0.2, 1.0, n),
        'vleak': uniform(-0.2, 0.2, n),
        'cm': uniform(0.02, 0.2, n),
        'input_w': uniform(0.5, 1.5, wired.inputs),
        'input_b': uniform(-0.2, 0.2, wired.inputs),
        'output_w': uniform(0.5, 1.0, 4),
        'output_b': uniform(0.2, 0.4, 4),
    }
    for prefix, polarity in (('', wired.polarity), ('sensory_', wired.sensory_polarity)):
        shape = polarity.shape
        tensors[prefix + 'w'] = uniform(0.1, 1.0, *shape) * np.abs(polarity)
        tensors[prefix + 'sigma'] = uniform(3.0, 8.0, *shape)
        tensors[prefix + 'mu'] = uniform(0.3, 0.8, *shape)
        tensors[prefix + 'erev'] = polarity.astype(np.float32)
    return LtcParameters.from_tensors(tensors)


@pytest.fixture(scope='session')
def pilot(tmp_path_factory):
    """A saved pilot with random weights, whose commands are well away from zero."""
    rng = np.random.default_rng(5)
    wired = wiring.ncp(FEATURES + 6, 8, 6, 4, 4, 3, 4, 3, seed=2)
    specification = pilot_file.PilotSpecification(
        name='small',
        vehicle='quadrotor',
        rate_hz=20.0,
        dt_min_s=0.005,
        dt_max_s=1.0,
        camera=CAMERA,
        core={'type': 'ltc', 'unfolds': 6, 'wiring': wired.to_dict()},
        features=FEATURES,
        imu_mean=(0.0, 0.0, 0.0, 0.0, 0.0, 9.8),
        imu_scale=(1.0, 1.0, 1.0, 4.0, 4.0, 4.0),
        command_scale=(2.0, 1.0, 0.3, 1.0),
        limits=VehicleLimits((2.5, 1.5, 1.0, 1.5), (8.0, 8.0, 8.0, 10.0)),
        card={'for': 'tests'},
    )
    return pilot_file.save(
        tmp_path_factory.mktemp('pilots') / 'small',
        specification,
        wired,
        _parameters(wired, rng),
        _encoder(rng),
    )


@pytest.fixture(scope='session')
def rover_pilot(pilot, tmp_path_factory):
    """The same network, as one that drives a rover."""
    kind = get_vehicle('rover')
    specification = replace(
        pilot.specification,
        vehicle='rover',
        steering=kind.action_scaling.steering,
        limits=kind.limits,
        command_scale=kind.action_scaling.scale,
    )
    return pilot_file.save(
        tmp_path_factory.mktemp('pilots') / 'rover',
        specification,
        pilot.wiring,
        pilot.parameters,
        pilot.encoder,
    )


def _walk(step, light=1.0):
    """(72, 128, 3) uint8: what is seen of a smooth scene, a little further at each step."""
    return np.uint8(255 * light * SCENE[:, 4 * step : 4 * step + 128])


@pytest.fixture(scope='session')
def walk():
    """Function (step, light) -> picture, as in training of the adaptive pilot at a light of 1."""
    return _walk


def _whitening(rows):
    covariance = rows.T @ rows / len(rows)
    return np.linalg.inv(
        np.linalg.cholesky(
            covariance + 0.05 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        )
    )


def _statistics(encoder, neurons, steps=200):
    """What a walk looks like to the encoder; the predictor is anything."""
    encode, temporal_filter = (
        Encoder(encoder, 36, 64, FEATURES),
        TemporalFilter(np.full(GRID, 0.0125), 36, 64),
    )
    state, features, lights, textures, errors = None, [], [], [], []
    for step in range(steps):
        small = cv2.resize(_walk(step), (64, 36), interpolation=cv2.INTER_AREA)
        image = np.ascontiguousarray(small.transpose(2, 0, 1), np.float32) / np.float32(255)
        mean, contrast = _filter_kernels.luminance_stats(image)
        found = temporal_filter.step(image, state, 0.05)
        state = found.state
        lights.append((mean, math.log(contrast)))
        textures.append(log_texture(found.texture))
        errors.append(found.error)
        features.append(encode(state.potential[None]))
    features, textures = np.array(features, float), np.array(textures, float)
    parts = [features - features.mean(0), np.diff(features, axis=0), textures - textures.mean(0)]
    whiten = [_whitening(part) for part in parts]
    usual = [
        np.sqrt(np.mean((part @ matrix.T) ** 2, axis=1)).max()
        for part, matrix in zip(parts, whiten, strict=True)
    ]
    rng = np.random.default_rng(8)
    statistics = {
        'receptor_tau_s': temporal_filter.tau_s,
        'receptor_error': np.mean(errors, axis=0),
        'receptor_pull': (-1.0, 0.1),
        'light': (np.mean(lights, axis=0), np.std(lights, axis=0)),
        'feature_mean': features.mean(0),
        'feature_whitening': whiten[0],
        'change_whitening': whiten[1],
        'texture_mean': textures.mean(0).reshape(GRID),
        'texture_whitening': whiten[2],
        'usual': usual,
        'predictor': rng.normal(0, 0.1, (FEATURES + 6, neurons + 1)),
        'predictor_residual': np.ones(FEATURES + 6),
    }
    return TrainingStatistics.from_tensors(
        {name: np.array(value, np.float32) for name, value in statistics.items()}, FEATURES, neurons
    )


@pytest.fixture(scope='session')
def adaptive_pilot(pilot, tmp_path_factory):
    """The same pilot with statistics of a training."""
    return pilot_file.save(
        tmp_path_factory.mktemp('pilots') / 'adaptive',
        pilot.specification,
        pilot.wiring,
        pilot.parameters,
        pilot.encoder,
        training_statistics=_statistics(pilot.encoder, pilot.wiring.neurons),
    )
