"""The liquid time-constant (LTC) equations, once: training, flight and adaptation all call these.

State v (N,), inputs x (I,), elapsed time dt in seconds, L unfolds of the fused (semi-implicit)
Euler solver (Hasani et al. 2021, 'Liquid Time-constant Networks'; Lechner et al. 2020):

    v <- (cm*L/dt * v + gleak*vleak + sum_j w_ij*s_ij*erev_ij)
         / (cm*L/dt + gleak + sum_j w_ij*s_ij)
    s_ij = sigmoid(sigma_ij * (v_j - mu_ij))

where the sums run over recurrent sources (v_j) and sensory ones (input_w*x_j + input_b). The same
weights give the outputs of ncps' `LTC` with elapsed time dt. Arrays are [j, i]: j feeds i. A
synapse with w = 0 is absent: it is skipped and its gradients are zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import NamedTuple

import numba
import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid._synapses import EPSILON
from liquid_pilot.liquid.synapse_layout import SynapseLayout

_GROUPS = 16
"""Gradients are summed in this many groups of samples whatever the threads: the same bits."""


@dataclass(frozen=True)
class LtcParameters:
    """Effective (constrained) parameters, float32, with ncps' names; I inputs, N neurons, M motors.

    Construction checks nothing; `validate` does, and `from_tensors` calls it.
    """

    gleak: np.ndarray
    """(N,) leak conductance, >= 0."""
    vleak: np.ndarray
    """(N,) leak potential."""
    cm: np.ndarray
    """(N,) membrane capacitance, > 0; over a conductance it is a time in seconds."""
    w: np.ndarray
    """(N, N) synaptic conductance, >= 0; 0 = no synapse."""
    sigma: np.ndarray
    """(N, N) steepness."""
    mu: np.ndarray
    """(N, N) threshold of the pre-synaptic potential."""
    erev: np.ndarray
    """(N, N) reversal potential."""
    sensory_w: np.ndarray
    """(I, N), as `w`."""
    sensory_sigma: np.ndarray
    """(I, N), as `sigma`."""
    sensory_mu: np.ndarray
    """(I, N), as `mu`."""
    sensory_erev: np.ndarray
    """(I, N), as `erev`."""
    input_w: np.ndarray
    """(I,) input mapping: input_w*x + input_b."""
    input_b: np.ndarray
    """(I,)."""
    output_w: np.ndarray
    """(M,) output mapping of the first M neurons: output_w*v + output_b."""
    output_b: np.ndarray
    """(M,)."""

    @property
    def neurons(self) -> int:
        """N."""
        return self.gleak.shape[0]

    @property
    def inputs(self) -> int:
        """I."""
        return self.input_w.shape[0]

    @property
    def motors(self) -> int:
        """M."""
        return self.output_w.shape[0]

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> LtcParameters:
        """From named float32 arrays (copied); LiquidPilotError names what is missing or wrong."""
        names = {field.name for field in fields(cls)}
        for name in sorted(names ^ set(tensors)):
            what = 'is missing' if name in names else 'is not a parameter of an LTC core'
            raise LiquidPilotError(f'tensor {name!r} {what}')
        for name, tensor in tensors.items():
            if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32:
                kind = getattr(tensor, 'dtype', type(tensor).__name__)
                raise LiquidPilotError(f'tensor {name!r} must be float32, not {kind}')
        parameters = cls(**{name: np.array(tensors[name], order='C') for name in names})
        parameters.validate()
        return parameters

    def to_tensors(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def validate(self) -> None:
        """LiquidPilotError that names the tensor of wrong shape, not finite, or out of range."""
        for name in ('gleak', 'input_w', 'output_w'):
            if getattr(self, name).ndim != 1 or getattr(self, name).size == 0:
                shape = getattr(self, name).shape
                raise LiquidPilotError(f'tensor {name!r} must be a vector, not of shape {shape}')
        inputs, neurons, motors = self.inputs, self.neurons, self.motors
        if motors > neurons:
            raise LiquidPilotError(
                f"tensor 'output_w' has {motors} entries, more than the {neurons} neurons"
            )
        for name, tensor in self.to_tensors().items():
            if name.startswith('sensory_'):
                shape = (inputs, neurons)
            elif name in ('w', 'sigma', 'mu', 'erev'):
                shape = (neurons, neurons)
            else:
                shape = ({'i': inputs, 'o': motors}.get(name[0], neurons),)
            if tensor.shape != shape:
                raise LiquidPilotError(
                    f'tensor {name!r} must have the shape {shape}, not {tensor.shape}'
                )
            if not np.isfinite(tensor).all():
                raise LiquidPilotError(f'tensor {name!r} holds values that are not finite')
            if name in ('gleak', 'w', 'sensory_w') and (tensor < 0).any():
                raise LiquidPilotError(f'tensor {name!r} must not be negative')
            if name == 'cm' and (tensor <= 0).any():
                raise LiquidPilotError("tensor 'cm' must be positive")


class LtcDynamics:
    """One core, ready to step. Holds scratch buffers: use an object from one thread only."""

    def __init__(self, parameters: LtcParameters, unfolds: int) -> None:
        """`unfolds`: solver steps a tick, at least 1."""
        if unfolds < 1:
            raise LiquidPilotError(f'unfolds must be at least 1, not {unfolds}')
        parameters.validate()
        self.parameters = parameters
        self.unfolds = int(unfolds)
        neurons, inputs = parameters.neurons, parameters.inputs
        packing, self._table = _fold(parameters)
        self._sources, self._bounds = packing.sources, packing.bounds
        # Rows 3 and 4: the logarithms of the scales of the ticks that have some.
        self._neuron = np.concatenate(
            [_neuron(parameters, packing), np.zeros((2, packing.padded), np.float32)]
        )
        self._sums = np.zeros((5, packing.padded), np.float32)
        self._trace = np.zeros((self.unfolds + 1, 2, packing.padded), np.float32)
        self._x = np.zeros(inputs, np.float32)
        self._before, self._after = self._trace[0, 0, :neurons], self._trace[-1, 0, :neurons]
        self._v_shape, self._x_shape = (neurons,), (inputs,)
        self._output_w = parameters.output_w.astype(np.float32)
        self._output_b = parameters.output_b.astype(np.float32)

    @property
    def neurons(self) -> int:
        """N."""
        return self._v_shape[0]

    @property
    def inputs(self) -> int:
        """I."""
        return self._x_shape[0]

    @property
    def motors(self) -> int:
        """M."""
        return self._output_w.shape[0]

    def step(
        self,
        v: np.ndarray,
        x: np.ndarray,
        dt_s: float,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """State after dt_s seconds: v (N,) and x (I,) -> (N,) float32, in `out` where it is given.

        log_cm and log_gleak (N,) scale cm and gleak by their exponentials; None is the same, to
        the bit, as zeros. Nothing is allocated when `out` is given (`out` may be `v`). NaN in
        gives NaN out. ValueError when a shape is wrong or dt_s is not positive and finite.
        """
        if not 0.0 < dt_s < math.inf:
            raise ValueError(f'dt_s must be positive and finite, not {dt_s}')
        scaled = self._load(v, x, log_cm, log_gleak)
        _kernels.step(
            self._table,
            self._sources,
            self._bounds,
            self._neuron,
            scaled,
            self._x,
            self._sums,
            self._trace,
            float(dt_s),
        )
        if out is None:
            return self._after.copy()
        out[...] = self._after
        return out

    def output(self, v: np.ndarray) -> np.ndarray:
        """The motor neurons' mapped potentials: v (N,) -> (M,)."""
        return v[: self._output_w.shape[0]] * self._output_w + self._output_b

    def time_constants(
        self,
        v: np.ndarray,
        x: np.ndarray,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
    ) -> np.ndarray:
        """tau_i = cm_i/(gleak_i + sum_j w_ij*s_ij), (N,) in seconds, sensory synapses included."""
        self._load(v, x, log_cm, log_gleak)
        cm, gleak = self._neuron[0], self._neuron[1]
        if log_cm is not None:
            cm = cm * np.exp(self._neuron[3])
        if log_gleak is not None:
            gleak = gleak * np.exp(self._neuron[4])
        _kernels.conductance(
            self._table, self._sources, self._bounds, gleak, self._x, self._trace[0, 0], self._sums
        )
        # The solver's epsilon, so that an isolated neuron without leak has a large tau, not inf.
        return (cm / (self._sums[1] + np.float32(EPSILON)))[: self.neurons]

    def warm_up(self) -> None:
        """Compile, or load from the cache, all that this object calls."""
        v, x = np.zeros(self._v_shape, np.float32), np.zeros(self._x_shape, np.float32)
        self.step(v, x, 0.05)
        self.time_constants(v, x)

    def _load(
        self, v: np.ndarray, x: np.ndarray, log_cm: np.ndarray | None, log_gleak: np.ndarray | None
    ) -> bool:
        """Copy the arguments into the buffers, so that the kernels see one type and layout."""
        if v.shape != self._v_shape or x.shape != self._x_shape:
            raise ValueError(
                f'v and x must have the shapes {self._v_shape} and {self._x_shape}, '
                f'not {v.shape} and {x.shape}'
            )
        self._before[:] = v
        self._x[:] = x
        if log_cm is None and log_gleak is None:
            return False
        for row, name, scale in ((3, 'log_cm', log_cm), (4, 'log_gleak', log_gleak)):
            if scale is not None and scale.shape != self._v_shape:
                raise ValueError(f'{name} must have the shape {self._v_shape}, not {scale.shape}')
            self._neuron[row, : self.neurons] = 0.0 if scale is None else scale
        return True


