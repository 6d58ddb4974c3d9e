"""Hashes of 64 bits, the same in kernels, over arrays and in Python: FNV-1a codes of words and lines, and SplitMix64;
and which codes of a short list a document has.

Knows nothing of what is hashed.
"""

from collections.abc import Iterable
from typing import Any

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
_MOST_LISTED = 64  # one bit per word of a list


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


@kernel
def _distinct_listed(codes: Any, offsets: Any, listed: Any, out: Any) -> None:
    filtered = np.uint64(0)
    for code in listed:
        filtered |= np.uint64(1) << (code & np.uint64(63))
    for document in range(len(offsets) - 1):
        found = np.uint64(0)
        for item in range(offsets[document], offsets[document + 1]):
            code = codes[item]
            if filtered >> (code & np.uint64(63)) & np.uint64(1):
                for place in range(len(listed)):
                    if listed[place] == code:
                        found |= np.uint64(1) << np.uint64(place)
        count = 0
        while found:
            found &= found - np.uint64(1)
            count += 1
        out[document] = count


def distinct_listed(
    codes: NDArray[np.uint64], offsets: NDArray[np.int64], listed: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Per document, how many of the listed words occur at least once; at most 64 may be listed."""
    if len(listed) > _MOST_LISTED:
        raise ValueError(f"at most {_MOST_LISTED} words can be listed, found {len(listed)}")
    out = np.zeros(len(offsets) - 1, np.int64)
    _distinct_listed(codes, offsets, listed, out)
    return out
