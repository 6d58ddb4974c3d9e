"""Words of a text as GPT-3's decontamination sees them, and n-grams of them as 64-bit keys (Brown et al. 2020, appendix C).

Lower-case, punctuation stripped, split at white space. A word of punctuation alone is none. Knows text; knows no item.
"""

from __future__ import annotations

from functools import lru_cache
from string import punctuation
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import FINAL_SIGMA, PUNCTUATION, SIGMA, SPACE, decode, tables
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

Folding = NDArray[np.int32]
"""Per code point: its lower case, or one of the two below."""
STRIPPED = -1
BREAK = -2

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that powers of it modulo 2^64 never vanish
_LENGTH_SALT = np.uint64(0xD6E8FEB86659FD93)  # n-grams of different length have keys apart
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's finaliser (Appleby)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)


@lru_cache(maxsize=1)
def folding() -> Folding:
    """Python's lower case, Unicode's category P and ASCII's marks as punctuation, `str.isspace` as white space."""
    unicode = tables()
    folded = unicode.lower.copy()
    folded[FINAL_SIGMA] = SIGMA
    folded[(unicode.flags & PUNCTUATION) != 0] = STRIPPED
    folded[[ord(mark) for mark in punctuation]] = STRIPPED
    folded[(unicode.flags & SPACE) != 0] = BREAK
    return folded


@kernel
def words_of(data: Any, start: Scalar, end: Scalar, folded: Any, codes: Any, starts: Any, ends: Any) -> Scalar:
    """Fill the code, first byte and byte after the last of every word of data[start:end]; returns how many there are.

    A word's bytes reach from one white space to the next, punctuation included.
    """
    count = np.int64(0)
    at = start
    first = start
    code = FNV_OFFSET
    kept = False
    while at < end:
        byte = data[at]
        size = np.int64(1)
        if byte < 0x80:
            point = np.int64(byte)
        else:
            point, size = decode(data, at, end)
        lower = folded[point]
        if lower >= 0:
            code = add_to_code(code, lower)
            kept = True
        elif lower == BREAK:
            if kept:
                codes[count], starts[count], ends[count] = code, first, at
                count += 1
                code = FNV_OFFSET
                kept = False
            first = at + size
        at += size
    if kept:
        codes[count], starts[count], ends[count] = code, first, end
        count += 1
    return count


@kernel
def hash_prefixes(codes: Any, count: Scalar, prefixes: Any) -> None:
    """prefixes[i]: the hash of the first i words, from which `gram_key` takes that of any words in a row."""
    prefixes[0] = np.uint64(0)
    for index in range(count):
        prefixes[index + 1] = np.uint64(prefixes[index] * _BASE + codes[index])


@kernel
def power_of(length: Scalar) -> Scalar:
    """The weight of a word `length` words before the end."""
    weight = np.uint64(1)
    for _ in range(length):
        weight = np.uint64(weight * _BASE)
    return weight


@kernel
def gram_key(prefixes: Any, first: Scalar, length: Scalar, weight: Scalar) -> Scalar:
    """The key of `length` words from `first`; `weight` is power_of(length)."""
    key = np.uint64(prefixes[first + length] - prefixes[first] * weight)
    key ^= np.uint64(length) * _LENGTH_SALT
    key ^= key >> np.uint64(33)
    key = np.uint64(key * _MIX_1)
    key ^= key >> np.uint64(33)
    key = np.uint64(key * _MIX_2)
    return np.uint64(key ^ (key >> np.uint64(33)))
