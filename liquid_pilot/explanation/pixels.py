"""Saliency maps: how much each pixel of the picture counts for the encoder's features.

No method is the truth about the network. `saliency_scores` measures how far each can be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.encoder.encoder_layers import EncoderLayers
from liquid_pilot.explanation.encoder.operators import FloatArray
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file.files import ENCODER_FILE

if TYPE_CHECKING:
    from liquid_pilot.pilot_file import PilotFile

METHODS = (
    'visual_backprop',
    'gradient',
    'input_x_gradient',
    'smooth_gradient',
    'integrated_gradients',
    'occlusion',
)
"""The methods of `PixelExplainer.explain`. The first three are fast enough for a live picture."""
GRADIENT_METHODS = METHODS[1:5]
"""The methods of `PixelExplainer.attribute`."""
BLUR_SHARE = 1 / 12
"""Standard deviation of the blur that takes things out of a picture, as a share of its height."""
_SMOOTH_SAMPLES, _SMOOTH_NOISE, _PATH_STEPS = 8, 0.1, 32
"""Pictures with noise, its standard deviation in [0, 1], and steps of integrated gradients."""
_PATCH, _STRIDE, _BATCH = 12, 6, 16
"""Edge of the patch that occlusion moves and its step, pixels; and pictures at a time."""
_ROUNDING = 1e-5
"""Change of the features, as a share of their length, that may be one of rounding."""


class PixelExplainer:
    """Makes saliency maps of a pilot's encoder.

    The methods:

    - 'visual_backprop' (Bojarski et al. 2016, arXiv:1611.05418): where all layers of convolutions
      are active at once. It needs no gradient, and shows what the encoder reacts to rather than
      what a command depends on.
    - 'gradient' (Simonyan et al. 2013, arXiv:1312.6034): how fast the features change with a pixel.
    - 'input_x_gradient': the gradient times the brightness of the pixel.
    - 'smooth_gradient' (Smilkov et al. 2017, arXiv:1706.03825): the mean gradient of pictures with
      noise.
    - 'integrated_gradients' (Sundararajan et al. 2017, arXiv:1703.01365): the difference to the
      blurred picture, shared out over the pixels.
    - 'occlusion' (Zeiler and Fergus 2013, arXiv:1311.2901): how much changes when a patch is
      replaced by its blur. It uses no derivative, and is the slowest.

    >>> import liquid_pilot as lp
    >>> import numpy as np
    >>> explainer = PixelExplainer(lp.load_pilot('forest-ltc'))
    >>> picture = np.random.default_rng(0).random((1, 3, 72, 128), np.float32)
    >>> explainer.explain(picture).shape
    (72, 128)

    Args:
        pilot: the pilot file.

    Raises:
        LiquidPilotError: the encoder has a layer that is not supported.
    """

    def __init__(self, pilot: PilotFile) -> None:
        specification = pilot.specification
        self.layers = EncoderLayers(
            pilot.encoder,
            specification.camera.height,
            specification.camera.width,
            specification.features,
            str(pilot.path / ENCODER_FILE),
        )

    def explain(
        self,
        picture: npt.NDArray[np.floating],
        method: str = METHODS[0],
        by_feature: npt.NDArray[np.floating] | None = None,
    ) -> FloatArray:
        """Return the saliency map of a picture.

        Args:
            picture: (1, 3, H, W) preprocessed picture in [0, 1], as `Engine(watch_picture=...)`
                gives it.
            method: one of METHODS.
            by_feature: (F,) weight of each feature, such as the derivative of a command by it; the
                map is then that of the command. None: all features, as strong as they are now.

        Returns:
            (H, W) saliency in [0, 1]. Its maximum is 1, unless no pixel counts: then all are 0.

        Raises:
            LiquidPilotError: no such method, or an argument has another shape.
        """
        if method not in METHODS:
            raise LiquidPilotError(f'there is no method {method!r}; choose one of {METHODS}')
        if method == 'visual_backprop':
            return _scaled(self._visual_backprop(picture, by_feature))
        if method == 'occlusion':
            return _scaled(self._occlusion(picture, by_feature))
        return _scaled(np.abs(self.attribute(picture, method, by_feature)).sum(axis=0))

    def attribute(
        self,
        picture: npt.NDArray[np.floating],
        method: str,
        by_feature: npt.NDArray[np.floating] | None = None,
    ) -> FloatArray:
        """Return what each colour of each pixel adds, with its sign, by a gradient method.

        Args:
            picture: (1, 3, H, W) preprocessed picture in [0, 1].
            method: one of GRADIENT_METHODS.
            by_feature: (F,) weight of each feature; None: see `explain`.

        Returns:
            (3, H, W) gradient, or share, of the weighted sum of the features.

        Raises:
            LiquidPilotError: no such method, or an argument has another shape.
        """
        picture = self._checked(picture)
        if method == 'smooth_gradient':
            noise = np.random.default_rng(0).normal(
                0.0, _SMOOTH_NOISE, (_SMOOTH_SAMPLES, *picture.shape[1:])
            )
            return self._gradient(picture, by_feature, picture + noise.astype(np.float32))
        if method == 'integrated_gradients':
            # The middle of each step.
            shares = (np.arange(_PATH_STEPS, dtype=np.float32) + 0.5) / _PATH_STEPS
            change = picture - blurred(picture)
            path = picture - shares[:, None, None, None] * change
            return self._gradient(picture, by_feature, path) * change[0]
        gradient = self._gradient(picture, by_feature, picture)
        if method == 'gradient':
            return gradient
        if method == 'input_x_gradient':
            return gradient * picture[0]
        raise LiquidPilotError(
            f'there is no gradient method {method!r}; choose one of {GRADIENT_METHODS}'
        )

    def features(self, pictures: npt.NDArray[np.floating]) -> FloatArray:
        """Return the features (B, F) of pictures (B, 3, H, W)."""
        return self.layers.run(pictures).features

    def randomised(self, seed: int, layers: int | None = None) -> PixelExplainer:
        """Return an explainer of the same encoder with shuffled weights, for sanity checks.

        The values of each tensor of weights are shuffled, so that their spread stays the same
        (Adebayo et al. 2018, arXiv:1810.03292).

        Args:
            seed: seed of the shuffling.
            layers: number of layers whose weights are shuffled, from the features on; None: all.
        """
        rng = np.random.default_rng(seed)
        first = 0 if layers is None else self.layers.weight_layers - layers

        def shuffle(number: int, name: str, tensor: FloatArray) -> FloatArray:
            mixed = rng.permutation(tensor.ravel()).reshape(tensor.shape)
            return mixed if number >= first else tensor

        other = object.__new__(PixelExplainer)
        other.layers = self.layers.replace_weights(shuffle)
        return other

    def _gradient(
        self,
        picture: FloatArray,
        by_feature: npt.NDArray[np.floating] | None,
        samples: FloatArray,
    ) -> FloatArray:
        """Return the mean gradient (3, H, W) of the weighted features over samples.

        The weights are those of the picture, not of the samples.
        """
        activations = self.layers.run(samples)
        at_picture = activations.features if samples is picture else self.features(picture)
        weights = self._weights(at_picture[0], by_feature)
        gradient: FloatArray = self.layers.gradient(activations, weights).mean(axis=0)
        return gradient

    def _weights(
        self, features: FloatArray, by_feature: npt.NDArray[np.floating] | None
    ) -> FloatArray:
        """Return the weights (F,) of the features.

        Without weights of the caller they are the direction of the features, so that the weighted
        sum has the derivative of their length.
        """
        if by_feature is None:
            length = float(np.linalg.norm(features))
            return features / np.float32(length) if length > 0.0 else features
        weights = np.asarray(by_feature, np.float32)
        if weights.shape != (self.layers.feature_count,) or not np.isfinite(weights).all():
            raise LiquidPilotError(
                f'by_feature must be {self.layers.feature_count} finite weights, one a feature, '
                f'and has the shape {weights.shape}'
            )
        return weights

    def _occlusion(
        self, picture: npt.NDArray[np.floating], by_feature: npt.NDArray[np.floating] | None
    ) -> FloatArray:
        """Return the mean change (H, W) over the patches that cover each pixel.

        The change is that of the weighted features or, without weights, the distance of the
        features.
        """
        picture = self._checked(picture)
        features = self.features(picture)[0]
        weights = None if by_feature is None else self._weights(features, by_feature)
        smooth = blurred(picture)
        height, width = picture.shape[2:]
        places = [
            (slice(max(y, 0), y + _PATCH), slice(max(x, 0), x + _PATCH))
            for y in range(_STRIDE - _PATCH, height, _STRIDE)
            for x in range(_STRIDE - _PATCH, width, _STRIDE)
        ]
        total, count = np.zeros((2, height, width), np.float32)
        for first in range(0, len(places), _BATCH):
            part = places[first : first + _BATCH]
            pictures = np.repeat(picture, len(part), axis=0)
            for changed, place in zip(pictures, part, strict=True):
                changed[(..., *place)] = smooth[(0, ..., *place)]
            change = self.features(pictures) - features
            change[np.abs(change) < _ROUNDING * np.linalg.norm(features)] = 0.0
            sizes = np.linalg.norm(change, axis=1) if weights is None else np.abs(change @ weights)
            for size, place in zip(sizes, part, strict=True):
                total[place] += size
                count[place] += 1.0
        return total / count

    def _visual_backprop(
        self, picture: npt.NDArray[np.floating], by_feature: npt.NDArray[np.floating] | None
    ) -> FloatArray:
        """Return the product of the mean positive maps of all convolutions, (H, W).

        From the deepest layer on, each is scaled up by a transposed convolution with ones, of the
        kernel and the stride of its layer. Two things are not in the paper: the sum of overlapping
        patches is their mean here, without which the map has the pattern of the strides; and for a
        command, the channels of the deepest layer are weighted by the mean size of its derivative
        by them.
        """
        activations = self.layers.run(self._checked(picture))
        convolutions = self.layers.convolutions(activations)
        if not convolutions:
            raise LiquidPilotError(
                "the encoder has no convolution, which 'visual_backprop' needs; use 'gradient'"
            )
        means = [np.maximum(layer.maps[0], 0.0).mean(axis=0) for layer in convolutions]
        if by_feature is not None:
            deepest = convolutions[-1]
            weights = self._weights(activations.features[0], by_feature)
            gradient = self.layers.gradient(activations, weights, deepest.name)
            channels = np.abs(gradient[0]).mean(axis=(1, 2))
            means[-1] = np.tensordot(channels, np.maximum(deepest.maps[0], 0.0), axes=1)
        saliency = _scaled(means[-1])
        for number in range(len(convolutions) - 1, -1, -1):
            layer = convolutions[number]
            both = np.stack([saliency, np.ones_like(saliency)])[None, :, None, None]
            patches = np.broadcast_to(both, (1, 2, *layer.operator.kernel, *saliency.shape))
            total, count = layer.operator.spread(patches, layer.input_size)[0]
            saliency = _scaled(total / np.maximum(count, np.float32(1.0)))
            if number:
                if means[number - 1].shape != saliency.shape:
                    raise LiquidPilotError(
                        'the convolutions of the encoder do not follow each other, which '
                        "'visual_backprop' needs; use 'gradient'"
                    )
                saliency = saliency * means[number - 1]
        return saliency

    def _checked(self, picture: npt.NDArray[np.floating]) -> FloatArray:
        picture = np.asarray(picture, np.float32)
        if picture.shape != (1, *self.layers.picture_shape):
            raise LiquidPilotError(
                f'the picture must have the shape {(1, *self.layers.picture_shape)}, as '
                f'Engine(watch_picture=...) gives it, and has {picture.shape}'
            )
        return picture


def blurred(picture: npt.NDArray[np.floating]) -> FloatArray:
    """Return a picture without what stands out from its surroundings.

    Args:
        picture: (1, 3, H, W) picture.
    """
    deviation = BLUR_SHARE * picture.shape[2]
    channels = [
        cv2.GaussianBlur(
            np.ascontiguousarray(channel, np.float32),
            (0, 0),
            deviation,
            borderType=cv2.BORDER_REPLICATE,
        )
        for channel in picture[0]
    ]
    smooth: FloatArray = np.stack(channels)[None].astype(np.float32)
    return smooth


def _scaled(saliency: FloatArray) -> FloatArray:
    """Return a map with a maximum of 1; one without any saliency stays 0."""
    highest = float(saliency.max())
    return saliency / np.float32(highest) if highest > 0.0 else np.zeros_like(saliency)
