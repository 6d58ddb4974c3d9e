"""The text of one block as Markdown: escapes, code spans, superscripts and subscripts, formulas.

Escapes what would act and nothing else (CommonMark 0.31, GFM 0.29). Everything is written into one buffer of bytes, which
the caller has made large enough. Knows one block; knows no lists and no tables.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.addresses import link_ends, put_destination, put_image
from curate.extract.html.blocks import (
    CODE_ON,
    DISPLAY_ON,
    IMAGE,
    LINK_OFF,
    LINK_ON,
    MATH_ON,
    SUB_OFF,
    SUB_ON,
    SUP_OFF,
    SUP_ON,
    Records,
)
from curate.text.characters import Bytes
from curate.text.compiled import Scalar
from curate.text.compiled import lean_kernel as kernel

RUNNING, IN_HEADING, IN_ROW = range(3)
"""Where text stands: in lines of its own, where their beginnings act; in a heading; in a row of a table. The last two are a
line, whatever `br` says."""

(_TAB, _LF, _BLANK, _HASH, _DOLLAR, _AMPERSAND, _PLUS, _DASH, _STOP, _SEMICOLON, _LESS, _EQUALS, _GREATER) = (
    b"\t\n #$&+-.;<=>"
)
(_BACKSLASH, _UNDERSCORE, _TICK, _PIPE, _TILDE, _OPEN, _CLOSE, _OPEN_SQUARE, _CLOSE_SQUARE, _BANG) = b"\\_`|~()[]!"


def _bits(characters: bytes) -> NDArray[np.bool_]:
    """A table of all bytes, true for these."""
    found = np.zeros(256, np.bool_)
    found[list(characters)] = True
    return found


_LETTERS = bytes(range(65, 91)) + bytes(range(97, 123))
_ALPHANUMERIC = _bits(_LETTERS + b"0123456789")
_PUNCTUATION = _bits(bytes(byte for byte in range(33, 127) if not chr(byte).isalnum()) + b"\n")
"""What a backslash before it would act on; at the end of a line the backslash is a line break."""
_OPENS_TAG = _bits(_LETTERS + b"/!?")
_LOOKED_AT = _bits(b"\\`*[]_<&~$#|\n")
"""Bytes that may act wherever they stand; all others are only written."""
_ALWAYS = _bits(b"`*[")
_RULE = _bits(b"-=:| \t")
"""A line of these alone underlines a heading, is a rule, or parts a table's header from its rows."""
_SUP, _SUB, _SUP_END, _SUB_END = (np.frombuffer(tag, np.uint8) for tag in (b"<sup>", b"<sub>", b"</sup>", b"</sub>"))
_LONGEST_NAME = 32
"""Characters of a reference's name, and some more."""
_MOST_RAISED = 60
"""Superscripts and subscripts within each other that are marked."""


@kernel
def put_all(out: Bytes, at: Scalar, data: Bytes, size: Scalar) -> Scalar:
    """Write the first bytes of an array; the place after them."""
    for i in range(size):
        out[at + i] = data[i]
    return at + size


@kernel
def _put(out: Bytes, at: Scalar, byte: Scalar, mode: Scalar) -> Scalar:
    """Write a byte as it is; in a row of a table a pipe has a backslash, in code too."""
    if mode == IN_ROW and byte == _PIPE:
        out[at] = _BACKSLASH
        at += 1
    out[at] = _BLANK if byte == _LF else byte
    return at + 1


