"""Lines as `str.splitlines` ends them, and paragraphs, from the lines that a scan found.

Published filters disagree on what a line is; a scan's end at a line feed only. Knows text; knows no metric.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import (
    SPACE,
    Bytes,
    Offsets,
    Tables,
    count_characters,
    decode,
    next_line,
    previous,
    strip,
)
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code
from curate.text.line_model import LineModel
from curate.text.scan import (
    BLANK,
    ENDS_ELLIPSIS,
    OTHER_BREAKS,
    STARTS_BULLET,
    STARTS_DASH,
    Lines,
    Scan,
    line_marks,
)


class PythonLines(NamedTuple):
    """Per document int64: lines as `str.splitlines` gives them, and how many have a mark."""

    number: NDArray[np.int64]
    ends_ellipsis: NDArray[np.int64]
    starts_bullet: NDArray[np.int64]
    starts_dash: NDArray[np.int64]


class Paragraphs(NamedTuple):
    """Paragraphs of all documents: codes, and lengths in characters, of document i at offsets[i]:offsets[i + 1]."""

    codes: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    offsets: Offsets


@kernel
def _marks(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    left, right = strip(data, start, end, flags)
    if left == right:
        return np.uint8(BLANK)
    first, _ = decode(data, left, right)
    last, _ = decode(data, previous(data, right, left), right)
    dots = 3 if right - left > 2 and data[right - 1] == data[right - 2] == data[right - 3] == 46 else 0
    return line_marks(first, last, dots, right < end, flags)


@kernel
def _count_lines(data: Any, bounds: Any, flags: Any, breaks: Any, known: Lines, lines: PythonLines) -> None:
    for document in range(len(bounds) - 1):
        cursor = bounds[document]
        stop = bounds[document + 1]
        count = ellipses = bullets = dashes = np.int64(0)
        if breaks[document]:
            while cursor < stop:
                end, following = next_line(data, cursor, stop, flags)
                found = _marks(data, cursor, end, flags)
                count += 1
                ellipses += (found & ENDS_ELLIPSIS) != 0
                bullets += (found & STARTS_BULLET) != 0
                dashes += (found & STARTS_DASH) != 0
                cursor = following
        else:
            for line in range(known.offsets[document], known.offsets[document + 1]):
                found = known.marks[line]
                count += 1
                ellipses += (found & ENDS_ELLIPSIS) != 0
                bullets += (found & STARTS_BULLET) != 0
                dashes += (found & STARTS_DASH) != 0
            if cursor == stop or data[stop - 1] == 10:
                count -= 1  # `splitlines` gives no empty last line
        lines.number[document] = count
        lines.ends_ellipsis[document] = ellipses
        lines.starts_bullet[document] = bullets
        lines.starts_dash[document] = dashes


def python_lines(data: Bytes, bounds: Offsets, tables: Tables, found: Scan) -> PythonLines:
    """Counts of lines as `str.splitlines` gives them; documents of line feeds only are not read again."""
    lines = PythonLines(*(np.zeros(len(bounds) - 1, np.int64) for _ in range(4)))
    _count_lines(data, bounds, tables.flags, found.totals[OTHER_BREAKS], found.lines, lines)
    return lines


@kernel
def _line_code(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    """The code that a scan gives a line of this text: of its words' codes and its white space."""
    line_code = code = FNV_OFFSET
    in_word = False
    while start < end:
        point, size = decode(data, start, end)
        if flags[point] & SPACE:
            if in_word:
                line_code = add_to_code(line_code, code)
                code = FNV_OFFSET
                in_word = False
            line_code = add_to_code(line_code, point)
        else:
            code = add_to_code(code, point)
            in_word = True
        start += size
    return add_to_code(line_code, code) if in_word else line_code


@kernel
def _join_lines(data: Any, bounds: Any, flags: Any, breaks: Any, lines: Lines, paragraphs: Paragraphs) -> None:
    count = np.int64(0)
    for document in range(len(bounds) - 1):
        left, right = strip(data, bounds[document], bounds[document + 1], flags)
        code = FNV_OFFSET
        length = 0
        first, stop = lines.offsets[document], lines.offsets[document + 1]
        for line in range(first, stop):
            start = lines.starts[line]
            end = lines.starts[line + 1] - 1 if line + 1 < stop else bounds[document + 1]
            if end <= left or start >= right:
                continue
            if breaks[line]:
                paragraphs.codes[count] = code
                paragraphs.lengths[count] = length - 1
                count += 1
                code = FNV_OFFSET
                length = 0
            if start < left or end > right:  # the strip cuts into this line
                start, end = max(start, left), min(end, right)
                code = add_to_code(code, _line_code(data, start, end, flags))
                length += count_characters(data, start, end) + 1
            else:
                code = add_to_code(code, lines.codes[line])
                length += lines.lengths[line] + 1
        paragraphs.codes[count] = code
        paragraphs.lengths[count] = max(length - 1, 0)
        count += 1
        paragraphs.offsets[document + 1] = count


def paragraphs(model: LineModel, tables: Tables, found: Scan) -> Paragraphs:
    """Pieces of the stripped text between blank lines, joined by single line feeds; `found` is the scan of the model."""
    most = len(found.lines.codes)
    result = Paragraphs(np.empty(most, np.uint64), np.empty(most, np.int32), np.zeros(len(model.offsets), np.int64))
    _join_lines(model.data, model.offsets, tables.flags, model.breaks, found.lines, result)
    return result
