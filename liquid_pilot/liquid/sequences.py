"""Whole sequences through an LTC core, and their analytic gradient, for training.

What an LRC core needs for the same, too (`lrc.sequences`), is here: checks of a batch, threads, and
the gradients that groups of samples sum up.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np

from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid._lanes import LANES
from liquid_pilot.liquid.kernel_arguments import (
    folded_synapses,
    layout_of,
    neuron_rows,
    plain_synapses,
)
from liquid_pilot.liquid.parameters import CoreParameters, LtcParameters
from liquid_pilot.liquid.synapse_layout import SynapseLayout

_GROUPS = 16
"""Number of groups of samples whose gradients are summed apart, whatever the number of threads, so
that the result has the same bits."""

# numba sets the entries of its configuration when it is loaded; no type checker sees them.
_config: Any = numba.config

Gradients = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]
"""Gradients by name of the parameter (output_w and output_b, which the states do not depend on, are
left out), then those of v0 (B, N) and of x (B, T, I)."""


class SequenceCache(NamedTuple):
    """The intermediate results of `forward_sequence` that `backward_sequence` needs."""

    x: np.ndarray
    """(B, T, I) inputs."""
    dt_s: np.ndarray
    """(B, T) elapsed times, s."""
    traces: np.ndarray
    """What the kernels keep of every tick. Of an LTC core (B, T, L + 1, 2, P): states before each
    unfold and after the last one, and the denominator of each unfold."""


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
    return CoreTables(parameters).forward(unfolds, v0, x, dt_s)


def backward_sequence(
    parameters: LtcParameters, unfolds: int, cache: SequenceCache, grad_v: np.ndarray
) -> Gradients:
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
    sums = CoreTables(parameters).backward(unfolds, cache, grad_v)
    return sums.by_name(parameters), sums.v0, sums.x


class CoreTables:
    """The parameters of a core as the kernels read them, for several sequences.

    Args:
        parameters: the core's parameters, which are not validated.
    """

    def __init__(self, parameters: LtcParameters) -> None:
        self.parameters = parameters
        self.layout = layout_of(parameters)
        self._neuron = neuron_rows(parameters, self.layout)

    @cached_property
    def _folded(self) -> np.ndarray:
        """(E, 4, LANES), see `folded_synapses`."""
        return folded_synapses(self.parameters)[1]

    @cached_property
    def _plain(self) -> np.ndarray:
        """(E, 4, LANES), see `plain_synapses`."""
        return plain_synapses(self.parameters, self.layout)

    @cached_property
    def _affine(self) -> np.ndarray:
        """(2, I), see `input_mapping`."""
        return input_mapping(self.parameters)

    def sums(self, x: np.ndarray) -> GradientSums:
        """Return gradients of zero, for inputs x (B, T, I)."""
        return GradientSums(self.layout, x, ('cm', 'gleak', 'vleak'))

    def forward(
        self, unfolds: int, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
    ) -> tuple[np.ndarray, SequenceCache]:
        """Compute the states of a batch of sequences; see `forward_sequence`."""
        v0, x, dt_s = checked_batch(self.parameters, v0, x, dt_s)
        batch, ticks = dt_s.shape
        layout, neurons = self.layout, self.parameters.neurons
        v = np.empty((batch, ticks, neurons), np.float32)
        traces = np.empty((batch, ticks, unfolds + 1, 2, layout.padded_neurons), np.float32)
        in_threads(
            count_groups(batch, ticks),
            lambda group, groups: _kernels.forward_group(
                self._folded,
                layout.sources,
                layout.bounds,
                self._neuron,
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

    def backward(self, unfolds: int, cache: SequenceCache, grad_v: np.ndarray) -> GradientSums:
        """Compute the gradients of a loss over the states; see `backward_sequence`."""
        grad_v = np.ascontiguousarray(grad_v, np.float32)
        p, (batch, ticks) = self.parameters, cache.dt_s.shape
        if grad_v.shape != (batch, ticks, p.neurons) or cache.traces.shape[2] != unfolds + 1:
            raise ValueError(
                f'grad_v {grad_v.shape} and {unfolds} unfolds do not fit a forward pass '
                f'of shape {(batch, ticks, p.neurons)} and {cache.traces.shape[2] - 1} '
                'unfolds'
            )
        layout = self.layout
        sums = self.sums(cache.x)
        in_threads(
            count_groups(batch, ticks),
            lambda group, groups: _kernels.backward_group(
                self._plain,
                layout.sources,
                layout.bounds,
                self._neuron,
                self._affine,
                cache.x,
                cache.dt_s,
                cache.traces,
                grad_v,
                group,
                groups,
                *sums.of(group),
            ),
        )
        return sums


class GradientSums:
    """The gradients that the groups of a batch sum up, each group apart.

    Args:
        layout: layout of the synapses.
        x: (B, T, I) inputs.
        names: parameters of the neurons, K of them.
    """

    def __init__(self, layout: SynapseLayout, x: np.ndarray, names: tuple[str, ...]) -> None:
        groups = count_groups(*x.shape[:2])
        self._layout, self._names = layout, names
        self._synapses = np.zeros((groups, len(layout.sources), 4, LANES), np.float32)
        self._neurons = np.zeros((groups, len(names), layout.padded_neurons), np.float32)
        self._affine = np.zeros((groups, 2, layout.inputs), np.float32)
        self.v0 = np.zeros((len(x), layout.neurons), np.float32)
        """(B, N) gradient of the first states."""
        self.x = np.zeros_like(x)
        """(B, T, I) gradient of the inputs."""

    def of(self, group: int) -> tuple[np.ndarray, ...]:
        """Return the arrays that a kernel adds to for one group.

        They are (E, 4, LANES) of the synapses, see `_synapses.add_gradients`, (K, P) of the
        neurons, (2, I) of the input mapping, and `v0` and `x`, which all groups share.
        """
        return self._synapses[group], self._neurons[group], self._affine[group], self.v0, self.x

    @property
    def raw(self) -> np.ndarray:
        """All sums as one vector, which may be added up over calls before `set_raw`."""
        parts = (self._synapses, self._neurons, self._affine)
        return np.concatenate([part.sum(0).ravel() for part in parts])

    def set_raw(self, raw: np.ndarray) -> None:
        """Take over sums that `raw` returned, as those of the first group."""
        begin = 0
        for part in (self._synapses, self._neurons, self._affine):
            part[:] = 0.0
            part[0].flat[:] = raw[begin : begin + part[0].size]
            begin += part[0].size

    def by_name(self, p: CoreParameters) -> dict[str, np.ndarray]:
        """Return the gradients by the name of the parameter, summed over the groups."""
        neurons = self._neurons.sum(0)[:, : p.neurons]
        grads = dict(zip(self._names, neurons, strict=True))
        grads.update(zip(('input_w', 'input_b'), self._affine.sum(0), strict=True))
        # In float64, because sum(dz*u) - mu*sum(dz) loses digits.
        total = self._synapses.sum(0, dtype=np.float64).swapaxes(0, 1)
        by_kind = zip(*(self._layout.unpack(part) for part in total), strict=True)
        for prefix, (slope, moment, weight, reversal) in zip(
            ('sensory_', ''), by_kind, strict=True
        ):
            sigma, mu, w = (getattr(p, prefix + name) for name in ('sigma', 'mu', 'w'))
            for name, gradient in (
                ('sigma', w * (moment - mu * slope)),
                ('mu', -w * sigma * slope),
                ('w', weight * (w != 0.0)),
                ('erev', w * reversal),
            ):
                grads[prefix + name] = gradient.astype(np.float32)
        return grads


def checked_batch(
    p: CoreParameters, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first states, inputs and elapsed times as contiguous float32 arrays.

    Raises:
        ValueError: when the shapes do not fit each other, or the core.
    """
    v0, x, dt_s = (np.ascontiguousarray(array, np.float32) for array in (v0, x, dt_s))
    batch, ticks = dt_s.shape
    if v0.shape != (batch, p.neurons) or x.shape != (batch, ticks, p.inputs):
        raise ValueError(
            f'v0 {v0.shape}, x {x.shape} and dt_s {dt_s.shape} do not fit a core of '
            f'{p.neurons} neurons and {p.inputs} inputs'
        )
    return v0, x, dt_s


def input_mapping(p: CoreParameters) -> np.ndarray:
    """Return (2, I) float32: input_w and input_b."""
    return np.stack([p.input_w, p.input_b]).astype(np.float32)


def count_groups(batch: int, ticks: int) -> int:
    """Return the number of groups into which the samples of a batch are divided.

    A single tick has one group: its calls would take longer than its work.
    """
    return max(1, min(_GROUPS, batch)) if ticks > 1 else 1


def in_threads(groups: int, run: Callable[[int, int], None]) -> None:
    """Call run(group, groups) for every group of a batch, in threads: kernels release the GIL.

    The threads live for one call. numba's own pool would not survive a fork.
    """
    threads = min(_config.NUMBA_NUM_THREADS, groups)
    if threads == 1:
        for group in range(groups):
            run(group, groups)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda group: run(group, groups), range(groups)))
