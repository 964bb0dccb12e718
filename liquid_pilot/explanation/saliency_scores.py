"""Measures of a saliency map, so that a claim about what a pilot looks at can be false.

All of them are pure functions. A measure of one map means little: compare it with that of a random
map, or with chance, which `area_share` and `pointing_chance` give.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.encoder.operators import FloatArray
from liquid_pilot.explanation.pixels import METHODS, PixelExplainer
from liquid_pilot.interfaces import LiquidPilotError

_Floats = npt.NDArray[np.floating]
_SSIM_DEVIATION_PX, _SSIM_CONSTANTS = 1.5, (0.01**2, 0.03**2)
"""Window and constants of Wang et al. 2004, for values in [0, 1]."""


class Curve(NamedTuple):
    """How much of an output is kept while pixels are deleted or inserted."""

    shares: npt.NDArray[np.float64]
    """(S + 1,) share of the pixels that are deleted or inserted, from 0 to 1."""
    kept: npt.NDArray[np.float64]
    """(S + 1,) share of the output that is kept: 1 is that of the picture, 0 is as far from it as
    the output of the baseline, or farther. NaN where both are the same."""

    @property
    def area(self) -> float:
        """Area under the curve. Small is good for deletion, large for insertion."""
        middles = 0.5 * (self.kept[1:] + self.kept[:-1])
        return float((middles * np.diff(self.shares)).sum())


class RandomisedMap(NamedTuple):
    """How like a map is to the one of the trained encoder, after its weights were shuffled."""

    layers: int
    """Number of layers with shuffled weights, from the features on."""
    rank_correlation: float
    """Spearman's rank correlation of the two maps; 1 is the same order of all pixels."""
    ssim: float
    """Structural similarity of the two maps; 1 is the same map."""


def saliency_share(saliency: _Floats, mask: npt.NDArray[np.generic]) -> float:
    """Return the share of the saliency that is inside a mask.

    Args:
        saliency: (H, W), not negative.
        mask: (H, W) share of each pixel that belongs to the object, or whether it does.

    Returns:
        The share, 0 to 1; NaN if there is no saliency, or no object.

    >>> saliency_share(np.array([[3.0, 1.0]]), np.array([[True, False]]))
    0.75
    """
    _check_shapes(saliency, mask)
    inside, total = np.asarray(mask, np.float64), float(saliency.sum(dtype=np.float64))
    if total <= 0.0 or not inside.any():
        return math.nan
    return float((saliency * inside).sum()) / total


def area_share(mask: npt.NDArray[np.generic]) -> float:
    """Return the share of the picture that a mask covers: the saliency share of an even map.

    Args:
        mask: (H, W) share of each pixel that belongs to the object, or whether it does.
    """
    return float(np.asarray(mask, np.float64).mean())


def pointing_hit(saliency: _Floats, mask: npt.NDArray[np.generic], tolerance_px: int = 1) -> float:
    """Return whether the maximum of a map lies on an object (Zhang et al. 2016, arXiv:1608.00507).

    Args:
        saliency: (H, W), not negative.
        mask: (H, W) share of each pixel that belongs to the object, or whether it does. A pixel
            belongs to it from one half on.
        tolerance_px: distance from the object, in rows and columns, that still counts as a hit.

    Returns:
        1 or 0, or the share of hits if several pixels are the maximum; NaN if there is no saliency,
        or no object.
    """
    _check_shapes(saliency, mask)
    near = _near(mask, tolerance_px)
    if not near.any() or saliency.max() <= 0.0:
        return math.nan
    return float(near[saliency == saliency.max()].mean())


def pointing_chance(mask: npt.NDArray[np.generic], tolerance_px: int = 1) -> float:
    """Return the share of pixels at which `pointing_hit` is 1: the hits of a random map."""
    return float(_near(mask, tolerance_px).mean())


def deletion_curve(
    picture: _Floats,
    saliency: _Floats,
    respond: Callable[[FloatArray], _Floats],
    baseline: _Floats,
    steps: int = 24,
) -> Curve:
    """Return what is kept of an output while the most salient pixels are replaced first.

    It follows RISE (Petsiuk et al. 2018, arXiv:1806.07421), with the distance of outputs in the
    place of the probability of a class.

    Args:
        picture: (1, 3, H, W) picture.
        saliency: (H, W) its map. Equal pixels come in a random order, which is always the same.
        respond: function of pictures (B, 3, H, W) that returns outputs (B, K).
        baseline: (1, 3, H, W) picture that pixels are taken from, such as `pixels.blurred`.
        steps: number S of steps.
    """
    return _curve(picture, baseline, saliency, respond, steps, deletion=True)


def insertion_curve(
    picture: _Floats,
    saliency: _Floats,
    respond: Callable[[FloatArray], _Floats],
    baseline: _Floats,
    steps: int = 24,
) -> Curve:
    """Return what there is of an output while the most salient pixels are put in first.

    See `deletion_curve` for the arguments.
    """
    return _curve(picture, baseline, saliency, respond, steps, deletion=False)


