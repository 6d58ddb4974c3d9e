"""A document kept with a probability that grows with its score, by a draw that is fixed beforehand.

Brown et al. 2020, appendix A: kept when `np.random.pareto(alpha) > 1 - score`. numpy's `pareto` is the Lomax law, so a
document is kept with probability (2 - score)^-alpha. The draw is a function of a number per document, so that it is the
same wherever it is made, and another alpha needs no other draw. Knows scores; knows no text.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_BELOW_ONE = np.float32(1) - np.float32(2.0**-24)  # the last float32 before 1: a draw of 1 would keep everything

Scores = NDArray[np.float32]


def as_draw(uniform: NDArray[np.float64]) -> NDArray[np.float32]:
    """Numbers in [0, 1) as they are written to the ledger: still below 1."""
    return np.minimum(uniform.astype(np.float32), _BELOW_ONE)


def lomax(draw: NDArray[np.float32], alpha: float) -> NDArray[np.float64]:
    """The Lomax variate of each draw, by the inverse of its distribution: (1 - u)^(-1/alpha) - 1."""
    variates: NDArray[np.float64] = (1.0 - draw.astype(np.float64)) ** (-1.0 / alpha) - 1.0
    return variates


def keeps(score: Scores, draw: NDArray[np.float32], alpha: float) -> NDArray[np.bool_]:
    """Whether each document is kept by its draw."""
    kept: NDArray[np.bool_] = lomax(draw, alpha) > 1.0 - score.astype(np.float64)
    return kept


def keep_probability(score: Scores, alpha: float) -> NDArray[np.float64]:
    """The probability that the draw keeps each document: (2 - score)^-alpha."""
    probability: NDArray[np.float64] = (2.0 - score.astype(np.float64)) ** -alpha
    return probability


def score_kept_half_the_time(alpha: float) -> float:
    """The score with (2 - score)^-alpha = 1/2; 0 where every score is kept more often."""
    return max(0.0, 2.0 - math.pow(2.0, 1.0 / alpha))
