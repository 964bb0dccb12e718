"""What training looked like to a pilot: the statistics that adaptation compares a flight with.

Part of the pilot file, as `adaptation.safetensors`, and optional: a pilot without it flies as it
was trained and cannot adapt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError

_MAX_ABS_VALUE = 1e6


@dataclass(frozen=True, eq=False)
class TrainingStatistics:
    """Float32 arrays; F features, an (R, C) grid of receptor blocks."""

    receptor_tau_s: np.ndarray
    """(R, C) time constants of the receptors, as trained; seconds."""
    receptor_error: np.ndarray
    """(R, C) mean square of the frame-prediction error of each block, with images in [0, 1]."""
    receptor_pull: np.ndarray
    """(2,) lowest and highest mean pull on the gains that training shows; `onboard.adaptation.learner`."""
    light: np.ndarray
    """(2, 2) mean luminance and log of its standard deviation: their mean, and their spread."""
    feature_mean: np.ndarray
    """(F,)."""
    feature_whitening: np.ndarray
    """(F, F) W: |W (f - mean)|^2 / F is the squared Mahalanobis distance a feature."""
    change_whitening: np.ndarray
    """(F, F), likewise of the change from one frame to the next."""
    texture_mean: np.ndarray
    """(R, C) of the logarithm of each block's texture; `onboard.adaptation.temporal_filter`."""
    texture_whitening: np.ndarray
    """(R*C, R*C), as of the features."""
    usual: np.ndarray
    """(3,) distance and change of the features, and distance of the texture, that one frame in a
    thousand of training exceeds."""

    predictor: np.ndarray
    """(F + 6, N + 1) of a liquid core: its state and a one -> the next inputs; (F + 6, 0) else."""
    predictor_residual: np.ndarray
    """(F + 6,) root mean square of what it missed in training; one where there is none."""

    @property
    def foresees(self) -> bool:
        """Whether there is a predictor."""
        return self.predictor.shape[1] > 0

    @property
    def features(self) -> int:
        """F."""
        return self.feature_mean.shape[0]

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], features: int, neurons: int
    ) -> TrainingStatistics:
        """From named arrays; LiquidPilotError names what is missing, wrong or out of range.

        `neurons` are those of a liquid core, 0 of another.
        """
        names = {field.name for field in fields(cls)}
        for name in sorted(names ^ set(tensors)):
            what = 'is missing' if name in names else 'is not a statistic of a pilot'
            raise LiquidPilotError(f'tensor {name!r} {what}')
        square = (features, features)
        shapes = {
            'receptor_pull': (2,),
            'light': (2, 2),
            'usual': (3,),
            'feature_mean': (features,),
            'feature_whitening': square,
            'change_whitening': square,
            'predictor_residual': (features + 6,),
            'predictor': (features + 6, neurons + 1 if neurons else 0),
        }
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
        tau = tensors['receptor_tau_s']
        if tau.ndim != 2 or not 1 <= tau.size <= 1024:
            raise LiquidPilotError(
                "tensor 'receptor_tau_s' must be a grid of 1 to 1024 blocks, "
                f'not of shape {tau.shape}'
            )
        for name in ('receptor_error', 'texture_mean'):
            if tensors[name].shape != tau.shape:
                raise LiquidPilotError(f'tensor {name!r} must have the shape of receptor_tau_s')
        for name, low in (
            ('receptor_tau_s', 1e-4),
            ('usual', 1e-6),
            ('receptor_error', 0.0),
            ('predictor_residual', 1e-6),
        ):
            if tensors[name].min() < low:
                raise LiquidPilotError(f'tensor {name!r} must be at least {low:g}')
        if tensors['texture_whitening'].shape != (tau.size, tau.size):
            raise LiquidPilotError("tensor 'texture_whitening' must be square over all blocks")
        if tau.max() > 10.0:
            raise LiquidPilotError("tensor 'receptor_tau_s' must be at most 10 s")
        if tensors['light'][1].min() <= 0.0:
            raise LiquidPilotError("tensor 'light' must have positive spreads")
        low, high = tensors['receptor_pull']
        if low > high:
            raise LiquidPilotError("tensor 'receptor_pull' must be ordered")
        return cls(**{name: np.array(tensors[name], order='C') for name in names})

    def to_tensors(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
