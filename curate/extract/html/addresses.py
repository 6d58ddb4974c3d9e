"""Links and images in Markdown: which are written, their destinations, and the descriptions of images.

Knows marks and the values of attributes in the page's bytes; knows no lists and no tables.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import CODE_ON, DESCRIPTION, DISPLAY_ON, LINK_OFF, LINK_ON, MATH_ON, Records
from curate.extract.html.references import reference
from curate.extract.html.tokens import is_letter, is_space, lower
from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel

MOST_ADDRESS = 2048
"""Bytes of an address that is written; a longer one is data rather than a place (the least that servers and browsers
agree on is about as long)."""
GROWTH = 6
"""Bytes that one of an address or a description becomes at most: two by its reference, each of those three."""
_SCRIPTS = (b"javascript:", b"data:", b"vbscript:", b"about:")
_SCHEMES = np.zeros((len(_SCRIPTS), 12), np.uint8)
for _row, _scheme in enumerate(_SCRIPTS):
    _SCHEMES[_row, : len(_scheme)] = list(_scheme)
_HEXADECIMAL = np.frombuffer(b"0123456789ABCDEF", np.uint8)


def _among(characters: bytes) -> NDArray[np.bool_]:
    found = np.zeros(256, np.bool_)
    found[list(characters)] = True
    return found


_CODED = _among(b' "()<>\\`|')
"""What would end a destination, or act in it or in a row of a table."""
_ESCAPED = _among(b"\\`*_[]<>&$~|!")
_HASH, _PERCENT, _AMPERSAND, _BACKSLASH, _BLANK, _BANG, _SEMICOLON = b"#%&\\ !;"
_OPEN_SQUARE, _CLOSE_SQUARE, _OPEN, _CLOSE = b"[]()"


@kernel
def _is_place(source: Bytes, mark: Scalar) -> Scalar:
    """Whether a value is the address of another place: no script, no data, and not within the page."""
    at, last = np.int64(mark.first), np.int64(mark.last)
    while at < last and source[at] <= _BLANK:
        at += 1
    if at >= last or last - at > MOST_ADDRESS or source[at] == _HASH:
        return False
    for row in range(len(_SCHEMES)):
        i = 0
        while _SCHEMES[row, i] and at + i < last and lower(source[at + i]) == _SCHEMES[row, i]:
            i += 1
        if not _SCHEMES[row, i]:
            return False
    return True


@kernel
def link_ends(source: Bytes, marks: Records, number: Scalar, end_mark: Scalar) -> Scalar:
    """Whether the link that this mark begins is written: it leads to a place, and ends in the same block outside of code."""
    mark: Scalar = marks[number]
    if not _is_place(source, mark):
        return False
    verbatim: Scalar = -1
    begin: Scalar = np.int64(mark.at)
    for place in range(number + 1, end_mark):
        kind = np.int64(marks[place].kind)
        if verbatim >= 0:
            verbatim = -1 if kind == verbatim + 1 else verbatim
        elif kind in (CODE_ON, MATH_ON, DISPLAY_ON):
            verbatim = kind
        elif kind == LINK_OFF:
            return marks[place].at > begin or place > number + 1
        elif kind == LINK_ON:
            return False
    return False


@kernel
def _goes_on_as_reference(source: Bytes, at: Scalar, last: Scalar) -> Scalar:
    """Whether an `&` before this place would be read as the beginning of a reference."""
    begin = at
    while at < last and (is_letter(source[at]) or 48 <= source[at] <= 57 or source[at] == _HASH):
        at += 1
    return begin < at < last and source[at] == _SEMICOLON


@kernel
def _put_coded(out: Bytes, at: Scalar, byte: Scalar, refers: Scalar) -> Scalar:
    if byte < _BLANK or byte == 127:
        return at
    if _CODED[byte]:
        out[at] = _PERCENT
        out[at + 1] = _HEXADECIMAL[byte >> 4]
        out[at + 2] = _HEXADECIMAL[byte & 15]
        return at + 3
    if byte == _AMPERSAND and refers:
        out[at] = _BACKSLASH
        at += 1
    out[at] = byte
    return at + 1


@kernel
def put_destination(source: Bytes, mark: Scalar, out: Bytes, at: Scalar, held: Bytes) -> Scalar:
    """Write `](address)`: the value as the page has it, references resolved, what would act in it as %XX."""
    out[at] = _CLOSE_SQUARE
    out[at + 1] = _OPEN
    at += 2
    place, last = np.int64(mark.first), np.int64(mark.last)
    while place < last and source[place] <= _BLANK:
        place += 1
    while place < last and source[last - 1] <= _BLANK:
        last -= 1
    while place < last:
        after, size = np.int64(0), np.int64(0)
        if source[place] == _AMPERSAND:
            after, size = reference(source, place, last, True, held)
        if after == 0:
            refers = source[place] == _AMPERSAND and _goes_on_as_reference(source, place + 1, last)
            at = _put_coded(out, at, source[place], refers)
            place += 1
        else:
            place = after
            for i in range(size):
                refers = held[i] == _AMPERSAND and _goes_on_as_reference(source, place, last)
                at = _put_coded(out, at, held[i], refers)
    out[at] = _CLOSE
    return at + 1


@kernel
def _put_description(source: Bytes, mark: Scalar, out: Bytes, at: Scalar, held: Bytes) -> Scalar:
    place, last, blank = np.int64(mark.first), np.int64(mark.last), True
    while place < last:
        after, size = np.int64(0), np.int64(0)
        if source[place] == _AMPERSAND:
            after, size = reference(source, place, last, True, held)
        if after == 0:
            held[0] = source[place]
            after, size = place + 1, np.int64(1)
        place = after
        for i in range(size):
            byte = held[i]
            if is_space(byte) or byte < _BLANK:
                if not blank:
                    out[at] = _BLANK
                    at += 1
                blank = True
                continue
            blank = False
            if _ESCAPED[byte]:
                out[at] = _BACKSLASH
                at += 1
            out[at] = byte
            at += 1
    return at


@kernel
def put_image(
    source: Bytes, marks: Records, number: Scalar, end_mark: Scalar, spaced: Scalar, out: Bytes, at: Scalar, held: Bytes
) -> Scalar:
    """Write an image with its description if it is to be had at a place, and a blank behind it if `spaced`."""
    if not _is_place(source, marks[number]):
        return at
    out[at] = _BANG
    out[at + 1] = _OPEN_SQUARE
    at += 2
    if number + 1 < end_mark and marks[number + 1].kind == DESCRIPTION:
        at = _put_description(source, marks[number + 1], out, at, held)
    at = put_destination(source, marks[number], out, at, held)
    if spaced:
        out[at] = _BLANK
        at += 1
    return at


@kernel
def room_for(marks: Records, first: Scalar, end: Scalar) -> Scalar:
    """Bytes that the addresses and descriptions of these marks take, at most."""
    room: Scalar = 0
    for number in range(first, end):
        if marks[number].kind >= LINK_ON:
            room += GROWTH * (np.int64(marks[number].last) - marks[number].first) + 8
    return room
