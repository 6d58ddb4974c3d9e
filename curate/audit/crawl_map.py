"""A map of documents: those with similar words lie near each other. The same texts give the same bytes.

Words are counted, weighed by tf-idf, brought down to a few dimensions (truncated SVD by subspace iteration) and laid out in
two as PaCMAP does (Wang et al. 2021, JMLR 22): pairs of near, mid-near and further points, weights in three phases. Sums are
taken in a fixed order and no BLAS is called, so threads change nothing. Knows texts; knows no run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST = 30
"""Documents below which there is nothing to map."""
SIZE = 1000
"""Coordinates are whole numbers from 0 to this."""

_READ = 2500  # characters of a text whose words are counted
_WORDS = 6000  # words of the vocabulary: the most frequent
_RARE, _COMMON = 3, 0.3  # documents that have a word at least, and share of documents at most
_DIMENSIONS = 32
_ROUNDS = 4  # of subspace iteration
_NEAR, _MID, _FURTHER = 10, 5, 20  # pairs of a point; Wang et al. 2021, section 5
_MID_OF = 6  # candidates of a mid-near pair, of which the second nearest is taken
_PHASES = ((100, 1000.0, 3.0, 2.0, 3.0, 1.0), (100, 3.0, 3.0, 3.0, 3.0, 1.0), (250, 0.0, 0.0, 1.0, 1.0, 1.0))
"""Iterations, weight of mid-near pairs at the begin and end, of near ones likewise, of further ones; ibid., algorithm 1."""
_RATE, _BETA1, _BETA2, _TINY = 1.0, 0.9, 0.999, 1e-7  # Adam's
_CLUMPS = 12  # at most, and at least so many documents in each
_CLUMP = 25
_LABEL = 3  # words of a clump's name
_WORD = re.compile(r"[^\W\d_]+")
_IDEOGRAPHS = "\u3040"  # from here on words are not set apart by spaces: pairs of characters count


class Map(NamedTuple):
    """Where each document lies, as whole numbers from 0 to SIZE, and clumps: (x, y, documents, typical words)."""

    x: list[int]
    y: list[int]
    clumps: list[tuple[int, int, int, str]]


class Weighed(NamedTuple):
    """tf-idf of documents: entries by document, and the words."""

    rows: Ints
    columns: Ints
    values: Floats
    words: list[str]


def crawl_map(texts: Sequence[str], seed: int = 0) -> Map | None:
    """A map of the texts, or None where they are too few or have no words in common."""
    if len(texts) < LEAST:
        return None
    weighed = tf_idf(texts)
    if len(weighed.words) < _DIMENSIONS:
        return None
    draw = np.random.Generator(np.random.PCG64(seed))  # a generator of its own: its stream is fixed by NumPy's policy
    places = _laid_out(_reduced(weighed, len(texts), draw), draw)
    spread = np.floor(_stretched(places) * SIZE).astype(np.int64)
    return Map(spread[:, 0].tolist(), spread[:, 1].tolist(), _clumps(spread, weighed))


def words_of(text: str) -> list[str]:
    """Words in lower case; of scripts without spaces, pairs of characters."""
    found: list[str] = []
    for word in _WORD.findall(text[:_READ].lower()):
        if word >= _IDEOGRAPHS and len(word) > 1:
            found += [word[i : i + 2] for i in range(len(word) - 1)]
        elif 1 < len(word) <= 24:
            found.append(word)
    return found


def tf_idf(texts: Sequence[str]) -> Weighed:
    """(1 + log count) x log(documents / documents with the word), each document's values of length 1."""
    counted = [Counter(words_of(text)) for text in texts]
    frequency = Counter(word for counts in counted for word in counts)
    most = max(_RARE, _COMMON * len(texts))
    known = sorted(word for word, number in frequency.items() if _RARE <= number <= most)
    words = sorted(sorted(known, key=lambda word: (-frequency[word], word))[:_WORDS])
    place = {word: number for number, word in enumerate(words)}
    rows, columns, counts = [], [], []
    for row, each in enumerate(counted):
        for word in sorted(each.keys() & place.keys()):
            rows.append(row)
            columns.append(place[word])
            counts.append(each[word])
    of, column = np.array(rows, np.int64), np.array(columns, np.int64)
    rarity = np.log(len(texts) / np.array([frequency[word] for word in words] or [1], np.float64))
    values = (1 + np.log(np.array(counts, np.float64))) * (rarity[column] if len(column) else 1.0)
    length = np.sqrt(np.bincount(of, values * values, len(texts)))
    return Weighed(of, column, values / np.maximum(length[of], 1e-12), words)


def _reduced(weighed: Weighed, documents: int, draw: np.random.Generator) -> Floats:
    """Documents on the leading singular vectors, times the singular values."""
    rows, columns, values, words = weighed

    def times(matrix: Floats) -> Floats:
        return np.stack([np.bincount(rows, values * each[columns], documents) for each in matrix.T], axis=1)

    def back(matrix: Floats) -> Floats:
        return np.stack([np.bincount(columns, values * each[rows], len(words)) for each in matrix.T], axis=1)

    basis = _orthogonal(draw.standard_normal((len(words), _DIMENSIONS)))
    for _ in range(_ROUNDS):
        basis = _orthogonal(back(times(basis)))
    return times(basis)


def _orthogonal(matrix: Floats) -> Floats:
    """Orthonormal columns that span the same (modified Gram-Schmidt)."""
    columns = [column.copy() for column in matrix.T]
    for i, column in enumerate(columns):
        for before in columns[:i]:
            column -= (column * before).sum() * before
        column /= max(float(np.sqrt((column * column).sum())), 1e-12)
    return np.stack(columns, axis=1)


