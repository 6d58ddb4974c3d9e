"""Many literal strings searched at once in one pass over bytes.

Needles come in groups of up to 64; a search says which groups occur. Knows bytes and characters, and no policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import WORD, Bytes, Offsets, decode, lower_into, previous, tables
from curate.text.compiled import Scalar, kernel

MOST_GROUPS = 64  # one bit each of the mask a search returns

ANYWHERE = 0
"""The needle may stand inside a word."""
NOT_BESIDE_ASCII_LETTERS = 1
"""A character on both sides, neither of them a to z: the needle at an end of the text is not found."""
NOT_BESIDE_WORD_CHARACTERS = 2
"""No `\\w` character on either side; the ends of the text are fine."""


@dataclass(frozen=True)
class NeedleGroup:
    """UTF-8 strings, not empty, that a search reports as one, and what may stand beside them."""

    needles: tuple[bytes, ...]
    flanks: int = ANYWHERE


class NeedleTable(NamedTuple):
    """Needles sorted by their first two bytes; `first[b]` and `pair[b, c]` say whether a needle begins so."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    group: NDArray[np.int64]
    flanks: NDArray[np.int64]
    bucket: NDArray[np.int64]
    pair: NDArray[np.uint8]


def needle_table(groups: Sequence[NeedleGroup]) -> NeedleTable:
    """Compile groups for `find_groups`. A needle of one byte is filed under every pair that it can begin."""
    if len(groups) > MOST_GROUPS:
        raise ValueError(f"at most {MOST_GROUPS} groups of strings can be searched at once, found {len(groups)}")
    filed: list[tuple[int, bytes, int, int]] = []
    for number, group in enumerate(groups):
        for needle in dict.fromkeys(group.needles):
            if not needle:
                raise ValueError("an empty string occurs everywhere and cannot be searched")
            seconds = range(256) if len(needle) == 1 else (needle[1],)
            filed.extend((needle[0] << 8 | second, needle, number, group.flanks) for second in seconds)
    filed.sort()
    pair = np.zeros(1 << 16, np.uint8)
    pair[[code for code, *_ in filed]] = 1
    lengths = [len(needle) for _, needle, *_ in filed]
    return NeedleTable(
        np.frombuffer(b"".join(needle for _, needle, *_ in filed) or b"\0", np.uint8),
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        np.array([number for *_, number, _ in filed], np.int64),
        np.array([flanks for *_, flanks in filed], np.int64),
        np.searchsorted([code for code, *_ in filed], np.arange((1 << 16) + 1)).astype(np.int64),
        pair,
    )


@kernel
def _flanks_allow(
    data: Any, start: Scalar, end: Scalar, found: Scalar, stop: Scalar, rule: Scalar, flags: Any
) -> Scalar:
    if rule == ANYWHERE:
        return True
    if rule == NOT_BESIDE_ASCII_LETTERS:
        if found == start or stop == end:
            return False
        return not (97 <= data[found - 1] <= 122 or 97 <= data[stop] <= 122)
    if found > start:
        code, _ = decode(data, previous(data, found, start), end)
        if flags[code] & WORD:
            return False
    if stop < end:
        code, _ = decode(data, stop, end)
        if flags[code] & WORD:
            return False
    return True


@kernel
def find_groups(data: Any, start: Scalar, end: Scalar, needles: NeedleTable, flags: Any) -> Any:
    """The groups of which a needle occurs in data[start:end], as a uint64 mask."""
    found = np.uint64(0)
    for index in range(start, end):
        second = np.int64(data[index + 1]) if index + 1 < end else np.int64(0)
        code = np.int64(data[index]) << 8 | second
        if not needles.pair[code]:
            continue
        for number in range(needles.bucket[code], needles.bucket[code + 1]):
            bit = np.uint64(1) << np.uint64(needles.group[number])
            if found & bit:
                continue
            begin = needles.offsets[number]
            length = needles.offsets[number + 1] - begin
            if index + length > end:
                continue
            same = True
            for step in range(length):
                if data[index + step] != needles.data[begin + step]:
                    same = False
                    break
            if same and _flanks_allow(data, start, end, index, index + length, needles.flanks[number], flags):
                found |= bit
    return found


@kernel
def _rows_with_group(data: Any, bounds: Any, needles: NeedleTable, flags: Any, lower: Any, out: Any) -> None:
    longest = 0
    for row in range(len(bounds) - 1):
        longest = max(longest, bounds[row + 1] - bounds[row])
    folded = np.empty(2 * longest + 4, np.uint8)  # `lower_into` writes at most twice what it reads
    for row in range(len(bounds) - 1):
        size = lower_into(data, bounds[row], bounds[row + 1], folded, lower)
        out[row] = find_groups(folded, 0, size, needles, flags) != 0


def rows_with_group(data: Bytes, bounds: Offsets, needles: NeedleTable) -> NDArray[np.int64]:
    """Per row 1 where any needle occurs in its lower case, else 0."""
    out = np.zeros(len(bounds) - 1, np.int64)
    properties = tables()
    _rows_with_group(data, bounds, needles, properties.flags, properties.lower, out)
    return out
