"""Repeated words, n-grams and lines, counted per document in time linear in their number.

An n-gram is known by the place of its first occurrence, found from the first occurrences of its first n-1 words and of
its last word, so n-grams are compared exactly (words by 64-bit codes). It can repeat only where both (n-1)-grams within
it repeat, so longer n-grams cost next to nothing in ordinary text. Knows codes and lengths; knows no metric.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import Offsets
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import slot_of

SHORTEST = 2
LONGEST = 10
LONGEST_TOP = 4
"""n of the n-grams counted, and up to which the most frequent matters and not how many repeat: Gopher's table A1 (Rae et
al. 2021)."""
_SIZES = LONGEST - SHORTEST + 1

# Columns of `Repetition.grams`: the first of n-grams longer than LONGEST_TOP, those of the most frequent of the others.
COVERED = 0
"""Characters of words that lie in a repeated n-gram, each word counted once (Gopher's text; RedPajama, DCLM)."""
SUMMED = 1
"""Characters of all occurrences of repeated n-grams, overlaps counted again (Dolma)."""
GREEDY = 2
"""Characters of n-grams seen before, from left to right, skipping past each (datatrove)."""
TOP = 3
"""Occurrences x characters of the most frequent n-gram, 0 where none repeats; the longest of equals."""
TOP_FIRST = 4
"""The same, of the first among equals, also where none repeats (datatrove, Dolma)."""
TOP_FIRST_COUNT = 5
"""Occurrences of that n-gram."""
TOP_FIRST_REPEATED = 6
"""The same as TOP_FIRST, 0 where none repeats (RedPajama)."""
GRAM_CHARACTERS = 7
"""Characters of all n-grams, a word counted in each that holds it."""
_COLUMNS = 8


class Repetition(NamedTuple):
    """Per document: `distinct` words (int64), `entropy` of their distribution in nats (float64), `characters` of all
    words (int64), and `grams`, int64 of documents x (n - SHORTEST) x the columns above."""

    distinct: NDArray[np.int64]
    entropy: NDArray[np.float64]
    characters: NDArray[np.int64]
    grams: NDArray[np.int64]


class Duplicates(NamedTuple):
    """Per document int64: items repeated, and their characters: `later` counts each occurrence but the first (as
    datatrove), `all` every occurrence of an item that occurs twice or more (as Dolma)."""

    later: NDArray[np.int64]
    later_characters: NDArray[np.int64]
    all: NDArray[np.int64]
    all_characters: NDArray[np.int64]


@kernel
def _first_places(keys: Any, items: Any, number: Scalar, table: Any, first: Any, times: Any) -> Scalar:
    """For the places in `items`: first[i], the place where keys[i] occurs first, and times there. Returns the distinct
    keys. `table` has room for twice `number` places, rounded up to a power of two."""
    bits = 1
    while (1 << bits) < 2 * number:
        bits += 1
    last_slot = (1 << bits) - 1
    shift = 64 - bits
    for slot in range(last_slot + 1):
        table[slot] = -1
    distinct = 0
    for item in range(number):
        index = items[item]
        key = keys[index]
        slot = slot_of(key, shift)
        place = table[slot]
        while place >= 0 and keys[place] != key:
            slot = (slot + 1) & last_slot
            place = table[slot]
        if place < 0:
            table[slot] = index
            first[index] = index
            times[index] = 1
            distinct += 1
        else:
            first[index] = place
            times[place] += 1
    return distinct


@kernel
def _table_size(offsets: Any) -> Any:
    """(most items of a document, slots of the table that `_first_places` needs for them)."""
    most = np.int64(1)
    for document in range(len(offsets) - 1):
        most = max(most, offsets[document + 1] - offsets[document])
    slots = np.int64(2)
    while slots < 2 * most:
        slots *= 2
    return most, slots


@kernel
def _top(size: Scalar, count: Scalar, items: Any, number: Scalar, first: Any, times: Any, ends: Any, row: Any) -> None:
    """The columns of the most frequent n-gram; `items` are the places of n-grams that repeat."""
    best = best_first = top = top_first = np.int64(0)
    for item in range(number):
        index = items[item]
        occurrences = np.int64(times[index]) * (first[index] == index)
        if occurrences >= best and occurrences > 0:
            characters = ends[index + size] - ends[index]
            if occurrences > best_first:
                best_first, top_first = occurrences, characters
            if occurrences > best or characters > top:
                best, top = occurrences, characters
    row[TOP] = best * top
    row[TOP_FIRST_REPEATED] = best_first * top_first
    if number == 0 and count >= size:
        best_first, top_first = np.int64(1), ends[size] - ends[0]
    row[TOP_FIRST] = best_first * top_first
    row[TOP_FIRST_COUNT] = best_first


@kernel
def _repeated(
    size: Scalar, count: Scalar, items: Any, number: Scalar, first: Any, ends: Any, seen: Any, row: Any
) -> None:
    """The columns of repeated n-grams; `items` are their places, characters come from the running sum `ends`."""
    if count >= size:
        # A word lies in as many n-grams as fit around it: fewer at either end of the document.
        most = min(size, count - size + 1)
        total: Any = ends[count] * most
        for edge in range(most - 1):
            missing = most - 1 - edge
            total = total - missing * (ends[edge + 1] - ends[edge] + ends[count - edge] - ends[count - edge - 1])
        row[GRAM_CHARACTERS] = total
    covered_to = free_from = np.int64(0)
    for item in range(number):
        index = np.int64(items[item])
        characters = ends[index + size] - ends[index]
        row[SUMMED] += characters
        row[COVERED] += ends[index + size] - ends[max(index, covered_to)]
        covered_to = index + size
        if index >= free_from:
            place = first[index]
            if seen[place] == size:
                row[GREEDY] += characters
                free_from = index + size
            else:
                seen[place] = size


@kernel
def _repetition(codes: Any, lengths: Any, offsets: Any, result: Repetition) -> None:
    most, slots = _table_size(offsets)
    table = np.empty(slots, np.int32)
    words = np.empty(most, np.int32)
    first = np.empty(most, np.int32)
    times = np.empty(most, np.int32)
    seen = np.empty(most, np.int8)
    items = np.empty(most, np.int32)
    apart = np.empty(most, np.int32)
    keys = np.empty(most, np.uint64)
    ends = np.zeros(most + 1, np.int64)
    for document in range(len(offsets) - 1):
        start = offsets[document]
        count = offsets[document + 1] - start
        for index in range(count):
            items[index] = index
            seen[index] = 0
            ends[index + 1] = ends[index] + lengths[start + index]
        result.distinct[document] = _first_places(codes[start : start + count], items, count, table, words, times)
        result.characters[document] = ends[count]
        entropy = 0.0
        number = np.int64(0)
        for index in range(count):
            place = words[index]
            first[index] = place
            if place == index:
                share = times[index] / count
                entropy -= share * np.log(share)
            items[number] = index
            number += times[place] > 1
        result.entropy[document] = entropy
        for size in range(SHORTEST, LONGEST + 1):
            # An n-gram can repeat only where the (n-1)-grams at its place and at the next both do.
            candidates = np.int64(0)
            others = np.int64(0)
            for item in range(number - 1):
                index = items[item]
                if items[item + 1] != index + 1:
                    continue
                items[candidates] = index
                candidates += 1
                place = first[index]
                if place == index:
                    times[index] = 1
                elif words[place + size - 1] == words[index + size - 1]:
                    times[place] += 1
                else:  # it goes on as the first occurrence of its first n-1 words does not
                    keys[index] = np.uint64(place) << np.uint64(32) | np.uint64(words[index + size - 1])
                    apart[others] = index
                    others += 1
            _first_places(keys, apart, others, table, first, times)
            number = np.int64(0)
            for item in range(candidates):
                index = items[item]
                items[number] = index
                number += times[first[index]] > 1
            row = result.grams[document, size - SHORTEST]
            if size <= LONGEST_TOP:
                _top(size, count, items, number, first, times, ends, row)
            else:
                _repeated(size, count, items, number, first, ends, seen, row)


def repetition(codes: NDArray[np.uint64], lengths: NDArray[np.int32], offsets: Offsets) -> Repetition:
    """Repetition among the words of each document (codes and characters of words; word offsets of documents)."""
    documents = len(offsets) - 1
    result = Repetition(
        np.zeros(documents, np.int64),
        np.zeros(documents, np.float64),
        np.zeros(documents, np.int64),
        np.zeros((documents, _SIZES, _COLUMNS), np.int64),
    )
    _repetition(codes, lengths, offsets, result)
    return result


@kernel
def _duplicates(codes: Any, lengths: Any, offsets: Any, skip: Any, result: Duplicates) -> None:
    most, slots = _table_size(offsets)
    table = np.empty(slots, np.int32)
    first = np.empty(most, np.int32)
    times = np.empty(most, np.int32)
    items = np.empty(most, np.int32)
    for document in range(len(offsets) - 1):
        start = offsets[document]
        number = np.int64(0)
        for item in range(offsets[document + 1] - start):
            items[number] = item
            number += not skip[start + item]
        _first_places(codes[start : offsets[document + 1]], items, number, table, first, times)
        for place in range(number):
            index = items[place]
            length = np.int64(lengths[start + index])
            if times[first[index]] > 1:
                result.all[document] += 1
                result.all_characters[document] += length
            if first[index] != index:
                result.later[document] += 1
                result.later_characters[document] += length


def duplicates(
    codes: NDArray[np.uint64], lengths: NDArray[np.int32], offsets: Offsets, skip: NDArray[np.bool_]
) -> Duplicates:
    """Repeated items (lines, paragraphs) among those of each document that are not skipped."""
    result = Duplicates(*(np.zeros(len(offsets) - 1, np.int64) for _ in range(4)))
    _duplicates(codes, lengths, offsets, skip, result)
    return result
