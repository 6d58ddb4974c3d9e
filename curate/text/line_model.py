"""Texts without blank lines, and where these parted paragraphs: the one line model that every metric of lines sees.

The rules for lines were written on texts whose extractors put one line feed between blocks: Common Crawl's WET files (CCNet,
Dolma, RedPajama), trafilatura (RefinedWeb, FineWeb). A blank line is no line there; an extractor that parts paragraphs by
blank lines must not double a document's lines. Knows bytes; knows no metric.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import SPACE, Bytes, Offsets, Tables, decode
from curate.text.compiled import kernel


class LineModel(NamedTuple):
    """`data`, `offsets`: the texts without their blank lines; the given arrays where there are none. `breaks`: for every
    line of all texts, as a line feed ends them, whether blank lines stood before it."""

    data: Bytes
    offsets: Offsets
    breaks: NDArray[np.bool_]


@kernel
def _count(data: Any, bounds: Any, flags: Any) -> Any:
    """(lines with text of all documents, documents without any, whether any line is blank)."""
    lines = np.int64(0)
    empty = np.int64(0)
    blank_lines = False
    for document in range(len(bounds) - 1):
        before = lines
        at = bounds[document]
        stop = bounds[document + 1]
        blank = True
        while at < stop:
            byte = data[at]
            if byte == 10:
                lines += not blank
                blank_lines |= blank
                blank = True
                at += 1
            elif byte < 0x80:
                blank &= (flags[byte] & SPACE) != 0
                at += 1
            else:
                point, size = decode(data, at, stop)
                blank &= (flags[point] & SPACE) != 0
                at += size
        lines += not blank
        blank_lines |= blank
        empty += lines == before
    return lines, empty, blank_lines


@kernel
def _fold(data: Any, bounds: Any, flags: Any, folded: Any, offsets: Any, breaks: Any) -> None:
    filled = np.int64(0)
    line = np.int64(0)
    for document in range(len(bounds) - 1):
        offsets[document] = filled
        at = bounds[document]
        stop = bounds[document + 1]
        first = True
        skipped = False
        while at <= stop:
            end = at
            blank = True
            while end < stop and data[end] != 10:
                if data[end] < 0x80:
                    blank &= (flags[data[end]] & SPACE) != 0
                    end += 1
                else:
                    point, size = decode(data, end, stop)
                    blank &= (flags[point] & SPACE) != 0
                    end += size
            if blank:
                skipped = True
            else:
                if not first:
                    folded[filled] = 10
                    filled += 1
                for index in range(at, end):
                    folded[filled + index - at] = data[index]
                filled += end - at
                breaks[line] = skipped and not first
                line += 1
                first = False
                skipped = False
            at = end + 1
        if first:  # a text without lines has one that is empty
            breaks[line] = False
            line += 1
    offsets[len(bounds) - 1] = filled


def line_model(data: Bytes, bounds: Offsets, tables: Tables) -> LineModel:
    """The texts' line model; blank is a line of white space only (`str.isspace`)."""
    lines, empty, blank_lines = _count(data, bounds, tables.flags)
    breaks = np.zeros(int(lines + empty), np.bool_)
    if not blank_lines:
        return LineModel(data, bounds, breaks)
    folded = np.empty(int(bounds[-1] - bounds[0]) if len(bounds) else 0, np.uint8)
    offsets = np.zeros(len(bounds), np.int64)
    _fold(data, bounds, tables.flags, folded, offsets, breaks)
    return LineModel(folded[: offsets[-1]], offsets, breaks)
