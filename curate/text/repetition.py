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
"""n of the n-grams counted: those of Gopher's table A1 (Rae et al. 2021)."""
_SIZES = LONGEST - SHORTEST + 1
_FIRST_SLOTS = 1024

# Columns of `Repetition.grams`.
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
_COLUMNS = 6


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
def _grown(keys: Any, places: Any, used: Scalar, shift: Scalar) -> Any:
    """A table of twice the slots, in fresh arrays; entries are re-inserted in slot order."""
    slots = len(keys) * 2
    new_keys = np.empty(slots, np.uint64)
    new_places = np.full(slots, -1, np.int32)
    for slot in range(len(keys)):
        if places[slot] >= 0:
            at = slot_of(keys[slot], shift - 1)
            while new_places[at] >= 0:
                at = (at + 1) & (slots - 1)
            new_keys[at] = keys[slot]
            new_places[at] = places[slot]
    return new_keys, new_places


@kernel
def _first_words(codes: Any, start: Scalar, count: Scalar, first: Any, times: Any) -> Scalar:
    """first[i]: where word i occurs first; times[i]: how often, at the first place. Returns the distinct words."""
    shift = np.int64(54)
    keys = np.empty(_FIRST_SLOTS, np.uint64)
    places = np.full(_FIRST_SLOTS, -1, np.int32)
    used = 0
    for index in range(count):
        if used * 2 > len(keys):
            keys, places = _grown(keys, places, used, shift)
            shift -= 1
        key = codes[start + index]
        slot = slot_of(key, shift)
        while places[slot] >= 0 and keys[slot] != key:
            slot = (slot + 1) & (len(keys) - 1)
        if places[slot] < 0:
            keys[slot] = key
            places[slot] = index
            first[index] = index
            times[index] = 1
            used += 1
        else:
            place = places[slot]
            first[index] = place
            times[place] += 1
    return used


@kernel
def _first_grams(size: Scalar, candidates: Any, number: Scalar, words: Any, first: Any, times: Any) -> None:
    """Turn first occurrences of (size-1)-grams at the candidate places into those of size-grams, ascending."""
    shift = np.int64(54)
    keys = np.empty(_FIRST_SLOTS, np.uint64)
    places = np.full(_FIRST_SLOTS, -1, np.int32)
    used = 0
    for item in range(number):
        index = candidates[item]
        if used * 2 > len(keys):
            keys, places = _grown(keys, places, used, shift)
            shift -= 1
        key = np.uint64(np.uint64(first[index]) << np.uint64(32)) | np.uint64(words[index + size - 1])
        slot = slot_of(key, shift)
        while places[slot] >= 0 and keys[slot] != key:
            slot = (slot + 1) & (len(keys) - 1)
        if places[slot] < 0:
            keys[slot] = key
            places[slot] = index
            first[index] = index
            times[index] = 1
            used += 1
        else:
            place = places[slot]
            first[index] = place
            times[place] += 1


@kernel
def _summarise(size: Scalar, count: Scalar, repeated: Any, number: Scalar, first: Any, times: Any, ends: Any,
               seen: Any, row: Any) -> None:
    """The columns of one n: `repeated` are the places of n-grams that repeat; characters by the running sum `ends`."""
    covered_to = free_from = np.int64(0)
    best = best_first = np.int64(0)
    top = top_first = np.int64(0)
    for item in range(number):
        index = np.int64(repeated[item])
        characters = ends[index + size] - ends[index]
        row[SUMMED] += characters
        begin = max(index, covered_to)
        row[COVERED] += ends[index + size] - ends[begin]
        covered_to = index + size
        place = first[index]
        if place == index:
            occurrences = np.int64(times[index])
            if occurrences > best_first:
                best_first, top_first = occurrences, characters
            if occurrences > best or (occurrences == best and characters > top):
                best, top = occurrences, characters
        if index >= free_from:
            if seen[place] == size:
                row[GREEDY] += characters
                free_from = index + size
            else:
                seen[place] = size
    row[TOP] = best * top
    if number == 0 and count >= size:
        best_first, top_first = np.int64(1), ends[size] - ends[0]
    row[TOP_FIRST] = best_first * top_first
    row[TOP_FIRST_COUNT] = best_first


@kernel
def _repetition(codes: Any, lengths: Any, offsets: Any, result: Repetition) -> None:
    most = np.int64(0)
    for document in range(len(offsets) - 1):
        most = max(most, offsets[document + 1] - offsets[document])
    words = np.empty(most, np.int32)
    first = np.empty(most, np.int32)
    times = np.empty(most, np.int32)
    seen = np.empty(most, np.int8)
    repeats = np.empty(most, np.bool_)
    candidates = np.empty(most, np.int32)
    ends = np.zeros(most + 1, np.int64)
    for document in range(len(offsets) - 1):
        start = offsets[document]
        count = offsets[document + 1] - start
        result.distinct[document] = _first_words(codes, start, count, words, times)
        entropy = 0.0
        for index in range(count):
            ends[index + 1] = ends[index] + lengths[start + index]
            repeats[index] = times[words[index]] > 1
            first[index] = words[index]
            seen[index] = 0
            if words[index] == index:
                share = times[index] / count
                entropy -= share * np.log(share)
        result.entropy[document] = entropy
        result.characters[document] = ends[count]
        number = np.int64(0)
        for index in range(count - 1):
            candidates[number] = index
            number += repeats[index] and repeats[index + 1]
        for size in range(SHORTEST, LONGEST + 1):
            _first_grams(size, candidates, number, words, first, times)
            kept = np.int64(0)
            for item in range(number):
                index = candidates[item]
                repeats[index] = times[first[index]] > 1
                if repeats[index]:
                    candidates[kept] = index
                    kept += 1
            number = kept
            _summarise(
                size, count, candidates, number, first, times, ends, seen, result.grams[document, size - SHORTEST]
            )
            # Longer n-grams can repeat only where this one and its neighbour to the right do.
            kept = np.int64(0)
            for item in range(number - 1):
                index = candidates[item]
                if candidates[item + 1] == index + 1:
                    candidates[kept] = index
                    kept += 1
            number = kept


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
    most = np.int64(0)
    for document in range(len(offsets) - 1):
        most = max(most, offsets[document + 1] - offsets[document])
    first = np.empty(most, np.int32)
    times = np.empty(most, np.int32)
    kept_codes = np.empty(most, np.uint64)
    kept_lengths = np.empty(most, np.int64)
    for document in range(len(offsets) - 1):
        count = np.int64(0)
        for item in range(offsets[document], offsets[document + 1]):
            if not skip[item]:
                kept_codes[count] = codes[item]
                kept_lengths[count] = lengths[item]
                count += 1
        _first_words(kept_codes, np.int64(0), count, first, times)
        for index in range(count):
            again = times[first[index]] > 1
            result.all[document] += again
            result.all_characters[document] += again * kept_lengths[index]
            later = first[index] != index
            result.later[document] += later
            result.later_characters[document] += later * kept_lengths[index]


def duplicates(
    codes: NDArray[np.uint64], lengths: NDArray[np.int32], offsets: Offsets, skip: NDArray[np.bool_]
) -> Duplicates:
    """Repeated items (lines, paragraphs) among those of each document that are not skipped."""
    result = Duplicates(*(np.zeros(len(offsets) - 1, np.int64) for _ in range(4)))
    _duplicates(codes, lengths, offsets, skip, result)
    return result
