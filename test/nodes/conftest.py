"""A small real pilot, and real nodes as processes, in a ROS domain of their own on the loopback."""

import fcntl
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

# Before rclpy is imported, and for every process that a test starts.
REPOSITORY = Path(__file__).resolve().parents[2]
PROFILES = str(REPOSITORY / 'config' / 'fastdds.xml')
os.environ.update({
    'ROS_DOMAIN_ID': str(20 + os.getpid() % 80),
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    'ROS_PYTHON_CHECK_FIELDS': '1',
    'FASTRTPS_DEFAULT_PROFILES_FILE': PROFILES,
    'FASTDDS_DEFAULT_PROFILES_FILE': PROFILES,
    'OMP_NUM_THREADS': '1',
    'PYTHONPATH': os.pathsep.join(
        [str(REPOSITORY), *filter(None, [os.environ.get('PYTHONPATH')])]),
})

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import pytest  # noqa: E402
import rclpy  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import CameraGeometry, VehicleLimits  # noqa: E402
from liquid_pilot.liquid import wiring  # noqa: E402
from liquid_pilot.liquid.dynamics import LtcParameters  # noqa: E402
from liquid_pilot.nodes.launch.flight_graph import NodeSpec  # noqa: E402
from liquid_pilot.nodes.launch.process_runner import command_line  # noqa: E402
from liquid_pilot.onboard.adaptation import _filter_kernels  # noqa: E402
from liquid_pilot.onboard.adaptation.novelty_gate import log_texture  # noqa: E402
from liquid_pilot.onboard.adaptation.temporal_filter import Receptors  # noqa: E402
from liquid_pilot.onboard.inference.encoder import Encoder  # noqa: E402
from liquid_pilot.onboard.vehicles.registry import class_of  # noqa: E402
from liquid_pilot.pilot_file.training_statistics import Familiar  # noqa: E402

CAMERA = CameraGeometry.from_vertical_fov(64, 36, math.radians(52.0))
FEATURES = 8
GRID = (2, 4)
SCENE = cv2.resize(np.random.default_rng(7).uniform(0.2, 0.8, (7, 70, 3)), (1120, 72),
                   interpolation=cv2.INTER_CUBIC)


def _encoder(rng):
    """One strided convolution, its positive part, and a matrix."""
    kernel = rng.normal(0, 0.2, (4, 3, 5, 5)).astype(np.float32)
    matrix = rng.normal(0, 0.1, (4 * 9 * 16, FEATURES)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node('Conv', ['image', 'k'], ['c'], strides=[4, 4], pads=[2, 2, 2, 2]),
         helper.make_node('Relu', ['c'], ['r']), helper.make_node('Flatten', ['r'], ['f']),
         helper.make_node('MatMul', ['f', 'm'], ['features'])],
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
        'gleak': uniform(0.2, 1.0, n), 'vleak': uniform(-0.2, 0.2, n), 'cm': uniform(0.02, 0.2, n),
        'input_w': uniform(0.5, 1.5, wired.inputs), 'input_b': uniform(-0.2, 0.2, wired.inputs),
        'output_w': uniform(0.5, 1.0, 4), 'output_b': uniform(0.2, 0.4, 4),
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
        name='small', vehicle='quadrotor', rate_hz=20.0, dt_min_s=0.005, dt_max_s=1.0,
        camera=CAMERA, core={'type': 'ltc', 'unfolds': 6, 'wiring': wired.to_dict()},
        features=FEATURES, imu_mean=(0.0, 0.0, 0.0, 0.0, 0.0, 9.8),
        imu_scale=(1.0, 1.0, 1.0, 4.0, 4.0, 4.0), command_scale=(2.0, 1.0, 0.3, 1.0),
        limits=VehicleLimits((2.5, 1.5, 1.0, 1.5), (8.0, 8.0, 8.0, 10.0)), card={'for': 'tests'},
    )
    return pilot_file.save(tmp_path_factory.mktemp('pilots') / 'small', specification, wired,
                           _parameters(wired, rng), _encoder(rng))


@pytest.fixture(scope='session')
def rover_pilot(pilot, tmp_path_factory):
    """The same network, as one that drives a rover."""
    kind = class_of('rover')
    specification = replace(
        pilot.specification, vehicle='rover', steering=kind.coding.steering, limits=kind.limits,
        command_scale=kind.coding.scale)
    return pilot_file.save(tmp_path_factory.mktemp('pilots') / 'rover', specification,
                           pilot.wiring, pilot.parameters, pilot.encoder)


def _walk(step, light=1.0):
    """(72, 128, 3) uint8: what is seen of a smooth scene, a little further at each step."""
    return np.uint8(255 * light * SCENE[:, 4 * step:4 * step + 128])


@pytest.fixture(scope='session')
def walk():
    """Function (step, light) -> picture; familiar to the adaptive pilot at a light of 1."""
    return _walk


