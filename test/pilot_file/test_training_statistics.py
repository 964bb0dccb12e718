"""What training looked like, in the pilot's folder: kept to the bit, or refused by name."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import safetensors
from safetensors.numpy import save as tensors_to_bytes
from statistics_makers import make_statistics, statistics_tensors

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError, VehicleLimits
from liquid_pilot.liquid import wiring
from liquid_pilot.pilot_file import PilotFile, PilotSpecification
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

FEATURES, GRID = 8, (2, 3)
NET = wiring.ncp(FEATURES + 6, 6, 5, 4, 3, 2, 4, 2, seed=11)
ENCODER = b'\x08\x0a\x3a\x06\x12\x04none'  # an ONNX model with a graph named 'none', of no nodes
SPECIFICATION = PilotSpecification(
    name='test-ltc',
    vehicle='quadrotor',
    rate_hz=20.0,
    dt_min_s=0.005,
    dt_max_s=0.5,
    camera=CameraGeometry.from_vertical_fov(128, 72, 1.0),
    core={'type': 'ltc', 'unfolds': 6, 'wiring': NET.to_dict()},
    features=FEATURES,
    imu_mean=(0.0,) * 6,
    imu_scale=(1.0,) * 6,
    command_scale=(2.5, 1.5, 1.0, 1.5),
    limits=VehicleLimits((2.5, 1.5, 1.0, 1.5), (8.0, 8.0, 8.0, 10.0)),
    card={},
)
FILE = 'adaptation.safetensors'


def tensors(**changes):
    return statistics_tensors(FEATURES, NET.neurons, GRID, **changes)


@pytest.fixture
def save(tmp_path, parameters_for):
    def save(known: TrainingStatistics | None) -> PilotFile:
        return pilot_file.save(
            tmp_path / 'pilot',
            SPECIFICATION,
            NET,
            parameters_for(NET),
            ENCODER,
            training_statistics=known,
        )

    return save


@pytest.fixture
def saved(save):
    return save(make_statistics(FEATURES, NET.neurons, GRID))


def _refused(saved, data, *parts):
    """Put the bytes in the file's place, with their hash, so that only the content is wrong."""
    (saved.path / FILE).write_bytes(data)
    file = saved.path / 'pilot.json'
    content = json.loads(file.read_text())
    content['sha256'][FILE] = hashlib.sha256(data).hexdigest()
    file.write_text(json.dumps(content))
    with pytest.raises(LiquidPilotError) as caught:
        pilot_file.load(saved.path)
    message = str(caught.value)
    assert '\n' not in message
    for part in (f'pilot/{FILE}: ', *parts):
        assert part in message, message


def test_what_is_saved_is_what_is_loaded(saved):
    loaded = pilot_file.load(saved.path)
    found = loaded.training_statistics.to_tensors()
    for name, tensor in tensors().items():
        read = found[name]
        np.testing.assert_array_equal(read, tensor)
        assert read.dtype == np.float32
        assert read.flags.c_contiguous
    assert loaded.training_statistics.features == FEATURES
    assert loaded.training_statistics.has_predictor
    assert (saved.path / FILE).is_file()


def test_names_in_the_file_stay_whatever_the_fields_are_called(saved):
    with safetensors.safe_open(saved.path / FILE, 'numpy') as file:
        assert set(file.keys()) == set(tensors())
        np.testing.assert_array_equal(
            file.get_tensor('receptor_tau_s'), saved.training_statistics.filter_tau_s
        )
        np.testing.assert_array_equal(
            file.get_tensor('usual'), saved.training_statistics.ood_thresholds
        )


def test_the_digest_follows_it_and_without_it_the_file_goes(save, saved, tmp_path):
    (saved.path / 'README.md').write_text('mine')
    other = save(make_statistics(FEATURES, NET.neurons, GRID, seed=1))
    without = save(None)
    assert len({saved.digest, other.digest, without.digest}) == 3
    assert without.training_statistics is None
    assert sorted(path.name for path in without.path.iterdir()) == [
        'README.md',
        'core.safetensors',
        'encoder.onnx',
        'pilot.json',
    ]
    assert save(make_statistics(FEATURES, NET.neurons, GRID)).digest == saved.digest
    assert [path.name for path in tmp_path.iterdir()] == ['pilot']


def test_a_file_that_the_pilot_does_not_name_is_not_read(save):
    without = save(None)
    (without.path / FILE).write_bytes(b'anything')
    assert pilot_file.load(without.path).training_statistics is None


