"""Gradient-boosted regression trees for a few hundred runs. Knows arrays; knows nothing of mixes.

Least squares (Friedman 2001, algorithm 3): each tree is fitted to what the ones before it leave, on half of the rows drawn
anew (Friedman 2002). Features are binned by quantiles, so a tree costs rows x features x depth additions. A library would
bring a system library along for what is a page of code at this size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

_TREES = 400
_RATE = 0.05
_DEPTH = 4
_LEAST = 3  # rows of a leaf
_BINS = 64
_SEED = 0


def boosted(points: Floats, target: Floats, at: Floats) -> Floats:
    """Predictions (rows,) at other points of trees fitted to points (runs, features) and target (runs,)."""
    edges = np.quantile(points, np.linspace(0, 1, _BINS + 1)[1:-1], axis=0)
    binned, binned_at = (
        np.column_stack([np.searchsorted(edges[:, j], x[:, j]) for j in range(points.shape[1])]).astype(np.int64)
        for x in (points, at)
    )
    draws = np.random.default_rng(_SEED).random((_TREES, len(points)))
    drawn = draws < 0.5
    mean = float(target.mean())
    grown: Floats = _grow(binned, target - mean, binned_at, drawn, _RATE, _DEPTH, _LEAST, _BINS)
    return grown + mean


@njit(cache=True)
def _grow(
    binned: npt.NDArray[np.int64],
    target: Floats,
    binned_at: npt.NDArray[np.int64],
    drawn: npt.NDArray[np.bool_],
    rate: float,
    depth: int,
    least: int,
    bins: int,
) -> Floats:
    rows, features = binned.shape
    left = target.copy()
    found = np.zeros(len(binned_at))
    nodes = 2 ** (depth + 1)
    for tree in range(len(drawn)):
        feature, cut, value = np.full(nodes, -1), np.zeros(nodes, np.int64), np.zeros(nodes)
        place = np.ones(rows, np.int64)
        for level in range(depth + 1):
            first = 2**level
            sums, counts = np.zeros((first, features, bins)), np.zeros((first, features, bins))
            for row in range(rows):
                if drawn[tree, row] and place[row] >= first:
                    node = place[row] - first
                    for j in range(features):
                        sums[node, j, binned[row, j]] += left[row]
                        counts[node, j, binned[row, j]] += 1
            for node in range(first):
                total, count = sums[node, 0].sum(), counts[node, 0].sum()
                value[first + node] = total / count if count else value[(first + node) // 2]
                if level == depth or count < 2 * least:
                    continue
                best = total * total / count + 1e-12
                for j in range(features):
                    below, number = 0.0, 0.0
                    for b in range(bins - 1):
                        below += sums[node, j, b]
                        number += counts[node, j, b]
                        if number >= least and count - number >= least:
                            gain = below * below / number + (total - below) ** 2 / (count - number)
                            if gain > best:
                                best = gain
                                feature[first + node] = j
                                cut[first + node] = b
            for row in range(rows):
                node = place[row]
                if node >= first and feature[node] >= 0:
                    place[row] = 2 * node + (binned[row, feature[node]] > cut[node])
        for row in range(rows):
            left[row] -= rate * value[place[row]]
        for row in range(len(binned_at)):
            node = 1
            while feature[node] >= 0:
                node = 2 * node + (binned_at[row, feature[node]] > cut[node])
            found[row] += rate * value[node]
    return found
