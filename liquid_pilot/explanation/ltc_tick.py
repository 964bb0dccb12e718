"""One tick of a liquid core as exact linear maps, unfold by unfold.

An unfold of the solver (`liquid.dynamics`) divides two sums, v' = num / den. For two runs of it, a
and r, with the same capacitances, leaks and elapsed time, the differences obey

    mean(den) * (v'_a - v'_r) = cm*L/dt * (v_a - v_r)
                                + sum_j w_ij * (s_a - s_r)_ij * (erev_ij - mean(v'))

where mean is that of the two runs, and (s_a - s_r) is the slope of the secant of the sigmoid times
(v_a - v_r)_j. So the change of every potential is a sum over the synapses that lead to it, with no
remainder, however large the change: the products of these coefficients along paths add up to the
change of the command. Where both runs are the same the secants are tangents, and the coefficients
those of the Jacobian. All arrays are float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.liquid.parameters import LtcParameters

FloatArray = npt.NDArray[np.float64]

_EPSILON = 1e-8
"""The solver's epsilon in the denominator, as in the kernels."""
_MIN_CHANGE = 1e-7
"""Change of a potential below which the tangent stands for the secant."""


class Synapses(NamedTuple):
    """S synapses as lists, sorted by source and target."""

    sources: npt.NDArray[np.intp]
    """(S,) number of the neuron or input that each comes from."""
    targets: npt.NDArray[np.intp]
    """(S,) number of the neuron that each leads to."""
    w: FloatArray
    sigma: FloatArray
    mu: FloatArray
    erev: FloatArray
    from_source: FloatArray
    """(S, sources) one-hot: sums a list by its sources."""
    to_target: FloatArray
    """(S, N) one-hot: sums a list by its targets."""

    @classmethod
    def of(cls, w: Any, sigma: Any, mu: Any, erev: Any) -> Synapses:
        """Return the synapses of (sources, N) matrices, which are where w differs from 0."""
        sources, targets = np.nonzero(w)
        lists = [
            np.asarray(matrix, np.float64)[sources, targets] for matrix in (w, sigma, mu, erev)
        ]
        rows, columns = np.asarray(w).shape
        from_source, to_target = np.eye(rows)[sources], np.eye(columns)[targets]
        return cls(sources, targets, lists[0], lists[1], lists[2], lists[3], from_source, to_target)

    def gates(self, potentials: FloatArray) -> FloatArray:
        """Return the opening (S,) of the synapses at potentials of their sources."""
        return _sigmoid(self.sigma * (potentials[..., self.sources] - self.mu))

    def matrix(self, values: FloatArray) -> FloatArray:
        """Return a list (..., S) as matrices (..., sources, N), zero where there is no synapse."""
        shape = (self.from_source.shape[1], self.to_target.shape[1])
        matrices = np.zeros((*values.shape[:-1], *shape))
        matrices[..., self.sources, self.targets] = values
        return matrices


class TickTrace(NamedTuple):
    """What one tick of L unfolds went through."""

    potentials: FloatArray
    """(L + 1, N) potentials before each unfold, and after the last one."""
    denominators: FloatArray
    """(L, N) denominator of each unfold."""
    mapped: FloatArray
    """(I,) inputs after the input mapping."""
    capacity: FloatArray
    """(N,) cm * L / dt."""
    gates: FloatArray
    """(L, S) opening of the synapses between neurons in each unfold."""
    input_gates: FloatArray
    """(Q,) opening of the synapses from inputs."""


class LinearTick(NamedTuple):
    """The coefficients of one tick. For each unfold n, the change of the potentials is

    change_i[n + 1] = keep[n, i] * change_i[n] + sum over synapses j -> i of
    (between[n] * change_j[n]) + sum over synapses k -> i of (sensory[n] * change of input k).
    """

    keep: FloatArray
    """(L, N) share of its own potential that a neuron keeps."""
    between: FloatArray
    """(L, S) coefficients of the synapses between neurons."""
    sensory: FloatArray
    """(L, Q) coefficients of the synapses from inputs, for the inputs before their mapping."""
    change: FloatArray
    """(L + 1, N) difference of the potentials of the two runs."""
    input_change: FloatArray
    """(I,) difference of the inputs of the two runs, before their mapping."""


