"""Text edited line by line: lines dropped, phrases deleted, lines counted between those steps.

A line program is an ordered list of steps; each line goes through them until one drops it, so that a count sees only
lines that survived the steps before it. Lines end as `str.splitlines` ends them and are stripped; survivors are joined
by a line feed and the whole is stripped. Knows the machinery of edits; which edits make sense is the packs' business.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import (
    DIGIT,
    LETTER,
    LINE_BREAK,
    SPACE,
    UPPER,
    Bytes,
    Offsets,
    count_characters,
    decode,
    lower_into,
    strip,
)
from curate.text.compiled import Scalar, kernel
from curate.text.deletions import CITATION_WORDS, delete_citations, delete_phrases, folded_end
from curate.text.line_program import (
    CONTAINS,
    COUNT,
    DELETE_CITATIONS,
    DROP,
    ENDS_IN,
    LACKS_ENDING,
    LONGEST_WORD_ABOVE,
    ONLY_NUMERIC,
    UPPERCASE_ABOVE,
    WORDS_ABOVE,
    WORDS_BELOW,
    LineProgram,
)
from curate.text.multi_string_search import find_groups

_LOWER_CASE_GROWTH = 2  # `lower_into` writes at most twice the bytes it reads


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


class _Line(NamedTuple):
    """A stripped line: its bounds, words (`str.split()`), characters of the longest, characters, where the next begins."""

    left: Scalar
    right: Scalar
    words: Scalar
    longest: Scalar
    characters: Scalar
    following: Scalar


@kernel
def _read_line(data: Any, start: Scalar, end: Scalar, flags: Any) -> _Line:
    """The line that begins at `start`, ended as `str.splitlines` ends it, stripped as `str.strip` does."""
    words = longest = length = characters = 0
    left = right = index = start
    before = 0  # characters up to the end of the last word
    while index < end:
        at = index
        byte = data[index]
        if byte < 0x80:
            kind = flags[byte]
            index += 1
        else:
            point, size = decode(data, index, end)
            kind = flags[point]
            index += size
        if not kind & SPACE:
            if length == 0:
                if words == 0:
                    left = at
                    characters = 0
                words += 1
            length += 1
            longest = max(longest, length)
            characters += 1
            right = index
            before = characters
            continue
        length = 0
        if kind & LINE_BREAK:
            if byte == 13 and index < end and data[index] == 10:
                index += 1
            break
        characters += 1
    return _Line(left, right, words, longest, before, index)


@kernel
def _ends_in(data: Any, start: Scalar, end: Scalar, strings: Any, ends: Any, first: Scalar, last: Scalar) -> Scalar:
    """Whether the line ends in any of the strings from `first` up to `last`."""
    for string in range(first, last):
        begin = ends[string]
        length = ends[string + 1] - begin
        if length > end - start or data[end - 1] != strings[begin + length - 1]:
            continue
        same = True
        for step in range(length):
            if data[end - length + step] != strings[begin + step]:
                same = False
                break
        if same:
            return True
    return False


@kernel
def _is_counter(data: Any, start: Scalar, end: Scalar, program: LineProgram, group: Scalar) -> Scalar:
    """A number (digits and . , + % with an optional letter, as 1.2K), white space, and one of the words."""
    flags = program.flags
    index = start
    digits = False
    letters = np.int64(0)
    while index < end:
        code, size = decode(data, index, end)
        kind = flags[code]
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
        if not flags[code] & SPACE:
            break
        index += size
    ends = program.string_ends
    for string in range(program.groups[group], program.groups[group + 1]):
        if folded_end(data, index, end, program.strings, ends[string], ends[string + 1], program.lower) == end:
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
            line = _read_line(data, cursor, stop, flags)
            cursor = line.following
            start = at + (kept > 0)
            end = start + line.right - line.left
            for index in range(line.right - line.left):
                out[start + index] = data[line.left + index]
            words, longest_word, characters = line.words, line.longest, line.characters
            words_before = words
            result.lines[document] += 1
            result.words[document] += words
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
                        holds = longest_word > bound
                    elif code == WORDS_BELOW:
                        holds = words < bound
                    elif code == WORDS_ABOVE:
                        holds = words > bound
                    elif code in (ENDS_IN, LACKS_ENDING):
                        first, last = program.groups[group], program.groups[group + 1]
                        holds = _ends_in(out, start, end, program.strings, program.string_ends, first, last)
                        holds = holds == (code == ENDS_IN)
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
                    result.removed[document, step] += characters
                    dropped = True
                    break
                if action == COUNT:
                    result.counts[document, step] += 1
                else:
                    if action == DELETE_CITATIONS:
                        new_end = delete_citations(out, start, end, citations, flags)
                    else:
                        new_end = delete_phrases(out, start, end, program, program.steps[step, 3], action)
                    if new_end < end:
                        end = new_end
                        result.counts[document, step] += 1
                        left = count_characters(out, start, end)
                        result.removed[document, step] += characters - left
                        line = _read_line(out, start, end, flags)
                        words, longest_word, characters = line.words, line.longest, left
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
        if left > begin:
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
    size = _edit_documents(data, offsets, program, CITATION_WORDS, out, result)
    return result._replace(data=out[:size])
