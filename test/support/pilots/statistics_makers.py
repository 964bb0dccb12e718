"""Small, valid training statistics of random numbers, which tests change tensor by tensor."""

import math

import numpy as np

from liquid_pilot.pilot_file.training_statistics import TrainingStatistics


def statistics_tensors(features=16, neurons=24, grid=(4, 8), seed=0, **changes):
    """Return tensors by their name in the file; `changes` replace some of them."""
    rng = np.random.default_rng(seed)
    blocks, outputs = math.prod(grid), features + 6

    def whitening(size):
        return np.eye(size) + np.tril(0.1 * rng.normal(size=(size, size)), -1)

    tensors = {
        'receptor_tau_s': np.full(grid, 0.0125),
        'receptor_error': rng.uniform(0.5e-3, 2e-3, grid),
        'receptor_pull': (-0.8, 0.2),
        'light': ((0.45, math.log(0.1)), (0.05, 0.2)),
        'feature_mean': 0.3 * rng.normal(size=features),
        'feature_whitening': whitening(features),
        'change_whitening': whitening(features),
        'texture_mean': rng.uniform(-4.0, -2.0, grid),
        'texture_whitening': whitening(blocks),
        'usual': (1.5, 1.5, 1.5),
        'predictor': 0.3 * rng.normal(size=(outputs, neurons + 1 if neurons else 0)),
        'predictor_residual': rng.uniform(1.5, 3.0, outputs),
        **changes,
    }
    return {name: np.array(value, np.float32) for name, value in tensors.items()}


def make_statistics(features=16, neurons=24, grid=(4, 8), seed=0, **changes):
    """Return the training statistics of `statistics_tensors`."""
    return TrainingStatistics.from_tensors(
        statistics_tensors(features, neurons, grid, seed, **changes), features, neurons
    )
