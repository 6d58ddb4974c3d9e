"""A hash table from pieces of text to their token ids: the vocabulary, and pieces encoded before.

A piece of at most 16 bytes is its own key, two machine words; a longer one is keyed by a hash and compared byte by byte.
Knows bytes and ids; knows no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import Scalar, kernel

REMEMBERED = 1 << 17
"""Most pieces kept beside the vocabulary: the frequent ones of a few languages, in a few megabytes."""
LONGEST_REMEMBERED = 64
"""Bytes of the longest piece that is kept."""

_WORD = 8
KEY_BYTES = 16
"""Bytes of the longest piece whose key is itself."""
_MULTIPLIER = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio (Knuth 1973, section 6.4)
_FNV_OFFSET = 0xCBF29CE484222325  # Fowler, Noll, Vo: FNV-1a, 64 bits
_FNV_PRIME = 0x100000001B3
_HASH_BITS = 32
_SIEVE_BITS = 21  # 256 KiB stay in a core's cache, and let through one in ten or twenty of what is no token
_LENGTH_SHIFT = 40
_COUNT_SHIFT = 32
_COUNT_MASK = 0xFF
_VALUE_MASK = 0xFFFFFFFF

ABSENT = -1


class Table(NamedTuple):
    """`slots`: uint64 (slots, 3): low word, high word (or hash, and where the bytes lie in `spelling`), and
    length << 40 | count << 32 | value, 0 where empty; the value is a token's id, or where its `count` ids lie in `ids`.
    `sieve`: a bit for each of 2^21 hashes, 0 where no token has it. `pairs`: int32, the id of each two bytes, or -1.
    `singles`: int32, the id of each byte. `longest`: bytes of the longest token. `used`: int64 (3,): pieces remembered,
    bytes of `spelling`, numbers of `ids`."""

    slots: npt.NDArray[np.uint64]
    spelling: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.uint32]
    sieve: npt.NDArray[np.uint64]
    pairs: npt.NDArray[np.int32]
    singles: npt.NDArray[np.int32]
    longest: int
    used: npt.NDArray[np.int64]


def piece_table(ranks: Mapping[bytes, int]) -> Table:
    """The table of a byte-level vocabulary. Raises ValueError where a byte has no token."""
    missing = [value for value in range(256) if bytes([value]) not in ranks]
    if missing:
        raise ValueError(f"the vocabulary has no token for byte {missing[0]:#04x}: it is not byte-level")
    tokens = sorted(ranks)
    lengths = np.array([len(token) for token in tokens], dtype=np.int64)
    values = np.array([ranks[token] for token in tokens], dtype=np.int64)
    words, data = padded(np.frombuffer(b"".join(tokens), dtype=np.uint8), LONGEST_REMEMBERED * REMEMBERED)
    size = 1 << (2 * (len(tokens) + REMEMBERED) - 1).bit_length()  # at most half full
    slots = np.zeros((size, 3), dtype=np.uint64)
    sieve = np.zeros(1 << (_SIEVE_BITS - 6), dtype=np.uint64)
    _insert_tokens(data, words, np.cumsum(lengths) - lengths, lengths, values, slots, sieve)
    pairs = np.full(1 << 16, ABSENT, dtype=np.int32)
    for token in tokens:
        if len(token) == 2:
            pairs[token[0] << 8 | token[1]] = ranks[token]
    singles = np.array([ranks[bytes([value])] for value in range(256)], dtype=np.int32)
    ids = np.empty(LONGEST_REMEMBERED * REMEMBERED, dtype=np.uint32)
    used = np.array([0, lengths.sum(), 0], dtype=np.int64)
    return Table(slots, data, ids, sieve, pairs, singles, int(lengths.max()), used)


def padded(data: npt.NDArray[np.uint8], room: int = 0) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
    """(words, bytes): one copy of the data seen both ways, with at least `room` and two words of zeros after it."""
    words = np.zeros((len(data) + room) // _WORD + 3, dtype="<u8")
    text = words.view(np.uint8)
    text[: len(data)] = data
    return words, text


@kernel
def word_at(words: Any, at: Scalar) -> Scalar:
    """The 8 bytes from byte `at` on, the first lowest."""
    index, shift = at >> 3, np.uint64(at & 7) << np.uint64(3)
    low = words[index] >> shift
    return low | (words[index + 1] << np.uint64(1)) << (np.uint64(63) - shift)


@kernel
def first_bytes(word: Scalar, count: Scalar) -> Scalar:
    """The first 1 to 8 bytes of a word."""
    return word & (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * count))


@kernel
def key_of(data: Any, words: Any, start: Scalar, length: Scalar) -> tuple[Scalar, Scalar]:
    """The key of a piece: its bytes up to 16, else a hash and 0."""
    if length <= _WORD:
        return first_bytes(word_at(words, start), length), np.uint64(0)
    if length <= KEY_BYTES:
        return word_at(words, start), first_bytes(word_at(words, start + _WORD), length - _WORD)
    value = np.uint64(_FNV_OFFSET)
    for index in range(length):
        value = (value ^ np.uint64(data[start + index])) * np.uint64(_FNV_PRIME)
    return value, np.uint64(0)


@kernel
def hash_of(low: Scalar, high: Scalar, length: Scalar) -> Scalar:
    """32 bits from a piece's key: the lower ones are the slot where its search begins."""
    mixed = (low ^ (high * np.uint64(_FNV_PRIME)) ^ np.uint64(length)) * np.uint64(_MULTIPLIER)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(_MULTIPLIER)
    return mixed >> np.uint64(32)


