"""Boosted trees over rows of eight bits, evaluated in integers: the same sums on every machine.

A tree of at most 32 leaves is a bit for each of them, from left to right; a node whose condition fails takes away the
leaves on its left, and the lowest bit that is left is the row's leaf (Lucchese et al. 2015, QuickScorer). So a node is
one pass over all rows without a branch. Knows arrays; knows no blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import Scalar, kernel

MOST_LEAVES = 32
LEVELS = 1024
"""Probabilities are told apart by this many levels of their logarithmic odds."""
ODDS_BITS, LEVEL_BITS = 12, 6
"""Leaves hold logarithmic odds in units of 2^-12; a level is 2^-6 wide, so that the levels go from -8 to 8."""

_DE_BRUIJN = np.uint32(0x077CB531)
"""Every five bits of it, taken in turn, are different (Leiserson, Prokop, Randall 1998)."""
_BIT = np.zeros(MOST_LEAVES, np.int64)
for _bit in range(MOST_LEAVES):
    _BIT[(int(_DE_BRUIJN) << _bit & 0xFFFFFFFF) >> 27] = _bit


class Trees(NamedTuple):
    """Trees as flat arrays: tree t has the nodes `ends[t]` to `ends[t + 1]` and the leaves `leaf[t]`."""

    ends: NDArray[np.int32]
    feature: NDArray[np.uint8]
    threshold: NDArray[np.uint8]
    """A row passes a node if its feature is no greater."""
    mask: NDArray[np.uint32]
    """The leaves that are left to a row that does not pass."""
    leaf: NDArray[np.int32]
    """[trees, MOST_LEAVES], logarithmic odds."""


@kernel
def levels(trees: Trees, columns: NDArray[np.uint8], out: NDArray[np.int32]) -> Scalar:
    """The level of each row's summed odds, from 0 to LEVELS - 1; `columns` are the features, a row of the array each."""
    count = columns.shape[1]
    out[:] = 0
    left = np.empty(count, np.uint32)
    for tree in range(len(trees.ends) - 1):
        left[:] = np.uint32(0xFFFFFFFF)
        for node in range(trees.ends[tree], trees.ends[tree + 1]):
            column, threshold, mask = columns[trees.feature[node]], trees.threshold[node], trees.mask[node]
            for number in range(count):
                left[number] &= np.uint32(0xFFFFFFFF) if column[number] <= threshold else mask
        for number in range(count):
            lowest = np.uint32(left[number] & (~left[number] + np.uint32(1)))
            out[number] += trees.leaf[tree, _BIT[np.uint32(lowest * _DE_BRUIJN) >> np.uint32(27)]]
    for number in range(count):
        out[number] = min(max((out[number] >> LEVEL_BITS) + LEVELS // 2, 0), LEVELS - 1)
