"""MinHash signatures, bit-identical to datasketch 2's `affine32` scheme given the same shingle hashes.

A hash is mixed once by MurmurHash3's 32-bit finalizer, then permuted by a * h + b modulo 2^32 with odd a; the signature
holds each permutation's least value. Knows numbers only.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.dedup.shingles import Shingles
from curate.text.characters import Offsets
from curate.text.compiled import Scalar, kernel

SEED = 1
"""datasketch's default seed of the permutations."""
EMPTY = 0xFFFFFFFF
"""Every value of the signature of an empty set."""

Signatures = NDArray[np.uint32]


@lru_cache(maxsize=8)
def permutations(count: int, seed: int = SEED) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """(a, b) of the permutations, as `datasketch.MinHash(count, seed)` draws them from NumPy's frozen MT19937."""
    generator = np.random.RandomState(seed)
    a = generator.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = generator.randint(0, 1 << 32, count, dtype=np.uint32)
    return a, b


@kernel
def _mixed(value: Scalar) -> Scalar:
    value = np.uint32(value)
    value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


@kernel
def _least(hashes: Any, offsets: Any, a: Any, b: Any, out: Any) -> None:
    longest = np.int64(0)
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    mixed = np.empty(longest, np.uint32)
    for document in range(len(offsets) - 1):
        size = offsets[document + 1] - offsets[document]
        for index in range(size):
            mixed[index] = _mixed(hashes[offsets[document] + index])
        for permutation in range(len(a)):
            factor = a[permutation]
            summand = b[permutation]
            least = np.uint32(EMPTY)
            for index in range(size):
                value = np.uint32(np.uint32(factor * mixed[index]) + summand)
                least = min(least, value)
            out[document, permutation] = least


def sign(hashes: NDArray[np.uint32], offsets: Offsets, count: int, seed: int = SEED) -> Signatures:
    """(documents, count) uint32: the signature of each document's hashes[offsets[i]:offsets[i + 1]]."""
    a, b = permutations(count, seed)
    out = np.empty((len(offsets) - 1, count), np.uint32)
    _least(hashes, offsets, a, b, out)
    return out


def sign_shingles(shingles: Shingles, count: int) -> Signatures:
    """The signatures of documents' shingles."""
    return sign(shingles.hashes, shingles.offsets, count)


@kernel
def agreement(left: Any, right: Any) -> Scalar:
    """How many values of two signatures agree; over their length it estimates the Jaccard similarity."""
    same = np.int64(0)
    for index in range(len(left)):
        same += left[index] == right[index]
    return same
