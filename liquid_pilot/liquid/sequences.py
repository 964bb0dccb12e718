"""Whole sequences through an LTC core, and their analytic gradient, for training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numba
import numpy as np

from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid.kernel_arguments import folded_synapses, layout_of, neuron_rows
from liquid_pilot.liquid.parameters import LtcParameters

_GROUPS = 16
"""Number of groups of samples whose gradients are summed apart, whatever the number of threads, so
that the result has the same bits."""

# numba sets the entries of its configuration when it is loaded; no type checker sees them.
_config: Any = numba.config


class SequenceCache(NamedTuple):
    """The intermediate results of `forward_sequence` that `backward_sequence` needs."""

    x: np.ndarray
    """(B, T, I) inputs."""
    dt_s: np.ndarray
    """(B, T) elapsed times, s."""
    traces: np.ndarray
    """(B, T, L + 1, 2, P) states before each unfold and after the last one, and the denominator of
    each unfold."""


def forward_sequence(
    parameters: LtcParameters, unfolds: int, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
) -> tuple[np.ndarray, SequenceCache]:
    """Compute the states of a batch of sequences, in NUMBA_NUM_THREADS threads.

    Only shapes are checked: `parameters` are not validated, so that a diverging training shows NaN
    rather than an error.

    Args:
        parameters: the core's parameters.
        unfolds: number of solver steps in a tick.
        v0: (B, N) first states.
        x: (B, T, I) inputs.
        dt_s: (B, T) elapsed times, s.

    Returns:
        (B, T, N) float32 states after every tick, and the cache for `backward_sequence`.

    Raises:
        ValueError: when the shapes do not fit each other.
    """
    neurons, inputs = parameters.neurons, parameters.inputs
    v0, x, dt_s = (np.ascontiguousarray(array, np.float32) for array in (v0, x, dt_s))
    batch, ticks = dt_s.shape
    if v0.shape != (batch, neurons) or x.shape != (batch, ticks, inputs):
        raise ValueError(
            f'v0 {v0.shape}, x {x.shape} and dt_s {dt_s.shape} do not fit a core of '
            f'{neurons} neurons and {inputs} inputs'
        )
    layout, table = folded_synapses(parameters)
    neuron = neuron_rows(parameters, layout)
    v = np.empty((batch, ticks, neurons), np.float32)
    traces = np.empty((batch, ticks, unfolds + 1, 2, layout.padded_neurons), np.float32)
    groups = max(1, min(_GROUPS, batch))
    _in_threads(
        groups,
        lambda group: _kernels.forward_group(
            table, layout.sources, layout.bounds, neuron, v0, x, dt_s, v, traces, group, groups
        ),
    )
    return v, SequenceCache(x, dt_s, traces)


def backward_sequence(
    parameters: LtcParameters, unfolds: int, cache: SequenceCache, grad_v: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Compute the gradients of a loss over the states of `forward_sequence`.

    They are the analytic derivative, with the same bits for any number of threads.

    Args:
        parameters: as for `forward_sequence`.
        unfolds: as for `forward_sequence`.
        cache: the cache that `forward_sequence` returned.
        grad_v: (B, T, N) derivatives of the loss with respect to the states.

    Returns:
        The gradients by name of the parameter (output_w and output_b, which the states do not
        depend on, are left out), then those of v0 (B, N) and of x (B, T, I).

    Raises:
        ValueError: when the shapes do not fit each other.
    """
    grad_v = np.ascontiguousarray(grad_v, np.float32)
    p, (batch, ticks) = parameters, cache.dt_s.shape
    if grad_v.shape != (batch, ticks, p.neurons) or cache.traces.shape[2] != unfolds + 1:
        raise ValueError(
            f'grad_v {grad_v.shape} and {unfolds} unfolds do not fit a forward pass '
            f'of shape {(batch, ticks, p.neurons)} and {cache.traces.shape[2] - 1} '
            'unfolds'
        )
    layout = layout_of(p)
    table = layout.pack(
        (p.sensory_sigma, p.sigma),
        (p.sensory_mu, p.mu),
        (p.sensory_erev, p.erev),
        (p.sensory_w * p.sensory_sigma, p.w * p.sigma),
    )
    neuron = neuron_rows(p, layout)
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
            layout.sources,
            layout.bounds,
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
        *(layout.unpack(part) for part in sums.sum(0, dtype=np.float64).swapaxes(0, 1)),
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


def _in_threads(groups: int, run: Callable[[int], None]) -> None:
    """Call `run` for every group, in threads: the kernels release the GIL.

    The threads live for one call. numba's own pool would not survive a fork.
    """
    threads = min(_config.NUMBA_NUM_THREADS, groups)
    if threads == 1:
        for group in range(groups):
            run(group)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(groups)))
