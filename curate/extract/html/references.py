"""Character references: from `&` to UTF-8, as the standard's tokenizer reads them (WHATWG HTML, 13.2.5.72 to 84).

The names are those of Python's `html.entities.html5`, all 2,231. Knows bytes; knows no elements.
"""

from __future__ import annotations

from html.entities import html5

import numpy as np

from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel
from curate.text.hashing import FNV_OFFSET, add_to_code, word_code

LONGEST_NAME = max(map(len, html5))
"""Characters of the longest name, its semicolon included."""
LONGEST_BARE = max(len(name) for name in html5 if not name.endswith(";"))
"""Characters of the longest name that counts without a semicolon."""
GROWTH = 2
"""No reference is more than this many times its own length in UTF-8 (`&nGt;`: five bytes give six)."""

_SLOTS = 8192
_CODES = np.zeros(_SLOTS, np.uint64)
_STARTS = np.zeros(_SLOTS, np.int64)
_LENGTHS = np.zeros(_SLOTS, np.int64)
_written = bytearray()
for _name, _value in sorted(html5.items()):
    _slot = word_code(_name) % _SLOTS
    while _CODES[_slot]:
        _slot = (_slot + 1) % _SLOTS
    _CODES[_slot], _STARTS[_slot], _LENGTHS[_slot] = word_code(_name), len(_written), len(_value.encode())
    _written += _value.encode()
_VALUES = np.frombuffer(bytes(_written), np.uint8)

_WINDOWS_1252 = np.array(
    [ord(bytes([byte]).decode("cp1252", "ignore") or chr(byte)) for byte in range(0x80, 0xA0)], np.int64
)
"""What &#128; to &#159; mean; five of them stay the control characters that they are."""
_AMPERSAND, _HASH, _SEMICOLON, _EQUALS, _X = (ord(character) for character in "&#;=x")
_LAST = 0x10FFFF
_REPLACEMENT = 0xFFFD


@kernel
def _find(code: Scalar) -> Scalar:
    slot = np.int64(code % np.uint64(_SLOTS))
    while _CODES[slot] != 0:
        if _CODES[slot] == code:
            return slot
        slot = (slot + 1) % _SLOTS
    return -1


@kernel
def put_point(out: Bytes, at: Scalar, point: Scalar) -> Scalar:
    """Write a code point as UTF-8 at this place; the place after it."""
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at] = 0xC0 | point >> 6
        out[at + 1] = 0x80 | point & 0x3F
        return at + 2
    if point < 0x10000:
        out[at] = 0xE0 | point >> 12
        out[at + 1] = 0x80 | point >> 6 & 0x3F
        out[at + 2] = 0x80 | point & 0x3F
        return at + 3
    out[at] = 0xF0 | point >> 18
    out[at + 1] = 0x80 | point >> 12 & 0x3F
    out[at + 2] = 0x80 | point >> 6 & 0x3F
    out[at + 3] = 0x80 | point & 0x3F
    return at + 4


@kernel
def _alphanumeric(byte: Scalar) -> Scalar:
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


@kernel
def _numeric(data: Bytes, at: Scalar, end: Scalar, out: Bytes) -> tuple[Scalar, Scalar]:
    """For `reference`, from the `#` on."""
    at += 1
    base = 10
    if at < end and data[at] | 32 == _X:
        base = 16
        at += 1
    first = at
    point: Scalar = 0
    while at < end:
        byte = data[at]
        if 48 <= byte <= 57:
            digit = np.int64(byte) - 48
        elif base == 16 and 97 <= byte | 32 <= 102:
            digit = np.int64(byte | 32) - 87
        else:
            break
        point = min(point * base + digit, _LAST + 1)
        at += 1
    if at == first:
        return 0, 0
    if at < end and data[at] == _SEMICOLON:
        at += 1
    if point == 0 or point > _LAST or 0xD800 <= point <= 0xDFFF:
        point = _REPLACEMENT
    elif 0x80 <= point < 0xA0:
        point = _WINDOWS_1252[point - 0x80]
    return at, put_point(out, 0, point)


@kernel
def reference(data: Bytes, at: Scalar, end: Scalar, in_attribute: Scalar, out: Bytes) -> tuple[Scalar, Scalar]:
    """The reference whose `&` is at this place: where it ends, and how many bytes of `out` are its text.

    Ends at 0 where the `&` is only itself. `out` holds at least eight bytes.
    """
    at += 1
    if at < end and data[at] == _HASH:
        after, size = _numeric(data, at, end, out)
        return after, size
    start, code = at, FNV_OFFSET
    bare_end, bare_slot = 0, -1
    while at < end and at - start < LONGEST_NAME:
        byte = data[at]
        if byte == _SEMICOLON:
            slot = _find(add_to_code(code, byte))
            if slot >= 0:
                for i in range(_LENGTHS[slot]):
                    out[i] = _VALUES[_STARTS[slot] + i]
                return at + 1, _LENGTHS[slot]
            break
        if not _alphanumeric(byte):
            break
        code = add_to_code(code, byte)
        at += 1
        if at - start <= LONGEST_BARE and at - start > 1:
            slot = _find(code)
            if slot >= 0:
                bare_end, bare_slot = at, slot
    if bare_slot < 0:
        return 0, 0
    if in_attribute and bare_end < end and (data[bare_end] == _EQUALS or _alphanumeric(data[bare_end])):
        return 0, 0
    for i in range(_LENGTHS[bare_slot]):
        out[i] = _VALUES[_STARTS[bare_slot] + i]
    return bare_end, _LENGTHS[bare_slot]
