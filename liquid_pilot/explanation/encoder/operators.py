"""The operators of an encoder in numpy, each with its exact derivative.

They are those that the exporter of this project writes (`learning/models/encoder.py`) and a few
that hand-made encoders use. Arrays are float32, and the first axis is that of the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


class UnsupportedNodeError(ValueError):
    """A node that this module does not have; the message is what it is."""


class Operator(Protocol):
    """One operation of the encoder on the arrays that vary with the picture."""

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the output."""
        ...

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by each input.

        Args:
            gradient: the gradient by the output.
            inputs: the inputs of `forward`.
            output: the output of `forward`.
        """
        ...


class Convolution:
    """A convolution of (B, C, H, W) without groups and dilation.

    Args:
        weight: (O, C, h, w) kernels.
        bias: (O,) offsets.
        stride: rows and columns that the kernel moves by.
        pads: rows above, columns left, rows below and columns right that are added, zero.
    """

    def __init__(
        self,
        weight: FloatArray,
        bias: FloatArray,
        stride: tuple[int, int],
        pads: tuple[int, int, int, int],
    ) -> None:
        self.weight, self.bias, self.stride, self.pads = weight, bias, stride, pads
        self.kernel: tuple[int, int] = weight.shape[2], weight.shape[3]
        self._matrix = np.ascontiguousarray(weight.reshape(len(weight), -1))

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the maps (B, O, H', W') of an input (B, C, H, W)."""
        (x,) = inputs
        top, left, below, right = self.pads
        batch, channels, height, width = x.shape
        padded = np.zeros((batch, channels, height + top + below, width + left + right), x.dtype)
        padded[:, :, top : top + height, left : left + width] = x
        rows, columns = self.output_size(height, width)
        patches = np.empty((batch, channels, *self.kernel, rows, columns), x.dtype)
        for i, j, place in self._places(rows, columns):
            patches[:, :, i, j] = padded[(..., *place)]
        maps = self._matrix @ patches.reshape(batch, -1, rows * columns)
        maps += self.bias[:, None]
        return maps.reshape(batch, -1, rows, columns)

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by the input."""
        batch, channels, height, width = inputs[0].shape
        rows, columns = gradient.shape[2:]
        patches = self._matrix.T @ gradient.reshape(batch, -1, rows * columns)
        return (
            self.spread(
                patches.reshape(batch, channels, *self.kernel, rows, columns), (height, width)
            ),
        )

    def spread(self, patches: FloatArray, size: tuple[int, int]) -> FloatArray:
        """Add patches up where they were taken from.

        Args:
            patches: (B, C, h, w, H', W') what each position of the kernel gives.
            size: height H and width W of the input.

        Returns:
            (B, C, H, W) sum.
        """
        top, left, below, right = self.pads
        (height, width), (batch, channels) = size, patches.shape[:2]
        padded = np.zeros((batch, channels, height + top + below, width + left + right), np.float32)
        for i, j, place in self._places(*patches.shape[4:]):
            padded[(..., *place)] += patches[:, :, i, j]
        return padded[:, :, top : top + height, left : left + width]

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of the maps of an input."""
        top, left, below, right = self.pads
        return (
            (height + top + below - self.kernel[0]) // self.stride[0] + 1,
            (width + left + right - self.kernel[1]) // self.stride[1] + 1,
        )

    def _places(self, rows: int, columns: int) -> list[tuple[int, int, tuple[slice, slice]]]:
        """Return each position in the kernel, and the padded pixels that it meets."""
        (height, width), (down, right) = self.kernel, self.stride
        return [
            (
                i,
                j,
                (
                    slice(i, i + down * (rows - 1) + 1, down),
                    slice(j, j + right * (columns - 1) + 1, right),
                ),
            )
            for i in range(height)
            for j in range(width)
        ]


class Affine:
    """A number, or one number per entry, times the input, plus another.

    Args:
        factor: the factor, which broadcasts to the input.
        offset: what is added, which broadcasts to the input.
    """

    def __init__(self, factor: FloatArray | float, offset: FloatArray | float) -> None:
        self._factor = np.asarray(factor, np.float32)
        self._offset = np.asarray(offset, np.float32)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return factor * input + offset."""
        output: FloatArray = inputs[0] * self._factor + self._offset
        if output.shape != inputs[0].shape:
            raise UnsupportedNodeError('a constant that makes its input larger')
        return output

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by the input."""
        return (gradient * self._factor,)


class Positive:
    """The positive part of the input (ReLU)."""

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the positive part."""
        output: FloatArray = np.maximum(inputs[0], np.float32(0.0))
        return output

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by the input; it is 0 where the input is 0."""
        return (gradient * (output > 0.0),)


class Reshape:
    """Another shape of each picture's entries.

    Args:
        shape: the shape of one picture, without the axis of the pictures; -1 for what is left.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the input in the new shape."""
        return inputs[0].reshape(len(inputs[0]), *self._shape)

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by the input."""
        return (gradient.reshape(inputs[0].shape),)


class Softmax:
    """The softmax along one axis.

    Args:
        axis: the axis.
    """

    def __init__(self, axis: int) -> None:
        self._axis = axis

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the shares, which add up to 1."""
        powers = np.exp(inputs[0] - inputs[0].max(self._axis, keepdims=True))
        output: FloatArray = powers / powers.sum(self._axis, keepdims=True)
        return output

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by the input."""
        mean = (gradient * output).sum(self._axis, keepdims=True)
        return (output * (gradient - mean),)


class Matrix:
    """The input times a matrix, plus an offset (MatMul and Gemm).

    Args:
        weight: (K, N) matrix.
        bias: what is added, which broadcasts to the output.
    """

    def __init__(self, weight: FloatArray, bias: FloatArray | float = 0.0) -> None:
        self.weight, self.bias = np.ascontiguousarray(weight), np.asarray(bias, np.float32)

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the product (..., N) of an input (..., K)."""
        output: FloatArray = inputs[0] @ self.weight + self.bias
        return output

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by the input."""
        return (gradient @ self.weight.T,)


class Mean:
    """The mean along some axes.

    Args:
        axes: the axes.
        keep: whether they stay, of length 1.
    """

    def __init__(self, axes: tuple[int, ...], keep: bool) -> None:
        self._axes, self._keep = axes, keep

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the mean."""
        output: FloatArray = inputs[0].mean(self._axes, keepdims=self._keep)
        return output

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by the input."""
        shape = inputs[0].shape
        if not self._keep:
            gradient = np.expand_dims(gradient, self._axes)
        count = math.prod(shape[axis] for axis in self._axes)
        return (np.broadcast_to(gradient / np.float32(count), shape),)


class Join:
    """Arrays side by side (Concat).

    Args:
        axis: the axis along which they are joined.
    """

    def __init__(self, axis: int) -> None:
        self._axis = axis

    def forward(self, *inputs: FloatArray) -> FloatArray:
        """Return the joined array."""
        return np.concatenate(inputs, self._axis)

    def backward(
        self, gradient: FloatArray, inputs: Sequence[FloatArray], output: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradient by each input."""
        ends = np.cumsum([part.shape[self._axis] for part in inputs])[:-1]
        return tuple(np.split(gradient, ends, self._axis))
