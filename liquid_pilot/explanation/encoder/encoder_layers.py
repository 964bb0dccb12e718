"""The encoder of a pilot in numpy: what each layer gives, and exact derivatives.

ONNX Runtime gives the features of a picture, but neither what lies between nor a gradient. This
module reads the layers from the pilot's ONNX file and computes both in float32. It needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.encoder.onnx_graph import Graph, read_graph
from liquid_pilot.explanation.encoder.operator_table import make_operator, supported_operators
from liquid_pilot.explanation.encoder.operators import (
    Convolution,
    FloatArray,
    Operator,
    UnsupportedNodeError,
)
from liquid_pilot.interfaces import LiquidPilotError

_IMAGE, _FEATURES = 'image', 'features'


class _Layer(NamedTuple):
    operator: Operator
    inputs: tuple[str, ...]
    """Names of the arrays that it reads."""
    output: str
    """Name of the array that it writes."""


class ConvolutionMaps(NamedTuple):
    """A convolution of the encoder, and what it gave for some pictures."""

    name: str
    """Name of its output, for `EncoderLayers.gradient`."""
    operator: Convolution
    maps: FloatArray
    """(B, C, h, w) its output, before the activation."""
    input_size: tuple[int, int]
    """Height and width of its input."""


class Activations(NamedTuple):
    """What the layers of an encoder gave for some pictures."""

    arrays: Mapping[str, FloatArray]
    """The array of each name, of (B, ...)."""
    features: FloatArray
    """(B, F) features."""


class EncoderLayers:
    """The layers of an encoder, from `image` (B, 3, H, W) in [0, 1] to `features` (B, F).

    Args:
        model: the bytes of the ONNX file.
        height: image rows H.
        width: image columns W.
        features: number of features F.
        where: name of the file in error messages.

    Raises:
        LiquidPilotError: the file is not readable, or has a layer that is not supported.
    """

    def __init__(
        self, model: bytes, height: int, width: int, features: int, where: str = 'encoder.onnx'
    ) -> None:
        self._graph, self._where = read_graph(model, where), where
        self.picture_shape = (3, height, width)
        self.feature_count = features
        self._layers = self._make_layers(self._graph)
        try:
            found = self.run(np.zeros((1, *self.picture_shape), np.float32)).features.shape
        except (ArithmeticError, IndexError, KeyError, MemoryError, TypeError, ValueError) as error:
            raise LiquidPilotError(
                f'{where}: its layers do not fit together ({error}); export the encoder again'
            ) from None
        if found != (1, features):
            raise LiquidPilotError(
                f'{where}: gives features of the shape {list(found)}, and pilot.json says '
                f'{[1, features]}; export the encoder again'
            )

    def _make_layers(self, graph: Graph) -> tuple[_Layer, ...]:
        layers = []
        for node in graph.nodes:
            try:
                operator = make_operator(node, graph.constants)
            except (UnsupportedNodeError, IndexError, TypeError, ValueError) as error:
                raise LiquidPilotError(
                    f'{self._where}: has {error}, which cannot be explained; supported are '
                    f'{", ".join(supported_operators())}, as `liquid-pilot train` writes them'
                ) from None
            inputs = tuple(name for name in node.inputs if name and name not in graph.constants)
            layers.append(_Layer(operator, inputs, node.output))
        return tuple(layers)

    def run(self, pictures: npt.NDArray[np.floating]) -> Activations:
        """Return what the layers give for pictures.

        Args:
            pictures: (B, 3, H, W) RGB in [0, 1].
        """
        arrays: dict[str, FloatArray] = {_IMAGE: np.ascontiguousarray(pictures, np.float32)}
        for layer in self._layers:
            arrays[layer.output] = layer.operator.forward(*(arrays[x] for x in layer.inputs))
        return Activations(arrays, arrays[_FEATURES])

    def gradient(
        self, activations: Activations, weights: npt.NDArray[np.floating], name: str = _IMAGE
    ) -> FloatArray:
        """Return the gradient of a weighted sum of the features.

        Args:
            activations: what `run` returned.
            weights: (F,) or (B, F) weights of the features.
            name: name of the array that the gradient is taken by: the picture, or the maps of a
                convolution.

        Returns:
            The gradient, of the shape of that array. It is zero if no feature depends on it.
        """
        arrays = activations.arrays
        seed = np.broadcast_to(np.asarray(weights, np.float32), activations.features.shape)
        gradients: dict[str, FloatArray] = {_FEATURES: seed}
        for layer in reversed(self._layers):
            if layer.output == name:
                break
            gradient = gradients.pop(layer.output, None)
            if gradient is None:
                continue
            parts = layer.operator.backward(
                gradient, [arrays[x] for x in layer.inputs], arrays[layer.output]
            )
            for x, part in zip(layer.inputs, parts, strict=True):
                gradients[x] = gradients[x] + part if x in gradients else part
        return gradients[name] if name in gradients else np.zeros_like(arrays[name])

    def convolutions(self, activations: Activations) -> list[ConvolutionMaps]:
        """Return the convolutions in the order in which they run.

        Args:
            activations: what `run` returned.
        """
        arrays = activations.arrays
        return [
            ConvolutionMaps(
                layer.output,
                layer.operator,
                arrays[layer.output],
                arrays[layer.inputs[0]].shape[2:],
            )
            for layer in self._layers
            if isinstance(layer.operator, Convolution)
        ]

    @property
    def weight_layers(self) -> int:
        """Number of layers with trained weights: convolutions and matrices."""
        return len(self._weights())

    def replace_weights(
        self, replace: Callable[[int, str, npt.NDArray[np.float32]], npt.NDArray[np.float32]]
    ) -> EncoderLayers:
        """Return the same encoder with other weights.

        Args:
            replace: function of the number of a layer with weights, from 0 at the picture, the name
                of the tensor, and the tensor, that returns the new tensor of the same shape.
        """
        constants = dict(self._graph.constants)
        for number, names in enumerate(self._weights()):
            for name in names:
                constants[name] = np.asarray(replace(number, name, constants[name]), np.float32)
        other = object.__new__(EncoderLayers)
        other.__dict__.update(self.__dict__)
        other._graph = Graph(self._graph.nodes, constants)
        other._layers = other._make_layers(other._graph)
        return other

    def _weights(self) -> list[tuple[str, ...]]:
        """Return the names of the tensors of each layer with trained weights.

        A matrix within the graph, which turns attention into positions, holds coordinates. They are
        not trained.
        """
        found = []
        for node in self._graph.nodes:
            names = tuple(name for name in node.inputs[1:] if name in self._graph.constants)
            if node.operator in ('Conv', 'Gemm') or (
                node.operator == 'MatMul' and node.output == _FEATURES
            ):
                found.append(names)
        return found
