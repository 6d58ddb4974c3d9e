"""The n-grams of evaluation items as a table, and where they stand in texts. Knows keys and items' numbers; cuts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.decontaminate.words import ALONE, folding, gram_key, hash_prefixes, power_of, words_of
from curate.text.characters import decode
from curate.text.columns import as_column, text_buffers
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import slot_of

_BITS_PER_GRAM = 16  # of the first look-up, which nearly all n-grams of a page fail: one in 16 passes by chance
_SLOTS_PER_GRAM = 2
FEWEST_WORDS = 4
"""Of an item that is matched whole: three words in a row are in every other text."""


class Grams(NamedTuple):
    """`keys`: uint64, ascending, each once. `lengths`: how many words the n-grams have, descending, each once.
    `heads`: keys of the first words of the n-grams that are shorter than the longest, ascending, each once.
    The items of n-gram i are items[offsets[i]:offsets[i + 1]], ascending, where it stands first at word places[...].
    `words`: of each item, those that its n-grams cover."""

    keys: NDArray[np.uint64]
    lengths: NDArray[np.int64]
    heads: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    places: NDArray[np.int64]
    words: NDArray[np.int64]


class Matches(NamedTuple):
    """N-grams of items that stand in texts, in order: row, first byte and byte after in its text, the n-gram's number."""

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    grams: NDArray[np.int64]


class Table(NamedTuple):
    """What keys are looked up in. `bits`: one set for each key, 64 to a word; `head_bits`: for each head likewise.
    `slots`: numbers of keys by hash, -1 where empty."""

    bits: NDArray[np.uint64]
    bit_shift: int
    head_bits: NDArray[np.uint64]
    head_shift: int
    slots: NDArray[np.int64]
    slot_shift: int


def grams_of(texts: Sequence[str], items: Sequence[int], ngram: int, questions: Sequence[bool] | None = None) -> Grams:
    """The n-grams of texts, each with the number of the item that it is of; `questions`: which texts ask something.

    An item's n-grams are those of its texts of `ngram` words or more. Each shorter question of `FEWEST_WORDS` is matched
    whole. Where an item has neither, its longest texts are, if they have as many: its answers alone would be found
    everywhere. A character that is a word counts half in this.
    """
    column = as_column(texts)
    data, bounds = text_buffers(column)
    owners = np.array(items, np.int64)
    asks = np.zeros(len(owners), bool) if questions is None else np.array(questions, bool)
    words, alone = _count_words(data, bounds, folding())
    enough = words - alone // 2 >= FEWEST_WORDS
    short = enough & (words < ngram)
    number = int(owners.max(initial=-1)) + 1
    searched = np.zeros(number, bool)
    searched[owners[(words >= ngram) | (short & asks)]] = True
    longest = np.zeros(number, np.int64)
    np.maximum.at(longest, owners, words)
    whole = short & (asks | (~searched[owners] & (words == longest[owners])))
    chosen = np.flatnonzero((words >= ngram) | whole)
    lengths = np.minimum(words[chosen], ngram)
    firsts = words[chosen] - lengths + 1  # n-grams of each text
    keys = _item_keys(data, bounds, folding(), chosen, lengths, int(firsts.sum()))
    of_short = np.flatnonzero(lengths < ngram)
    fewest = np.full(len(of_short), FEWEST_WORDS)
    heads = _item_keys(
        data, bounds, folding(), chosen[of_short], fewest, int((words[chosen[of_short]] - fewest + 1).sum())
    )
    starts = np.cumsum(words[chosen[of_short]] - fewest + 1) - (words[chosen[of_short]] - fewest + 1)
    of_items = np.repeat(owners[chosen], firsts)
    places = np.arange(len(keys)) - np.repeat(np.cumsum(firsts) - firsts, firsts)
    places += np.repeat(_words_before(owners[chosen], words[chosen]), firsts)
    keys, of_items, places = _first_places(keys, of_items, places)
    unique, first = np.unique(keys, return_index=True)
    return Grams(
        unique,
        np.unique(lengths)[::-1].copy(),
        np.unique(heads[starts]),
        np.append(first, len(keys)),
        of_items,
        places,
        np.bincount(owners[chosen], words[chosen], number).astype(np.int64),
    )


