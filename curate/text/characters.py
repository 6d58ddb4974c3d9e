"""Unicode properties as flat tables that kernels index by code point.

Built once per process from Python's own `unicodedata`, so that kernels agree with `str.isspace`, `str.splitlines`,
`str.isalpha`, `str.lower` and the regular expression class `\\d` of the Python that runs them. Knows no policy.
"""

import sys
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.compiled import Scalar, kernel
from curate.text.marks import BULLETS, SYMBOLS, TERMINAL

SPACE = 1
"""`str.isspace`: what `str.split()` and `str.strip()` use."""
LINE_BREAK = 2
"""Where `str.splitlines` ends a line."""
LETTER = 4
"""`str.isalpha`: general category L."""
DIGIT = 8
"""Category Nd: the regular expression class `\\d`."""
UPPER = 16
LOWER = 32
PUNCTUATION = 64
"""Category P."""
WORD = 128
"""The regular expression class `\\w`: alphanumeric or underscore."""
TERMINAL_MARK = 256
SYMBOL = 512
BULLET = 1024
"""The sets of `curate.text.marks`."""

_CODE_POINTS = sys.maxunicode + 1
# Planes 4 to 13 are unassigned, 15 and 16 private: no property below holds there.
_ASSIGNED = (range(0x0, 0x32400), range(0xE0000, 0xE0200))
# No Unicode version has white space or line breaks beyond the ideographic space, or case pairs beyond the Adlam block
# and its neighbours in plane 1.
_LAST_SPACE = 0x3000
_LAST_CASED = 0x1F1FF
_LAST_DECOMPOSED = 0x2FA1D  # CJK compatibility ideographs, the last characters with a canonical decomposition
DOTTED_CAPITAL_I = 0x130  # the only character whose lower case is two: i and the combining dot above
COMBINING_DOT = 0x307
FINAL_SIGMA = 0x3C2
SIGMA = 0x3C3

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]


class Tables(NamedTuple):
    """`flags`: uint16 per code point, the bits above. `lower`: int32 per code point, its simple lower case.
    `decomposed`: uint8 per code point, the characters of the canonical decomposition (NFD) of its lower case, which
    are `parts` from `parts_at` on, or where that is 0 the lower case itself."""

    flags: NDArray[np.uint16]
    lower: NDArray[np.int32]
    decomposed: NDArray[np.uint8]
    parts: NDArray[np.int32]
    parts_at: NDArray[np.int32]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables of the running Python's Unicode version (`unicodedata.unidata_version`)."""
    flags = np.zeros(_CODE_POINTS, np.uint16)
    lower = np.arange(_CODE_POINTS, dtype=np.int32)
    decomposed = np.ones(_CODE_POINTS, np.uint8)
    parts = [0]
    parts_at = np.zeros(_LAST_DECOMPOSED + 1, np.int32)
    for block in _ASSIGNED:
        for code in block:
            category = unicodedata.category(chr(code))
            kind = category[0]
            decomposition = unicodedata.normalize("NFD", chr(code).lower())
            if decomposition != chr(code).lower() or len(decomposition) > 1:
                decomposed[code] = len(decomposition)
                parts_at[code] = len(parts)
                parts += map(ord, decomposition)
            if kind == "L":
                flags[code] = LETTER | WORD
            elif kind == "P":
                flags[code] = PUNCTUATION
            elif category == "Nd":
                flags[code] = DIGIT | WORD
            elif kind == "N" and chr(code).isalnum():
                flags[code] = WORD
    flags[ord("_")] |= WORD
    for code in range(_LAST_SPACE + 1):
        if chr(code).isspace():
            flags[code] |= SPACE
        if len(f"a{chr(code)}b".splitlines()) == 2:
            flags[code] |= LINE_BREAK
    for code in range(_LAST_CASED + 1):
        character = chr(code)
        if character.isupper():
            flags[code] |= UPPER
        elif character.islower():
            flags[code] |= LOWER
        lower[code] = ord(character.lower()[0])
    for flag, marks in ((TERMINAL_MARK, TERMINAL), (SYMBOL, SYMBOLS), (BULLET, BULLETS)):
        flags[sorted(marks)] |= flag
    return Tables(flags, lower, decomposed, np.array(parts, np.int32), parts_at)