@kernel
def _formula_end(text: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """For `\\(`, `\\[` or `$$` here: the place after what closes it in the same line; 0 where nothing does."""
    first, closes = text[at], text[at + 1]
    if first == _BACKSLASH:
        closes = _CLOSE if closes == _OPEN else _CLOSE_SQUARE
    place = at + 2
    while place < end and text[place] != _LF:
        byte = text[place]
        after = text[place + 1] if place + 1 < end else np.uint8(0)
        if byte == first and after == closes and place > at + 2:
            return place + 2
        brackets = after in (_OPEN, _CLOSE, _OPEN_SQUARE, _CLOSE_SQUARE)
        place += 2 if (byte == _BACKSLASH and brackets) or (byte == _DOLLAR == after) else 1
    return 0


@kernel
def _is_reference(text: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """Whether the `&` here begins a character reference."""
    place = at + 1
    if place < end and text[place] == _HASH:
        place += 1
        if place < end and text[place] | 32 == 120:
            return place + 1 < end and _ALPHANUMERIC[text[place + 1]]
        return place < end and 48 <= text[place] <= 57
    while place < min(end, at + _LONGEST_NAME) and _ALPHANUMERIC[text[place]]:
        place += 1
    return place < end and text[place] == _SEMICOLON and place > at + 1


@kernel
def _is_blank(text: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """Whether white space or an end stands here, no-break spaces and their like not counted."""
    return at >= end or text[at] == _BLANK or text[at] == _LF or text[at] == _TAB


@kernel
def _begins_line(text: Bytes, at: Scalar, end: Scalar) -> Scalar:
    """At the beginning of a line: how many bytes further the one is that a backslash keeps from acting; -1 for none."""
    byte = text[at]
    if byte == _GREATER:
        return 0
    if byte == _HASH:
        place = at
        while place < end and text[place] == _HASH:
            place += 1
        return 0 if place - at <= 6 and _is_blank(text, place, end) else -1
    if (byte in (_DASH, _PLUS)) and _is_blank(text, at + 1, end):
        return 0
    place, lines = at, 0
    while place < end and _RULE[text[place]]:
        lines += text[place] == _DASH or text[place] == _EQUALS
        place += 1
    if lines and (place == end or text[place] == _LF):
        return 0
    place = at
    while place < end and 48 <= text[place] <= 57:
        place += 1
    if 0 < place - at <= 9 and place < end and (text[place] == _STOP or text[place] == _CLOSE):
        return place - at if _is_blank(text, place + 1, end) else -1
    return -1


@kernel
def _acts(text: Bytes, start: Scalar, at: Scalar, end: Scalar, mode: Scalar, last: Scalar, linked: Scalar) -> Scalar:
    """Whether the byte here would act, wherever in a line it stands. A mark stands behind the end of all but the `last`
    text of a block; `linked` text is a link's, which a bracket would end."""
    byte = text[at]
    if _ALWAYS[byte]:
        return True
    before = text[at - 1] if at > start else np.uint8(_BLANK)
    after = text[at + 1] if at + 1 < end else np.uint8(_BLANK)
    if byte == _BACKSLASH:
        return _PUNCTUATION[after] or (at + 1 == end and not last)
    if byte == _UNDERSCORE:
        return not (_ALPHANUMERIC[before] and _ALPHANUMERIC[after])
    if byte == _LESS:
        return _OPENS_TAG[after] and at + 1 < end
    if byte == _AMPERSAND:
        return _is_reference(text, at, end)
    if byte == _CLOSE_SQUARE:
        return linked
    if byte == _TILDE:
        return before == _TILDE or after == _TILDE
    return byte == _HASH and mode == IN_HEADING and (before in (_BLANK, _LF))


@kernel
def write_running(
    text: Bytes, start: Scalar, end: Scalar, mode: Scalar, fresh: Scalar, last: Scalar, linked: Scalar,
    out: Bytes, at: Scalar, prefix: Bytes, size: Scalar,
) -> Scalar:  # fmt: skip
    """Write text with a backslash before each byte that Markdown would take for a mark; the place after it.

    Formulas between delimiters that only TeX has stay as they are: they are source, whoever renders it. `fresh`: the text
    begins a line. A line feed becomes a line break, and `prefix` begins the next line.
    """
    place, formulas, escaped = start, True, np.int64(-1)
    while place < end:
        byte = text[place]
        if fresh and mode == RUNNING:
            escaped = _begins_line(text, place, end)
            escaped = place + escaped if escaped >= 0 else escaped
        fresh = False
        if not _LOOKED_AT[byte] and place != escaped:
            out[at] = byte
            at += 1
            place += 1
            continue
        if byte == _LF:
            if mode == RUNNING:
                out[at] = _BACKSLASH
                out[at + 1] = _LF
                at = put_all(out, at + 2, prefix, size)
                fresh = formulas = True
            else:
                out[at] = _BLANK
                at += 1
            place += 1
            continue
        if formulas and place + 1 < end:
            after = text[place + 1]
            if (byte == _BACKSLASH and (after in (_OPEN, _OPEN_SQUARE))) or (byte == _DOLLAR == after):
                stop = _formula_end(text, place, end)
                formulas = stop > 0
                while place < stop:
                    at = _put(out, at, text[place], mode)
                    place += 1
                if formulas:
                    continue
        if place == escaped or _acts(text, start, place, end, mode, last, linked):
            out[at] = _BACKSLASH
            at += 1
        at = _put(out, at, byte, mode)
        place += 1
    return at


@kernel
def longest_run(text: Bytes, start: Scalar, end: Scalar, wanted: Scalar) -> Scalar:
    """The longest run of a byte."""
    longest: Scalar = 0
    run: Scalar = 0
    for i in range(start, end):
        run = run + 1 if text[i] == wanted else 0
        longest = max(longest, run)
    return longest


@kernel
def _code_span(text: Bytes, start: Scalar, end: Scalar, mode: Scalar, out: Bytes, at: Scalar) -> Scalar:
    """Code within a line: the delimiter is longer than any run of backticks in it."""
    if start == end:
        return at
    ticks = 1 + longest_run(text, start, end, _TICK)
    first, last = text[start], text[end - 1]
    blank = (first in (_BLANK, _LF)) and (last in (_BLANK, _LF))
    pad = first == _TICK or last == _TICK or blank
    for _ in range(ticks):
        out[at] = _TICK
        at += 1
    if pad:
        out[at] = _BLANK
        at += 1
    for i in range(start, end):
        at = _put(out, at, text[i], mode)
    if pad:
        out[at] = _BLANK
        at += 1
    for _ in range(ticks):
        out[at] = _TICK
        at += 1
    return at


@kernel
def _verbatim(text: Bytes, start: Scalar, end: Scalar, kind: Scalar, mode: Scalar, out: Bytes, at: Scalar) -> Scalar:
    """Code or a formula, as it is."""
    if kind == CODE_ON:
        return _code_span(text, start, end, mode, out, at)
    dollars = 2 if kind == DISPLAY_ON else 1
    for side in range(2):
        for _ in range(dollars):
            out[at] = _DOLLAR
            at += 1
        if side == 0:
            for i in range(start, end):
                at = _put(out, at, text[i], mode)
    return at


@kernel
def write_inline(
    text: Bytes, source: Bytes, block: Scalar, marks: Records, mode: Scalar,
    out: Bytes, at: Scalar, prefix: Bytes, size: Scalar, held: Bytes,
) -> Scalar:  # fmt: skip
    """Write a block's text with its marks; the place after it. Line feeds are those of `br`. `held` is room for a
    reference's text."""
    start, end = np.int64(block.start), np.int64(block.end)
    since, verbatim, raised, depth, link = start, np.int64(-1), np.int64(0), np.int64(0), np.int64(-1)
    for number in range(block.first_mark, block.end_mark):
        kind = np.int64(marks[number].kind)
        place = min(max(np.int64(marks[number].at), start), end)
        if verbatim >= 0:
            following = number + 1 < block.end_mark and marks[number + 1].at == marks[number].at
            following = following and verbatim == CODE_ON == marks[number + 1].kind
            if kind == verbatim + 1 and not following:  # spans beside one another are one: their backticks would meet
                at = _verbatim(text, since, place, verbatim, mode, out, at)
                verbatim, since = np.int64(-1), place
            continue
        fresh = since == start or text[since - 1] == _LF
        at = write_running(text, since, place, mode, fresh, False, link >= 0, out, at, prefix, size)
        since = place
        if kind in (CODE_ON, MATH_ON, DISPLAY_ON):
            verbatim = kind
        elif kind in (SUP_ON, SUB_ON):
            if depth < _MOST_RAISED:
                raised |= np.int64(kind == SUB_ON) << depth
                depth += 1
                at = put_all(out, at, _SUP if kind == SUP_ON else _SUB, len(_SUP))
        elif kind in (SUP_OFF, SUB_OFF):
            inner = depth - 1
            while inner >= 0 and (raised >> inner) & 1 != (kind == SUB_OFF):
                inner -= 1
            if inner >= 0:
                below = raised & ((1 << inner) - 1)
                raised = below | (raised >> (inner + 1)) << inner
                depth -= 1
                at = put_all(out, at, _SUP_END if kind == SUP_OFF else _SUB_END, len(_SUP_END))
        elif kind == LINK_ON:
            if link_ends(source, marks, number, block.end_mark):
                link = np.int64(number)
                if at and out[at - 1] == _BANG:  # which would make an image of the link
                    out[at - 1] = _BACKSLASH
                    out[at] = _BANG
                    at += 1
                out[at] = _OPEN_SQUARE
                at += 1
        elif kind == LINK_OFF:
            if link >= 0:
                at = put_destination(source, marks[link], out, at, held)
            link = np.int64(-1)
        elif kind == IMAGE:
            at = put_image(source, marks, number, block.end_mark, place == start, out, at, held)
    if verbatim >= 0:
        at = _verbatim(text, since, end, verbatim, mode, out, at)
    else:
        fresh = since == start or text[since - 1] == _LF
        at = write_running(text, since, end, mode, fresh, True, link >= 0, out, at, prefix, size)
    while depth > 0:
        depth -= 1
        at = put_all(out, at, _SUB_END if (raised >> depth) & 1 else _SUP_END, len(_SUP_END))
    return at
