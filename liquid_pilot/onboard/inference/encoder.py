"""The convolutional encoder, run by ONNX Runtime on preallocated memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.inference.onnx_session import OnnxSession


class Encoder:
    """The encoder: ONNX graph from `image` float32 (1, 3, H, W) in [0, 1] to `features` (1, F).

    Args:
        model: the bytes of the ONNX file.
        height: image rows H.
        width: image columns W.
        features: number of features F.
        threads: threads of ONNX Runtime.
        where: name of the file in error messages.

    Raises:
        LiquidPilotError: the graph cannot be loaded or has another signature.
    """

    def __init__(
        self,
        model: bytes,
        height: int,
        width: int,
        features: int,
        threads: int = 1,
        where: str = 'encoder.onnx',
    ) -> None:
        self._graph = OnnxSession(
            model,
            {'image': (1, 3, height, width)},
            {'features': (1, features)},
            threads,
            where,
            'export the encoder for the camera in pilot.json',
        )
        self._image = self._graph.inputs['image']
        self._features = self._graph.outputs['features']

    def __call__(self, image: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Return the features (F,) of an image (1, 3, H, W), in a new array."""
        np.copyto(self._image, image)
        self._graph()
        features: npt.NDArray[np.float32] = self._features[0].copy()
        return features