def _distances(points: Floats) -> Floats:
    """Squared distances of every two points."""
    square = (points * points).sum(axis=1)
    total = square[:, None] + square[None, :]
    for dimension in points.T:
        total -= 2 * dimension[:, None] * dimension[None, :]
    return np.asarray(np.maximum(total, 0.0), np.float64)


def _pairs(points: Floats, draw: np.random.Generator) -> tuple[tuple[Ints, Ints], ...]:
    """Pairs of near, mid-near and further points."""
    count = len(points)
    distance = _distances(points)
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")
    near = order[:, : min(_NEAR, count - 1)]
    scale = np.sqrt(np.take_along_axis(distance, order[:, 3:6], axis=1)).mean(axis=1)  # of the 4th to 6th neighbour
    wider = order[:, : min(_NEAR + 50, count - 1)]
    scaled = np.take_along_axis(distance, wider, axis=1) / np.maximum(scale[:, None] * scale[wider], 1e-12)
    near = np.take_along_axis(wider, np.argsort(scaled, axis=1, kind="stable")[:, : near.shape[1]], axis=1)
    offered = draw.integers(0, count, (count, _MID, _MID_OF))
    of = distance[np.arange(count)[:, None, None], offered]
    second = np.argsort(of, axis=2, kind="stable")[:, :, 1:2]
    mid = np.take_along_axis(offered, second, axis=2)[:, :, 0]
    further = draw.integers(0, count, (count, _FURTHER))

    def listed(others: Ints) -> tuple[Ints, Ints]:
        mine = np.repeat(np.arange(count), others.shape[1])
        there = others.ravel()
        return mine[mine != there], there[mine != there]

    return listed(near), listed(mid), listed(further)


def _laid_out(points: Floats, draw: np.random.Generator) -> Floats:
    """Places in two dimensions, by Adam on PaCMAP's loss, from the first two dimensions of the points."""
    near, mid, further = _pairs(points, draw)
    mine = np.concatenate([near[0], mid[0], further[0]])
    there = np.concatenate([near[1], mid[1], further[1]])
    ends = np.cumsum([len(near[0]), len(mid[0]), len(further[0])])
    flat = 0.01 * (points[:, :2] - points[:, :2].mean(axis=0))
    places = [flat[:, 0].copy(), flat[:, 1].copy()]
    first, second = ([np.zeros(len(points)) for _ in places] for _ in range(2))
    step = 0
    for rounds, mid_begin, mid_end, near_begin, near_end, weight_further in _PHASES:
        for turn in range(rounds):
            step += 1
            part = turn / rounds
            weights = (
                near_begin + (near_end - near_begin) * part, mid_begin + (mid_end - mid_begin) * part, weight_further,
            )  # fmt: skip
            moves = [place[mine] - place[there] for place in places]
            pull = _pull(1 + moves[0] * moves[0] + moves[1] * moves[1], ends, weights)
            for place, move, mean, spread in zip(places, moves, first, second, strict=True):
                force = pull * move
                slope = np.bincount(mine, force, len(points)) - np.bincount(there, force, len(points))
                mean += (1 - _BETA1) * (slope - mean)
                spread += (1 - _BETA2) * (slope * slope - spread)
                rate = _RATE * np.sqrt(1 - _BETA2**step) / (1 - _BETA1**step)
                place -= rate * mean / (np.sqrt(spread) + _TINY)
    return np.stack(places, axis=1)


def _pull(distance: Floats, ends: Ints, weights: tuple[float, float, float]) -> Floats:
    """How strongly each pair is drawn together: the derivative of its loss, negative for further pairs."""
    near, mid, further = np.split(distance, ends[:2])
    return np.concatenate(
        [
            weights[0] * 20 / (10 + near) ** 2,
            weights[1] * 20_000 / (10_000 + mid) ** 2,
            -weights[2] * 2 / (1 + further) ** 2,
        ]
    )


def _stretched(places: Floats) -> Floats:
    """Places from 0 to 1; the few outermost go to the edge, so that one far document does not shrink the rest."""
    low, high = np.quantile(places, 0.002, axis=0), np.quantile(places, 0.998, axis=0)
    return np.clip((places - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)


def _clumps(places: Ints, weighed: Weighed) -> list[tuple[int, int, int, str]]:
    """Groups of documents that lie together (k-means from the points farthest apart), named by their typical words."""
    points = places.astype(np.float64)
    count = max(1, min(_CLUMPS, len(points) // _CLUMP))
    centres = [points.mean(axis=0)]
    while len(centres) < count:
        nearest = np.min([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        centres.append(points[int(np.argmax(nearest))])
    middle = np.stack(centres)
    for _ in range(20):
        of = np.argmin(((points[:, None, :] - middle[None, :, :]) ** 2).sum(axis=2), axis=1)
        size = np.bincount(of, minlength=count)
        sums = np.stack([np.bincount(of, points[:, axis], count) for axis in (0, 1)], axis=1)
        middle = np.where(size[:, None] > 0, sums / np.maximum(size[:, None], 1), middle)
    rows, columns, values, words = weighed
    whole = np.bincount(columns, values, len(words)) / len(points)
    found, used = [], set[str]()
    for number in np.argsort(-size, kind="stable").tolist():
        if size[number] < _CLUMP:
            continue
        inside = of[rows] == number
        excess = np.bincount(columns[inside], values[inside], len(words)) / size[number] - whole
        order = (words[place] for place in np.argsort(-excess, kind="stable") if excess[place] > 0)
        named = [word for word in order if word not in used][:_LABEL]
        used |= set(named)
        if named:
            x, y = np.floor(middle[number]).astype(np.int64).tolist()
            found.append((x, y, int(size[number]), " ".join(named)))
    return found
