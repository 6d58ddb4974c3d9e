"""What deletions take out of a line, in place: citation marks, and phrases whatever their case.

Knows characters; which lines are edited is `curate.text.line_edits`' business.
"""

from typing import Any

import numpy as np

from curate.text.characters import DIGIT, decode
from curate.text.compiled import Scalar, kernel
from curate.text.line_program import DELETE_ANYWHERE, DELETE_AT_END, DELETE_AT_START, LineProgram

CITATION_WORDS = tuple(np.frombuffer(word, np.uint8) for word in (b"edit]", b"citation needed]"))
"""What may follow the bracket of a citation mark besides digits (Raffel et al. 2020, reference code)."""


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
def delete_citations(data: Any, start: Scalar, end: Scalar, words: Any, flags: Any) -> Scalar:
    index = start
    while index < end and data[index] != 91:
        index += 1
    out = index
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
def folded_end(data: Any, at: Scalar, end: Scalar, strings: Any, begin: Scalar, stop: Scalar, lower: Any) -> Scalar:
    """The end of the characters at `at` whose lower case is strings[begin:stop], or -1."""
    while begin < stop:
        if at >= end:
            return np.int64(-1)
        wanted, wanted_size = decode(strings, begin, stop)
        code, size = decode(data, at, end)
        if lower[code] != wanted:
            return np.int64(-1)
        at += size
        begin += wanted_size
    return at


@kernel
def delete_phrases(
    data: Any, start: Scalar, end: Scalar, program: LineProgram, group: Scalar, action: Scalar
) -> Scalar:
    """Delete each place where a phrase stands (at the start, the end, or anywhere), leftmost first, once through."""
    strings, string_ends, lower = program.strings, program.string_ends, program.lower
    first, last = program.groups[group], program.groups[group + 1]
    at = start
    while at < end:
        stop = np.int64(-1)
        if data[at] & 0xC0 != 0x80:
            byte = np.int64(data[at])
            folded = lower[byte] if byte < 0x80 else np.int32(-1)
            for string in range(first, last):
                begin = string_ends[string]
                if folded >= 0 and strings[begin] < 0x80 and strings[begin] != folded:
                    continue
                stop = folded_end(data, at, end, strings, begin, string_ends[string + 1], lower)
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
            at += 1
    return end
