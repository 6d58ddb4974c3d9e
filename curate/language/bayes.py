"""A naive Bayes language model over byte n-grams, run as compiled kernels over UTF-8 buffers.

The model is py3langid's (Barbaresi; after Lui and Baldwin 2012, "langid.py"), its weights changed by sentences of 75
languages, three of which it lacks: an automaton reads bytes and names at most
one n-gram at each; a document's score in a language is the sum, over the n-grams it holds, of log(1 + count) times the
n-gram's log-probability. Weights are kept as the whole numbers that half precision makes of them, and summed as such.
Knows the model and bytes; knows neither confidence nor what to keep.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import py3langid
from numpy.typing import NDArray
from py3langid.modelio import load_model

from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar, kernel

REACH = 6
"""Bytes after which the automaton is in the same state wherever it began: its longest n-gram."""

MODEL = Path(py3langid.__file__).parent / "data" / "model.npz.xz"
_COLUMNS = 160  # languages, filled up to whole vectors: a trip count the compiler knows
OWN = Path(__file__).with_name("weights.npz")
STEPS = 2048.0  # half precision is a multiple of 2^-11 from 1 up; every n-gram's log-probability is beyond 1
LOWEST = -16.0  # the least log-probability the whole numbers hold
MOST_WEIGHT = 1 << 15
_MOST_NGRAMS = 1 << 17  # so many weights fit into a sum of 32 bits
_GROUPS = 16  # n-grams that occur less often than this are summed by their count as whole numbers
_SHORT = 64  # a document of fewer bytes is read from one place; longer ones from four at once, to hide memory's latency


class Model(NamedTuple):
    """The tables kernels read. From row r of the automaton, byte b leads to row `moves[r << 8 | b]` and names the n-gram
    `names[r << 8 | b]`, the one after the last standing for none.

    `weights`: uint16, n-gram x _COLUMNS, (log-probability - LOWEST) * STEPS. `prior`: float64 per language.
    `languages`: the code of each column; scripts of one language have columns of their own.
    """

    moves: NDArray[np.uint16]
    names: NDArray[np.int32]
    first: int
    weights: NDArray[np.uint16]
    prior: NDArray[np.float64]
    languages: tuple[str, ...]


@lru_cache(maxsize=2)
def model(own: bool = True) -> Model:
    """The model that py3langid carries, with the weights that sentences add to it (see `_add_own`); without `own` as it is.

    Raises RuntimeError where it is not of the shape this reader knows, or not the one that the weights were made for.
    """
    table, prior, languages, nextmove, row, output = load_model(MODEL)
    ngrams, columns = table.shape
    whole = (np.asarray(table, np.float64) - LOWEST) * STEPS
    exact = np.array_equal(whole, np.clip(np.rint(whole), 0, MOST_WEIGHT - 1))
    if not exact or ngrams >= _MOST_NGRAMS or columns > _COLUMNS or max(row) > np.iinfo(np.uint16).max:
        raise RuntimeError(f"py3langid's model ({MODEL}) has another shape than known; install a release curate names")
    weights = np.zeros((ngrams, _COLUMNS), np.uint16)
    weights[:, :columns] = whole
    if own:
        languages = _add_own(weights, tuple(languages))
        prior = np.concatenate([prior, np.full(len(languages) - columns, np.mean(prior))])
    named = np.asarray(output, np.int32)
    named[named < 0] = ngrams
    states = np.asarray(nextmove, np.uint32)
    rows = np.asarray(row, np.uint16)
    return Model(rows[states], named[states], int(rows[0]), weights, np.asarray(prior, np.float64), tuple(languages))


def _add_own(weights: NDArray[np.uint16], languages: tuple[str, ...]) -> tuple[str, ...]:
    """Change the model's weights, and add those of the languages that it lacks; returns the languages of all columns.

    They are learned from Leipzig's sentences by `tests/support/language_weights.py`, and are whole numbers, so that every
    machine has the same.
    """
    with np.load(OWN) as file:
        told = {name: file[name] for name in file.files}
    if str(told["model"]) != hashlib.sha256(MODEL.read_bytes()).hexdigest():
        raise RuntimeError(
            f"{OWN} was made for another model than {MODEL}; install a release of py3langid curate names"
        )
    at = 0
    for column, (shift, number) in enumerate(zip(told["shifts"].tolist(), told["per_column"].tolist(), strict=True)):
        if not shift and not number:
            continue
        changed = weights[:, column].astype(np.int32) + shift
        grams = told["grams"][at : at + number]
        changed[grams] += told["changes"][at : at + number]
        weights[:, column] = changed
        at += number
    first = len(languages)
    weights[:, first : first + len(told["added"])] = told["added"].T
    return (*languages, *map(str, told["languages"]))


@kernel
def _count(counts: Any, seen: Any, distinct: Scalar, ngram: Scalar) -> Scalar:
    """Count an n-gram; returns how many different ones there are. Without branches, which none could foretell."""
    count = counts[ngram]
    seen[distinct] = ngram
    counts[ngram] = count + 1
    return distinct + np.int64(count == 0)


@kernel
def _walk(
    data: Any, start: Scalar, end: Scalar, moves: Any, names: Any, first: Scalar, counts: Any, seen: Any
) -> Scalar:
    """Count the n-grams of a document; `seen` lists the different ones. Returns how many."""
    distinct = np.int64(0)
    quarter = (end - start) // 4 if end - start >= _SHORT else np.int64(0)
    a = b = c = d = np.int64(first)
    if quarter:
        for index in range(start + quarter - REACH, start + quarter):
            b = np.int64(moves[b << 8 | np.int64(data[index])])
            c = np.int64(moves[c << 8 | np.int64(data[index + quarter])])
            d = np.int64(moves[d << 8 | np.int64(data[index + 2 * quarter])])
    for index in range(start, start + quarter):
        at_a = a << 8 | np.int64(data[index])
        at_b = b << 8 | np.int64(data[index + quarter])
        at_c = c << 8 | np.int64(data[index + 2 * quarter])
        at_d = d << 8 | np.int64(data[index + 3 * quarter])
        a = np.int64(moves[at_a])
        b = np.int64(moves[at_b])
        c = np.int64(moves[at_c])
        d = np.int64(moves[at_d])
        distinct = _count(counts, seen, distinct, names[at_a])
        distinct = _count(counts, seen, distinct, names[at_b])
        distinct = _count(counts, seen, distinct, names[at_c])
        distinct = _count(counts, seen, distinct, names[at_d])
    for index in range(start + 4 * quarter, end):
        at_d = d << 8 | np.int64(data[index])
        d = np.int64(moves[at_d])
        distinct = _count(counts, seen, distinct, names[at_d])
    return distinct


@kernel
def _add_single(weights: Any, ngrams: Any, count: Scalar, sums: Any) -> None:
    """Add the weights of many n-grams, four at a time."""
    index = 0
    while index + 4 <= count:
        a, b, c, d = ngrams[index], ngrams[index + 1], ngrams[index + 2], ngrams[index + 3]
        for column in range(_COLUMNS):
            four = np.uint32(weights[a, column]) + np.uint32(weights[b, column])
            four += np.uint32(weights[c, column]) + np.uint32(weights[d, column])
            sums[column] = np.uint32(sums[column] + np.uint32(four))
        index += 4
    for rest in range(index, count):
        for column in range(_COLUMNS):
            sums[column] = np.uint32(sums[column] + np.uint32(weights[ngrams[rest], column]))


@kernel
def _score(
    data: Any, bounds: Any, moves: Any, names: Any, first: Scalar, weights: Any, prior: Any, scores: Any, found: Any
) -> None:
    none = len(weights)
    counts = np.zeros(none + 1, np.int32)
    seen = np.empty(none + 2, np.int32)
    repeated = np.empty(none + 2, np.int32)
    sums = np.zeros((_GROUPS, _COLUMNS), np.uint32)
    members = np.zeros(_GROUPS, np.int64)
    for document in range(len(bounds) - 1):
        distinct = _walk(data, bounds[document], bounds[document + 1], moves, names, first, counts, seen)
        counts[none] = 0
        single = more = np.int64(0)
        for index in range(distinct):
            ngram = seen[index]
            count = counts[ngram]
            seen[single] = ngram
            repeated[more] = ngram
            single += np.int64(count == 1)
            more += np.int64(count > 1)
        for index in range(single):
            counts[seen[index]] = 0
        found[document] = single + more
        for group in range(_GROUPS):
            if members[group]:
                members[group] = 0
                sums[group] = 0
        members[1] = single
        _add_single(weights, seen, single, sums[1])
        row = scores[document]
        for column in range(len(prior)):
            row[column] = prior[column]
        for index in range(more):
            ngram = repeated[index]
            count = counts[ngram]
            counts[ngram] = 0
            if count < _GROUPS:
                members[count] += 1
                for column in range(_COLUMNS):
                    sums[count, column] = np.uint32(sums[count, column] + np.uint32(weights[ngram, column]))
            else:
                factor = np.log1p(np.float64(count))
                for column in range(len(prior)):
                    row[column] += factor * (np.float64(weights[ngram, column]) / STEPS + LOWEST)
        for group in range(1, _GROUPS):
            if members[group]:
                factor = np.log1p(np.float64(group))
                for column in range(len(prior)):
                    row[column] += factor * (np.float64(sums[group, column]) / STEPS + LOWEST * members[group])


def score(data: Bytes, bounds: Offsets) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(documents x columns log-probabilities up to a constant, different n-grams found in each document)."""
    moves, names, first, weights, prior, _ = model()
    documents = len(bounds) - 1
    scores = np.empty((documents, len(prior)), np.float64)
    found = np.empty(documents, np.int64)
    _score(data, bounds, moves, names, first, weights, prior, scores, found)
    return scores, found


def compile_kernels() -> None:
    """Compile what `score` runs, without the model."""
    tables = (np.zeros(256, np.uint16), np.zeros(256, np.int32), 0, np.zeros((1, _COLUMNS), np.uint16), np.zeros(1))
    _score(np.zeros(0, np.uint8), np.zeros(1, np.int64), *tables, np.zeros((0, 1)), np.zeros(0, np.int64))
