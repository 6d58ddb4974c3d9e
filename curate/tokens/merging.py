"""Byte-pair encoding of one piece: the adjacent pair of lowest rank is merged, the leftmost of equals, until none is left.

The order of Sennrich et al. 2016, section 3.2, as tiktoken applies it: what two neighbours make must be a token itself.
Short pieces scan for the lowest rank; long ones keep a heap, so that a piece of n bytes costs n log n.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.text.compiled import Scalar, kernel
from curate.tokens.table import ABSENT, LONGEST_REMEMBERED, token_of

SHORT = LONGEST_REMEMBERED  # bytes of a piece; below a hundred or so, scanning is quicker than a heap
_NONE = 1 << 31  # the rank of a pair that makes no token: above every id
_POSITION_BITS = 32
_PLACE_BITS = 6  # SHORT is 64
_NO_PAIR = (1 << 31) - 1  # above every rank << 6 | place of a vocabulary of less than 2^25


@kernel
def merge_short(
    data: Any, words: Any, start: Scalar, length: Scalar, table: Any, scratch: Any, out: Any, at: Scalar
) -> Scalar:
    """Write the ids of a piece of at most SHORT bytes; returns the place after them.

    A part is known by where it begins. `scratch`: int32 (4, SHORT + 1): of each part the rank of the pair it begins, as
    rank << 6 | place so that the least is the one to merge; where the next part begins; where the one before; its id.
    """
    pair, after, before, ids = scratch[0], scratch[1], scratch[2], scratch[3]
    slots, spelling, sieve, longest = table.slots, table.spelling, table.sieve, table.longest
    singles, pairs = table.singles, table.pairs
    for place in range(length):
        ids[place] = singles[data[start + place]]
        after[place], before[place], pair[place] = place + 1, place - 1, _NO_PAIR
    after[length] = length
    for place in range(length - 1):
        token = pairs[np.int64(data[start + place]) << 8 | np.int64(data[start + place + 1])]
        if token != ABSENT:
            pair[place] = token << _PLACE_BITS | place
    while True:
        least: Scalar = np.int32(_NO_PAIR)
        for place in range(length):  # compiled to vector minima: quicker than any list of candidates
            least = min(least, pair[place])
        if least == _NO_PAIR:
            break
        place = least & (SHORT - 1)
        ids[place] = least >> _PLACE_BITS
        merged = after[place]
        following = after[merged]
        after[place] = following
        pair[merged], pair[place] = _NO_PAIR, _NO_PAIR
        if following < length:
            before[following] = place
            first, last = start + place, start + after[following]
            rank = _pair_rank(data, words, first, last, slots, spelling, sieve, longest)
            if rank != _NONE:
                pair[place] = rank << _PLACE_BITS | place
        previous = before[place]
        if previous >= 0:
            rank = _pair_rank(data, words, start + previous, start + following, slots, spelling, sieve, longest)
            pair[previous] = rank << _PLACE_BITS | previous if rank != _NONE else _NO_PAIR
    part: Scalar = np.int64(0)
    while part < length:
        out[at] = ids[part]
        at += 1
        part = np.int64(after[part])
    return at


@kernel
def _pair_rank(
    data: Any, words: Any, first: Scalar, last: Scalar, slots: Any, spelling: Any, sieve: Any, longest: Scalar
) -> Scalar:
    if last - first > longest:
        return np.int64(_NONE)
    token = token_of(data, words, first, last - first, slots, spelling, sieve)
    return token if token != ABSENT else np.int64(_NONE)


@kernel
def merge_long(data: Any, words: Any, start: Scalar, length: Scalar, table: Any, out: Any, at: Scalar) -> Scalar:
    """Write the ids of a piece of any length; returns the place after them.

    The heap holds rank << 32 | position; an entry whose pair has changed since is skipped.
    """
    after = np.empty(length + 1, np.int64)  # of a part: where the next begins
    before = np.empty(length + 1, np.int64)
    pair = np.full(length + 1, _NONE, np.int64)
    ids = np.empty(length + 1, np.int64)
    heap = np.empty(3 * length + 1, np.uint64)  # a pair per byte, and at most two more per merge
    held = 0
    slots, spelling, sieve, longest = table.slots, table.spelling, table.sieve, table.longest
    for index in range(length):
        after[index], before[index] = index + 1, index - 1
        ids[index] = table.singles[data[start + index]]
        if index + 1 < length:
            token = table.pairs[np.int64(data[start + index]) << 8 | np.int64(data[start + index + 1])]
            if token != ABSENT:
                pair[index] = token
                held = _push(heap, held, token, index)
    while held:
        top = heap[0]
        held = _pop(heap, held)
        rank, position = np.int64(top >> np.uint64(_POSITION_BITS)), np.int64(top & np.uint64(0xFFFFFFFF))
        if pair[position] != rank:
            continue
        merged = after[position]
        following = after[merged]
        ids[position] = rank
        after[position] = following
        pair[merged] = _NONE
        pair[position] = _NONE
        if following < length:
            before[following] = position
            rank = _pair_rank(data, words, start + position, start + after[following], slots, spelling, sieve, longest)
            if rank != _NONE:
                pair[position] = rank
                held = _push(heap, held, rank, position)
        previous = before[position]
        if previous >= 0:
            rank = _pair_rank(data, words, start + previous, start + following, slots, spelling, sieve, longest)
            pair[previous] = rank
            if rank != _NONE:
                held = _push(heap, held, rank, previous)
    position = np.int64(0)
    while position < length:
        out[at] = ids[position]
        at += 1
        position = after[position]
    return at


@kernel
def _push(heap: Any, held: Scalar, rank: Scalar, position: Scalar) -> Scalar:
    entry = np.uint64(rank) << np.uint64(_POSITION_BITS) | np.uint64(position)
    child = held
    while child > 0:
        parent = (child - 1) >> 1
        if heap[parent] <= entry:
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = entry
    return held + 1


@kernel
def _pop(heap: Any, held: Scalar) -> Scalar:
    held -= 1
    entry = heap[held]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= held:
            break
        if child + 1 < held and heap[child + 1] < heap[child]:
            child += 1
        if entry <= heap[child]:
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = entry
    return held
