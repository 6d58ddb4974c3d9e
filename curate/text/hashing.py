"""64-bit codes of words and lines: FNV-1a over code points, the same in kernels and in Python.

Knows nothing of what is hashed.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import Scalar, kernel

FNV_OFFSET = np.uint64(0xCBF29CE484222325)  # Fowler, Noll and Vo, FNV-1a, 64 bits
FNV_PRIME = np.uint64(0x100000001B3)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, volume 3, 6.4)
_MASK = 2**64 - 1


@kernel
def add_to_code(code: Scalar, point: Scalar) -> Scalar:
    """A code with one more code point."""
    return np.uint64((code ^ np.uint64(point)) * FNV_PRIME)


@kernel
def slot_of(key: Scalar, shift: Scalar) -> Scalar:
    """The place of a key in a table of 2^(64 - shift) slots."""
    key = np.uint64(key)
    key ^= key >> np.uint64(32)
    return np.int64(np.uint64(key * _GOLDEN) >> np.uint64(shift))


def word_code(word: str) -> int:
    """The code that kernels give a word."""
    code = int(FNV_OFFSET)
    for character in word:
        code = (code ^ ord(character)) * int(FNV_PRIME) & _MASK
    return code


def word_codes(words: Iterable[str]) -> NDArray[np.uint64]:
    """The codes of words, sorted, each once."""
    return np.array(sorted({word_code(word) for word in words}), np.uint64)
