"""Loads trainable networks from a pilot file, so that training can continue from its weights.

A pilot holds the core's effective parameters and the encoder as an ONNX graph. The graph that
`Encoder.to_onnx` writes names its weights as the module does, so that they can be read back. Random
images verify that the module computes the same features as the graph.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.models.encoder import Encoder
from liquid_pilot.learning.models.lrc import TrainableLrc
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.onboard.inference.encoder import Encoder as OnnxEncoder
from liquid_pilot.pilot_file import PilotFile, onnx_check

_TOLERANCE = 1e-4
"""Largest difference of module and graph, as a share of the largest feature, or of 1."""
_MIN_RAW = -80.0
"""Raw value that stands for a conductance of 0, which softplus does not reach."""


def load_encoder(pilot: PilotFile) -> Encoder:
    """Load the encoder of a pilot as a module.

    Raises:
        LiquidPilotError: the graph is not one that `Encoder.to_onnx` wrote.
    """
    file = pilot.path / 'encoder.onnx'
    onnx_check.check_onnx(pilot.encoder, str(file))
    camera = pilot.specification.camera
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Encoder(camera.height, camera.width, pilot.specification.features)
        images = torch.rand(4, 3, camera.height, camera.width)
    graph = onnx.load_from_string(pilot.encoder).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    state = encoder.state_dict()
    foreign = LiquidPilotError(
        f'{file}: is not an encoder that `liquid-pilot train` wrote (its weights or its layers are '
        'other ones), and cannot be trained further; train a new pilot, without --from'
    )
    # The exporter folds the exponential of the sharpness into a constant, a factor of a product.
    factors = [
        stored[name]
        for node in graph.node
        if node.op_type == 'Mul'
        for name in node.input
        if name in stored
    ]
    if len(factors) != 1 or (factors[0] <= 0).any():
        raise foreign
    stored['log_sharpness'] = np.log(factors[0]).reshape(-1)
    for name, tensor in state.items():
        if name not in stored or stored[name].shape != tuple(tensor.shape):
            raise foreign
        state[name] = torch.from_numpy(np.array(stored[name], np.float32))
    encoder.load_state_dict(state)
    runtime = OnnxEncoder(
        pilot.encoder, camera.height, camera.width, pilot.specification.features, where=str(file)
    )
    expected = np.stack([runtime(image[None].numpy()) for image in images])
    with torch.no_grad():
        computed = encoder(images).numpy()
    error = np.abs(computed - expected).max()
    # Written so that NaN is refused too.
    if not error <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise foreign
    return encoder.use_channels_last()


def load_core(pilot: PilotFile, backend: str) -> LiquidCore | TrainableLrc:
    """Load the liquid core of a pilot as a module, by the inverse of the softplus.

    Args:
        pilot: the pilot.
        backend: see `WiredCore`.

    Raises:
        LiquidPilotError: the core is not a liquid one.
    """
    if pilot.parameters is None or pilot.wiring is None:
        raise LiquidPilotError(
            f'{pilot.path}: its core is of type {pilot.specification.core_kind!r}; only a '
            'liquid core (ltc, lrc) can be trained further'
        )
    if isinstance(pilot.parameters, LrcParameters):
        lrc = TrainableLrc(pilot.wiring, backend=backend)
        lrc.load(pilot.parameters, _MIN_RAW)
        return lrc
    ltc = LiquidCore(pilot.wiring, pilot.specification.unfolds, backend=backend)
    ltc.load(pilot.parameters, _MIN_RAW)
    return ltc