def _words_before(owners: NDArray[np.int64], words: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many words the texts before each text of the same item have; an item's texts stand together."""
    before = np.cumsum(words) - words
    first = np.searchsorted(owners, owners) if len(owners) else owners
    return before - before[first]


def _first_places(
    keys: NDArray[np.uint64], items: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Keys, items and places in order of key and item, each pair once, with its first place."""
    order = np.lexsort((places, items, keys))
    keys, items, places = keys[order], items[order], places[order]
    new = np.ones(len(keys), bool)
    new[1:] = (keys[1:] != keys[:-1]) | (items[1:] != items[:-1])
    return keys[new], items[new], places[new]


def distinct_pairs(left: NDArray[Any], right: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The pairs (left[i], right[i]), ascending, each once."""
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    new = np.ones(len(left), bool)
    new[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    return left[new], right[new]


@kernel
def _count_words(data: Any, bounds: Any, folded: Any) -> Any:
    """(words of each text, those of them that are characters of scripts without spaces)."""
    counts = np.empty(len(bounds) - 1, np.int64)
    alone = np.zeros(len(bounds) - 1, np.int64)
    codes, starts, ends = _room(bounds)
    for text in range(len(counts)):
        counts[text] = words_of(data, bounds[text], bounds[text + 1], folded, codes, starts, ends)
        at = bounds[text]
        while at < bounds[text + 1]:
            point, size = decode(data, at, bounds[text + 1])
            alone[text] += folded[point] >= ALONE
            at += size
    return counts, alone


@kernel
def _room(bounds: Any) -> Any:
    """Arrays for the words of any one of the texts."""
    longest = np.int64(0)
    for text in range(len(bounds) - 1):
        longest = max(longest, bounds[text + 1] - bounds[text])
    most = longest // 2 + 2  # every other byte white space; a character that is a word has three
    return np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)


@kernel
def _item_keys(data: Any, bounds: Any, folded: Any, chosen: Any, lengths: Any, total: Any) -> Any:
    """The keys of the n-grams, of lengths[i] words each, of every chosen text i in turn."""
    keys = np.empty(total, np.uint64)
    codes, starts, ends = _room(bounds)
    prefixes = np.empty(len(codes) + 1, np.uint64)
    count = np.int64(0)
    for index in range(len(chosen)):
        text = chosen[index]
        words = words_of(data, bounds[text], bounds[text + 1], folded, codes, starts, ends)
        hash_prefixes(codes, words, prefixes)
        weight = power_of(lengths[index])
        for first in range(words - lengths[index] + 1):
            keys[count] = gram_key(prefixes, first, lengths[index], weight)
            count += 1
    return keys


def table_of(grams: Grams) -> Table:
    """The table in which `find_grams` looks keys up."""
    bits, bit_shift = _bits_of(grams.keys)
    head_bits, head_shift = _bits_of(grams.heads)
    slot_bits = max(4, (_SLOTS_PER_GRAM * len(grams.keys)).bit_length())
    slots = np.full(1 << slot_bits, -1)
    _fill_slots(grams.keys, slots, 64 - slot_bits)
    return Table(bits, bit_shift, head_bits, head_shift, slots, 64 - slot_bits)


def _bits_of(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], int]:
    size = max(6, (_BITS_PER_GRAM * len(keys)).bit_length())
    bits = np.zeros(1 << (size - 6), np.uint64)
    places = keys >> np.uint64(64 - size)
    np.bitwise_or.at(bits, places >> np.uint64(6), np.uint64(1) << (places & np.uint64(63)))
    return bits, 64 - size


@kernel
def _fill_slots(keys: Any, slots: Any, slot_shift: Any) -> None:
    mask = len(slots) - 1
    for number in range(len(keys)):
        slot = slot_of(keys[number], slot_shift)
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = number


@kernel
def _is_set(bits: Any, shift: Any, key: Scalar) -> Scalar:
    bit = np.int64(key >> np.uint64(shift))
    return bits[bit >> 6] >> np.uint64(bit & 63) & np.uint64(1) != np.uint64(0)


@kernel
def _scan(data: Any, bounds: Any, folded: Any, keys: Any, lengths: Any, table: Table, found: Any) -> Scalar:
    """Fill `found` (rows: row, start, end, gram) as far as it reaches; returns how many there are."""
    mask = len(table.slots) - 1
    weights = np.empty(len(lengths), np.uint64)
    for index in range(len(lengths)):
        weights[index] = power_of(lengths[index])
    head_weight = power_of(FEWEST_WORDS)
    codes, starts, ends = _room(bounds)
    prefixes = np.empty(len(codes) + 1, np.uint64)
    count = np.int64(0)
    for row in range(len(bounds) - 1):
        words = words_of(data, bounds[row], bounds[row + 1], folded, codes, starts, ends)
        hash_prefixes(codes, words, prefixes)
        for first in range(words):
            tried = min(len(lengths), 1)  # the longest
            if len(lengths) > 1 and first + FEWEST_WORDS <= words:
                head = gram_key(prefixes, first, FEWEST_WORDS, head_weight)
                if _is_set(table.head_bits, table.head_shift, head):
                    tried = len(lengths)
            for index in range(tried):
                length = lengths[index]
                if first + length > words:
                    continue
                key = gram_key(prefixes, first, length, weights[index])
                if not _is_set(table.bits, table.bit_shift, key):
                    continue
                slot = slot_of(key, table.slot_shift)
                while table.slots[slot] >= 0 and keys[table.slots[slot]] != key:
                    slot = (slot + 1) & mask
                if table.slots[slot] < 0:
                    continue
                if count < found.shape[1]:
                    found[0, count], found[1, count] = row, starts[first] - bounds[row]
                    found[2, count], found[3, count] = ends[first + length - 1] - bounds[row], table.slots[slot]
                count += 1
    return count


def find_grams(texts: pa.Array, grams: Grams, table: Table) -> Matches:
    """Every n-gram of the items in a column of texts."""
    data, bounds = text_buffers(texts)
    room = 1024
    while True:
        found = np.empty((4, room), np.int64)
        count = int(_scan(data, bounds, folding(), grams.keys, grams.lengths, table, found))
        if count <= room:
            return Matches(*found[:, :count])
        room = count