@kernel
def _insert_tokens(data: Any, words: Any, starts: Any, lengths: Any, values: Any, slots: Any, sieve: Any) -> None:
    mask = np.uint64(len(slots) - 1)
    for index in range(len(values)):
        start, length = starts[index], lengths[index]
        low, high = key_of(data, words, start, length)
        slot = hash_of(low, high, length) & mask
        bit = hash_of(low, high, length) >> np.uint64(_HASH_BITS - _SIEVE_BITS)
        sieve[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))
        while slots[slot, 2] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot, 0] = low
        slots[slot, 1] = high if length <= KEY_BYTES else np.uint64(start)
        slots[slot, 2] = _meta(length, 1, values[index])


@kernel
def _meta(length: Scalar, count: Scalar, value: Scalar) -> Scalar:
    return (
        np.uint64(length) << np.uint64(_LENGTH_SHIFT) | np.uint64(count) << np.uint64(_COUNT_SHIFT) | np.uint64(value)
    )


@kernel
def seek(data: Any, start: Scalar, length: Scalar, low: Scalar, high: Scalar, slots: Any, spelling: Any) -> Scalar:
    """The slot of the piece of `length` bytes at `start`, which has this key, or the empty slot where it belongs."""
    mask = np.uint64(len(slots) - 1)
    slot = hash_of(low, high, length) & mask
    while True:
        entry = slots[slot, 2]
        if entry == 0:
            return slot
        if slots[slot, 0] == low and entry >> np.uint64(_LENGTH_SHIFT) == np.uint64(length):
            if length <= KEY_BYTES:
                if slots[slot, 1] == high:
                    return slot
            else:
                first, same = np.int64(slots[slot, 1]), True
                for index in range(length):
                    if data[start + index] != spelling[first + index]:
                        same = False
                        break
                if same:
                    return slot
        slot = (slot + np.uint64(1)) & mask


@kernel
def length_of(entry: Scalar) -> Scalar:
    """The bytes of the piece that a slot's entry is for."""
    return np.int64(entry >> np.uint64(_LENGTH_SHIFT))


@kernel
def count_of(entry: Scalar) -> Scalar:
    """How many ids a slot's entry stands for; 0 where the slot is empty."""
    return np.int64(entry >> np.uint64(_COUNT_SHIFT) & np.uint64(_COUNT_MASK))


@kernel
def value_of(entry: Scalar) -> Scalar:
    """The id of an entry that stands for one, or where its ids lie."""
    return np.int64(entry & np.uint64(_VALUE_MASK))


@kernel
def token_of(data: Any, words: Any, start: Scalar, length: Scalar, slots: Any, spelling: Any, sieve: Any) -> Scalar:
    """The id of the token that these bytes are, or ABSENT."""
    low, high = key_of(data, words, start, length)
    bit = hash_of(low, high, length) >> np.uint64(_HASH_BITS - _SIEVE_BITS)
    if not sieve[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1):
        return np.int64(ABSENT)
    entry = slots[seek(data, start, length, low, high, slots, spelling), 2]
    return value_of(entry) if count_of(entry) == 1 else np.int64(ABSENT)


@kernel
def remember(
    data: Any, start: Scalar, length: Scalar, low: Scalar, high: Scalar, slot: Scalar, table: Any, ids: Any
) -> None:
    """Keep the ids of a piece, two or more, in the empty slot where it belongs, if there is room."""
    used = table.used
    if used[0] == REMEMBERED:
        return
    if length > KEY_BYTES:
        high = np.uint64(used[1])
        for index in range(length):
            table.spelling[used[1] + index] = data[start + index]
        used[1] += length
    for index in range(len(ids)):
        table.ids[used[2] + index] = ids[index]
    table.slots[slot, 0], table.slots[slot, 1] = low, high
    table.slots[slot, 2] = _meta(length, len(ids), used[2])
    used[0] += 1
    used[2] += len(ids)