class LtcTick:
    """The equations of one core in float64, with its synapses as lists.

    Args:
        parameters: the core's parameters.
        unfolds: number of solver steps in a tick.
    """

    def __init__(self, parameters: LtcParameters, unfolds: int) -> None:
        p = parameters
        self.unfolds = unfolds
        self.cm, self.gleak, self.vleak = (
            np.asarray(vector, np.float64) for vector in (p.cm, p.gleak, p.vleak)
        )
        self.input_w = np.asarray(p.input_w, np.float64)
        self.input_b = np.asarray(p.input_b, np.float64)
        self.between = Synapses.of(p.w, p.sigma, p.mu, p.erev)
        self.sensory = Synapses.of(p.sensory_w, p.sensory_sigma, p.sensory_mu, p.sensory_erev)

    def scaled(
        self, log_cm: npt.ArrayLike | None, log_gleak: npt.ArrayLike | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return cm and gleak (N,), with the factors whose logarithms are given."""
        cm = self.cm if log_cm is None else self.cm * np.exp(np.asarray(log_cm, np.float64))
        leak = self.gleak
        if log_gleak is not None:
            leak = leak * np.exp(np.asarray(log_gleak, np.float64))
        return cm, leak

    def run(
        self,
        v: npt.ArrayLike,
        x: npt.ArrayLike,
        dt_s: float,
        log_cm: npt.ArrayLike | None = None,
        log_gleak: npt.ArrayLike | None = None,
    ) -> TickTrace:
        """Return what one tick goes through; the arguments are those of `LtcDynamics.step`."""
        cm, leak = self.scaled(log_cm, log_gleak)
        s = self.between
        mapped = np.asarray(x, np.float64) * self.input_w + self.input_b
        capacity = cm * (self.unfolds / dt_s)
        input_gates = self.sensory.gates(mapped)
        currents = self.sensory.w * input_gates
        numerator = leak * self.vleak + (currents * self.sensory.erev) @ self.sensory.to_target
        denominator = capacity + leak + _EPSILON + currents @ self.sensory.to_target
        potentials = np.empty((self.unfolds + 1, len(cm)))
        potentials[0] = v
        denominators = np.empty((self.unfolds, len(cm)))
        gates = np.empty((self.unfolds, len(s.w)))
        for n in range(self.unfolds):
            gates[n] = s.gates(potentials[n])
            open_w = s.w * gates[n]
            denominators[n] = denominator + open_w @ s.to_target
            potentials[n + 1] = (
                capacity * potentials[n] + numerator + (open_w * s.erev) @ s.to_target
            ) / denominators[n]
        return TickTrace(potentials, denominators, mapped, capacity, gates, input_gates)

    def linear(
        self, trace: TickTrace, x: npt.ArrayLike, reference: TickTrace, reference_x: npt.ArrayLike
    ) -> LinearTick:
        """Return the coefficients between two ticks with the same scales and elapsed time.

        Args:
            trace: a tick.
            x: (I,) its inputs.
            reference: the tick that it is compared with; itself for the derivatives.
            reference_x: (I,) the inputs of that tick.
        """
        inputs = np.asarray(x, np.float64) - np.asarray(reference_x, np.float64)
        change = trace.potentials - reference.potentials
        after = 0.5 * (trace.potentials[1:] + reference.potentials[1:])
        den = 0.5 * (trace.denominators + reference.denominators)
        s, q = self.between, self.sensory
        slope = _secant(s.sigma, trace.gates, reference.gates, change[:-1][:, s.sources])
        between = s.w * slope * (s.erev - after[:, s.targets]) / den[:, s.targets]
        mapped_change = trace.mapped - reference.mapped
        slope = _secant(q.sigma, trace.input_gates, reference.input_gates, mapped_change[q.sources])
        slope = q.w * slope * self.input_w[q.sources]
        sensory = slope * (q.erev - after[:, q.targets]) / den[:, q.targets]
        return LinearTick(trace.capacity / den, between, sensory, change, inputs)

    def equilibrium(
        self, x: npt.ArrayLike, log_gleak: npt.ArrayLike | None = None, max_ticks: int = 2000
    ) -> FloatArray:
        """Return the potentials (N,) at which the core stays at constant inputs.

        They do not depend on cm. A core that never comes to rest, such as one that oscillates, is
        stopped after `max_ticks` ticks of a second.

        Args:
            x: (I,) inputs.
            log_gleak: (N,) logarithms of the factors on gleak; None: as trained.
            max_ticks: number of ticks after which it is taken as it is.
        """
        v: FloatArray = np.zeros(len(self.cm))
        for _ in range(max_ticks):
            after = self.run(v, x, 1.0, None, log_gleak).potentials[-1]
            if np.abs(after - v).max() < 1e-13:
                return after
            v = after
        return v

    def time_constants(
        self,
        v: npt.ArrayLike,
        x: npt.ArrayLike,
        log_cm: npt.ArrayLike | None = None,
        log_gleak: npt.ArrayLike | None = None,
    ) -> FloatArray:
        """Return the time constants (N,), s, as `LtcDynamics.time_constants` does."""
        cm, leak = self.scaled(log_cm, log_gleak)
        mapped = np.asarray(x, np.float64) * self.input_w + self.input_b
        s, q = self.between, self.sensory
        conductance = (q.w * q.gates(mapped)) @ q.to_target
        conductance += (s.w * s.gates(np.asarray(v, np.float64))) @ s.to_target
        tau_s: FloatArray = cm / (leak + conductance + _EPSILON)
        return tau_s


def _secant(
    sigma: FloatArray, gate: FloatArray, reference_gate: FloatArray, change: FloatArray
) -> FloatArray:
    """Return the slopes of the secants of sigmoids; the tangent where the change is too small."""
    small = np.abs(change) < _MIN_CHANGE
    secant = (gate - reference_gate) / np.where(small, 1.0, change)
    middle = 0.5 * (gate + reference_gate)
    slope: FloatArray = np.where(small, sigma * middle * (1.0 - middle), secant)
    return slope


def _sigmoid(x: FloatArray) -> FloatArray:
    # Beyond this the result is 0 or 1 to the last bit, and the exponential overflows.
    opening: FloatArray = 1.0 / (1.0 + np.exp(np.clip(-x, -700.0, 700.0)))
    return opening
