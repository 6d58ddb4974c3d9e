"""Boosted trees over rows of eight bits, evaluated in integers: the same sums on every machine.

Knows arrays; knows no blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import Scalar, kernel

LEVELS = 1024
"""Probabilities are told apart by this many levels of their logarithmic odds."""
ODDS_BITS, LEVEL_BITS = 12, 6
"""Leaves hold logarithmic odds in units of 2^-12; a level is 2^-6 wide, so that the levels go from -8 to 8."""


class Trees(NamedTuple):
    """Trees as flat arrays. An inner node i sends a row on to `low[i]` if row[feature[i]] <= threshold[i], else to
    `high[i]`; a negative number there is the leaf ~number."""

    roots: NDArray[np.int32]
    feature: NDArray[np.uint8]
    threshold: NDArray[np.uint8]
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    leaf: NDArray[np.int32]


@kernel
def levels(trees: Trees, rows: NDArray[np.uint8], out: NDArray[np.int32]) -> Scalar:
    """The level of each row's summed odds, from 0 to LEVELS - 1."""
    out[:] = 0
    for tree in range(len(trees.roots)):
        root = trees.roots[tree]
        for number in range(len(rows)):
            node = root
            while node >= 0:
                below = rows[number, trees.feature[node]] <= trees.threshold[node]
                node = trees.low[node] if below else trees.high[node]
            out[number] += trees.leaf[~node]
    for number in range(len(rows)):
        out[number] = min(max((out[number] >> LEVEL_BITS) + LEVELS // 2, 0), LEVELS - 1)
