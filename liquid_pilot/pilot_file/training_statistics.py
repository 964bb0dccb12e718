"""The training statistics, with which adaptation compares a flight.

They are part of the pilot file, as `adaptation.safetensors`, and optional: a pilot without them
flies as trained and cannot adapt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

Float32Array = npt.NDArray[np.float32]
_MAX_ABS_VALUE = 1e6
_MAX_BLOCKS = 1024
_MAX_FILTER_TAU_S = 10.0
OPTIONAL = 'state_moment'
"""Name of the tensor that a file need not hold."""
_TENSOR_NAMES = {
    'filter_tau_s': 'receptor_tau_s',
    'filter_error': 'receptor_error',
    'filter_gradient_range': 'receptor_pull',
    'luminance': 'light',
    'ood_thresholds': 'usual',
}
"""Names of tensors in the file where they differ from those of the fields. They are part of the
file format: a pilot's digest covers them."""


def _no_moment() -> Float32Array:
    return np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class TrainingStatistics:
    """Statistics of one pilot's training; F features, an (R, C) grid of image blocks."""

    filter_tau_s: Float32Array
    """(R, C) time constants of the temporal filter, as trained, s."""
    filter_error: Float32Array
    """(R, C) mean square of the frame-prediction error of each block, with images in [0, 1]."""
    filter_gradient_range: Float32Array
    """(2,) lowest and highest mean of the normalised gradient in training; see
    `onboard.adaptation.learner`."""
    luminance: Float32Array
    """(2, 2) the mean, then the standard deviation over training, of the mean luminance and of the
    logarithm of its standard deviation within an image."""
    feature_mean: Float32Array
    """(F,) mean of the encoder's features."""
    feature_whitening: Float32Array
    """(F, F) matrix W; |W (f - mean)|^2 / F is the squared Mahalanobis distance per feature."""
    change_whitening: Float32Array
    """(F, F) whitening matrix of the change of the features from one frame to the next."""
    texture_mean: Float32Array
    """(R, C) mean of the logarithm of each block's texture; see
    `onboard.adaptation.temporal_filter`."""
    texture_whitening: Float32Array
    """(R*C, R*C) whitening matrix of the logarithm of the texture."""
    ood_thresholds: Float32Array
    """(3,) distance of the features, of their change and of the texture, each of which one frame in
    a thousand of training exceeds."""

    predictor: Float32Array
    """(F + 6, N + 1) linear map from a liquid core's state, with a one appended, to the next
    inputs; (F + 6, 0) for another core."""
    predictor_residual: Float32Array
    """(F + 6,) root mean square of the predictor's error in training; 1 without a predictor."""
    state_moment: Float32Array = field(default_factory=_no_moment)
    """(N + 1, N + 1) second moment of the core's state, with a one appended, in training; empty in
    files that were written before it was known."""

    @property
    def has_predictor(self) -> bool:
        """Whether there is a predictor."""
        return bool(self.predictor.shape[1] > 0)

    @property
    def features(self) -> int:
        """The number of features F."""
        return int(self.feature_mean.shape[0])

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], features: int, neurons: int
    ) -> TrainingStatistics:
        """Check the tensors of a file and return the statistics that they hold.

        Args:
            tensors: arrays by their name in the file.
            features: number of features F of the pilot.
            neurons: number of neurons N of a liquid core; 0 for another core.

        Raises:
            LiquidPilotError: a tensor is missing, unknown, of the wrong type or shape, or out of
                range; the message names it.
        """
        names = _tensor_names()
        for name in sorted(({*names.values()} ^ {*tensors}) - ({OPTIONAL} - {*tensors})):
            what = 'is missing' if name in names.values() else 'is not a statistic of a pilot'
            raise LiquidPilotError(f'tensor {name!r} {what}')
        _check_shapes(tensors, features, neurons)
        _check_values(tensors)
        return cls(
            **{
                field: np.array(tensors[name], order='C')
                for field, name in names.items()
                if name in tensors
            }
        )

    def to_tensors(self) -> dict[str, Float32Array]:
        """Return the arrays by their name in the file."""
        tensors = {name: getattr(self, field) for field, name in _tensor_names().items()}
        if not tensors[OPTIONAL].size:
            del tensors[OPTIONAL]
        return tensors


def _tensor_names() -> dict[str, str]:
    """Return the name in the file of each field, in the order of the fields."""
    return {
        field.name: _TENSOR_NAMES.get(field.name, field.name)
        for field in fields(TrainingStatistics)
    }


def _check_shapes(tensors: Mapping[str, np.ndarray], features: int, neurons: int) -> None:
    """Check types and shapes, and that all values are finite."""
    square = (features, features)
    shapes: dict[str, tuple[int, ...]] = {
        'receptor_pull': (2,),
        'light': (2, 2),
        'usual': (3,),
        'feature_mean': (features,),
        'feature_whitening': square,
        'change_whitening': square,
        'predictor_residual': (features + 6,),
        'predictor': (features + 6, neurons + 1 if neurons else 0),
    }
    if neurons:
        shapes[OPTIONAL] = (neurons + 1, neurons + 1)
    for name, tensor in tensors.items():
        if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32:
            kind = getattr(tensor, 'dtype', type(tensor).__name__)
            raise LiquidPilotError(f'tensor {name!r} must be float32, not {kind}')
        if name in shapes and tensor.shape != shapes[name]:
            raise LiquidPilotError(
                f'tensor {name!r} must have the shape {shapes[name]}, not {tensor.shape}'
            )
        # Written so that NaN is refused too.
        if not (np.abs(tensor) <= _MAX_ABS_VALUE).all():
            raise LiquidPilotError(f'tensor {name!r} holds values beyond {_MAX_ABS_VALUE:g}')
    tau_s = tensors['receptor_tau_s']
    if tau_s.ndim != 2 or not 1 <= tau_s.size <= _MAX_BLOCKS:
        raise LiquidPilotError(
            f"tensor 'receptor_tau_s' must be a grid of 1 to {_MAX_BLOCKS} blocks, "
            f'not of shape {tau_s.shape}'
        )
    for name in ('receptor_error', 'texture_mean'):
        if tensors[name].shape != tau_s.shape:
            raise LiquidPilotError(f'tensor {name!r} must have the shape of receptor_tau_s')


def _check_values(tensors: Mapping[str, np.ndarray]) -> None:
    """Check the range of the values, and the shape that depends on the number of blocks."""
    for name, low in (
        ('receptor_tau_s', 1e-4),
        ('usual', 1e-6),
        ('receptor_error', 0.0),
        ('predictor_residual', 1e-6),
    ):
        if tensors[name].min() < low:
            raise LiquidPilotError(f'tensor {name!r} must be at least {low:g}')
    tau_s = tensors['receptor_tau_s']
    if tensors['texture_whitening'].shape != (tau_s.size, tau_s.size):
        raise LiquidPilotError("tensor 'texture_whitening' must be square over all blocks")
    if tau_s.max() > _MAX_FILTER_TAU_S:
        raise LiquidPilotError("tensor 'receptor_tau_s' must be at most 10 s")
    if tensors['light'][1].min() <= 0.0:
        raise LiquidPilotError("tensor 'light' must have positive spreads")
    moment = tensors.get(OPTIONAL)
    if moment is not None and (moment.ndim != 2 or moment.shape[0] != moment.shape[1]):
        raise LiquidPilotError(f'tensor {OPTIONAL!r} must be square, not {moment.shape}')
    low, high = tensors['receptor_pull']
    if low > high:
        raise LiquidPilotError("tensor 'receptor_pull' must be ordered")
