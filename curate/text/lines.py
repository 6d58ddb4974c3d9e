"""Lines and paragraphs of documents: their codes, lengths and marks.

Three kinds of line exist because published filters disagree: `newline` lines end at a line feed only, `python` lines as
`str.splitlines` ends them, paragraphs at two or more line feeds. Knows text; knows no metric.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import (
    BULLET,
    DIGIT,
    SPACE,
    TERMINAL_MARK,
    UPPER,
    Bytes,
    Offsets,
    Tables,
    decode,
    next_line,
    previous,
    strip,
)
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

# Marks of a line.
BLANK = 1
"""White space alone, or nothing."""
ENDS_TERMINAL = 2
"""The last character, white space included, is a TERMINAL_MARK."""
ENDS_ELLIPSIS = 4
"""Ends in ... or U+2026 once white space is stripped."""
ENDS_SENTENCE = 8
"""Ends in . ! ? or U+201D once white space is stripped (RedPajama-Data, quality_signals/lines.py)."""
STARTS_BULLET = 16
"""The first character that is no white space is a BULLET."""
STARTS_DASH = 32
"""It is U+2022 or a hyphen (datatrove 0.10.0, gopher_quality_filter.py)."""

_ELLIPSIS = 0x2026
_CLOSING_QUOTE = 0x201D
_BULLET_POINT = 0x2022


class Lines(NamedTuple):
    """Lines of all documents: those of document i are codes[offsets[i]:offsets[i + 1]]; lengths in characters."""

    codes: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    marks: NDArray[np.uint8]
    uppercase: NDArray[np.int32]
    digits: NDArray[np.int32]
    offsets: Offsets


@kernel
def _marks(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    left, right = strip(data, start, end, flags)
    if left == right:
        return np.uint8(BLANK)
    found = 0
    point, _ = decode(data, left, right)
    if flags[point] & BULLET:
        found |= STARTS_BULLET
    if point == _BULLET_POINT or point == 45:
        found |= STARTS_DASH
    point, _ = decode(data, previous(data, right, left), right)
    if point == _ELLIPSIS or (right - left > 2 and data[right - 1] == data[right - 2] == data[right - 3] == 46):
        found |= ENDS_ELLIPSIS
    if point == 46 or point == 33 or point == 63 or point == _CLOSING_QUOTE:
        found |= ENDS_SENTENCE
    if right < end:
        point, _ = decode(data, previous(data, end, left), end)
    if flags[point] & TERMINAL_MARK:
        found |= ENDS_TERMINAL
    return np.uint8(found)


@kernel
def _measure(data: Any, start: Scalar, end: Scalar, flags: Any, at: Scalar, lines: Lines) -> None:
    code = FNV_OFFSET
    length = uppercase = digits = 0
    index = start
    while index < end:
        byte = data[index]
        if byte < 0x80:
            point = np.int64(byte)
            index += 1
        else:
            point, size = decode(data, index, end)
            index += size
        code = add_to_code(code, point)
        length += 1
        uppercase += (flags[point] & UPPER) != 0
        digits += (flags[point] & DIGIT) != 0
    lines.codes[at] = code
    lines.lengths[at] = length
    lines.uppercase[at] = uppercase
    lines.digits[at] = digits
    lines.marks[at] = _marks(data, start, end, flags)


@kernel
def _newline_lines(data: Any, bounds: Any, flags: Any, lines: Lines) -> None:
    """As `text.split("\\n")`: a final line feed is followed by an empty line."""
    count = np.int64(0)
    for document in range(len(bounds) - 1):
        start = bounds[document]
        for index in range(start, bounds[document + 1]):
            if data[index] == 10:
                _measure(data, start, index, flags, count, lines)
                count += 1
                start = index + 1
        _measure(data, start, bounds[document + 1], flags, count, lines)
        count += 1
        lines.offsets[document + 1] = count


@kernel
def _other_breaks(data: Any, bounds: Any, flags: Any) -> Scalar:
    """Whether any line ends at anything but a line feed."""
    index = bounds[0]
    end = bounds[-1]
    while index < end:
        byte = data[index]
        if byte < 0x80:
            if byte < 0x20 and byte != 10 and flags[byte] & 2:
                return True
            index += 1
        elif byte == 0xC2 or byte == 0xE2:  # the first bytes of U+0085, U+2028 and U+2029
            point, size = decode(data, index, end)
            if flags[point] & 2:
                return True
            index += size
        else:
            index += 1
    return False


@kernel
def _count_python_lines(data: Any, bounds: Any, flags: Any, totals: Any) -> None:
    for document in range(len(bounds) - 1):
        cursor = bounds[document]
        stop = bounds[document + 1]
        lines = ellipses = bullets = dashes = np.int64(0)
        while cursor < stop:
            end, following = next_line(data, cursor, stop, flags)
            found = _marks(data, cursor, end, flags)
            lines += 1
            ellipses += (found & ENDS_ELLIPSIS) != 0
            bullets += (found & STARTS_BULLET) != 0
            dashes += (found & STARTS_DASH) != 0
            cursor = following
        totals[0, document] = lines
        totals[1, document] = ellipses
        totals[2, document] = bullets
        totals[3, document] = dashes


@kernel
def _paragraphs(data: Any, bounds: Any, flags: Any, lines: Lines) -> None:
    """As `re.split(r"\\n{2,}", text.strip())`; an empty text is one empty paragraph."""
    count = np.int64(0)
    for document in range(len(bounds) - 1):
        left, right = strip(data, bounds[document], bounds[document + 1], flags)
        code = FNV_OFFSET
        length = 0
        index = left
        while index < right:
            point, size = decode(data, index, right)
            if point == 10 and data[index + 1] == 10:  # a stripped text does not end in a line feed
                lines.codes[count] = code
                lines.lengths[count] = length
                count += 1
                code = FNV_OFFSET
                length = 0
                while data[index] == 10:
                    index += 1
                continue
            code = add_to_code(code, point)
            length += 1
            index += size
        lines.codes[count] = code
        lines.lengths[count] = length
        count += 1
        lines.offsets[document + 1] = count


def _empty(most: int, documents: int) -> Lines:
    return Lines(
        np.empty(most, np.uint64),
        np.empty(most, np.int32),
        np.zeros(most, np.uint8),
        np.zeros(most, np.int32),
        np.zeros(most, np.int32),
        np.zeros(documents + 1, np.int64),
    )


def _cut(lines: Lines) -> Lines:
    count = lines.offsets[-1]
    return Lines(*(column[:count] for column in lines[:-1]), offsets=lines.offsets)


def newline_lines(data: Bytes, bounds: Offsets, tables: Tables) -> Lines:
    """Lines as `text.split("\\n")` gives them: at least one a document."""
    documents = len(bounds) - 1
    most = int(np.count_nonzero(data[bounds[0] : bounds[-1]] == 10)) + documents
    lines = _empty(most, documents)
    _newline_lines(data, bounds, tables.flags, lines)
    return lines


def paragraphs(data: Bytes, bounds: Offsets, tables: Tables) -> Lines:
    """Paragraphs of the stripped text, separated by two or more line feeds: codes and lengths only."""
    documents = len(bounds) - 1
    most = int(np.count_nonzero(data[bounds[0] : bounds[-1]] == 10)) + documents
    lines = _empty(most, documents)
    _paragraphs(data, bounds, tables.flags, lines)
    return _cut(lines)


class PythonLines(NamedTuple):
    """Per document int64: lines as `str.splitlines` gives them, and how many have a mark."""

    count: NDArray[np.int64]
    ends_ellipsis: NDArray[np.int64]
    starts_bullet: NDArray[np.int64]
    starts_dash: NDArray[np.int64]


def python_lines(data: Bytes, bounds: Offsets, tables: Tables, known: Lines) -> PythonLines:
    """Counts of `str.splitlines` lines, from the `newline_lines` already `known` where no other break occurs."""
    totals = np.zeros((4, len(bounds) - 1), np.int64)
    if _other_breaks(data, bounds, tables.flags):
        _count_python_lines(data, bounds, tables.flags, totals)
    else:
        _count_known(known, bounds, data, totals)
    return PythonLines(*totals)


@kernel
def _count_known(known: Lines, bounds: Any, data: Any, totals: Any) -> None:
    for document in range(len(bounds) - 1):
        for line in range(known.offsets[document], known.offsets[document + 1]):
            found = known.marks[line]
            totals[0, document] += 1
            totals[1, document] += (found & ENDS_ELLIPSIS) != 0
            totals[2, document] += (found & STARTS_BULLET) != 0
            totals[3, document] += (found & STARTS_DASH) != 0
        end = bounds[document + 1]
        if end == bounds[document] or data[end - 1] == 10:
            totals[0, document] -= 1  # `splitlines` gives no empty last line
