"""A small real pilot on disk: random liquid weights and a four-layer ONNX encoder."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import CameraGeometry, VehicleLimits
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.parameters import LtcParameters

FEATURES = 16
CAMERA = CameraGeometry.from_vertical_fov(128, 72, math.radians(60.0))


def encoder_bytes(
    features=FEATURES, camera=CAMERA, input_name='image', output_name='features', seed=0
):
    """Four strided convolutions, a mean over columns left, and one matrix."""
    rng = np.random.default_rng(seed)
    nodes, weights, last, channels = [], [], input_name, 3
    height, width = camera.height, camera.width
    for layer, wide in enumerate((8, 16, 16, 8)):
        kernel = rng.normal(0, 1.5 / math.sqrt(9 * channels), (wide, channels, 3, 3))
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f'k{layer}'))
        nodes.append(
            helper.make_node(
                'Conv', [last, f'k{layer}'], [f'c{layer}'], strides=[2, 2], pads=[1, 1, 1, 1]
            )
        )
        nodes.append(helper.make_node('Relu', [f'c{layer}'], [f'r{layer}']))
        last, channels = f'r{layer}', wide
        height, width = -(-height // 2), -(-width // 2)
    size = channels * height * width
    matrix = rng.normal(0, 1.0 / math.sqrt(size), (size, features)).astype(np.float32)
    weights.append(numpy_helper.from_array(matrix, 'm'))
    nodes.append(helper.make_node('Flatten', [last], ['flat']))
    nodes.append(helper.make_node('MatMul', ['flat', 'm'], [output_name]))
    graph = helper.make_graph(
        nodes,
        'encoder',
        [
            helper.make_tensor_value_info(
                input_name, TensorProto.FLOAT, [1, 3, camera.height, camera.width]
            )
        ],
        [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [1, features])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def random_parameters(wired, seed=0):
    """Liquid weights in the ranges that training starts from, on that wiring."""
    rng = np.random.default_rng(seed)
    i, n, m = wired.inputs, wired.neurons, wired.motors

    def draw(low, high, *shape):
        return rng.uniform(low, high, shape).astype(np.float32)

    return LtcParameters.from_tensors(
        {
            'gleak': draw(0.5, 1.0, n),
            'vleak': draw(-0.2, 0.2, n),
            'cm': draw(0.05, 0.3, n),
            'w': draw(0.1, 1.0, n, n) * (wired.polarity != 0).astype(np.float32),
            'sigma': draw(3.0, 8.0, n, n),
            'mu': draw(0.3, 0.8, n, n),
            'erev': wired.polarity.astype(np.float32),
            'sensory_w': draw(0.1, 1.0, i, n) * (wired.sensory_polarity != 0).astype(np.float32),
            'sensory_sigma': draw(3.0, 8.0, i, n),
            'sensory_mu': draw(0.3, 0.8, i, n),
            'sensory_erev': wired.sensory_polarity.astype(np.float32),
            'input_w': np.ones(i, np.float32),
            'input_b': np.zeros(i, np.float32),
            'output_w': np.ones(m, np.float32),
            'output_b': np.zeros(m, np.float32),
        }
    )


@pytest.fixture(scope='session')
def make_pilot(tmp_path_factory):
    """make(encoder=bytes, **changes to the specification) -> PilotFile on disk."""

    def make(encoder=None, parameters=None, **changes):
        wired = wiring.ncp(FEATURES + 6, 12, 8, 4, 4, 4, 6, 4, seed=3)
        fields = {
            'name': 'small',
            'vehicle': 'quadrotor',
            'rate_hz': 20.0,
            'dt_min_s': 0.01,
            'dt_max_s': 0.2,
            'camera': CAMERA,
            'core': {'type': 'ltc', 'unfolds': 6, 'wiring': wired.to_dict()},
            'features': FEATURES,
            'imu_mean': (0.0, 0.0, 0.0, 0.0, 0.0, 9.8),
            'imu_scale': (1.0, 1.0, 1.0, 4.0, 4.0, 4.0),
            'command_scale': (2.0, 1.0, 1.0, 1.5),
            'limits': VehicleLimits((2.5, 1.5, 1.0, 1.5), (8.0, 8.0, 8.0, 10.0)),
            'card': {},
        }
        specification = pilot_file.PilotSpecification(**{**fields, **changes})
        return pilot_file.save(
            tmp_path_factory.mktemp('pilots') / 'small',
            specification,
            wired,
            random_parameters(wired) if parameters is None else parameters(wired),
            encoder_bytes() if encoder is None else encoder,
        )

    return make


@pytest.fixture(scope='session')
def pilot(make_pilot):
    return make_pilot()


@pytest.fixture(scope='session')
def make_encoder():
    return encoder_bytes


@pytest.fixture(scope='session')
def make_parameters():
    return random_parameters