def _whitening(rows):
    covariance = rows.T @ rows / len(rows)
    return np.linalg.inv(np.linalg.cholesky(
        covariance + 0.05 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))))


def _familiar(encoder, neurons, steps=200):
    """What a walk looks like to the encoder; the predictor is anything."""
    encode, receptors = Encoder(encoder, 36, 64, FEATURES), Receptors(
        np.full(GRID, 0.0125), 36, 64)
    state, features, lights, textures, errors = None, [], [], [], []
    for step in range(steps):
        small = cv2.resize(_walk(step), (64, 36), interpolation=cv2.INTER_AREA)
        image = np.ascontiguousarray(small.transpose(2, 0, 1), np.float32) / np.float32(255)
        mean, contrast = _filter_kernels.light(image)
        found = receptors.step(image, state, 0.05)
        state = found.state
        lights.append((mean, math.log(contrast)))
        textures.append(log_texture(found.texture))
        errors.append(found.error)
        features.append(encode(state.held[None]))
    features, textures = np.array(features, float), np.array(textures, float)
    parts = [features - features.mean(0), np.diff(features, axis=0), textures - textures.mean(0)]
    whiten = [_whitening(part) for part in parts]
    usual = [np.sqrt(np.mean((part @ matrix.T) ** 2, axis=1)).max()
             for part, matrix in zip(parts, whiten, strict=True)]
    rng = np.random.default_rng(8)
    statistics = {
        'receptor_tau_s': receptors.tau_s, 'receptor_error': np.mean(errors, axis=0),
        'receptor_pull': (-1.0, 0.1), 'light': (np.mean(lights, axis=0), np.std(lights, axis=0)),
        'feature_mean': features.mean(0), 'feature_whitening': whiten[0],
        'change_whitening': whiten[1], 'texture_mean': textures.mean(0).reshape(GRID),
        'texture_whitening': whiten[2], 'usual': usual,
        'predictor': rng.normal(0, 0.1, (FEATURES + 6, neurons + 1)),
        'predictor_residual': np.ones(FEATURES + 6)}
    return Familiar.from_tensors(
        {name: np.array(value, np.float32) for name, value in statistics.items()}, FEATURES,
        neurons)


@pytest.fixture(scope='session')
def adaptive_pilot(pilot, tmp_path_factory):
    """The same pilot with statistics of a training."""
    return pilot_file.save(
        tmp_path_factory.mktemp('pilots') / 'adaptive', pilot.specification, pilot.wiring,
        pilot.parameters, pilot.encoder, familiar=_familiar(pilot.encoder, pilot.wiring.neurons))


@pytest.fixture(scope='session', autouse=True)
def _shared_memory():
    """Some tests kill nodes, and Fast DDS then leaves their 8 MB behind: what is locked by nobody
    and was not there before is removed, as `fastdds shm clean` does.
    """
    before = set(Path('/dev/shm').glob('fastrtps_*_el'))
    yield
    for lock in set(Path('/dev/shm').glob('fastrtps_*_el')) - before:
        with open(lock, 'rb') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            lock.with_name(lock.name.removesuffix('_el')).unlink(missing_ok=True)
            lock.unlink(missing_ok=True)


@pytest.fixture(scope='session')
def ros():
    """rclpy in this process."""
    rclpy.init()
    yield
    rclpy.try_shutdown()


class Process:
    """A node of the graph as a process; its output goes to a file."""

    def __init__(self, spec, log):
        self.log = Path(log)
        self._file = open(self.log, 'ab')  # noqa: SIM115
        self.popen = subprocess.Popen(
            command_line(spec), stdout=self._file, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True)

    @property
    def output(self):
        return self.log.read_text()

    def end(self, number=signal.SIGINT, limit_s=10.0):
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            code = self.popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise
        finally:
            self._file.close()
        return code


@pytest.fixture(scope='session')
def start_spec():
    """Function (NodeSpec, log file) -> Process; all end at last."""
    started = []

    def start(spec, log):
        started.append(Process(spec, log))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.end()


@pytest.fixture(scope='session')
def start_node(start_spec):
    """Function (executable, log file, namespace, **parameters) -> Process; all end at last."""
    def start(executable, log, namespace='', **parameters):
        return start_spec(NodeSpec(executable, executable, namespace, parameters), log)

    return start


@pytest.fixture(scope='session')
def run_cli():
    """Function (*arguments) -> Popen of `liquid-pilot` with its output captured."""
    def run(*arguments, **environment):
        return subprocess.Popen(
            [sys.executable, '-m', 'liquid_pilot.cli', *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, **environment})

    return run


@pytest.fixture(scope='session')
def eventually():
    """Function (condition, limit in seconds): wait until it holds, or fail."""
    def wait(condition, limit_s=30.0, step=lambda: time.sleep(0.02)):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, 'did not come true in time'
            step()

    return wait