class SequenceCache(NamedTuple):
    """What `backward_sequence` needs of a `forward_sequence`."""

    x: np.ndarray
    dt_s: np.ndarray
    traces: np.ndarray
    """(B, T, L + 1, 2, P): the state before each unfold and after the last; its denominator."""


def forward_sequence(
    parameters: LtcParameters, unfolds: int, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
) -> tuple[np.ndarray, SequenceCache]:
    """v0 (B,N), x (B,T,I), dt_s (B,T) seconds -> states after every tick (B,T,N), and the cache.

    Samples run in NUMBA_NUM_THREADS threads. Only shapes are checked here: `parameters` are not
    validated, so that a diverging training shows NaN rather than an error.
    """
    neurons, inputs = parameters.neurons, parameters.inputs
    v0, x, dt_s = (np.ascontiguousarray(array, np.float32) for array in (v0, x, dt_s))
    batch, ticks = dt_s.shape
    if v0.shape != (batch, neurons) or x.shape != (batch, ticks, inputs):
        raise ValueError(
            f'v0 {v0.shape}, x {x.shape} and dt_s {dt_s.shape} do not fit a core of '
            f'{neurons} neurons and {inputs} inputs'
        )
    packing, table = _fold(parameters)
    neuron = _neuron(parameters, packing)
    v = np.empty((batch, ticks, neurons), np.float32)
    traces = np.empty((batch, ticks, unfolds + 1, 2, packing.padded), np.float32)
    groups = max(1, min(_GROUPS, batch))
    _in_threads(
        groups,
        lambda group: _kernels.forward_group(
            table, packing.sources, packing.bounds, neuron, v0, x, dt_s, v, traces, group, groups
        ),
    )
    return v, SequenceCache(x, dt_s, traces)


