"""Clusters of documents by their words: spherical k-means (Dhillon and Modha 2001) on hashed tf-idf.

A document is the vector of (1 + ln count) x ln(documents / documents with the term) over its terms, brought to length
1; a cluster's centre is the mean of its documents, brought to length 1; a document belongs to the centre of the
greatest cosine. The first centres are drawn by k-means++ (Arthur and Vassilvitskii 2007). Sums run in the order of the
documents, and draws are functions of their ids, so the same sample gives the same clusters. Knows vectors; knows no
words.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.quality.features import longest
from curate.quality.topics.terms import BUCKETS, Counts, count_terms
from curate.text.chance import draw, unit
from curate.text.characters import Tables, lower_into, tables
from curate.text.columns import text_buffers
from curate.text.compiled import Scalar, kernel

MOST_TERMS = 1 << 16
"""Terms that are looked at: of those that are neither rare nor everywhere, the most frequent."""
_RARE = 5_000
"""A term in fewer than one of so many documents, or in one document alone, tells no topic."""
_EVERYWHERE = 0.3
"""Terms in more than this share of the documents tell a language or a layout."""
_STARTS = 4
"""Draws of first centres; the clusters that fit best are taken."""
_MOST_ROUNDS = 60
_LEAST_MOVED = 2_000
"""It ends when fewer than one of so many documents moves."""
_LEAST_DOCUMENTS = 2
"""Documents of the sample for each cluster, at least: of fewer there are fewer clusters."""
_PURPOSE = "topic/start"

Numbers = NDArray[np.float64]


class Space(NamedTuple):
    """The terms that are looked at: `slot` (int32 by bucket, -1 for none) and the weight of each slot, ln(documents /
    documents with the term)."""

    slot: NDArray[np.int32]
    weights: NDArray[np.float32]


class Vectors(NamedTuple):
    """Documents as sparse rows of length 1, or of nothing: `values[j]` in slot `slots[j]`, from bounds[i] to bounds[i +
    1]."""

    bounds: NDArray[np.int64]
    slots: NDArray[np.int32]
    values: Numbers


class Clustering(NamedTuple):
    """`centres` float32 (slots x clusters), the largest cluster first; of each document of the sample its cluster, -1
    without a term, and the cosine."""

    space: Space
    centres: NDArray[np.float32]
    cluster: NDArray[np.int32]
    cosine: Numbers


def space_of(counts: Counts) -> Space:
    """The terms that tell topics, from those of a sample."""
    documents = len(counts.bounds) - 1
    frequency = np.bincount(counts.buckets, minlength=BUCKETS)
    least = max(2, documents // _RARE)
    kept = np.flatnonzero((frequency >= least) & (frequency <= _EVERYWHERE * documents))
    order = np.lexsort((kept, -frequency[kept]))[:MOST_TERMS]
    kept = np.sort(kept[order])
    slot = np.full(BUCKETS, -1, np.int32)
    slot[kept] = np.arange(len(kept), dtype=np.int32)
    return Space(slot, np.array([math.log(documents / each) for each in frequency[kept].tolist()], np.float32))


@kernel
def _weigh(bounds: Any, buckets: Any, counts: Any, slot: Any, weights: Any, rows: Any, slots: Any, values: Any) -> None:
    filled = np.int64(0)
    for row in range(len(bounds) - 1):
        first = filled
        squares = np.float64(0)
        for index in range(bounds[row], bounds[row + 1]):
            place = slot[buckets[index]]
            if place >= 0:
                value = (1.0 + np.log(np.float64(counts[index]))) * np.float64(weights[place])
                slots[filled] = place
                values[filled] = value
                squares += value * value
                filled += 1
        for index in range(first, filled):
            values[index] /= np.sqrt(squares)
        rows[row + 1] = filled


def vectors_of(counts: Counts, space: Space) -> Vectors:
    """The documents' vectors."""
    rows = np.zeros(len(counts.bounds), np.int64)
    slots, values = np.empty(len(counts.buckets), np.int32), np.empty(len(counts.buckets), np.float64)
    _weigh(*counts, space.slot, space.weights, rows, slots, values)
    return Vectors(rows, slots[: rows[-1]], values[: rows[-1]])


