"""Which documents a mixture takes how often, and where in the global order each copy goes. Knows keys; knows no files.

A group of E epochs runs through the shards E times: copy c of a document whose draw is u, a number in [0, 1), lies at
(c + u) / E of the way. Every epoch is so permuted as a whole, and a document comes back an epoch later; within a
sixteenth of an epoch the order is drawn anew each time. A last, partial epoch takes the documents with the smallest u.

A phase holds a span of each group's stream, and its keys are those of the phase alone: from 0 at its beginning on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.text.chance import Words, draw, unit

BIN_BITS = 16
BINS = 1 << BIN_BITS
"""Documents are chosen by the first 16 bits of their key: a cut is within a bin, 1/65,536 of an epoch, or a document."""

_STRETCHES = 16  # of an epoch; the order within each is new every time
_KEY = 2.0**64


def key_bins(order: Words) -> npt.NDArray[np.int64]:
    """The bin of each document's draw."""
    return (order >> np.uint64(64 - BIN_BITS)).astype(np.int64)


NOTHING = (0, 0, 0, 0, 1, 1)
"""The span of a group that is left out."""


@dataclass(frozen=True)
class Span:
    """Of each document, from where to where its group's stream goes into a stretch of the shards: int64 and float64 arrays.

    A cut is `whole` epochs and `bins` bins of the next. `first` and `last` say how frequent the group is at the stretch's
    beginning and end, to each other; equal where its share stays as it is.
    """

    begin_whole: npt.NDArray[np.int64]
    begin_bins: npt.NDArray[np.int64]
    whole: npt.NDArray[np.int64]
    bins: npt.NDArray[np.int64]
    first: npt.NDArray[np.float64]
    last: npt.NDArray[np.float64]

    @classmethod
    def of(cls, plans: npt.NDArray[np.float64]) -> Span:
        """From rows of the six numbers."""
        cuts = plans[:, :4].astype(np.int64)
        return cls(cuts[:, 0], cuts[:, 1], cuts[:, 2], cuts[:, 3], plans[:, 4], plans[:, 5])


def copies(ids: pa.Array, order: Words, seed: int, span: Span) -> tuple[npt.NDArray[np.int64], Words]:
    """(row, key) of every copy, given each document's draw and its group's span.

    A group of exactly one epoch keeps its draws as keys, so that a mixture of everything once is no mixture.
    """
    bins = key_bins(order)
    before = span.begin_whole + (bins < span.begin_bins)
    counts = span.whole + (bins < span.bins) - before
    rows = np.repeat(np.arange(len(order), dtype=np.int64), counts)
    keys = np.repeat(order, counts)
    epoch = np.arange(len(rows), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts) + before[rows]
    begins = (span.begin_whole + span.begin_bins / BINS)[rows]
    ends = (span.whole + span.bins / BINS)[rows]
    sloped = (span.first != span.last)[rows]
    several = (ends - begins != 1.0) | (begins != 0.0) | sloped
    for number in np.unique(epoch[several]).tolist():
        chosen = np.flatnonzero(several & (epoch == number))
        place = unit(order[rows[chosen]])
        begin, end = begins[chosen], ends[chosen]
        if number:
            anew = unit(draw(ids.take(pa.array(rows[chosen])), seed, "shuffle", number))
            place = _redrawn(place, anew, np.maximum(begin - number, 0.0), np.minimum(end - number, 1.0))
        way = np.clip((number + place - begin) / (end - begin), 0.0, 1.0)
        at = rows[chosen]
        way = np.where(sloped[chosen], _sloped(way, span.first[at], span.last[at]), way)
        keys[chosen] = np.minimum(way * _KEY, np.nextafter(_KEY, 0)).astype(np.uint64)
    return rows, keys


def _redrawn(
    place: npt.NDArray[np.float64],
    anew: npt.NDArray[np.float64],
    begin: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """The place in an epoch with its stretch kept and the rest drawn anew; the stretches that hold the span's begin and end
    begin and end there."""
    stretch = np.floor(place * _STRETCHES)
    low = np.maximum(stretch, begin * _STRETCHES)
    width = np.minimum(stretch + 1.0, end * _STRETCHES) - low
    redrawn: npt.NDArray[np.float64] = (low + anew * width) / _STRETCHES
    return redrawn


def _sloped(
    way: npt.NDArray[np.float64], first: npt.NDArray[np.float64], last: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Where in [0, 1] a share `way` of the copies lies before, if their density goes evenly from `first` to `last`.

    The share before t is (first t + (last - first) t^2 / 2) / mean. Of the quadratic's solution the form is taken that
    divides by no small number.
    """
    mean = (first + last) / 2
    root = np.sqrt(np.maximum(first * first + 2 * (last - first) * mean * way, 0.0))
    below = first + root
    return np.clip(np.divide(2 * mean * way, below, out=np.zeros_like(way), where=below > 0), 0.0, 1.0)
