"""Text edited line by line: lines dropped, phrases deleted, lines counted between those steps.

A line program is an ordered list of steps; each line goes through them until one drops it, so that a count sees only
lines that survived the steps before it. Lines end as `str.splitlines` ends them and are stripped; survivors are joined
by a line feed and the whole is stripped. Knows the machinery of edits; which edits make sense is the packs' business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import (
    DIGIT,
    LETTER,
    SPACE,
    UPPER,
    Bytes,
    Offsets,
    count_characters,
    decode,
    lower_into,
    lowered,
    next_line,
    strip,
    tables,
)
from curate.text.compiled import Scalar, kernel
from curate.text.needles import ANYWHERE, NeedleGroup, NeedleTable, find_groups, needle_table

# What a step does with a line for which all its conditions hold.
DROP = 0
COUNT = 1
DELETE_CITATIONS = 2
DELETE_AT_START = 3
DELETE_AT_END = 4
DELETE_ANYWHERE = 5

# Conditions on a line.
LONGEST_WORD_ABOVE = 0
WORDS_BELOW = 1
WORDS_ABOVE = 2
ENDS_IN = 3
LACKS_ENDING = 4
CONTAINS = 5
UPPERCASE_ABOVE = 6
ONLY_NUMERIC = 7
COUNTER_OF = 8

_LOWER_CASE_GROWTH = 2  # `lower_into` writes at most twice the bytes it reads

_CITATION_WORDS = (b"edit]", b"citation needed]")  # Raffel et al. 2020: after the bracket, with `\[\d*\]`


@dataclass(frozen=True)
class LineCondition:
    """One of the condition codes above, with its bound or its strings (`flanks`: see needles)."""

    code: int
    bound: float = 0.0
    strings: tuple[str, ...] = ()
    flanks: int = ANYWHERE


@dataclass(frozen=True)
class LineStep:
    """An action for lines on which every condition holds; `phrases` are what a deletion removes, in any case."""

    action: int
    conditions: tuple[LineCondition, ...] = ()
    phrases: tuple[str, ...] = ()


class LineProgram(NamedTuple):
    """Compiled steps. `steps` rows: action, first and end condition, strings; `conditions` rows: code, strings."""

    steps: NDArray[np.int64]
    conditions: NDArray[np.int64]
    bounds: NDArray[np.float64]
    strings: Bytes
    string_ends: Offsets
    groups: Offsets
    needles: NeedleTable
    flags: NDArray[np.uint16]
    lower: NDArray[np.int32]


class EditedLines(NamedTuple):
    """New text; int64 per document and step: `removed` characters and `counts` of lines on which the step acted; int64
    per document: `lines`, `words` and `characters` before, and what became of them."""

    data: Bytes
    offsets: Offsets
    removed: NDArray[np.int64]
    counts: NDArray[np.int64]
    lines: NDArray[np.int64]
    lines_dropped: NDArray[np.int64]
    words: NDArray[np.int64]
    words_dropped: NDArray[np.int64]
    characters: NDArray[np.int64]
    characters_left: NDArray[np.int64]


def line_program(steps: Sequence[LineStep]) -> LineProgram:
    """Compile steps for `edit_lines`."""
    rows: list[tuple[int, int, int, int]] = []
    conditions: list[tuple[int, int]] = []
    bounds: list[float] = []
    searched: list[NeedleGroup] = []
    groups: list[list[bytes]] = []
    for step in steps:
        first = len(conditions)
        for condition in step.conditions:
            number = 0
            if condition.code == CONTAINS:
                number = len(searched)
                searched.append(NeedleGroup(tuple(map(lowered, condition.strings)), condition.flanks))
            elif condition.strings:
                number = len(groups)
                fold = lowered if condition.code == COUNTER_OF else str.encode
                groups.append([fold(string) for string in condition.strings])
            conditions.append((condition.code, number))
            bounds.append(condition.bound)
        rows.append((step.action, first, len(conditions), len(groups)))
        if step.phrases:
            groups.append([lowered(phrase) for phrase in step.phrases])
    flat = [string for group in groups for string in group]
    properties = tables()
    return LineProgram(
        np.array(rows, np.int64).reshape(-1, 4),
        np.array(conditions, np.int64).reshape(-1, 2),
        np.array(bounds, np.float64),
        np.frombuffer(b"".join(flat) or b"\0", np.uint8),
        np.cumsum([0, *map(len, flat)]).astype(np.int64),
        np.cumsum([0, *map(len, groups)]).astype(np.int64),
        needle_table(searched),
        properties.flags,
        properties.lower,
    )


class _Words(NamedTuple):
    words: Scalar
    longest: Scalar


@kernel
def _measure_words(data: Any, start: Scalar, end: Scalar, flags: Any) -> Any:
    """Words as `str.split()` gives them, and the characters of the longest."""
    count = longest = length = np.int64(0)
    index = start
    while index < end:
        byte = data[index]
        if byte < 0x80:
            space = flags[byte] & SPACE != 0
            index += 1
        else:
            code, size = decode(data, index, end)
            space = flags[code] & SPACE != 0
            index += size
        if space:
            length = np.int64(0)
        else:
            count += length == 0
            length += 1
            longest = max(longest, length)
    return _Words(count, longest)


@kernel
def _delete(data: Any, start: Scalar, stop: Scalar, end: Scalar) -> Scalar:
    """Close the gap data[start:stop]; returns the new end."""
    for index in range(stop, end):
        data[start + index - stop] = data[index]
    return end - (stop - start)


@kernel
def _after_citation(data: Any, at: Scalar, end: Scalar, words: Any, flags: Any) -> Scalar:
    """The end of the citation mark that begins at `at`, or `at` where there is none."""
    index = at + 1
    while index < end:
        code, size = decode(data, index, end)
        if not flags[code] & DIGIT:
            break
        index += size
    if index < end and data[index] == 93:
        return index + 1
    for word in words:
        stop = at + 1 + len(word)
        if stop <= end:
            same = True
            for step in range(len(word)):
                if data[at + 1 + step] != word[step]:
                    same = False
                    break
            if same:
                return stop
    return at


@kernel
def _delete_citations(data: Any, start: Scalar, end: Scalar, words: Any, flags: Any) -> Scalar:
    out = index = start
    while index < end:
        if data[index] == 91:
            stop = _after_citation(data, index, end, words, flags)
            if stop > index:
                index = stop
                continue
        data[out] = data[index]
        out += 1
        index += 1
    return out


@kernel
def _fold_matches(data: Any, at: Scalar, end: Scalar, program: LineProgram, string: Scalar) -> Scalar:
    """The end of the characters at `at` whose lower case is the string, or -1."""
    index = program.string_ends[string]
    stop = program.string_ends[string + 1]
    while index < stop:
        if at >= end:
            return np.int64(-1)
        wanted, wanted_size = decode(program.strings, index, stop)
        code, size = decode(data, at, end)
        if program.lower[code] != wanted:
            return np.int64(-1)
        at += size
        index += wanted_size
    return at


@kernel
def _delete_phrases(data: Any, start: Scalar, end: Scalar, program: LineProgram, group: Scalar, action: Scalar) -> Scalar:
    """Delete each place where a phrase stands (at the start, the end, or anywhere), leftmost first, once through."""
    at = start
    while at < end:
        stop = np.int64(-1)
        for string in range(program.groups[group], program.groups[group + 1]):
            stop = _fold_matches(data, at, end, program, string)
            if stop >= 0 and (action != DELETE_AT_END or stop == end):
                break
            stop = np.int64(-1)
        if stop >= 0:
            end = _delete(data, at, stop, end)
            if action != DELETE_ANYWHERE:
                break
        elif action == DELETE_AT_START:
            break
        else:
            _, size = decode(data, at, end)
            at += size
    return end


@kernel
def _ends_in(data: Any, start: Scalar, end: Scalar, program: LineProgram, group: Scalar) -> Scalar:
    for string in range(program.groups[group], program.groups[group + 1]):
        begin = program.string_ends[string]
        length = program.string_ends[string + 1] - begin
        if length > end - start:
            continue
        same = True
        for step in range(length):
            if data[end - length + step] != program.strings[begin + step]:
                same = False
                break
        if same:
            return True
    return False


@kernel
def _is_counter(data: Any, start: Scalar, end: Scalar, program: LineProgram, group: Scalar) -> Scalar:
    """A number (digits and . , + % with an optional letter, as 1.2K), white space, and one of the words."""
    index = start
    digits = False
    letters = np.int64(0)
    while index < end:
        code, size = decode(data, index, end)
        kind = program.flags[code]
        if kind & SPACE:
            break
        if kind & DIGIT:
            digits = True
        elif kind & LETTER:
            letters += 1
        elif not (code == 44 or code == 46 or code == 43 or code == 37):
            return False
        index += size
    if not digits or letters > 1:
        return False
    while index < end:
        code, size = decode(data, index, end)
        if not program.flags[code] & SPACE:
            break
        index += size
    for string in range(program.groups[group], program.groups[group + 1]):
        if _fold_matches(data, index, end, program, string) == end:
            return True
    return False


@kernel
def _uppercase_share(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    """Upper-case characters per character."""
    upper = count = np.int64(0)
    index = start
    while index < end:
        code, size = decode(data, index, end)
        upper += flags[code] & UPPER != 0
        count += 1
        index += size
    return upper / max(count, np.int64(1))


@kernel
def _only_numeric(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    """At least one digit, and nothing but digits, white space and characters that are no letters."""
    digits = False
    index = start
    while index < end:
        code, size = decode(data, index, end)
        if flags[code] & LETTER:
            return False
        digits |= flags[code] & DIGIT != 0
        index += size
    return digits


@kernel
def _edit_documents(
    data: Any, offsets: Any, program: LineProgram, citations: Any, out: Any, result: EditedLines
) -> Scalar:
    flags = program.flags
    longest = np.int64(0)
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    folded = np.empty(_LOWER_CASE_GROWTH * longest + 4, np.uint8)
    at = np.int64(0)
    for document in range(len(offsets) - 1):
        begin = at
        kept = np.int64(0)
        cursor = offsets[document]
        stop = offsets[document + 1]
        while cursor < stop:
            line_end, following = next_line(data, cursor, stop, flags)
            left, right = strip(data, cursor, line_end, flags)
            cursor = following
            start = at + (kept > 0)
            end = start + right - left
            for index in range(right - left):
                out[start + index] = data[left + index]
            words = _measure_words(out, start, end, flags)
            words_before = words.words
            result.lines[document] += 1
            result.words[document] += words_before
            searched = False
            found = np.uint64(0)
            dropped = False
            for step in range(len(program.steps)):
                action = program.steps[step, 0]
                holds = True
                for number in range(program.steps[step, 1], program.steps[step, 2]):
                    code = program.conditions[number, 0]
                    group = program.conditions[number, 1]
                    bound = program.bounds[number]
                    if code == LONGEST_WORD_ABOVE:
                        holds = words.longest > bound
                    elif code == WORDS_BELOW:
                        holds = words.words < bound
                    elif code == WORDS_ABOVE:
                        holds = words.words > bound
                    elif code == ENDS_IN:
                        holds = _ends_in(out, start, end, program, group)
                    elif code == LACKS_ENDING:
                        holds = not _ends_in(out, start, end, program, group)
                    elif code == CONTAINS:
                        if not searched:
                            size = lower_into(out, start, end, folded, program.lower)
                            found = find_groups(folded, 0, size, program.needles, flags)
                            searched = True
                        holds = found >> np.uint64(group) & np.uint64(1) != 0
                    elif code == UPPERCASE_ABOVE:
                        holds = _uppercase_share(out, start, end, flags) > bound
                    elif code == ONLY_NUMERIC:
                        holds = _only_numeric(out, start, end, flags)
                    else:
                        holds = _is_counter(out, start, end, program, group)
                    if not holds:
                        break
                if not holds:
                    continue
                if action == DROP:
                    result.counts[document, step] += 1
                    result.removed[document, step] += count_characters(out, start, end)
                    dropped = True
                    break
                if action == COUNT:
                    result.counts[document, step] += 1
                else:
                    before = count_characters(out, start, end)
                    if action == DELETE_CITATIONS:
                        new_end = _delete_citations(out, start, end, citations, flags)
                    else:
                        new_end = _delete_phrases(out, start, end, program, program.steps[step, 3], action)
                    if new_end < end:
                        end = new_end
                        result.counts[document, step] += 1
                        result.removed[document, step] += before - count_characters(out, start, end)
                        words = _measure_words(out, start, end, flags)
                        searched = False
            if dropped:
                result.lines_dropped[document] += 1
                result.words_dropped[document] += words_before
            else:
                if kept:
                    out[at] = 10
                kept += 1
                at = end
        left, right = strip(out, begin, at, flags)
        for index in range(right - left):
            out[begin + index] = out[left + index]
        at = begin + right - left
        result.offsets[document + 1] = at
        result.characters[document] = count_characters(data, offsets[document], stop)
        result.characters_left[document] = count_characters(out, begin, at)
    return at


def edit_lines(data: Bytes, offsets: Offsets, program: LineProgram) -> EditedLines:
    """Run a line program over documents; the cost is linear in their bytes."""
    documents = len(offsets) - 1
    steps = len(program.steps)
    out = np.empty(int(offsets[-1] - offsets[0]) + documents + 1, np.uint8)

    def zeros() -> NDArray[np.int64]:
        return np.zeros(documents, np.int64)

    result = EditedLines(
        out,
        np.zeros(documents + 1, np.int64),
        np.zeros((documents, steps), np.int64),
        np.zeros((documents, steps), np.int64),
        *(zeros() for _ in range(6)),
    )
    citations = tuple(np.frombuffer(word, np.uint8) for word in _CITATION_WORDS)
    size = _edit_documents(data, offsets, program, citations, out, result)
    return result._replace(data=out[:size])
