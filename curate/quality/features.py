"""Hashed bags of words: each lower-case, white-space separated word counted in one of 2^18 buckets.

As Spark's Tokenizer and HashingTF (Brown et al. 2020, appendix A, name these two): MurmurHash3_x86_32 with seed 42 over a
word's UTF-8, modulo the buckets. Two things differ: white space is Unicode's and empty words do not count, so that blank
lines say nothing; and a document's counts are scaled to Euclidean length 1, so that its size says nothing. Lower case is
as `lower_into` makes it. Knows text and hashes; knows no classes.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.characters import SPACE, Tables, decode, lower_into, tables
from curate.text.columns import text_buffers
from curate.text.compiled import Scalar, kernel

BUCKETS = 1 << 18
"""HashingTF's default."""

_SEED = np.uint32(42)  # HashingTF's
_C1 = np.uint32(0xCC9E2D51)  # the constants of MurmurHash3_x86_32 (Appleby, smhasher)
_C2 = np.uint32(0x1B873593)
_ADD = np.uint32(0xE6546B64)
_FINAL_1 = np.uint32(0x85EBCA6B)
_FINAL_2 = np.uint32(0xC2B2AE35)


class Features(NamedTuple):
    """Rows of a sparse matrix: row i has `values[j]` in column `buckets[j]` for j from bounds[i] to bounds[i + 1]."""

    bounds: NDArray[np.int64]
    buckets: NDArray[np.int32]
    values: NDArray[np.float32]


@kernel
def _rotate(word: Scalar, by: Scalar) -> Scalar:
    return np.uint32(np.uint32(word << np.uint32(by)) | np.uint32(word >> np.uint32(32 - by)))


@kernel
def _scramble(block: Scalar) -> Scalar:
    return np.uint32(_rotate(np.uint32(block * _C1), 15) * _C2)


@kernel
def murmur3(data: Any, start: Scalar, end: Scalar) -> Scalar:
    """MurmurHash3_x86_32 of data[start:end] with Spark's seed."""
    code = _SEED
    index = start
    while index + 4 <= end:
        block = np.uint32(data[index]) | np.uint32(data[index + 1]) << np.uint32(8)
        block |= np.uint32(data[index + 2]) << np.uint32(16) | np.uint32(data[index + 3]) << np.uint32(24)
        code = np.uint32(_rotate(np.uint32(code ^ _scramble(np.uint32(block))), 13) * np.uint32(5) + _ADD)
        index += 4
    if index < end:
        block = np.uint32(0)
        shift = np.uint32(0)
        while index < end:
            block |= np.uint32(np.uint32(data[index]) << shift)
            shift += np.uint32(8)
            index += 1
        code = np.uint32(code ^ _scramble(np.uint32(block)))
    code = np.uint32(code ^ np.uint32(end - start))
    code = np.uint32((code ^ (code >> np.uint32(16))) * _FINAL_1)
    code = np.uint32((code ^ (code >> np.uint32(13))) * _FINAL_2)
    return np.uint32(code ^ (code >> np.uint32(16)))


@kernel
def _count_words(data: Any, end: Scalar, flags: Any, counts: Any, seen: Any) -> Scalar:
    """Count the words of lower-case data[:end] by bucket; `seen` lists the buckets. Returns how many there are."""
    distinct = np.int64(0)
    start = index = np.int64(0)
    while index <= end:
        size = np.int64(1)
        space = True
        if index < end:
            byte = data[index]
            if byte < 0x80:
                space = byte == 32 or (flags[byte] & SPACE) != 0
            else:
                point, size = decode(data, index, end)
                space = (flags[point] & SPACE) != 0
        if space:
            if index > start:
                bucket = np.int64(murmur3(data, start, index)) & (BUCKETS - 1)
                count = counts[bucket]
                seen[distinct] = bucket
                counts[bucket] = count + 1
                distinct += np.int64(count == 0)
            start = index + size
        index += size
    return distinct


@kernel
def _norm(counts: Any, seen: Any, distinct: Scalar) -> Scalar:
    squares = np.float64(0)
    for index in range(distinct):
        count = np.float64(counts[seen[index]])
        squares += count * count
    return np.sqrt(squares)


@kernel
def longest(bounds: Any) -> Scalar:
    """Bytes of the longest text."""
    most = np.int64(0)
    for row in range(len(bounds) - 1):
        most = max(most, bounds[row + 1] - bounds[row])
    return most


@kernel
def _extract(data: Any, bounds: Any, tables: Tables, rows: Any, buckets: Any, values: Any) -> None:
    lower = np.empty(2 * longest(bounds) + 1, np.uint8)
    counts = np.zeros(BUCKETS, np.int32)
    seen = np.empty(BUCKETS + 1, np.int32)
    filled = np.int64(0)
    for row in range(len(bounds) - 1):
        end = lower_into(data, bounds[row], bounds[row + 1], lower, tables.lower)
        distinct = _count_words(lower, end, tables.flags, counts, seen)
        norm = _norm(counts, seen, distinct)
        for index in range(distinct):
            bucket = seen[index]
            buckets[filled] = bucket
            values[filled] = np.float32(counts[bucket] / norm)
            counts[bucket] = 0
            filled += 1
        rows[row + 1] = filled


def extract(texts: pa.Array) -> Features:
    """The features of a (large_)string column. Raises ValueError on nulls."""
    data, bounds = text_buffers(texts)
    most = (int(bounds[-1] - bounds[0]) + len(bounds)) // 2 + 1  # every other byte a space
    rows = np.zeros(len(bounds), np.int64)
    buckets, values = np.empty(most, np.int32), np.empty(most, np.float32)
    _extract(data, bounds, tables(), rows, buckets, values)
    return Features(rows, buckets[: rows[-1]].copy(), values[: rows[-1]].copy())


@kernel
def _margins(data: Any, bounds: Any, tables: Tables, weights: Any, intercept: Scalar, margins: Any) -> None:
    lower = np.empty(2 * longest(bounds) + 1, np.uint8)
    counts = np.zeros(BUCKETS, np.int32)
    seen = np.empty(BUCKETS + 1, np.int32)
    for row in range(len(bounds) - 1):
        end = lower_into(data, bounds[row], bounds[row + 1], lower, tables.lower)
        distinct = _count_words(lower, end, tables.flags, counts, seen)
        norm = _norm(counts, seen, distinct)
        total = np.float64(0)
        for index in range(distinct):
            bucket = seen[index]
            total += np.float64(weights[bucket]) * np.float64(np.float32(counts[bucket] / norm))
            counts[bucket] = 0
        margins[row] = intercept + total


def margins(texts: pa.Array, weights: NDArray[np.float32], intercept: float) -> NDArray[np.float64]:
    """A linear model's value of every text: float64. Raises ValueError on nulls."""
    data, bounds = text_buffers(texts)
    found = np.empty(len(bounds) - 1, np.float64)
    _margins(data, bounds, tables(), weights, intercept, found)
    return found
