"""Words of a text as GPT-3's decontamination sees them, and n-grams of them as 64-bit keys (Brown et al. 2020, appendix C).

Lower-case, punctuation stripped, split at white space; a word of punctuation alone is none. Beyond the paper, so that one
text has one form: full-width and other compatibility characters are the plain ones (NFKC, where it gives one character),
accents of Latin, Greek and Cyrillic letters and what has no width do not count, and in scripts that put no space between
words every character is a word. Knows text; knows no item.
"""

from __future__ import annotations

import unicodedata
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
ALONE = 1 << 24
"""Set on a character that is a word of its own: of a script written without spaces."""

_LAST_ACCENT = 0x36F  # of the block of combining diacritical marks
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # marks of repetition, zero
    (0x3041, 0x309F),  # Hiragana
    (0x30A1, 0x30FF),  # Katakana
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x20000, 0x2FA1F),
)
"""Blocks of scripts that put no space between words (Unicode 15, UAX 14 and 24)."""

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that powers of it modulo 2^64 never vanish
_LENGTH_SALT = np.uint64(0xD6E8FEB86659FD93)  # n-grams of different length have keys apart
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's finaliser (Appleby)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)


@lru_cache(maxsize=1)
def folding() -> Folding:
    """Python's lower case of the compatibility form, Unicode's category P and ASCII's marks as punctuation, `str.isspace` as
    white space."""
    unicode = tables()
    folded = unicode.lower.copy()
    for point in range(0x80, 0x30000):  # beyond are no letters with another form
        character = chr(point)
        if unicodedata.category(character) == "Cf" or 0x300 <= point <= _LAST_ACCENT:
            folded[point] = STRIPPED
            continue
        plain = unicodedata.normalize("NFKC", character)
        parts = unicodedata.normalize("NFD", plain) if len(plain) == 1 else ""
        if len(parts) > 1 and all(0x300 <= ord(mark) <= _LAST_ACCENT for mark in parts[1:]):
            plain = parts[0]
        if len(plain) == 1 and plain != character:
            folded[point] = folded[ord(plain)] if ord(plain) < point else unicode.lower[ord(plain)]
    for first, last in _UNSPACED:
        letters = np.arange(first, last + 1)
        folded[letters] = np.where(folded[letters] >= 0, folded[letters] | ALONE, folded[letters])
    folded[FINAL_SIGMA] = SIGMA
    folded[(unicode.flags & PUNCTUATION) != 0] = STRIPPED
    folded[[ord(mark) for mark in punctuation]] = STRIPPED
    folded[(unicode.flags & SPACE) != 0] = BREAK
    return folded


@kernel
def words_of(data: Any, start: Scalar, end: Scalar, folded: Any, codes: Any, starts: Any, ends: Any) -> Scalar:
    """Fill the code, first byte and byte after the last of every word of data[start:end]; returns how many there are.

    A word's bytes reach from one white space, or character that is a word, to the next, punctuation included.
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
        if lower >= ALONE:
            if kept:
                codes[count], starts[count], ends[count] = code, first, at
                count += 1
            codes[count], starts[count], ends[count] = add_to_code(FNV_OFFSET, lower), at, at + size
            count += 1
            code = FNV_OFFSET
            kept = False
            first = at + size
        elif lower >= 0:
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
