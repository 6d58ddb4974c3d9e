"""The batch encoder: a text column to token ids in one compiled pass, exactly as tiktoken's `encode_ordinary` would.

Text is split by a state machine, pieces are looked up in a hash table, and only those that are no token themselves are
merged from bytes. Knows tiktoken's encodings; knows no documents.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tiktoken

from curate.text.columns import text_buffers
from curate.text.compiled import Scalar, kernel
from curate.tokens.classes import character_classes
from curate.tokens.merging import SHORT, merge_long, merge_short
from curate.tokens.pieces import O200K, PATTERNS, ascii_letters, piece_end
from curate.tokens.table import (
    KEY_BYTES,
    REMEMBERED,
    Table,
    count_of,
    first_bytes,
    hash_of,
    key_of,
    length_of,
    padded,
    piece_table,
    remember,
    seek,
    value_of,
    word_at,
)

_BLOCK = 64  # pieces
_BLANK = 32


class BatchEncoder:
    """Encodes columns of text with one of tiktoken's encodings. Raises ValueError for an encoding it cannot do exactly."""

    def __init__(self, encoding: tiktoken.Encoding, dtype: npt.DTypeLike) -> None:
        if encoding._pat_str not in PATTERNS:
            raise ValueError(f"the splitting pattern of {encoding.name!r} is not one of those known")
        self._pattern = PATTERNS[encoding._pat_str]
        self._ranks = encoding._mergeable_ranks
        self._dtype = np.dtype(dtype)
        self._table = piece_table(self._ranks)
        self._lock = threading.Lock()  # encoding writes to the table

    def __call__(self, texts: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """(ids of all texts end to end, ids of each text) of a string or large_string column without nulls."""
        data, offsets = text_buffers(texts)
        first = offsets[0]
        words, data = padded(data[first : offsets[-1]])
        out = np.empty(int(offsets[-1] - first), dtype=np.uint32)  # a token is at least a byte
        lengths = np.zeros(len(offsets) - 1, dtype=np.int64)
        scratch = np.empty((4, SHORT + 1), dtype=np.int32)
        classes = character_classes()
        with self._lock:
            table = self._fresh_table()
            written = _encode(data, words, offsets - first, self._pattern, classes, table, scratch, out, lengths)
        return out[:written].astype(self._dtype), lengths

    def _fresh_table(self) -> Table:
        """The table, without what was remembered once that is full: later text may be of another language."""
        if self._table.used[0] == REMEMBERED:
            self._table = piece_table(self._ranks)
        return self._table


@kernel
def _encode(
    data: Any, words: Any, offsets: Any, pattern: Scalar, classes: Any, table: Any, scratch: Any, out: Any, lengths: Any
) -> Scalar:
    slots, ids = table.slots, table.ids
    mask = np.uint64(len(slots) - 1)
    # Pieces are split a block ahead, so that the slots of many are on their way from memory at once.
    starts, sizes = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    lows, highs = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    places, entries = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    at = 0
    for text in range(len(lengths)):
        first, start, end = at, offsets[text], offsets[text + 1]
        while start < end:
            pieces = 0
            while start < end and pieces < _BLOCK:
                length, low, high = _next_piece(pattern, data, words, start, end, classes)
                slot = hash_of(low, high, length) & mask
                starts[pieces], sizes[pieces], lows[pieces], highs[pieces] = start, length, low, high
                places[pieces], entries[pieces] = slot, slots[slot, 2]
                pieces += 1
                start += length
            for piece in range(pieces):
                slot, entry, length = places[piece], entries[piece], sizes[piece]
                known = length <= KEY_BYTES and slots[slot, 0] == lows[piece] and slots[slot, 1] == highs[piece]
                count = count_of(entry) if known and length == length_of(entry) else 0
                if count == 1:
                    out[at] = value_of(entry)
                    at += 1
                elif count > 1:
                    value = value_of(entry)
                    for index in range(count):
                        out[at + index] = ids[value + index]
                    at += count
                else:
                    at = _encode_piece(
                        data, words, starts[piece], length, lows[piece], highs[piece], table, scratch, out, at
                    )
        lengths[text] = at - first
    return at


@kernel
def _next_piece(
    pattern: Scalar, data: Any, words: Any, start: Scalar, end: Scalar, classes: Any
) -> tuple[Scalar, Scalar, Scalar]:
    """(length, key) of the piece at `start`. The commonest, an ASCII word with or without a blank, is found by words."""
    if pattern != O200K:
        word = word_at(words, start)
        blank = np.int64(word & np.uint64(0xFF) == np.uint64(_BLANK))
        length = ascii_letters(word >> np.uint64(8 * blank))
        if length > 0:
            length = min(length + blank, 8)
            if length < 8:
                if (word >> np.uint64(8 * length)) & np.uint64(0xFF) < 128 and start + length <= end:
                    return length, first_bytes(word, length), np.uint64(0)
            else:
                second = word_at(words, start + 8)
                more = ascii_letters(second)
                after = (second >> np.uint64(8 * more)) & np.uint64(0xFF)
                if more < 8 and after < 128 and start + 8 + more <= end:
                    return 8 + more, word, first_bytes(second, more) if more else np.uint64(0)
    length = piece_end(pattern, data, words, start, end, classes) - start
    low, high = key_of(data, words, start, length)
    return length, low, high


@kernel
def _encode_piece(
    data: Any,
    words: Any,
    start: Scalar,
    length: Scalar,
    low: Scalar,
    high: Scalar,
    table: Any,
    scratch: Any,
    out: Any,
    at: Scalar,
) -> Scalar:
    """Write the ids of any piece; returns the place after them."""
    slot = seek(data, start, length, low, high, table.slots, table.spelling)
    entry = table.slots[slot, 2]
    count, value = count_of(entry), value_of(entry)
    if count == 1:
        out[at] = value
        return at + 1
    if count > 1:
        for index in range(count):
            out[at + index] = table.ids[value + index]
        return at + count
    if length > SHORT:
        return merge_long(data, words, start, length, table, out, at)
    after = merge_short(data, words, start, length, table, scratch, out, at)
    remember(data, start, length, low, high, slot, table, out[at:after])
    return after
