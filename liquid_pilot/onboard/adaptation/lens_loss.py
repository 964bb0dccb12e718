"""Contrast that a blurred or dirty lens took away, as opposed to the light.

Little light and haze scale a picture as a whole: the texture of every block falls by the factor by
which its contrast falls. A lens that is shaken, out of focus or spattered leaves the light as it is
and takes texture away, more than contrast. How much more than contrast texture has fallen differs
from scene to scene, however. It counts only as far as the picture itself shows one of two signs,
neither of which depends on brightness and contrast:

- It is smooth. Where edges are sharp, the mean square difference of two pixels grows with their
  distance, and where they are smooth, with its square. Half the logarithm of the ratio of that over
  one pixel to that over two is therefore -0.35 for sharp edges, -0.69 for smooth ones, and 0 for
  noise. Noise hides a blur: a dark and grainy picture counts as sharp, and keeps its gain.
- It is patchy. Dirt takes the texture of the blocks that it covers, and leaves that of others.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from liquid_pilot.onboard.adaptation import _texture_kernels
from liquid_pilot.onboard.adaptation.learner_messages import FloatArray
from liquid_pilot.onboard.adaptation.novelty_gate import log_texture
from liquid_pilot.onboard.adaptation.temporal_filter import block_edges

BLURRED = (-0.5, -0.58)
"""Sharpness at which a picture begins to count as blurred, and at which it does so wholly. In the
simulated worlds it is -0.43 to -0.34 in clear weather, -0.54 to -0.42 in fog and behind dirt, and
-0.65 to -0.57 with motion blur of severity 1 to 5."""
PATCHY = (0.6, 0.8)
"""Spread at which a picture begins to count as patchy, and at which it does so wholly. In the
simulated forest its median is 0.29 to 0.46 in clear weather, darkness, haze, fog, rain and snow,
and 0.69 to 1.05 behind dirt of severity 2 and 4. A clear or hazy road has up to 0.67, so haze costs
a little of the gain there."""
CONTRAST_PER_TEXTURE = 3.0
"""Contrast that is laid on the lens for each unit by which texture fell further than contrast, both
as logarithms. In the forest motion blur takes 1.1 to 1.6, and dirt 1.2 to 2.3; the rest is for
richer textures."""
PERIOD_S = 0.2
"""Time between two measurements, s: a lens changes slowly, and a measurement takes some time."""
_NEGLIGIBLE = 1e-9
"""Mean square difference of pixels that is far below a grey level of 8 bits."""


class LensSigns(NamedTuple):
    """What tells of a blurred or dirty lens, as running values."""

    texture_excess: float
    """Logarithm by which texture fell further than contrast."""
    sharpness: float
    """Half the logarithm of the ratio of the mean square differences of pixels over one pixel and
    over two, in the direction across or down the image in which it is smaller."""
    spread: float
    """Standard deviation over the blocks of the logarithm of their texture over training's."""
    age_s: float = 0.0
    """Time since the last measurement, s."""


class LensLoss:
    """The contrast that a blurred or dirty lens takes from the pictures of one pilot.

    Args:
        texture_mean: (R, C) mean over training of the logarithm of each block's texture.
        height: height of the images, at least 3 pixels.
        width: width of the images, at least 3 pixels.

    Raises:
        LiquidPilotError: there are more blocks than pixels along an axis.
    """

    def __init__(self, texture_mean: FloatArray, height: int, width: int) -> None:
        self._top, self._left = block_edges(texture_mean.shape, height, width)
        self._texture: FloatArray = np.empty(texture_mean.shape, np.float32)
        self._mean: FloatArray = texture_mean.ravel()
        # Blocks weigh by their share of training's variance: sky and bare ground, which hold little
        # but the grain of the sensor, count for nothing.
        weights = np.exp(2.0 * (self._mean - self._mean.max()))
        self._weights: FloatArray = weights / weights.sum()

    def update(
        self,
        image: FloatArray,
        missing: float,
        signs: LensSigns | None,
        dt_s: float,
        smoothing_s: float,
    ) -> LensSigns:
        """Return the running signs after an image, which is measured if that is due.

        Args:
            image: (3, H, W) float32 in [0, 1].
            missing: logarithm of the contrast that the image lacks.
            signs: the running signs; None: there are none.
            dt_s: elapsed time since the image before it, s.
            smoothing_s: time constant of the running values, s.
        """
        if signs is None:
            return self.measure(image, missing)
        age_s = signs.age_s + dt_s
        if age_s < PERIOD_S:
            return signs._replace(age_s=age_s)
        current, share = self.measure(image, missing), -math.expm1(-age_s / smoothing_s)
        return LensSigns(
            signs.texture_excess + share * (current.texture_excess - signs.texture_excess),
            signs.sharpness + share * (current.sharpness - signs.sharpness),
            signs.spread + share * (current.spread - signs.spread),
        )

    def measure(self, image: FloatArray, missing: float) -> LensSigns:
        """Measure the signs in one image.

        Args:
            image: (3, H, W) float32 in [0, 1].
            missing: logarithm of the contrast that the image lacks.
        """
        _texture_kernels.block_texture(image.reshape(-1), self._top, self._left, self._texture)
        # Texture is compared after the gain that contrast alone would call for.
        texture = log_texture(self._texture * np.float32(math.exp(missing))) - self._mean
        mean = float(self._weights @ texture)
        spread = math.sqrt(float(self._weights @ (texture - mean) ** 2))
        # Green stands for the luminance.
        across, across_two, down, down_two = _texture_kernels.difference_squares(image[1])
        ratio = min(
            (across + _NEGLIGIBLE) / (across_two + _NEGLIGIBLE),
            (down + _NEGLIGIBLE) / (down_two + _NEGLIGIBLE),
        )
        return LensSigns(-mean, 0.5 * math.log(ratio), spread)

    def contrast(self, signs: LensSigns) -> float:
        """Return the logarithm of the contrast that the lens took away, at least 0."""
        seen = max(_share(signs.sharpness, BLURRED), _share(signs.spread, PATCHY))
        return CONTRAST_PER_TEXTURE * seen * max(signs.texture_excess, 0.0)


def _share(value: float, bounds: tuple[float, float]) -> float:
    """Return how far a value is from the first to the second of two bounds, within [0, 1]."""
    first, second = bounds
    return min(max((value - first) / (second - first), 0.0), 1.0)
