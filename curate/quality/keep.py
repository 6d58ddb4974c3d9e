"""Which documents a score keeps: by a draw from the Pareto law, by a threshold, or by a share of the highest.

Brown et al. 2020, appendix A: kept when `np.random.pareto(alpha) > 1 - score`. numpy's `pareto` is the Lomax law, so a
document is kept with probability (2 - score)^-alpha. The draw here is a function of a number per document, so that it
is the same wherever it is made, and another alpha needs no other draw. Knows scores; knows no text.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

BINS = 20
"""Bins of a histogram of scores, of equal width from 0 to 1."""

_BELOW_ONE = np.float32(1) - np.float32(2.0**-24)  # the last float32 before 1: a draw of 1 would keep everything

_ABOVE_ALL = 2.0  # a threshold that no score reaches

Scores = NDArray[np.float32]
Kept = NDArray[np.bool_]


def as_draw(uniform: NDArray[np.float64]) -> NDArray[np.float32]:
    """Numbers in [0, 1) as they are written to the ledger: still below 1."""
    return np.minimum(uniform.astype(np.float32), _BELOW_ONE)


def lomax(draw: NDArray[np.float32], alpha: float) -> NDArray[np.float64]:
    """The Lomax variate of each draw, by the inverse of its distribution: (1 - u)^(-1/alpha) - 1."""
    variates: NDArray[np.float64] = (1.0 - draw.astype(np.float64)) ** (-1.0 / alpha) - 1.0
    return variates


def keeps(score: Scores, draw: NDArray[np.float32], alpha: float) -> Kept:
    """Whether each document is kept by its draw."""
    kept: Kept = lomax(draw, alpha) > 1.0 - score.astype(np.float64)
    return kept


def keep_probability(score: Scores, alpha: float) -> NDArray[np.float64]:
    """The probability that the draw keeps each document: (2 - score)^-alpha."""
    probability: NDArray[np.float64] = (2.0 - score.astype(np.float64)) ** -alpha
    return probability


def histogram(score: Scores) -> list[int]:
    """Documents per bin of scores."""
    counts: list[int] = np.histogram(score, bins=BINS, range=(0.0, 1.0))[0].tolist()
    return counts


def threshold_of_share(chunks: Callable[[], Iterable[Scores]], share: float) -> float:
    """The least score among the `share` of all documents with the highest scores.

    `chunks` is called twice and yields arrays of float32 scores. Exact and in constant memory: the bits of numbers in
    [0, 1] order as the numbers do, so the two halves of the bits are found one after the other by counting.
    """
    high = np.zeros(1 << 16, np.int64)
    for scores in chunks():
        high += np.bincount(_bits(scores) >> 16, minlength=1 << 16)
    wanted = round(share * int(high.sum()))
    if wanted == 0:
        return _ABOVE_ALL
    above = np.cumsum(high[::-1])[::-1]
    half = int(np.flatnonzero(above >= wanted)[-1])
    low = np.zeros(1 << 16, np.int64)
    for scores in chunks():
        bits = _bits(scores)
        low += np.bincount(bits[bits >> 16 == half] & 0xFFFF, minlength=1 << 16)
    rest = wanted - (int(above[half + 1]) if half + 1 < len(above) else 0)
    last = int(np.flatnonzero(np.cumsum(low[::-1])[::-1] >= rest)[-1])
    return float(np.array([half << 16 | last], np.uint32).view(np.float32)[0])


def _bits(scores: Scores) -> NDArray[np.int64]:
    return np.ascontiguousarray(scores, np.float32).view(np.uint32).astype(np.int64)
