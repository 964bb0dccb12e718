"""The convolutional encoder, run by ONNX Runtime on preallocated memory."""

from __future__ import annotations

import numpy as np
import onnxruntime

from liquid_pilot.interfaces import LiquidPilotError


class Encoder:
    """One ONNX graph: `image` float32 (1, 3, H, W) in [0, 1] -> `features` float32 (1, F).

    `model` is the file's bytes, `where` its name in error messages. LiquidPilotError when it
    cannot be loaded, or its input or output is not the one the pilot file says.
    """

    def __init__(
        self, model: bytes, height: int, width: int, features: int, threads: int = 1,
        where: str = 'encoder.onnx',
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # A spinning pool takes the core from the camera driver and the simulator.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # ONNX Runtime raises many kinds, with no base of their own
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise LiquidPilotError(
                f'{where}: cannot be loaded ({reason}); export the pilot again'
            ) from error
        _require(where, 'input', self._session.get_inputs(), 'image', [1, 3, height, width])
        _require(where, 'output', self._session.get_outputs(), 'features', [1, features])
        self._image = np.zeros((1, 3, height, width), np.float32)
        self._features = np.zeros((1, features), np.float32)
        self._binding = self._session.io_binding()
        self._binding.bind_input(
            'image', 'cpu', 0, np.float32, self._image.shape, self._image.ctypes.data
        )
        self._binding.bind_output(
            'features', 'cpu', 0, np.float32, self._features.shape, self._features.ctypes.data
        )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(1, 3, H, W) float32 -> features (F,) float32, a new array."""
        np.copyto(self._image, image)
        self._session.run_with_iobinding(self._binding)
        return self._features[0].copy()


def _require(where: str, what: str, nodes: list, name: str, shape: list[int]) -> None:
    """LiquidPilotError unless the graph has exactly this one input or output."""
    found = [(node.name, node.type, list(node.shape)) for node in nodes]
    if found != [(name, 'tensor(float)', shape)]:
        raise LiquidPilotError(
            f'{where}: its {what} must be {name!r}, float32 of shape {shape}, and is '
            f'{found}; export the encoder for the camera in pilot.json'
        )
