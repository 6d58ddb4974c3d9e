"""The terms of texts, hashed: what is counted of a document to say what it is about.

A term is a word of at least two letters in lower case, or a pair of neighbouring characters in scripts without spaces
(Chinese characters, kana, Thai, Lao, Myanmar, Khmer). Digits, punctuation and symbols part words and are no terms;
marks that combine with letters, as Indic vowels, belong to the word. Each term falls into one of 2^18 buckets
(Weinberger et al. 2009, "Feature hashing"). Knows text and hashes; knows no topics.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.quality.features import longest
from curate.text.characters import DIGIT, LETTER, PUNCTUATION, SPACE, Tables, decode, lower_into, tables
from curate.text.columns import text_buffers
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code, splitmix

BUCKETS = 1 << 18
"""As many as the quality classifiers hash words into."""

_PARTS = SPACE | PUNCTUATION | DIGIT
_FIRST_MARK = 0x300  # no character below it combines
_SYMBOLS, _AFTER_SYMBOLS = 0x2000, 0x2E80  # general punctuation, arrows, box drawing and their like
_LEAST_LETTERS = 2


class Counts(NamedTuple):
    """Rows of a sparse matrix: row i has `counts[j]` terms in bucket `buckets[j]` for j from bounds[i] to bounds[i +
    1]."""

    bounds: NDArray[np.int64]
    buckets: NDArray[np.int32]
    counts: NDArray[np.int32]


@kernel
def _is_unspaced(code: Scalar) -> Scalar:
    if code < 0xE00:
        return False
    if code < 0x1800:
        return code < 0xF00 or 0x1000 <= code < 0x10A0 or code >= 0x1780  # Thai and Lao; Myanmar; Khmer
    if code < 0xA000:
        return 0x3041 <= code < 0x3100 or code >= 0x3400  # kana; Chinese characters
    return 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x32400  # compatibility; the further planes


@kernel
def terms_of(data: Any, end: Scalar, flags: Any, starts: Any, ends: Any) -> Scalar:
    """The terms of lower-case data[:end] as spans of bytes, in their order; returns how many there are."""
    found = np.int64(0)
    word, letters, pair = np.int64(-1), np.int64(0), np.int64(-1)
    index = np.int64(0)
    while index <= end:
        size = np.int64(1)
        letter = mark = unspaced = False
        if index < end:
            byte = data[index]
            if byte < 0x80:
                letter = (flags[byte] & LETTER) != 0
            else:
                code, size = decode(data, index, end)
                kind = flags[code]
                parts = (kind & _PARTS) != 0
                unspaced = not parts and _is_unspaced(code)
                letter = (kind & LETTER) != 0 and not unspaced
                symbol = _SYMBOLS <= code < _AFTER_SYMBOLS or code >= 0x1F000
                mark = kind == 0 and code >= _FIRST_MARK and not unspaced and not symbol
        if letter or (mark and word >= 0):
            if word < 0:
                word = index
                letters = np.int64(0)
            letters += 1
        elif word >= 0:
            if letters >= _LEAST_LETTERS:
                starts[found] = word
                ends[found] = index
                found += 1
            word = np.int64(-1)
        if unspaced:
            if pair >= 0:
                starts[found] = pair
                ends[found] = index + size
                found += 1
            pair = index
        else:
            pair = np.int64(-1)
        index += size
    return found


@kernel
def bucket_of(data: Any, start: Scalar, end: Scalar) -> Scalar:
    """The bucket of the term data[start:end]."""
    code = FNV_OFFSET
    for index in range(start, end):
        code = add_to_code(code, data[index])
    return np.int64(splitmix(code) & np.uint64(BUCKETS - 1))


@kernel
def count_terms(data: Any, end: Scalar, flags: Any, starts: Any, ends: Any, counts: Any, seen: Any) -> Scalar:
    """Count the terms of lower-case data[:end] by bucket; `seen` lists the buckets. Returns how many these are."""
    distinct = np.int64(0)
    for term in range(terms_of(data, end, flags, starts, ends)):
        bucket = bucket_of(data, starts[term], ends[term])
        count = counts[bucket]
        counts[bucket] = count + 1
        if count == 0:
            seen[distinct] = bucket
            distinct += 1
    return distinct


@kernel
def _count(data: Any, bounds: Any, tables: Tables, rows: Any, buckets: Any, numbers: Any) -> None:
    room = 2 * longest(bounds) + 1
    lower = np.empty(room, np.uint8)
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    counts = np.zeros(BUCKETS, np.int32)
    seen = np.empty(BUCKETS, np.int32)
    filled = np.int64(0)
    for row in range(len(bounds) - 1):
        end = lower_into(data, bounds[row], bounds[row + 1], lower, tables.lower)
        for index in range(count_terms(lower, end, tables.flags, starts, ends, counts, seen)):
            bucket = seen[index]
            buckets[filled] = bucket
            numbers[filled] = counts[bucket]
            counts[bucket] = 0
            filled += 1
        rows[row + 1] = filled


def count(texts: pa.Array) -> Counts:
    """The terms of a (large_)string column. Raises ValueError on nulls."""
    data, bounds = text_buffers(texts)
    most = (
        int(bounds[-1] - bounds[0]) // 2 + 1
    )  # a term takes two bytes that no other word has, and a pair one of three
    rows = np.zeros(len(bounds), np.int64)
    buckets, numbers = np.empty(most, np.int32), np.empty(most, np.int32)
    _count(data, bounds, tables(), rows, buckets, numbers)
    return Counts(rows, buckets[: rows[-1]].copy(), numbers[: rows[-1]].copy())
