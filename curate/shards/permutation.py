"""A keyed permutation of 0..n-1 in constant memory: the order of an epoch without a list of it. Knows numbers only.

A balanced Feistel network (Luby and Rackoff 1988) permutes the smallest even power of two that holds n; values that
fall outside are sent through again until they fall inside (cycle walking, Black and Rogaway 2002, section 3).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from curate.text.compiled import Scalar, kernel
from curate.text.hashing import splitmix

_ROUNDS = 6  # four give a strong pseudo-random permutation for a random round function; two more for a plain mixer

Indices = npt.NDArray[np.int64]


class KeyedPermutation:
    """A permutation of 0..size-1 that a key names. The same on every machine."""

    def __init__(self, size: int, *key: int | str) -> None:
        if size < 0:
            raise ValueError(f"a permutation of {size} items; it needs at least 0")
        self.size = size
        self._half = np.int64(max(1, ((size - 1).bit_length() + 1) // 2))
        digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=8 * _ROUNDS).digest()
        self._keys = np.frombuffer(digest, dtype="<u8")

    def __call__(self, positions: npt.ArrayLike) -> Indices:
        """Where each position (int64, 0 <= position < size) is sent."""
        given = np.ascontiguousarray(positions, dtype=np.int64)
        if given.size and not (given.min() >= 0 and given.max() < self.size):
            raise IndexError(f"a position outside 0..{self.size - 1}")
        sent = np.empty_like(given)
        _permute(given.ravel(), np.int64(self.size), self._half, self._keys, sent.ravel())
        return sent


@kernel
def _permute(positions: Indices, size: Scalar, half: Scalar, keys: npt.NDArray[np.uint64], sent: Indices) -> None:
    mask = (np.uint64(1) << np.uint64(half)) - np.uint64(1)
    shift = np.uint64(half)
    for index in range(len(positions)):
        value = np.uint64(positions[index])
        while True:
            left, right = value >> shift, value & mask
            for key in keys:
                left, right = right, left ^ (splitmix(right ^ key) & mask)
            value = left << shift | right
            if value < np.uint64(size):
                break
        sent[index] = np.int64(value)