@kernel
def _assign(bounds: Any, slots: Any, values: Any, centres: Any, cluster: Any, cosine: Any) -> Scalar:
    """Put each document to its nearest centre; returns how many moved."""
    moved = np.int64(0)
    near = np.empty(centres.shape[1], np.float64)
    for row in range(len(bounds) - 1):
        near[:] = 0.0
        for index in range(bounds[row], bounds[row + 1]):
            value = values[index]
            line = centres[slots[index]]
            for place in range(len(near)):
                near[place] += value * line[place]
        best = np.int32(-1)
        if bounds[row + 1] > bounds[row]:
            best = np.int32(0)
            for place in range(1, len(near)):
                if near[place] > near[best]:
                    best = np.int32(place)
        moved += np.int64(best != cluster[row])
        cluster[row] = best
        cosine[row] = near[best] if best >= 0 else 0.0
    return moved


@kernel
def _centre(bounds: Any, slots: Any, values: Any, cluster: Any, sums: Any) -> None:
    """The centres of the clusters, in `sums`."""
    sums[:] = 0.0
    for row in range(len(bounds) - 1):
        mine = cluster[row]
        if mine >= 0:
            for index in range(bounds[row], bounds[row + 1]):
                sums[slots[index], mine] += values[index]
    squares = np.zeros(sums.shape[1], np.float64)
    for place in range(sums.shape[0]):
        for mine in range(sums.shape[1]):
            squares[mine] += sums[place, mine] * sums[place, mine]
    for place in range(sums.shape[0]):
        for mine in range(sums.shape[1]):
            if squares[mine] > 0:
                sums[place, mine] /= np.sqrt(squares[mine])


@kernel
def _cosines(bounds: Any, slots: Any, values: Any, at: Scalar, scratch: Any, out: Any) -> None:
    """The cosine of each document to document `at`; `scratch`, a number per slot, is 0 before and after."""
    for index in range(bounds[at], bounds[at + 1]):
        scratch[slots[index]] = values[index]
    for row in range(len(bounds) - 1):
        total = np.float64(0)
        for index in range(bounds[row], bounds[row + 1]):
            total += values[index] * scratch[slots[index]]
        out[row] = total
    for index in range(bounds[at], bounds[at + 1]):
        scratch[slots[index]] = 0.0


