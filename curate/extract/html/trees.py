"""Boosted trees over rows of eight bits, evaluated in integers: the same sums on every machine.

A tree of at most 32 leaves is a bit for each of them, from left to right; a node whose condition fails takes away the
leaves on its left, and the lowest bit that is left is the row's leaf (Lucchese et al. 2015, QuickScorer). So a node is
one pass over all rows without a branch, and none where all rows of a page are on one side. Knows arrays; knows no blocks.
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
AT_ONCE = 32
"""Rows that a turn of a loop takes on a machine with vectors of 32 bytes; what is left over goes one by one."""
_EVERY = np.uint32(0xFFFFFFFF)


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
    """The level of each row's summed odds, from 0 to LEVELS - 1; `columns` are the features, a row of the array each.

    Fastest for a multiple of AT_ONCE rows.
    """
    count = columns.shape[1]
    out[:] = 0
    lowest, highest = np.empty(len(columns), np.uint8), np.empty(len(columns), np.uint8)
    for feature in range(len(columns)):
        low, high = np.uint8(255), np.uint8(0)
        for value in columns[feature]:
            low, high = min(low, value), max(high, value)
        lowest[feature], highest[feature] = low, high
    left, leaves = np.empty(count, np.uint32), np.empty(MOST_LEAVES, np.int32)
    for tree in range(len(trees.ends) - 1):
        of_all = _EVERY
        for node in range(trees.ends[tree], trees.ends[tree + 1]):
            if lowest[trees.feature[node]] > trees.threshold[node]:  # what all rows fail at once, as of the page itself
                of_all &= trees.mask[node]
        left[:] = of_all
        for node in range(trees.ends[tree], trees.ends[tree + 1]):
            feature, threshold, mask = trees.feature[node], trees.threshold[node], trees.mask[node]
            if lowest[feature] <= threshold < highest[feature]:
                column = columns[feature]
                for number in range(count):
                    left[number] &= _EVERY if column[number] <= threshold else mask
        for place in range(MOST_LEAVES):
            leaves[place] = trees.leaf[tree, _BIT[place]]
        for number in range(count):
            lowest_bit = np.uint32(left[number] & (~left[number] + np.uint32(1)))
            left[number] = np.uint32(lowest_bit * _DE_BRUIJN) >> np.uint32(27)
        for number in range(count):
            out[number] += leaves[left[number]]
    for number in range(count):
        out[number] = min(max((out[number] >> LEVEL_BITS) + LEVELS // 2, 0), LEVELS - 1)
