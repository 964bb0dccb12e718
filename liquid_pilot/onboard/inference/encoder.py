"""The convolutional encoder, run by ONNX Runtime on preallocated memory."""

from __future__ import annotations

import numpy as np

from liquid_pilot.onboard.inference.onnx_session import OnnxSession


class Encoder:
    """One ONNX graph: `image` float32 (1, 3, H, W) in [0, 1] -> `features` float32 (1, F).

    `model` is the file's bytes, `where` its name in error messages. LiquidPilotError when it
    cannot be loaded, or its input or output is not the one the pilot file says.
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

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(1, 3, H, W) float32 -> features (F,) float32, a new array."""
        np.copyto(self._image, image)
        self._graph()
        return self._features[0].copy()
