"""Lines and spans of sentences of documents: their hashes, and texts without some of them.

Lines end as `str.splitlines` ends them. A sentence ends after a terminal mark (Unicode's Sentence_Terminal and a few) and
the marks that close it, where white space follows, and with its line; abbreviations are not told apart, as only equal
division of equal text matters here. Pieces are compared lower-cased, their white space folded; a piece without letter or
digit is compared with none. Knows text; knows no count.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.dedup.normal import mix64
from curate.text.characters import (
    PUNCTUATION,
    SPACE,
    TERMINAL_MARK,
    WORD,
    Bytes,
    Offsets,
    decode,
    next_line,
    tables,
)
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

_NOTHING = np.uint64(0)


class Pieces(NamedTuple):
    """Lines or sentences of all documents: those of document i are rows offsets[i] to offsets[i + 1].

    `codes`: uint64 hashes, 0 where a piece has no letter or digit. `starts`, `ends`: bytes of the text, white space
    around left out. `lines`: the byte after the piece's line, its line break included.
    """

    codes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    offsets: Offsets


@kernel
def _piece(data: Any, start: Scalar, end: Scalar, flags: Any, lower: Any) -> Any:
    """(code, end without white space) of data[start:end], which begins with no white space."""
    code = FNV_OFFSET
    words = False
    gap = False
    last = index = start
    while index < end:
        point, size = decode(data, index, end)
        index += size
        kind = flags[point]
        if kind & SPACE:
            gap = True
            continue
        if gap:
            code = add_to_code(code, 32)
            gap = False
        code = add_to_code(code, lower[point])
        words |= (kind & WORD) != 0
        last = index
    return (mix64(code) if words else _NOTHING), last


@kernel
def _sentence_end(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    """Where the sentence that begins at `start` ends, within a line that ends at `end`."""
    index = start
    closing = False
    while index < end:
        point, size = decode(data, index, end)
        kind = flags[point]
        if closing and kind & SPACE:
            return index
        index += size
        if kind & TERMINAL_MARK:
            closing = True
        elif not kind & PUNCTUATION:
            closing = False
    return end


@kernel
def _find(data: Any, bounds: Any, flags: Any, lower: Any, sentences: bool, pieces: Pieces) -> None:
    count = 0
    for document in range(len(bounds) - 1):
        pieces.offsets[document] = count
        cursor = bounds[document]
        stop = bounds[document + 1]
        while cursor < stop:
            end, following = next_line(data, cursor, stop, flags)
            while cursor < end:
                point, size = decode(data, cursor, end)
                if flags[point] & SPACE:
                    cursor += size
                    continue
                after = _sentence_end(data, cursor, end, flags) if sentences else end
                code, last = _piece(data, cursor, after, flags, lower)
                pieces.codes[count] = code
                pieces.starts[count] = cursor
                pieces.ends[count] = last
                pieces.lines[count] = following
                count += 1
                cursor = after
            cursor = following
    pieces.offsets[len(bounds) - 1] = count


def find_pieces(data: Bytes, bounds: Offsets, sentences: bool) -> Pieces:
    """The lines, or the sentences, of documents data[bounds[i]:bounds[i + 1]]."""
    most = (int(bounds[-1] - bounds[0]) + len(bounds)) // 2 + 1  # a piece takes a byte, and one that divides it
    starts, ends, lines = np.empty((3, most), np.int64)
    pieces = Pieces(np.empty(most, np.uint64), starts, ends, lines, np.zeros(len(bounds), np.int64))
    unicode = tables()
    _find(data, bounds, unicode.flags, unicode.lower, sentences, pieces)
    count = pieces.offsets[-1]
    return Pieces(pieces.codes[:count], starts[:count], ends[:count], lines[:count], pieces.offsets)


@kernel
def _windows(codes: Any, offsets: Any, size: Scalar, out: Any) -> None:
    for document in range(len(offsets) - 1):
        for index in range(offsets[document], offsets[document + 1]):
            out[index] = _NOTHING
            if index + size > offsets[document + 1]:
                continue
            code = codes[index]
            for step in range(1, size):
                if codes[index + step] == 0:
                    code = _NOTHING
                if code != 0:
                    code = mix64(code ^ np.uint64(codes[index + step] + np.uint64(step)))
            out[index] = code


def span_codes(pieces: Pieces, size: int) -> NDArray[np.uint64]:
    """A hash per piece of the span of `size` pieces that begins with it; 0 where it has too few or a piece without words."""
    if size == 1:
        return pieces.codes
    out = np.empty_like(pieces.codes)
    _windows(pieces.codes, pieces.offsets, size, out)
    return out


@kernel
def _cover(gone: Any, size: Scalar, out: Any) -> None:
    for index in range(len(gone)):
        if gone[index]:
            for step in range(size):
                out[index + step] = True


def pieces_of_spans(gone: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Which pieces lie in a span of `size` pieces that is gone; `gone` is a flag per first piece."""
    out = np.zeros(len(gone), np.bool_)
    _cover(gone, size, out)
    return out


@kernel
def _copy(data: Any, start: Scalar, end: Scalar, out: Any, at: Scalar) -> Scalar:
    for index in range(start, end):
        out[at] = data[index]
        at += 1
    return at


@kernel
def _without(data: Any, bounds: Any, pieces: Pieces, gone: Any, out: Any, offsets: Any) -> None:
    at = np.int64(0)
    for document in range(len(bounds) - 1):
        offsets[document] = at
        cursor = bounds[document]
        removed = False
        piece = pieces.offsets[document]
        last = pieces.offsets[document + 1]
        while piece < last:
            line = pieces.lines[piece]
            before = cursor
            first = pieces.starts[piece]
            stays = False
            while piece < last and pieces.lines[piece] == line:
                if gone[piece]:
                    removed = True
                else:
                    if not stays:
                        at = _copy(data, before, first, out, at)
                        cursor = pieces.starts[piece]
                    at = _copy(data, cursor, pieces.ends[piece], out, at)
                    stays = True
                cursor = pieces.ends[piece]
                piece += 1
            if stays:
                at = _copy(data, cursor, line, out, at)
            cursor = line
        at = _copy(data, cursor, bounds[document + 1], out, at)
        if removed:
            while at > offsets[document] and out[at - 1] <= 32:
                at -= 1
    offsets[len(bounds) - 1] = at


def without_pieces(data: Bytes, bounds: Offsets, pieces: Pieces, gone: NDArray[np.bool_]) -> tuple[Bytes, Offsets]:
    """The texts without the pieces that are gone, and without the lines that are left with none."""
    out = np.empty(int(bounds[-1] - bounds[0]), np.uint8)
    offsets = np.zeros(len(bounds), np.int64)
    _without(data, bounds, pieces, gone, out, offsets)
    return out[: offsets[-1]], offsets
