"""Which documents a mixture takes how often, and where in the global order each copy goes. Knows keys; knows no files.

A group of E epochs runs through the shards E times: copy c of a document whose draw is u, a number in [0, 1), lies at
(c + u) / E of the way. Every epoch is so permuted as a whole, and a document comes back an epoch later; within a
sixteenth of an epoch the order is drawn anew each time. A last, partial epoch takes the documents with the smallest u.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.chance import Words, draw, unit

BIN_BITS = 16
BINS = 1 << BIN_BITS
"""Documents are chosen by the first 16 bits of their key: a cut is within a bin, 1/65,536 of an epoch, or a document."""

_STRETCHES = 16  # of an epoch; the order within each is new every time
_KEY = 2.0**64


def key_bins(order: Words) -> npt.NDArray[np.int64]:
    """The bin of each document's draw."""
    return (order >> np.uint64(64 - BIN_BITS)).astype(np.int64)


def copies(
    ids: pa.Array, order: Words, seed: int, whole: npt.NDArray[np.int64], bins: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Words]:
    """(row, key) of every copy, given each document's draw and its group's whole epochs and cut.

    A group of exactly one epoch keeps its draws as keys, so that a mixture of everything once is no mixture.
    """
    counts = whole + (key_bins(order) < bins)
    rows = np.repeat(np.arange(len(order), dtype=np.int64), counts)
    keys = np.repeat(order, counts)
    epoch = np.arange(len(rows), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    cut = bins[rows] / BINS
    epochs = whole[rows] + cut
    several = epochs != 1.0
    for number in np.unique(epoch[several]).tolist():
        chosen = np.flatnonzero(several & (epoch == number))
        place = unit(order[rows[chosen]])
        if number:
            anew = unit(draw(ids.take(pa.array(rows[chosen])), seed, "shuffle", number))
            place = _redrawn(place, anew, np.where(whole[rows[chosen]] == number, cut[chosen], 1.0))
        keys[chosen] = np.minimum((number + place) / epochs[chosen] * _KEY, np.nextafter(_KEY, 0)).astype(np.uint64)
    return rows, keys


def _redrawn(
    place: npt.NDArray[np.float64], anew: npt.NDArray[np.float64], end: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The place in an epoch with its stretch kept and the rest drawn anew; the stretch that holds the end ends there."""
    stretch = np.floor(place * _STRETCHES)
    width = np.minimum(1.0, end * _STRETCHES - stretch)
    return (stretch + anew * width) / _STRETCHES
