"""The distribution of scores, and the threshold that keeps a share of the highest. Knows scores and rules; knows no text."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.records.judging import Columns
from curate.verdicts.steps import VerdictStep

BINS = 20
"""Bins of a histogram of scores, of equal width from 0 to 1."""

ABOVE_ALL = 2.0
"""A threshold that no score reaches."""
_HALF_BITS = 16
HALVES = 1 << _HALF_BITS
"""Values that half of the bits of a score can have."""

Scores = NDArray[np.float32]


def histogram(score: Scores) -> list[int]:
    """Documents per bin of scores."""
    counts: list[int] = np.histogram(score, bins=BINS, range=(0.0, 1.0))[0].tolist()
    return counts


def passing_scores(columns: Columns, steps: Sequence[VerdictStep]) -> Scores:
    """The scores of the rows that fail no rule of these steps: of those a share is kept. Rows without a score are left out.

    `columns`: `quality_score` and what the rules look at, by their names in the ledger.
    """
    chosen: Scores = columns["quality_score"].filter(pa.array(passing(columns, steps))).to_numpy(zero_copy_only=False)
    return chosen


def passing(columns: Columns, steps: Sequence[VerdictStep]) -> NDArray[np.bool_]:
    """Which rows have a score and fail no rule of these steps."""
    found = np.asarray(pc.is_valid(columns["quality_score"]), bool)
    for step in steps:
        for failed in step.fails(columns).values():
            found = found & ~failed
    return found


def threshold_of_share(chunks: Callable[[], Iterable[Scores]], share: float) -> float:
    """The least score among the `share` of documents with the highest scores.

    `chunks` is called twice and yields arrays of float32 scores. Exact and in constant memory: the bits of numbers in
    [0, 1] order as the numbers do, so the two halves of the bits are found one after the other by counting.
    """
    found = half_of_share(counted_halves(chunks()), share)
    return ABOVE_ALL if found is None else least_score(*found, counted_halves(chunks(), found[0]))


def counted_halves(chunks: Iterable[Scores], half: int | None = None) -> NDArray[np.int64]:
    """Documents by the upper half of the bits of their scores; with `half`, by the lower half, of those that begin so:
    int64, HALVES of them."""
    counts = np.zeros(HALVES, np.int64)
    for scores in chunks:
        bits = score_bits(scores)
        chosen = bits >> _HALF_BITS if half is None else bits[bits >> _HALF_BITS == half] & (HALVES - 1)
        counts += np.bincount(chosen, minlength=HALVES)
    return counts


def half_of_share(high: NDArray[np.int64], share: float) -> tuple[int, int] | None:
    """The upper half of the bits of the least score among a share of the documents, and how many with this half are among
    them; None where the share is of none. `high`: documents by upper half."""
    wanted = round(share * int(high.sum()))
    if wanted == 0:
        return None
    above = np.cumsum(high[::-1])[::-1]
    half = int(np.flatnonzero(above >= wanted)[-1])
    return half, wanted - (int(above[half + 1]) if half + 1 < len(above) else 0)


def least_score(half: int, wanted: int, low: NDArray[np.int64]) -> float:
    """The least score among so many of those with an upper half. `low`: documents with it, by the lower half."""
    last = int(np.flatnonzero(np.cumsum(low[::-1])[::-1] >= wanted)[-1])
    return float(np.array([half << _HALF_BITS | last], np.uint32).view(np.float32)[0])


def score_bits(scores: Scores) -> NDArray[np.int64]:
    """The bits of scores in [0, 1] as whole numbers, which order as the scores do."""
    return np.ascontiguousarray(scores, np.float32).view(np.uint32).astype(np.int64)
