"""One tick of a liquid core, whatever its equations: checks, buffers, scales and outputs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.kernel_arguments import folded_synapses, neuron_rows
from liquid_pilot.liquid.parameters import CoreParameters

_INFINITY = math.inf


class CoreDynamics(ABC):
    """One core, ready to step. It holds scratch buffers: use an object from one thread only.

    A subclass gives `_step`, the kernel of a tick with all arguments but `scaled` and `dt_s`, and
    `_before` and `_after`, the potentials (N,) that it reads and writes.
    """

    parameters_type: ClassVar[type[CoreParameters]]
    """Type of the parameters of such a core; others are refused."""
    _step: Callable[[bool, float], None]
    _before: np.ndarray
    _after: np.ndarray

    def __init__(self, parameters: CoreParameters) -> None:
        """Build the tables that the kernels read.

        Args:
            parameters: the core's parameters, which are validated.

        Raises:
            LiquidPilotError: when a parameter is wrong, or they are of another kind of core.
        """
        if not isinstance(parameters, self.parameters_type):
            raise LiquidPilotError(
                f'these are parameters of an {parameters.CORE} core, not of an '
                f'{self.parameters_type.CORE} core'
            )
        parameters.validate()
        self._layout, self._table = folded_synapses(parameters)
        self._sources, self._bounds = self._layout.sources, self._layout.bounds
        # The last two rows hold the logarithms of the scales, in ticks that have scales.
        logarithms = np.zeros((2, self._layout.padded_neurons), np.float32)
        self._neuron = np.concatenate([neuron_rows(parameters, self._layout), logarithms])
        self._x = np.zeros(parameters.inputs, np.float32)
        self._v_shape, self._x_shape = (parameters.neurons,), (parameters.inputs,)
        self._output_w = parameters.output_w.astype(np.float32)
        self._output_b = parameters.output_b.astype(np.float32)

    @property
    def neurons(self) -> int:
        """Number of neurons, N."""
        return self._v_shape[0]

    @property
    def inputs(self) -> int:
        """Number of inputs, I."""
        return self._x_shape[0]

    @property
    def motors(self) -> int:
        """Number of motor neurons, M."""
        return len(self._output_w)

    def step(
        self,
        v: np.ndarray,
        x: np.ndarray,
        dt_s: float,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the state after an elapsed time. NaN in the arguments gives NaN in the state.

        Args:
            v: (N,) state before the tick.
            x: (I,) inputs, constant over the tick.
            dt_s: elapsed time in seconds.
            log_cm: (N,) logarithms of the factors on cm; None is the same, to the bit, as zeros.
            log_gleak: (N,) logarithms of the factors on gleak; None as above.
            out: (N,) float32 array for the result, which may be `v`; nothing is then allocated.

        Returns:
            (N,) float32 state, which is `out` where that is given.

        Raises:
            ValueError: when a shape is wrong, or dt_s is not positive and finite.
        """
        if not 0.0 < dt_s < _INFINITY:
            raise ValueError(f'dt_s must be positive and finite, not {dt_s}')
        scaled = self._load(v, x, log_cm, log_gleak)
        self._step(scaled, float(dt_s))
        if out is None:
            return self._after.copy()
        out[...] = self._after
        return out

    def output(self, v: np.ndarray) -> np.ndarray:
        """Return the motor neurons' mapped potentials, (M,), of a state v (N,)."""
        mapped: np.ndarray = v[: self._output_w.shape[0]] * self._output_w + self._output_b
        return mapped

    def time_constants(
        self,
        v: np.ndarray,
        x: np.ndarray,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the time constants at a state and inputs, (N,) in seconds.

        Args:
            v: (N,) state.
            x: (I,) inputs.
            log_cm: see `step`.
            log_gleak: see `step`.
        """
        self._load(v, x, log_cm, log_gleak)
        cm, gleak = self._neuron[0], self._neuron[1]
        if log_cm is not None:
            cm = cm * np.exp(self._neuron[-2])
        if log_gleak is not None:
            gleak = gleak * np.exp(self._neuron[-1])
        tau_s: np.ndarray = (cm / self._rates(gleak))[: self.neurons]
        return tau_s

    @abstractmethod
    def _rates(self, gleak: np.ndarray) -> np.ndarray:
        """Return cm/tau of the loaded state and inputs (P,), for a leak conductance (P,)."""

    def warm_up(self) -> None:
        """Compile, or load from the cache, the kernels that this object calls."""
        v, x = np.zeros(self._v_shape, np.float32), np.zeros(self._x_shape, np.float32)
        self.step(v, x, 0.05)
        self.time_constants(v, x)

    def _load(
        self, v: np.ndarray, x: np.ndarray, log_cm: np.ndarray | None, log_gleak: np.ndarray | None
    ) -> bool:
        """Copy the arguments into the buffers, so that the kernels see one type and layout.

        Returns:
            Whether there are scales.
        """
        if v.shape != self._v_shape or x.shape != self._x_shape:
            raise ValueError(
                f'v and x must have the shapes {self._v_shape} and {self._x_shape}, '
                f'not {v.shape} and {x.shape}'
            )
        self._before[:] = v
        self._x[:] = x
        if log_cm is None and log_gleak is None:
            return False
        for row, name, scale in ((-2, 'log_cm', log_cm), (-1, 'log_gleak', log_gleak)):
            if scale is not None and scale.shape != self._v_shape:
                raise ValueError(f'{name} must have the shape {self._v_shape}, not {scale.shape}')
            self._neuron[row, : self.neurons] = 0.0 if scale is None else scale
        return True
