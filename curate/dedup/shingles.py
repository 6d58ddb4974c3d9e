"""Shingles of units as 32-bit hashes, and a 128-bit hash of the whole sequence of units.

Knows units; knows no text beyond the bytes of documents that have no unit.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.dedup.normal import Units, mix64
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar, kernel

_BASE = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: the base of the rolling polynomial
# MurmurHash3 x64 128 (Appleby): multipliers of its body.
_MURMUR_1 = np.uint64(0x87C37B91114253D5)
_MURMUR_2 = np.uint64(0x4CF5AD432745937F)
_NO_UNIT = np.uint64(0x6E6F20756E697421)  # begins the hash of documents that have no unit, apart from all that have


class Shingles(NamedTuple):
    """Shingles of all documents, in their order and with repetition: hashes[offsets[i]:offsets[i + 1]] of document i."""

    hashes: NDArray[np.uint32]
    offsets: Offsets


@kernel
def _hash_shingles(codes: Any, offsets: Any, size: Scalar, out: Any, out_offsets: Any) -> None:
    leaving = np.uint64(1)
    for _ in range(size):
        leaving = np.uint64(leaving * _BASE)
    count = np.int64(0)
    for document in range(len(offsets) - 1):
        out_offsets[document] = count
        start = offsets[document]
        end = offsets[document + 1]
        if end - start < size:
            continue
        rolling = np.uint64(0)
        for index in range(start, end):
            rolling = np.uint64(rolling * _BASE + codes[index])
            if index - start >= size:
                rolling = np.uint64(rolling - codes[index - size] * leaving)
            if index - start >= size - 1:
                out[count] = np.uint32(mix64(rolling) >> np.uint64(32))
                count += 1
    out_offsets[len(offsets) - 1] = count


def hash_shingles(units: Units, ngram: int) -> Shingles:
    """The hashes of every `ngram` consecutive units; none for a document with fewer units."""
    out = np.empty(len(units.codes), np.uint32)
    offsets = np.zeros(len(units.offsets), np.int64)
    _hash_shingles(units.codes, units.offsets, ngram, out, offsets)
    return Shingles(out[: offsets[-1]], offsets)


@kernel
def _rotated(value: Scalar, bits: Scalar) -> Scalar:
    return np.uint64(np.uint64(value << np.uint64(bits)) | np.uint64(value >> np.uint64(64 - bits)))


@kernel
def _absorb(first: Scalar, second: Scalar, word: Scalar) -> tuple[Scalar, Scalar]:
    """A round of MurmurHash3 x64 128's body with one word as both halves of the block."""
    word = np.uint64(word)
    first = first ^ np.uint64(_rotated(np.uint64(word * _MURMUR_1), 31) * _MURMUR_2)
    first = np.uint64(np.uint64(_rotated(first, 27) + second) * np.uint64(5) + np.uint64(0x52DCE729))
    second = second ^ np.uint64(_rotated(np.uint64(word * _MURMUR_2), 33) * _MURMUR_1)
    second = np.uint64(np.uint64(_rotated(second, 31) + first) * np.uint64(5) + np.uint64(0x38495AB5))
    return first, second


@kernel
def _hash_texts(data: Any, bounds: Any, codes: Any, offsets: Any, out: Any) -> None:
    for document in range(len(offsets) - 1):
        first = second = np.uint64(0)
        length = offsets[document + 1] - offsets[document]
        if length:
            for index in range(offsets[document], offsets[document + 1]):
                first, second = _absorb(first, second, codes[index])
        else:
            first = _NO_UNIT
            length = bounds[document + 1] - bounds[document]
            for index in range(bounds[document], bounds[document + 1]):
                first, second = _absorb(first, second, np.uint64(data[index]))
        first = np.uint64((first ^ np.uint64(length)) + (second ^ np.uint64(length)))
        second = np.uint64((second ^ np.uint64(length)) + first)
        first = mix64(first)
        second = mix64(second)
        out[document, 0] = np.uint64(first + second)
        out[document, 1] = np.uint64(second + first + second)


def hash_texts(data: Bytes, bounds: Offsets, units: Units) -> NDArray[np.uint64]:
    """A 128-bit hash per document, (documents, 2): of its units, or of its bytes where it has none."""
    out = np.empty((len(bounds) - 1, 2), np.uint64)
    _hash_texts(data, bounds, units.codes, units.offsets, out)
    return out


@kernel
def _distinct(hashes: Any, offsets: Any, most: Scalar, out: Any, out_offsets: Any) -> None:
    count = np.int64(0)
    for document in range(len(offsets) - 1):
        out_offsets[document] = count
        if offsets[document + 1] - offsets[document] > most:
            continue
        ordered = np.sort(hashes[offsets[document] : offsets[document + 1]])
        for index in range(len(ordered)):
            if index == 0 or ordered[index] != ordered[index - 1]:
                out[count] = ordered[index]
                count += 1
    out_offsets[len(offsets) - 1] = count


def distinct_shingles(shingles: Shingles, most: int) -> Shingles:
    """Each document's set of shingles: its distinct hashes, ascending; empty for a document with more than `most`."""
    out = np.empty_like(shingles.hashes)
    offsets = np.zeros_like(shingles.offsets)
    _distinct(shingles.hashes, shingles.offsets, most, out, offsets)
    return Shingles(out[: offsets[-1]], offsets)


@kernel
def set_jaccard(left: Any, right: Any) -> Scalar:
    """The Jaccard similarity of two ascending arrays of distinct numbers; 1.0 where both are empty."""
    i = j = shared = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            shared += 1
            i += 1
            j += 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    union = len(left) + len(right) - shared
    return shared / union if union else 1.0