def backward_sequence(
    parameters: LtcParameters, unfolds: int, cache: SequenceCache, grad_v: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """grad_v (B,T,N) -> gradients by parameter name, of v0 (B,N) and of x (B,T,I).

    The analytic derivative of `forward_sequence`; output_w and output_b, which it does not use,
    have none. The same bits for any number of threads.
    """
    grad_v = np.ascontiguousarray(grad_v, np.float32)
    p, (batch, ticks) = parameters, cache.dt_s.shape
    if grad_v.shape != (batch, ticks, p.neurons) or cache.traces.shape[2] != unfolds + 1:
        raise ValueError(
            f'grad_v {grad_v.shape} and {unfolds} unfolds do not fit a forward pass '
            f'of shape {(batch, ticks, p.neurons)} and {cache.traces.shape[2] - 1} '
            'unfolds'
        )
    packing = _synapse_layout(p)
    table = packing.pack(
        (p.sensory_sigma, p.sigma),
        (p.sensory_mu, p.mu),
        (p.sensory_erev, p.erev),
        (p.sensory_w * p.sensory_sigma, p.w * p.sigma),
    )
    neuron = _neuron(p, packing)
    affine = np.stack([p.input_w, p.input_b]).astype(np.float32)
    groups = max(1, min(_GROUPS, batch))
    sums = np.zeros((groups, *table.shape), np.float32)
    grad_neuron = np.zeros((groups, *neuron.shape), np.float32)
    grad_affine = np.zeros((groups, *affine.shape), np.float32)
    grad_v0, grad_x = np.zeros((batch, p.neurons), np.float32), np.zeros_like(cache.x)
    _in_threads(
        groups,
        lambda group: _kernels.backward_group(
            table,
            packing.sources,
            packing.bounds,
            neuron,
            affine,
            cache.x,
            cache.dt_s,
            cache.traces,
            grad_v,
            group,
            groups,
            sums[group],
            grad_neuron[group],
            grad_affine[group],
            grad_v0,
            grad_x,
        ),
    )
    # In float64, because sum(dz*u) - mu*sum(dz) loses digits.
    by_kind = zip(
        *(packing.unpack(part) for part in sums.sum(0, dtype=np.float64).swapaxes(0, 1)),
        strict=True,
    )
    grads = dict(zip(('cm', 'gleak', 'vleak'), grad_neuron.sum(0)[:, : p.neurons], strict=True))
    grads.update(zip(('input_w', 'input_b'), grad_affine.sum(0), strict=True))
    for prefix, (slope, moment, weight, reversal) in zip(('sensory_', ''), by_kind, strict=True):
        sigma, mu, w = (getattr(p, prefix + name) for name in ('sigma', 'mu', 'w'))
        for name, gradient in (
            ('sigma', w * (moment - mu * slope)),
            ('mu', -w * sigma * slope),
            ('w', weight * (w != 0.0)),
            ('erev', w * reversal),
        ):
            grads[prefix + name] = gradient.astype(np.float32)
    return grads, grad_v0, grad_x


def _synapse_layout(parameters: LtcParameters) -> SynapseLayout:
    return SynapseLayout.of(parameters.sensory_w != 0.0, parameters.w != 0.0)


def _fold(p: LtcParameters) -> tuple[SynapseLayout, np.ndarray]:
    """What `_kernels.step` reads: (E, 4, LANES) of a, b, w, w*erev, input mapping folded."""
    gain, offset = (mapping.astype(np.float64)[:, None] for mapping in (p.input_w, p.input_b))
    sensory = _foldings(p.sensory_sigma, p.sensory_mu, p.sensory_w, p.sensory_erev, gain, offset)
    recurrent = _foldings(p.sigma, p.mu, p.w, p.erev)
    packing = _synapse_layout(p)
    return packing, packing.pack(*zip(sensory, recurrent, strict=True))


def _foldings(
    sigma: np.ndarray,
    mu: np.ndarray,
    w: np.ndarray,
    erev: np.ndarray,
    gain: np.ndarray | float = 1.0,
    offset: np.ndarray | float = 0.0,
) -> list[np.ndarray]:
    """a, b, w and w*erev of [j, i], zero without a synapse: s = sigmoid(a*value + b)."""
    sigma, mu, w, erev = (
        np.where(w != 0.0, part.astype(np.float64), 0.0) for part in (sigma, mu, w, erev)
    )
    return [sigma * gain, sigma * (offset - mu), w, w * erev]


def _neuron(parameters: LtcParameters, packing: SynapseLayout) -> np.ndarray:
    """(3, P): cm, gleak, vleak."""
    # A positive cm keeps the neurons that fill up the last block at rest.
    return np.concatenate(
        [
            packing.pad_neurons(parameters.cm[None], 1.0),
            packing.pad_neurons(np.stack([parameters.gleak, parameters.vleak])),
        ]
    )


def _in_threads(groups: int, run: Callable[[int], None]) -> None:
    """Call run(0..groups-1); the kernels release the GIL.

    Threads that live for one call, rather than numba's own pool, which must not see a fork.
    """
    threads = min(numba.config.NUMBA_NUM_THREADS, groups)
    if threads == 1:
        for group in range(groups):
            run(group)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(groups)))
