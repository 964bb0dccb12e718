"""What a neuron stands for, by a decision tree of its activity over variables of the simulator.

The tree of a neuron splits the space of the variables into boxes, its leaves, within each of which
the neuron is about as active. How well that can be told in flights that the tree has not seen, and
how far the neurons keep to themselves, are measured after Wang et al. (2022), 'Interpreting neural
policies with disentangled tree representations', arXiv:2210.06650. They use scikit-learn here
(extra `explain`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.extras import require_modules

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.intp]

DEPTH = 4
"""Depth of the trees."""
_MIN_LEAF_SHARE, _MIN_LEAF = 0.01, 10
"""Least share and number of samples of a leaf."""
_FOLDS = 5
_CONSTANT = 1e-6
"""Standard deviation below which a neuron counts as constant."""


class Leaf(NamedTuple):
    """One leaf of a tree: a box in the space of the variables."""

    bounds: dict[str, tuple[float, float]]
    """Lower and upper bound of the variables that lead to it; infinite where there is none."""
    mean: float
    """Mean activity in it."""
    share: float
    """Share of all samples."""

    def to_json(self) -> dict[str, object]:
        """Return it for a file, without infinite numbers, which JSON does not have."""
        return {
            'mean': round(self.mean, 5),
            'share': round(self.share, 4),
            'bounds': {
                name: [None if np.isinf(bound) else round(bound, 4) for bound in bounds]
                for name, bounds in self.bounds.items()
            },
        }


class NeuronMeaning(NamedTuple):
    """What one neuron stands for, as far as a tree can tell."""

    name: str
    """Name of the neuron."""
    r2: float
    """Share of the variance of its activity that the tree tells in flights that it has not seen;
    below 0 where it tells less than the mean does. NaN of a constant neuron."""
    r2_by_depth: tuple[float, ...]
    """The same of trees of depth 1, 2, ... up to DEPTH."""
    variable: str
    """The variable that the tree uses most; empty of a constant neuron."""
    weight: float
    """Share of that variable in what the tree explains."""
    threshold: float
    """Value of the first split of the tree."""
    first_variable: str
    """Variable of the first split."""
    rises: bool
    """Whether the activity is higher above the first split."""
    leaves: list[Leaf]
    """The leaves."""

    def text(self, units: Mapping[str, str]) -> str:
        """Return it as a phrase, such as 'high where target bearing > 0.05 rad'.

        Args:
            units: unit of each variable.
        """
        if not self.variable:
            return 'constant'
        sign = '>' if self.rises else '<'
        unit = units.get(self.first_variable, '')
        text = f'high where {self.first_variable} {sign} {self.threshold:.2g} {unit}'.rstrip()
        if self.variable != self.first_variable:
            text += f', mostly by {self.variable}'
        return text

    def to_json(self) -> dict[str, object]:
        """Return it for a file."""
        return {
            'name': self.name,
            'r2': _number(self.r2),
            'r2_by_depth': [_number(each) for each in self.r2_by_depth],
            'variable': self.variable,
            'weight': _number(self.weight),
            'first_split': {
                'variable': self.first_variable,
                'threshold': _number(self.threshold),
                'higher_above': self.rises,
            },
            'leaves': [leaf.to_json() for leaf in self.leaves],
        }


class Disentanglement(NamedTuple):
    """How far the neurons keep to themselves; see the paper for the reasons behind each."""

    response_variance: float
    """Mean share of the variance of a neuron that is left within the leaves of its tree: 0 is
    best."""
    mutual_information_gap: float
    """Mean of (information of a neuron about its own tree's leaf - the most of any other neuron),
    divided by the entropy of the leaf: 1 is best; below 0, others know more."""
    modularity: float
    """Mean over neurons of 1 - what a neuron knows about other trees than the one that it knows
    most about, squared and in relation to it: 1 is best."""
    path_accuracy: float
    """Share of samples whose leaf can be told from the activity of the neuron alone."""
    conflict: float
    """Share of pairs of neurons whose leaves, as told from their activities, exclude each other: 0
    is best."""
    neurons: int
    """Number of neurons that are not constant."""

    def to_json(self) -> dict[str, object]:
        """Return it for a file."""
        return {
            name: value if isinstance(value, int) else _number(value)
            for name, value in self._asdict().items()
        }


class TimeScale(NamedTuple):
    """The time scale that a neuron works at."""

    memory_s: float
    """Lag at which the autocorrelation of its activity has fallen to 1/e, s; NaN where it does not,
    or of a constant neuron."""
    tau_s: tuple[float, float, float]
    """Quantiles 5 %, 50 % and 95 % of its time constant, s; NaN of a core without any."""

    def to_json(self) -> dict[str, object]:
        """Return it for a file."""
        return {
            'memory_s': _number(self.memory_s),
            'tau_s': [_number(each) for each in self.tau_s],
        }


class Trees(NamedTuple):
    """The trees of all neurons, as they were fitted to all samples."""

    meanings: list[NeuronMeaning]
    """What each neuron stands for."""
    leaves: IntArray
    """(T, N) number of the leaf of each tree that a sample is in; 0 of a constant neuron."""


def explain_neurons(
    names: Sequence[str],
    activity: FloatArray,
    variables: Mapping[str, FloatArray],
    flights: IntArray,
    on_progress: Callable[[int, int], None] | None = None,
) -> Trees:
    """Fit a tree to each neuron, and measure what it tells in flights that it has not seen.

    Args:
        names: names of the N neurons.
        activity: (T, N) activities.
        variables: (T,) values of each variable.
        flights: (T,) number of the flight that each sample is of. A tree is tested on flights that
            it was not fitted to; a single flight is divided into parts of its time instead.
        on_progress: callback, called after each neuron with the number done and the number in all.

    Raises:
        LiquidPilotError: scikit-learn is not installed, or there are no variables.
    """
    require_modules(('sklearn',), 'a decision tree')
    if not variables:
        raise LiquidPilotError(
            'there are no variables of a simulator to explain neurons by; explain flights that '
            'were simulated'
        )
    from sklearn.tree import DecisionTreeRegressor

    keys = list(variables)
    table = np.column_stack([variables[key] for key in keys])
    folds = _folds(np.asarray(flights))
    least = max(_MIN_LEAF, round(_MIN_LEAF_SHARE * len(table)))

    def tree(depth: int) -> Any:
        return DecisionTreeRegressor(max_depth=depth, min_samples_leaf=least, random_state=0)

    meanings, leaves = [], np.zeros(activity.shape, np.intp)
    for number, name in enumerate(names):
        y = np.asarray(activity[:, number], np.float64)
        if y.std() < _CONSTANT:
            nothing = float('nan')
            meanings.append(
                NeuronMeaning(name, nothing, (nothing,) * DEPTH, '', 0.0, nothing, '', False, [])
            )
        else:
            r2 = tuple(_held_out_r2(tree(depth), table, y, folds) for depth in range(1, DEPTH + 1))
            whole = tree(DEPTH).fit(table, y)
            meanings.append(_meaning(name, whole, keys, y, table, r2))
            leaves[:, number] = np.unique(whole.apply(table), return_inverse=True)[1]
        if on_progress is not None:
            on_progress(number + 1, len(names))
    return Trees(meanings, leaves)


def time_scales(
    activity: Sequence[FloatArray], tau_s: Sequence[FloatArray], period_s: float
) -> list[TimeScale]:
    """Return the time scale of each neuron.

    Args:
        activity: (T, N) activities of each flight.
        tau_s: (T, N) time constants of each flight, s.
        period_s: time between two samples, s.
    """
    taus = np.concatenate(list(tau_s))
    quantiles = np.full((3, taus.shape[1]), np.nan)
    if np.isfinite(taus).all():
        quantiles = np.quantile(taus, (0.05, 0.5, 0.95), axis=0)
    whole = np.concatenate(list(activity)).astype(np.float64)
    mean, variance = whole.mean(axis=0), whole.var(axis=0)
    found = []
    for number in range(whole.shape[1]):
        memory_s = float('nan')
        if variance[number] > _CONSTANT**2:
            series = [np.asarray(each[:, number], np.float64) - mean[number] for each in activity]
            for lag in range(1, max(len(each) for each in series) // 2):
                products = np.concatenate(
                    [each[lag:] * each[:-lag] for each in series if len(each) > lag]
                )
                if products.mean() < variance[number] / np.e:
                    memory_s = lag * period_s
                    break
        low, middle, high = (float(each) for each in quantiles[:, number])
        found.append(TimeScale(memory_s, (low, middle, high)))
    return found


def _folds(flights: IntArray) -> list[npt.NDArray[np.bool_]]:
    """Return which samples are tested on in each fold: whole flights, or parts of the only one."""
    groups = np.unique(flights, return_inverse=True)[1]
    if groups.max() == 0:
        groups = np.arange(len(flights)) * _FOLDS // len(flights)
    count = min(_FOLDS, int(groups.max()) + 1)
    return [groups % count == fold for fold in range(count)]


def _held_out_r2(
    tree: Any, table: FloatArray, y: FloatArray, folds: Sequence[npt.NDArray[np.bool_]]
) -> float:
    predicted = np.empty(len(y))
    for tested in folds:
        predicted[tested] = tree.fit(table[~tested], y[~tested]).predict(table[tested])
    return float(1.0 - ((y - predicted) ** 2).mean() / y.var())


def _meaning(
    name: str,
    tree: Any,
    keys: Sequence[str],
    y: FloatArray,
    table: FloatArray,
    r2: tuple[float, ...],
) -> NeuronMeaning:
    parts = tree.tree_
    first = int(parts.feature[0])
    if first < 0:  # no split was worth making
        return NeuronMeaning(name, r2[-1], r2, keys[0], 0.0, 0.0, keys[0], False, [])
    threshold = float(parts.threshold[0])
    above = table[:, first] > threshold
    main = int(np.argmax(tree.feature_importances_))
    return NeuronMeaning(
        name,
        r2[-1],
        r2,
        keys[main],
        float(tree.feature_importances_[main]),
        threshold,
        keys[first],
        bool(y[above].mean() > y[~above].mean()),
        _leaves(parts, keys),
    )


def _leaves(parts: Any, keys: Sequence[str]) -> list[Leaf]:
    """Return the leaves in the order of their numbers in the tree."""
    found: list[Leaf] = []

    def visit(node: int, bounds: dict[str, tuple[float, float]]) -> None:
        if parts.children_left[node] < 0:
            share = float(parts.n_node_samples[node] / parts.n_node_samples[0])
            found.append(Leaf(bounds, float(parts.value[node].ravel()[0]), share))
            return
        name, threshold = keys[parts.feature[node]], float(parts.threshold[node])
        low, high = bounds.get(name, (-np.inf, np.inf))
        visit(int(parts.children_left[node]), {**bounds, name: (low, min(high, threshold))})
        visit(int(parts.children_right[node]), {**bounds, name: (max(low, threshold), high)})

    # Nodes are numbered in this order (depth first, left before right), and so are leaves.
    visit(0, {})
    return found


def _number(value: float) -> float | None:
    return None if not np.isfinite(value) else round(float(value), 5)
