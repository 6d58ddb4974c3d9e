"""Normalised text as units: lower-cased words without marks, single characters in scripts that put no spaces between words.

A word is a run of letters, combining marks and numbers (Unicode categories L, M, N); format characters (Cf: soft hyphens,
joiners) count as absent; all else divides. So case, punctuation and layout make no difference. Knows text; knows no
shingle.
"""

import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import Bytes, Offsets, decode, tables
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

_DIVIDES = -1
_ABSENT = -2
_ALONE = 1 << 24  # above every code point

# Blocks whose letters stand without spaces: Unicode line breaking classes SA and ID, CJ (UAX 14, section 5.1).
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x3005, 0x3007),
    (0x3040, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA000, 0xA48F),  # Yi
    (0xAA60, 0xAADF),  # Myanmar extended, Tai Viet
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x20000, 0x323AF),
)
_ASSIGNED = (range(0x0, 0x32400), range(0xE0000, 0xE0200))  # beyond: unassigned or private, of category C


class Units(NamedTuple):
    """Units of all documents: those of document i are codes[offsets[i]:offsets[i + 1]], a 64-bit hash each."""

    codes: NDArray[np.uint64]
    offsets: Offsets


@lru_cache(maxsize=1)
def _folded() -> NDArray[np.int32]:
    """Per code point: its lower case where it belongs to a word (plus _ALONE where it is one), else what it does."""
    lower = tables().lower
    folded = np.full(len(lower), _DIVIDES, np.int32)
    for block in _ASSIGNED:
        for code in block:
            category = unicodedata.category(chr(code))
            if category[0] in "LMN":
                folded[code] = lower[code]
            elif category == "Cf":
                folded[code] = _ABSENT
    for first, last in _WITHOUT_SPACES:
        block_points = folded[first : last + 1]
        block_points[block_points >= 0] += _ALONE
    return folded


@kernel
def mix64(value: Scalar) -> Scalar:
    """MurmurHash3's 64-bit finalizer (Appleby, fmix64): every input bit reaches every output bit; a bijection."""
    value = np.uint64(value)
    value = np.uint64((value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD))
    value = np.uint64((value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53))
    return value ^ (value >> np.uint64(33))


@kernel
def _find_units(data: Any, bounds: Any, folded: Any, units: Units) -> None:
    count = np.int64(0)
    for document in range(len(bounds) - 1):
        units.offsets[document] = count
        index = bounds[document]
        end = bounds[document + 1]
        code = FNV_OFFSET
        inside = False
        while index < end:
            byte = data[index]
            if byte < 0x80:
                point = np.int64(folded[byte])
                index += 1
            else:
                decoded, size = decode(data, index, end)
                point = np.int64(folded[decoded])
                index += size
            if 0 <= point < _ALONE:
                code = add_to_code(code, point)
                inside = True
            elif point != _ABSENT:
                if inside:
                    units.codes[count] = mix64(code)
                    count += 1
                    code = FNV_OFFSET
                    inside = False
                if point >= _ALONE:
                    units.codes[count] = mix64(add_to_code(FNV_OFFSET, point))
                    count += 1
        if inside:
            units.codes[count] = mix64(code)
            count += 1
    units.offsets[len(bounds) - 1] = count


def find_units(data: Bytes, bounds: Offsets) -> Units:
    """The units of documents whose UTF-8 text is data[bounds[i]:bounds[i + 1]]."""
    documents = len(bounds) - 1
    most = (int(bounds[-1] - bounds[0]) + documents) // 2 + 1  # a unit takes two bytes: a letter and what divides it
    units = Units(np.empty(most, np.uint64), np.zeros(documents + 1, np.int64))
    _find_units(data, bounds, _folded(), units)
    return Units(units.codes[: units.offsets[-1]], units.offsets)