def rank_correlation(first: _Floats, second: _Floats) -> float:
    """Return Spearman's rank correlation of two maps; NaN if one of them is constant.

    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.1, 0.2, 0.3]))
    1.0
    """
    _check_shapes(first, second)
    a, b = (_ranks(values) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length > 0.0 else math.nan


def ssim(first: _Floats, second: _Floats) -> float:
    """Return the structural similarity of two maps (Wang et al. 2004).

    Args:
        first: (H, W) in [0, 1].
        second: (H, W) in [0, 1].

    Returns:
        The mean over all windows, -1 to 1.

    >>> ssim(np.eye(16), np.eye(16))
    1.0
    """
    _check_shapes(first, second)
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a * a) - mean_a**2
    variance_b = _window_mean(b * b) - mean_b**2
    covariance = _window_mean(a * b) - mean_a * mean_b
    light, spread = _SSIM_CONSTANTS
    similar = (2.0 * mean_a * mean_b + light) * (2.0 * covariance + spread)
    similar /= (mean_a**2 + mean_b**2 + light) * (variance_a + variance_b + spread)
    return float(similar.mean())


def noise_stability(
    explain: Callable[[FloatArray], FloatArray],
    picture: _Floats,
    deviation: float = 0.02,
    samples: int = 4,
    seed: int = 0,
) -> float:
    """Return the mean structural similarity of a map to those of the picture with noise.

    Args:
        explain: function of a picture (1, 3, H, W) that returns its map (H, W) in [0, 1].
        picture: the picture, in [0, 1].
        deviation: standard deviation of the noise. The noisy picture is clipped to [0, 1].
        samples: number of noisy pictures.
        seed: seed of the noise.
    """
    rng = np.random.default_rng(seed)
    clean = np.asarray(picture, np.float32)
    expected = explain(clean)
    noisy = (
        np.clip(clean + rng.normal(0.0, deviation, clean.shape), 0.0, 1.0) for _ in range(samples)
    )
    return float(np.mean([ssim(expected, explain(sample.astype(np.float32))) for sample in noisy]))


def randomised_maps(
    explainer: PixelExplainer,
    picture: _Floats,
    method: str = METHODS[0],
    by_feature: _Floats | None = None,
    seed: int = 0,
) -> list[RandomisedMap]:
    """Return how much a map depends on the trained weights (Adebayo et al. 2018, arXiv:1810.03292).

    The weights are shuffled in one layer after the other, from the features to the picture. A map
    that stays like the trained one shows the picture, not the network.

    Args:
        explainer: the explainer of the trained encoder.
        picture: (1, 3, H, W) picture.
        method: one of `pixels.METHODS`.
        by_feature: (F,) weight of each feature, see `PixelExplainer.explain`.
        seed: seed of the shuffling.

    Returns:
        One entry for each number of shuffled layers, from 1 to all.
    """
    trained = explainer.explain(picture, method, by_feature)
    found = []
    for layers in range(1, explainer.layers.weight_layers + 1):
        other = explainer.randomised(seed, layers).explain(picture, method, by_feature)
        found.append(RandomisedMap(layers, rank_correlation(trained, other), ssim(trained, other)))
    return found


def _check_shapes(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> None:
    if first.shape != second.shape:
        raise LiquidPilotError(
            f'both maps must have one shape, and have {first.shape} and {second.shape}; scale one '
            'of them first'
        )


def _near(mask: npt.NDArray[np.generic], tolerance_px: int) -> npt.NDArray[np.bool_]:
    """Return the pixels of an object, and those at most this far from it."""
    size = 2 * tolerance_px + 1
    object_pixels = (np.asarray(mask, np.float64) >= 0.5).astype(np.uint8)
    near: npt.NDArray[np.bool_] = cv2.dilate(object_pixels, np.ones((size, size), np.uint8)) > 0
    return near


def _curve(
    picture: _Floats,
    baseline: _Floats,
    saliency: _Floats,
    respond: Callable[[FloatArray], _Floats],
    steps: int,
    deletion: bool,
) -> Curve:
    """Return the curve from the picture to the baseline, or the other way."""
    start, end = (picture, baseline) if deletion else (baseline, picture)
    _check_shapes(start, end)
    _check_shapes(saliency, start[0, 0])
    ties = np.random.default_rng(0).random(saliency.size)
    order = np.lexsort((ties, -saliency.ravel()))
    counts = np.round(np.linspace(0.0, order.size, steps + 1)).astype(int)
    pictures = np.repeat(np.asarray(start, np.float32), steps + 1, axis=0)
    flat = pictures.reshape(steps + 1, start.shape[1], -1)
    source = np.asarray(end, np.float32).reshape(start.shape[1], -1)
    for row, count in zip(flat, counts, strict=True):
        row[:, order[:count]] = source[:, order[:count]]
    outputs = np.asarray(respond(pictures), np.float64)
    wanted, other = (outputs[0], outputs[-1]) if deletion else (outputs[-1], outputs[0])
    whole = float(np.linalg.norm(wanted - other))
    distances = np.linalg.norm(outputs - wanted, axis=1)
    kept = np.full(steps + 1, math.nan)
    if whole > 0.0:
        kept = np.clip(1.0 - distances / whole, 0.0, 1.0)
    return Curve(counts / order.size, kept)


def _ranks(values: _Floats) -> npt.NDArray[np.float64]:
    """Return the rank of each value; equal values share their mean rank."""
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: npt.NDArray[np.float64] = last - 0.5 * (counts - 1)
    return middle[place.ravel()]


def _window_mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = (11, 11)
    mean = cv2.GaussianBlur(values, size, _SSIM_DEVIATION_PX, borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, np.float64)
