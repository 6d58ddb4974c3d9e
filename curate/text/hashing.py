"""Hashes of 64 bits, the same in kernels, over arrays and in Python: FNV-1a codes of words and lines, and SplitMix64.

Knows nothing of what is hashed.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import Scalar, kernel

FNV_OFFSET = np.uint64(0xCBF29CE484222325)  # Fowler, Noll and Vo, FNV-1a, 64 bits
FNV_PRIME = np.uint64(0x100000001B3)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 / golden ratio, odd: Fibonacci hashing (Knuth, The Art of Computer Programming 3, section 6.4)."""
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # of SplitMix64
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MASK = 2**64 - 1


@kernel
def add_to_code(code: Scalar, point: Scalar) -> Scalar:
    """A code with one more code point."""
    return np.uint64((code ^ np.uint64(point)) * FNV_PRIME)


@kernel
def splitmix(word: Scalar) -> Scalar:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014, figure 17): every input bit reaches every output bit; a bijection.

    Of one uint64 in kernels; `splitmix.py_func` does the same to an array of them.
    """
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))


@kernel
def slot_of(key: Scalar, shift: Scalar) -> Scalar:
    """The place of a key in a table of 2^(64 - shift) slots."""
    key = np.uint64(key)
    key ^= key >> np.uint64(32)
    return np.int64(np.uint64(key * GOLDEN) >> np.uint64(shift))


def word_code(word: str) -> int:
    """The code that kernels give a word."""
    code = int(FNV_OFFSET)
    for character in word:
        code = (code ^ ord(character)) * int(FNV_PRIME) & _MASK
    return code


def word_codes(words: Iterable[str]) -> NDArray[np.uint64]:
    """The codes of words, sorted, each once."""
    return np.array(sorted({word_code(word) for word in words}), np.uint64)