def cluster(counts: Counts, ids: pa.Array, clusters: int, seed: int) -> Clustering:
    """At most so many clusters of the documents of a sample, in this order; fewer of a sample of few documents.

    `ids`: binary(16), of which the first centres are drawn.
    """
    space = space_of(counts)
    vectors = vectors_of(counts, space)
    there = np.diff(vectors.bounds) > 0
    most = max(1, min(clusters, int(there.sum()) // _LEAST_DOCUMENTS))
    best: tuple[float, NDArray[np.int32], Numbers, Numbers] | None = None
    for start in range(_STARTS):
        found = _from(vectors, _first_centres(vectors, there, ids, most, seed, start), len(space.weights))
        fit = math.fsum(found[1].tolist())
        if best is None or fit > best[0]:
            best = (fit, *found)
    assert best is not None, "there is at least one start"
    _, cluster, cosine, centres = best
    sizes = np.bincount(cluster[cluster >= 0], minlength=centres.shape[1])
    order = np.lexsort((np.arange(len(sizes)), -sizes))
    order = order[sizes[order] > 0]
    new = np.full(len(sizes) + 1, -1, np.int32)  # the last: of a document without a term
    new[order] = np.arange(len(order), dtype=np.int32)
    return Clustering(space, np.ascontiguousarray(centres[:, order], np.float32), new[cluster], cosine)


def _first_centres(
    vectors: Vectors, there: NDArray[np.bool_], ids: pa.Array, clusters: int, seed: int, start: int
) -> list[int]:
    """Documents far from each other: each drawn with a chance that grows with its distance to those before.

    The smallest of -ln(u) / weight is a draw by weight (Efraimidis and Spirakis 2006), and u is a function of the id.
    """
    weight = there.astype(np.float64)
    scratch, near = np.zeros(int(vectors.slots.max(initial=-1)) + 1, np.float64), np.zeros(len(there), np.float64)
    chosen: list[int] = []
    for number in range(clusters):
        if not weight.any():
            break
        chance = -np.log(np.maximum(unit(draw(ids, seed, _PURPOSE, start * clusters + number)), 2.0**-53))
        with np.errstate(divide="ignore"):
            chosen.append(int(np.argmin(np.where(weight > 0, chance / weight, np.inf))))
        _cosines(*vectors, chosen[-1], scratch, near)
        far = np.where(there, np.maximum(1.0 - near, 0.0), 0.0)
        far[far < 1e-9] = 0.0  # copies of the one drawn
        weight = np.minimum(weight, far)
    return chosen


def _from(vectors: Vectors, first: list[int], slots: int) -> tuple[NDArray[np.int32], Numbers, Numbers]:
    """(cluster of each document, its cosine, the centres), from documents that are the first centres."""
    cluster = np.full(len(vectors.bounds) - 1, -1, np.int32)
    cluster[np.array(first, np.int64)] = np.arange(len(first), dtype=np.int32)
    cosine = np.zeros(len(cluster), np.float64)
    centres = np.zeros((slots, max(1, len(first))), np.float64)
    for _ in range(_MOST_ROUNDS):
        _centre(*vectors, cluster, centres)
        moved = _assign(*vectors, centres, cluster, cosine)
        if moved * _LEAST_MOVED <= len(cluster):
            break
    return cluster, cosine, centres


@kernel
def _nearest(
    data: Any, bounds: Any, tables: Tables, slot: Any, weights: Any, logs: Any, centres: Any, cluster: Any, cosine: Any
) -> None:
    room = 2 * longest(bounds) + 1
    lower = np.empty(room, np.uint8)
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    counts = np.zeros(BUCKETS, np.int32)
    seen = np.empty(BUCKETS, np.int32)
    near = np.empty(centres.shape[1], np.float32)
    for row in range(len(bounds) - 1):
        end = lower_into(data, bounds[row], bounds[row + 1], lower, tables.lower)
        near[:] = np.float32(0)
        squares = np.float32(0)
        for index in range(count_terms(lower, end, tables.flags, starts, ends, counts, seen)):
            bucket = seen[index]
            place = slot[bucket]
            if place >= 0:
                value = logs[min(counts[bucket], np.int32(len(logs) - 1))] * weights[place]
                squares += value * value
                line = centres[place]
                for mine in range(len(near)):
                    near[mine] += value * line[mine]
            counts[bucket] = 0
        best = np.int32(-1)
        if squares > 0 and len(near):
            best = np.int32(0)
            for mine in range(1, len(near)):
                if near[mine] > near[best]:
                    best = np.int32(mine)
        cluster[row] = best
        cosine[row] = near[best] / np.sqrt(squares) if best >= 0 else np.float32(0)


_MOST_COUNTED = 1 << 12  # beyond it a term's count makes no difference
_LOGS = np.array([0.0, *(1.0 + math.log(count) for count in range(1, _MOST_COUNTED))], np.float32)


def nearest(
    texts: pa.Array, space: Space, centres: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(cluster of each text, -1 where it has no term that is looked at; the cosine to its centre). Raises ValueError on
    nulls."""
    data, bounds = text_buffers(texts)
    cluster, cosine = np.empty(len(texts), np.int32), np.empty(len(texts), np.float32)
    _nearest(data, bounds, tables(), space.slot, space.weights, _LOGS, centres, cluster, cosine)
    return cluster, cosine
