"""How far the neurons of a core keep to themselves, after arXiv:2210.06650.

The factor of variation of a neuron is the leaf that its decision tree is in. The measures compare
what a neuron, as a number, knows about its own leaf and about those of the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.behaviour import Disentanglement, IntArray, Leaf, Trees

_BINS = 20
"""Number of bins of equal counts that an activity is divided into."""


def disentanglement(trees: Trees, activity: npt.NDArray[np.floating]) -> Disentanglement:
    """Return the measures of a core.

    Args:
        trees: the trees of the neurons.
        activity: (T, N) activities that the trees were fitted to.
    """
    chosen = [i for i, meaning in enumerate(trees.meanings) if meaning.leaves]
    if not chosen:
        nothing = float('nan')
        return Disentanglement(nothing, nothing, nothing, nothing, nothing, 0)
    values = np.asarray(activity, np.float64)[:, chosen]
    leaves = trees.leaves[:, chosen]
    bins = np.column_stack([_binned(values[:, i]) for i in range(len(chosen))])
    information = np.array(
        [
            [_mutual_information(bins[:, i], leaves[:, k]) for k in range(len(chosen))]
            for i in range(len(chosen))
        ]
    )
    entropy = np.array([_entropy(leaves[:, k]) for k in range(len(chosen))])
    told = np.column_stack([_told(bins[:, i], leaves[:, i]) for i in range(len(chosen))])
    return Disentanglement(
        float(np.mean([_within(values[:, i], leaves[:, i]) for i in range(len(chosen))])),
        _gap(information, entropy),
        _modularity(information),
        float((told == leaves).mean()),
        _conflict([trees.meanings[i].leaves for i in chosen], told),
        len(chosen),
    )


def _binned(values: npt.NDArray[np.float64]) -> IntArray:
    edges = np.quantile(values, np.linspace(0.0, 1.0, _BINS + 1)[1:-1])
    found: IntArray = np.searchsorted(edges, values, 'right').astype(np.intp)
    return found


def _counts(a: IntArray, b: IntArray) -> npt.NDArray[np.float64]:
    rows, columns = int(a.max()) + 1, int(b.max()) + 1
    flat = np.bincount(a * columns + b, minlength=rows * columns)
    return flat.reshape(rows, columns).astype(np.float64)


def _entropy(labels: IntArray) -> float:
    share = np.bincount(labels) / len(labels)
    share = share[share > 0.0]
    return float(-(share * np.log(share)).sum())


def _mutual_information(a: IntArray, b: IntArray) -> float:
    """Return the mutual information in nats, less the mean of what chance alone would give."""
    counts = _counts(a, b)
    share = counts / counts.sum()
    expected = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    filled = share > 0.0
    found = float((share[filled] * np.log(share[filled] / expected[filled])).sum())
    # Miller and Madow (1955): the first-order bias of the plug-in estimate.
    cells = (counts.sum(axis=1) > 0).sum() - 1, (counts.sum(axis=0) > 0).sum() - 1
    return max(0.0, found - float(cells[0] * cells[1]) / (2.0 * counts.sum()))


def _gap(information: npt.NDArray[np.float64], entropy: npt.NDArray[np.float64]) -> float:
    if len(information) < 2:
        return float('nan')
    own = np.diag(information)
    others = np.where(np.eye(len(own), dtype=bool), -np.inf, information).max(axis=0)
    return float(np.mean((own - others) / np.maximum(entropy, 1e-12)))


def _modularity(information: npt.NDArray[np.float64]) -> float:
    if len(information) < 2:
        return float('nan')
    most = np.maximum(information.max(axis=1), 1e-12)
    rest = (information**2).sum(axis=1) - most**2
    return float(np.mean(1.0 - rest / (most**2 * (len(information) - 1))))


def _within(values: npt.NDArray[np.float64], leaves: IntArray) -> float:
    """Return the share of the variance that is left within the leaves."""
    count = np.maximum(np.bincount(leaves), 1)
    means = np.bincount(leaves, values) / count
    return float(((values - means[leaves]) ** 2).mean() / values.var())


def _told(bins: IntArray, leaves: IntArray) -> IntArray:
    """Return the leaf that is most frequent at each activity."""
    most: IntArray = _counts(bins, leaves).argmax(axis=1)
    return most[bins]


def _conflict(leaves: Sequence[Sequence[Leaf]], told: IntArray) -> float:
    """Return the share of samples and pairs of neurons whose boxes do not meet."""
    shares = []
    for i, k in itertools.combinations(range(len(leaves)), 2):
        apart = np.array([[_exclude(a, b) for b in leaves[k]] for a in leaves[i]])
        shares.append(apart[told[:, i], told[:, k]].mean())
    return float(np.mean(shares)) if shares else float('nan')


def _exclude(a: Leaf, b: Leaf) -> bool:
    """Return whether no moment can be in both boxes."""
    return any(
        max(a.bounds[name][0], b.bounds[name][0]) >= min(a.bounds[name][1], b.bounds[name][1])
        for name in a.bounds.keys() & b.bounds.keys()
    )
