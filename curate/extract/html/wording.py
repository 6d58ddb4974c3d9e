"""What the words of each block say: counts of its characters by kind, words shared with the title, weights of words.

Knows the text of blocks; knows nothing of elements.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import IN_TITLE, Records
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, FNV_PRIME

(DIGITS, CAPITALS, SIGNS, LONGEST, STOPS, TITLED, WEIGHT, CODE, LAST, LINES, WIDE, TOKENS, FIRST) = range(13)
WORDING = 13
"""Columns of a block: digits; words with a capital; marks other than those of sentences; bytes of the longest word;
full stops, question and exclamation marks; words that stand in the page's title; summed weights of words; a code of the
whole text; its last byte; lines; ideographs and kana; words of letters and digits; weight of the first two words."""
WORD_BUCKETS = 1 << 16
"""Words have their weights by the low bits of their code."""
_TITLE_SLOTS = 2048

_OTHER, _SPACE, _DIGIT, _LOWER, _UPPER, _STOP, _COMMA, _HIGH = range(8)
_CLASS = np.zeros(256, np.uint8)
_CLASS[[9, 10, 12, 13, 32]] = _SPACE
_CLASS[48:58] = _DIGIT
_CLASS[97:123] = _LOWER
_CLASS[65:91] = _UPPER
_CLASS[[33, 46, 63]] = _STOP
_CLASS[[44, 58, 59]] = _COMMA
_CLASS[128:] = _HIGH
_IN_WORD = (_CLASS >= _DIGIT) & (_CLASS <= _UPPER) | (_CLASS == _HIGH)


@kernel
def _bucket(code: Scalar) -> Scalar:
    return np.int64((code ^ (code >> np.uint64(32))) & np.uint64(WORD_BUCKETS - 1))


@kernel
def note_words(text: Bytes, start: Scalar, end: Scalar, seen: NDArray[np.uint8]) -> Scalar:
    """Note the words of a piece of text in `seen`, by their codes."""
    code, size = FNV_OFFSET, 0
    for at in range(start, end + 1):
        kind = _CLASS[text[at]] if at < end else _SPACE
        if (kind >= _DIGIT and kind <= _UPPER) or kind == _HIGH:
            code = np.uint64((code ^ np.uint64(text[at] | 32 if kind == _UPPER else text[at])) * FNV_PRIME)
            size += 1
        elif size:
            seen[_bucket(code) & (_TITLE_SLOTS - 1)] = 1
            code, size = FNV_OFFSET, 0


@kernel
def word_places(text: Bytes, blocks: Records, places: Offsets, ends: Offsets) -> Scalar:
    """The bucket of each word, block after block, and behind how many of them each block ends; as `word_counts` counts."""
    count = 0
    for number in range(len(blocks)):
        end = np.int64(blocks[number].end)
        code, size, wide = FNV_OFFSET, 0, 0
        for at in range(np.int64(blocks[number].start), end + 1):
            byte = text[at] if at < end else np.uint8(32)
            kind = _CLASS[byte]
            inside = (kind >= _DIGIT and kind <= _UPPER) or kind == _HIGH
            starts_wide = 0xE3 <= byte <= 0xE9
            if size and (not inside or starts_wide or wide == 3):
                places[count] = _bucket(code)
                count += 1
                code, size, wide = FNV_OFFSET, 0, 0
            if inside:
                wide = 1 if starts_wide else wide + (wide > 0)
                code = np.uint64((code ^ np.uint64(byte | 32 if kind == _UPPER else byte)) * FNV_PRIME)
                size += 1
        ends[number + 1] = count


@kernel
def word_counts(text: Bytes, blocks: Records, weights: NDArray[np.int8], rows: NDArray[np.int32]) -> Scalar:
    """Fill a row of WORDING columns for each block."""
    seen = np.zeros(_TITLE_SLOTS, np.uint8)
    for number in range(len(blocks)):
        if blocks[number].flags & IN_TITLE:
            note_words(text, np.int64(blocks[number].start), np.int64(blocks[number].end), seen)
    for number in range(len(blocks)):
        row = rows[number]
        end = np.int64(blocks[number].end)
        titled, weight, first, tokens, capitals, longest = 0, 0, 0, 0, 0, np.int64(0)
        digits, stops, signs, lines, wides, whole = 0, 0, 0, 0, 0, FNV_OFFSET
        at = np.int64(blocks[number].start)
        while at < end:
            byte = text[at]
            kind = _CLASS[byte]
            if not _IN_WORD[byte]:
                stops += kind == _STOP
                signs += kind == _OTHER
                lines += byte == 10
                at += 1
                continue
            begin, code = at, FNV_OFFSET
            capitals += kind == _UPPER
            if 0xE3 <= byte <= 0xE9:
                wides += 1
                last = min(at + 3, end)
            else:
                last = end
            while True:
                kind = _CLASS[byte]
                digits += kind == _DIGIT
                code = np.uint64((code ^ np.uint64(byte | 32 if kind == _UPPER else byte)) * FNV_PRIME)
                at += 1
                if at >= last:
                    break
                byte = text[at]
                if not _IN_WORD[byte] or 0xE3 <= byte <= 0xE9:
                    break
            place = _bucket(code)
            titled += seen[place & (_TITLE_SLOTS - 1)]
            weight += weights[place]
            if tokens < 2:
                first += weights[place]
            tokens += 1
            longest = max(longest, at - begin)
            whole = np.uint64((whole ^ code) * FNV_PRIME)
        row[DIGITS], row[CAPITALS], row[SIGNS], row[LONGEST], row[STOPS] = digits, capitals, signs, longest, stops
        row[TITLED], row[WEIGHT], row[FIRST], row[TOKENS], row[LINES] = titled, weight, first, tokens, lines
        row[WIDE] = wides
        row[CODE] = np.int32(np.int64(whole & np.uint64(0x7FFFFFFF)))
        row[LAST] = text[end - 1]