def test_a_damaged_or_missing_file_is_refused(saved):
    data = bytearray((saved.path / FILE).read_bytes())
    data[-3] ^= 1
    (saved.path / FILE).write_bytes(data)
    with pytest.raises(LiquidPilotError, match=rf'pilot/{FILE}: .*damaged or exchanged'):
        pilot_file.load(saved.path)
    (saved.path / FILE).unlink()
    with pytest.raises(LiquidPilotError, match=rf'pilot/{FILE}: is missing'):
        pilot_file.load(saved.path)


@pytest.mark.parametrize('data', [b'', b'anything', tensors_to_bytes(tensors())[:-1]])
def test_bytes_that_are_no_tensors_are_refused(saved, data):
    _refused(saved, data, 'not a readable safetensors file')


@pytest.mark.parametrize('name', tensors())
def test_every_tensor_is_needed_finite_and_of_its_shape(saved, name):
    good = tensors()
    _refused(
        saved,
        tensors_to_bytes({k: v for k, v in good.items() if k != name}),
        f'tensor {name!r} is missing',
    )
    for bad in (np.nan, np.inf, 2e6):
        wild = good[name].copy()
        wild.flat[-1] = bad
        _refused(saved, tensors_to_bytes({**good, name: wild}), f'tensor {name!r}', '1e+06')
    _refused(
        saved,
        tensors_to_bytes({**good, name: good[name].astype(np.float64)}),
        f'tensor {name!r} must be float32',
    )


@pytest.mark.parametrize('name', sorted(set(tensors()) - {'receptor_tau_s'}))
@pytest.mark.parametrize('shape', [(), (0,), (1,), (7, 9)])
def test_a_tensor_of_another_shape_is_refused_by_name(saved, name, shape):
    wrong = np.full(shape, 0.5, np.float32)
    _refused(saved, tensors_to_bytes({**tensors(), name: wrong}), f'tensor {name!r}', 'must')


@pytest.mark.parametrize('shape', [(), (0, 3), (6,), (33, 32), (1, 1, 1)])
def test_time_constants_of_the_temporal_filter_are_a_grid_of_a_few_blocks(saved, shape):
    grid = np.full(shape, 0.0125, np.float32)
    _refused(
        saved,
        tensors_to_bytes({**tensors(), 'receptor_tau_s': grid}),
        "tensor 'receptor_tau_s' must be a grid of 1 to 1024 blocks",
    )


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('receptor_tau_s', np.full(GRID, 1e-5)),
        ('receptor_tau_s', np.full(GRID, 11.0)),
        ('receptor_error', np.full(GRID, -1e-6)),
        ('usual', (1.0, 0.0, 1.0)),
        ('predictor_residual', np.zeros(FEATURES + 6)),
        ('light', ((0.5, -2.0), (0.1, 0.0))),
        ('receptor_pull', (0.3, 0.2)),
    ],
)
def test_values_that_nothing_can_be_compared_with_are_refused(saved, name, value):
    _refused(saved, tensors_to_bytes(tensors(**{name: value})), f'tensor {name!r} must')


def test_a_tensor_too_many_is_refused(saved):
    _refused(
        saved,
        tensors_to_bytes({**tensors(), 'weights': np.zeros(1, np.float32)}),
        "tensor 'weights' is not a statistic of a pilot",
    )


def test_a_predictor_for_another_core_is_refused_and_one_for_none_is_empty(saved):
    other = statistics_tensors(FEATURES, NET.neurons + 1, GRID)
    _refused(saved, tensors_to_bytes(other), "tensor 'predictor' must have the shape")
    none = statistics_tensors(FEATURES, 0, GRID)
    assert not TrainingStatistics.from_tensors(none, FEATURES, 0).has_predictor
    with pytest.raises(LiquidPilotError, match=r"'predictor' must have the shape \(14, 16\)"):
        TrainingStatistics.from_tensors(none, FEATURES, 15)


def test_a_failed_save_leaves_the_old_pilot(save, saved):
    bad = make_statistics(FEATURES, NET.neurons, GRID)
    bad.ood_thresholds[1] = np.nan
    with pytest.raises(LiquidPilotError, match=rf"pilot/{FILE}: tensor 'usual'"):
        save(bad)
    assert pilot_file.load(saved.path).digest == saved.digest
    assert pilot_file.load(saved.path).training_statistics.ood_thresholds[1] == 1.5
