"""Whole sequences through an LRC core, and their analytic gradient, for training."""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid.kernel_arguments import (
    folded_synapses,
    layout_of,
    neuron_rows,
    plain_synapses,
)
from liquid_pilot.liquid.lrc import _kernels
from liquid_pilot.liquid.lrc.kernel_arguments import (
    elastance_rows,
    folded_elastance,
    plain_elastance,
)
from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.liquid.sequences import (
    Gradients,
    GradientSums,
    SequenceCache,
    checked_batch,
    count_groups,
    in_threads,
    input_mapping,
)


def forward_lrc_sequence(
    parameters: LrcParameters, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
) -> tuple[np.ndarray, SequenceCache]:
    """Compute the states of a batch of sequences, in NUMBA_NUM_THREADS threads.

    Only shapes are checked, as by `sequences.forward_sequence`.

    Args:
        parameters: the core's parameters.
        v0: (B, N) first states.
        x: (B, T, I) inputs.
        dt_s: (B, T) elapsed times, s.

    Returns:
        (B, T, N) float32 states after every tick, and the cache for `backward_lrc_sequence`.

    Raises:
        ValueError: when the shapes do not fit each other.
    """
    v0, x, dt_s = checked_batch(parameters, v0, x, dt_s)
    layout, table = folded_synapses(parameters)
    weights, rows = folded_elastance(parameters, layout)
    neuron = np.concatenate([neuron_rows(parameters, layout), layout.pad_neurons(rows)])
    v = np.empty((*dt_s.shape, parameters.neurons), np.float32)
    traces = np.empty((*dt_s.shape, 5, layout.padded_neurons), np.float32)
    in_threads(
        count_groups(*dt_s.shape),
        lambda group, groups: _kernels.forward_group(
            table,
            weights,
            layout.sources,
            layout.bounds,
            neuron,
            v0,
            x,
            dt_s,
            v,
            traces,
            group,
            groups,
        ),
    )
    return v, SequenceCache(x, dt_s, traces)


def backward_lrc_sequence(
    parameters: LrcParameters, cache: SequenceCache, grad_v: np.ndarray
) -> Gradients:
    """Compute the gradients of a loss over the states of `forward_lrc_sequence`.

    They are the analytic derivative, with the same bits for any number of threads.

    Args:
        parameters: as for `forward_lrc_sequence`.
        cache: the cache that `forward_lrc_sequence` returned.
        grad_v: (B, T, N) derivatives of the loss with respect to the states.

    Returns:
        The gradients by name of the parameter (output_w and output_b, which the states do not
        depend on, are left out), then those of v0 (B, N) and of x (B, T, I).

    Raises:
        ValueError: when the shapes do not fit each other.
    """
    grad_v = np.ascontiguousarray(grad_v, np.float32)
    p = parameters
    if grad_v.shape != (*cache.dt_s.shape, p.neurons):
        raise ValueError(
            f'grad_v {grad_v.shape} does not fit a forward pass of shape '
            f'{(*cache.dt_s.shape, p.neurons)}'
        )
    layout = layout_of(p)
    table, weights = plain_synapses(p, layout), plain_elastance(p, layout)
    neuron = np.concatenate([neuron_rows(p, layout), layout.pad_neurons(elastance_rows(p))])
    affine = input_mapping(p)
    sums = GradientSums(layout, cache.x, ('cm', 'gleak', 'vleak', 'elastance_b', 'elastance_shift'))
    groups_count = count_groups(*cache.dt_s.shape)
    linear_sums = np.zeros((groups_count, *weights.shape), np.float32)
    in_threads(
        groups_count,
        lambda group, groups: _kernels.backward_group(
            table,
            weights,
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
            linear_sums[group],
            *sums.of(group),
        ),
    )
    grads = sums.by_name(p)
    linear = layout.unpack(linear_sums.sum(0))
    for prefix, gradient, present in zip(('sensory_', ''), linear, p.present, strict=True):
        grads[f'{prefix}elastance_w'] = gradient * present
    return grads, sums.v0, sums.x
