"""A map of documents: those with similar words lie near each other. The same texts give the same bytes.

Terms are counted and weighed as the step `topic` does it (tf-idf), brought down to a few dimensions (truncated SVD by
subspace iteration) and laid out in two as PaCMAP does. Sums are taken in a fixed order and no BLAS is called, so threads
change nothing. Knows texts; knows no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from curate.audit.layout import Floats, Ints, laid_out
from curate.quality.topics.clusters import Vectors, space_of, vectors_of
from curate.quality.topics.naming import without_forms, words_of
from curate.quality.topics.terms import BUCKETS, count
from curate.text.columns import as_column
from curate.text.compiled import kernel

LEAST = 30
"""Documents below which there is nothing to map."""
SIZE = 1000
"""Coordinates are whole numbers from 0 to this."""

_READ = 2500  # characters of a text whose terms are counted
_DIMENSIONS = 32
_ROUNDS = 5  # of subspace iteration
_CLUMPS = 12  # at most, and at least so many documents in each
_CLUMP = 25
_LABEL = 3  # words of a clump's name, of so many that are typical
_TYPICAL = 10
_CLUMP_ROUNDS = 20


class Map(NamedTuple):
    """Where each document lies, as whole numbers from 0 to SIZE, and clumps: (x, y, documents, typical words)."""

    x: list[int]
    y: list[int]
    clumps: list[tuple[int, int, int, str]]


def crawl_map(texts: Sequence[str], seed: int = 0) -> Map | None:
    """A map of the texts, or None where they are too few or have no words in common."""
    if len(texts) < LEAST:
        return None
    read = as_column([text[:_READ] for text in texts])
    counts = count(read)
    space = space_of(counts)
    if len(space.weights) < _DIMENSIONS:
        return None
    vectors = vectors_of(counts, space)
    draw = np.random.Generator(np.random.PCG64(seed))  # a generator of its own: its stream is fixed by NumPy's policy
    places = _stretched(laid_out(_reduced(vectors, len(space.weights), draw), draw))
    spread = np.floor(places * SIZE).astype(np.int64)
    return Map(spread[:, 0].tolist(), spread[:, 1].tolist(), _clumps(spread, vectors, space.slot, read))


@kernel
def _onto_terms(bounds: Any, slots: Any, values: Any, documents: Any, terms: Any) -> None:
    """terms = the vectors' transpose times documents (rows x dimensions)."""
    terms[:] = 0.0
    for row in range(len(bounds) - 1):
        document = documents[row]
        for index in range(bounds[row], bounds[row + 1]):
            term, value = terms[slots[index]], values[index]
            for dimension in range(len(document)):
                term[dimension] += value * document[dimension]


@kernel
def _onto_documents(bounds: Any, slots: Any, values: Any, terms: Any, documents: Any) -> None:
    """documents = the vectors times terms (slots x dimensions)."""
    documents[:] = 0.0
    for row in range(len(bounds) - 1):
        document = documents[row]
        for index in range(bounds[row], bounds[row + 1]):
            term, value = terms[slots[index]], values[index]
            for dimension in range(len(document)):
                document[dimension] += value * term[dimension]


def _reduced(vectors: Vectors, slots: int, draw: np.random.Generator) -> Floats:
    """Documents on the leading singular vectors, times the singular values."""
    basis = _orthogonal(draw.standard_normal((len(vectors.bounds) - 1, _DIMENSIONS)))
    terms = np.empty((slots, _DIMENSIONS))
    for _ in range(_ROUNDS):
        _onto_terms(*vectors, basis, terms)
        _onto_documents(*vectors, terms, basis)
        basis = _orthogonal(basis)
    _onto_terms(*vectors, basis, terms)
    return np.asarray(basis * np.sqrt((terms * terms).sum(axis=0)), np.float64)


def _orthogonal(matrix: Floats) -> Floats:
    """Orthonormal columns that span the same (modified Gram-Schmidt)."""
    columns = [column.copy() for column in matrix.T]
    for i, column in enumerate(columns):
        for before in columns[:i]:
            column -= (column * before).sum() * before
        column /= max(float(np.sqrt((column * column).sum())), 1e-12)
    return np.stack(columns, axis=1)


def _stretched(places: Floats) -> Floats:
    """Places from 0 to 1, half by where they are and half by how many lie before: what is empty says nothing, and a few far
    documents shall not shrink the rest. The outermost go to the edge."""
    low, high = np.quantile(places, 0.002, axis=0), np.quantile(places, 0.998, axis=0)
    there = np.clip((places - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    order = np.sort(places, axis=0)
    before = [np.searchsorted(order[:, axis], places[:, axis], "left") for axis in (0, 1)]
    until = [np.searchsorted(order[:, axis], places[:, axis], "right") - 1 for axis in (0, 1)]
    rank = (np.stack(before, axis=1) + np.stack(until, axis=1)) / (2 * max(1, len(places) - 1))  # equals lie together
    return np.asarray((there + rank) / 2, np.float64)


def _clumps(places: Ints, vectors: Vectors, slot: Any, texts: pa.Array) -> list[tuple[int, int, int, str]]:
    """Groups of documents that lie together (k-means from the points farthest apart), named by their typical words: a word
    is the stronger the greater its share of the group's mean, times the part of it that no other has, as for topics."""
    of, middle = _grouped(places.astype(np.float64))
    size = np.bincount(of, minlength=len(middle))
    largest = [number for number in np.argsort(-size, kind="stable").tolist() if size[number] >= _CLUMP]
    rows = np.repeat(np.arange(len(places)), np.diff(vectors.bounds))
    buckets = np.flatnonzero(slot >= 0)
    at = of[rows] * len(buckets) + vectors.slots
    sums = np.bincount(at, vectors.values, len(middle) * len(buckets)).reshape(len(middle), len(buckets))
    means = sums / np.maximum(size, 1)[:, None]
    strength = means * means / np.maximum(means.sum(axis=0), 1e-12)
    typical: dict[int, list[int]] = {}
    for number in largest:
        first = np.argsort(-strength[number], kind="stable")[:_TYPICAL]
        typical[number] = buckets[first[strength[number][first] > 0]].tolist()
    written = words_of(texts, sorted({bucket for each in typical.values() for bucket in each}), BUCKETS)
    found, used = [], set[str]()
    for number in largest:
        words = [written[bucket] for bucket in typical[number] if bucket in written]
        named = without_forms([word for word in words if word not in used])[:_LABEL]
        used |= set(named)
        if named:
            x, y = np.floor(middle[number]).astype(np.int64).tolist()
            found.append((x, y, int(size[number]), " ".join(named)))
    return found


def _grouped(points: Floats) -> tuple[Ints, Floats]:
    """(the group of each point, the groups' middles)."""
    count = max(1, min(_CLUMPS, len(points) // _CLUMP))
    centres = [points.mean(axis=0)]
    while len(centres) < count:
        near = np.min([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        centres.append(points[int(np.argmax(near))])
    middle = np.stack(centres)
    for _ in range(_CLUMP_ROUNDS):
        apart = [(points[:, axis, None] - middle[None, :, axis]) ** 2 for axis in (0, 1)]
        of = np.argmin(apart[0] + apart[1], axis=1)
        size = np.bincount(of, minlength=count)
        sums = np.stack([np.bincount(of, points[:, axis], count) for axis in (0, 1)], axis=1)
        moved = np.where(size[:, None] > 0, sums / np.maximum(size[:, None], 1), middle)
        if (moved == middle).all():
            break
        middle = moved
    return of, middle