@kernel
def decode(data: Any, at: Scalar, end: Scalar) -> tuple[Scalar, Scalar]:
    """(code point, bytes) of the character at `at`; bytes that are no valid sequence count one by one as U+FFFD."""
    first = np.int64(data[at])
    if first < 0x80:
        return first, np.int64(1)
    if 0xC2 <= first < 0xE0 and at + 1 < end:
        return (first & 0x1F) << 6 | np.int64(data[at + 1]) & 0x3F, np.int64(2)
    if 0xE0 <= first < 0xF0 and at + 2 < end:
        return (first & 0xF) << 12 | (np.int64(data[at + 1]) & 0x3F) << 6 | np.int64(data[at + 2]) & 0x3F, np.int64(3)
    if 0xF0 <= first < 0xF5 and at + 3 < end:
        code = (
            (first & 0x7) << 18
            | (np.int64(data[at + 1]) & 0x3F) << 12
            | (np.int64(data[at + 2]) & 0x3F) << 6
            | np.int64(data[at + 3]) & 0x3F
        )
        return min(code, np.int64(0x10FFFF)), np.int64(4)
    return np.int64(0xFFFD), np.int64(1)


@kernel
def previous(data: Any, at: Scalar, start: Scalar) -> Scalar:
    """The first byte of the character that ends before `at`; `at` must be greater than `start`."""
    before = at - 1
    while before > start and data[before] & 0xC0 == 0x80:
        before -= 1
    return before


@kernel
def encode(code: Scalar, out: Any, at: Scalar) -> Scalar:
    """Write one code point as UTF-8; returns the byte after it."""
    if code < 0x80:
        out[at] = np.uint8(code)
        return at + 1
    if code < 0x800:
        out[at] = np.uint8(0xC0 | code >> 6)
        out[at + 1] = np.uint8(0x80 | code & 0x3F)
        return at + 2
    if code < 0x10000:
        out[at] = np.uint8(0xE0 | code >> 12)
        out[at + 1] = np.uint8(0x80 | code >> 6 & 0x3F)
        out[at + 2] = np.uint8(0x80 | code & 0x3F)
        return at + 3
    out[at] = np.uint8(0xF0 | code >> 18)
    out[at + 1] = np.uint8(0x80 | code >> 12 & 0x3F)
    out[at + 2] = np.uint8(0x80 | code >> 6 & 0x3F)
    out[at + 3] = np.uint8(0x80 | code & 0x3F)
    return at + 4


@kernel
def lower_into(data: Any, start: Scalar, end: Scalar, out: Any, lower: Any) -> Scalar:
    """Write the lower case of data[start:end] to `out`; returns its length, at most twice the input's.

    As `str.lower`, but that every sigma becomes the non-final one, whatever follows it.
    """
    at = np.int64(0)
    index = start
    while index < end:
        byte = data[index]
        if byte < 0x80:
            out[at] = byte + np.uint8(32) if np.uint8(65) <= byte <= np.uint8(90) else byte
            at += 1
            index += 1
            continue
        code, size = decode(data, index, end)
        index += size
        if code == DOTTED_CAPITAL_I:
            at = encode(np.int64(0x69), out, at)
            at = encode(np.int64(COMBINING_DOT), out, at)
        elif code == FINAL_SIGMA:
            at = encode(np.int64(SIGMA), out, at)
        else:
            at = encode(np.int64(lower[code]), out, at)
    return at


def lowered(text: str) -> bytes:
    """What `lower_into` writes for a text, computed by Python: for the needles searched in its output."""
    return text.lower().replace(chr(FINAL_SIGMA), chr(SIGMA)).encode()


@kernel
def count_characters(data: Any, start: Scalar, end: Scalar) -> Scalar:
    """Code points in data[start:end]: bytes that do not continue a character."""
    count = np.int64(0)
    for index in range(start, end):
        count += (data[index] & 0xC0) != 0x80
    return count


@kernel
def strip(data: Any, start: Scalar, end: Scalar, flags: Any) -> tuple[Scalar, Scalar]:
    """The bounds of data[start:end] without white space at its ends, as `str.strip`."""
    while start < end:
        code, size = decode(data, start, end)
        if not flags[code] & SPACE:
            break
        start += size
    while start < end:
        before = previous(data, end, start)
        code, _ = decode(data, before, end)
        if not flags[code] & SPACE:
            break
        end = before
    return start, end


@kernel
def next_line(data: Any, start: Scalar, end: Scalar, flags: Any) -> tuple[Scalar, Scalar]:
    """(end of the line that begins at `start`, start of the next): lines as `str.splitlines` ends them."""
    index = start
    while index < end:
        byte = data[index]
        if byte >= 0x20 and byte < 0x80:
            index += 1
            continue
        code, size = decode(data, index, end)
        if flags[code] & LINE_BREAK:
            if code == 13 and index + 1 < end and data[index + 1] == 10:
                return index, index + 2
            return index, index + size
        index += size
    return end, end
