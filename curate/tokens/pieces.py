"""Splits text into pieces as tiktoken's regular expressions do: state machines over UTF-8, one for each pattern known.

Each alternative of a pattern is tried in its order; what backtracking would find is found directly. Runs are scanned
at most twice, so hostile text costs no more than other text. Knows character classes; knows no vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.text.characters import decode
from curate.text.compiled import Scalar, kernel
from curate.tokens.classes import HEAD, LETTER, NUMBER, SPACE, TAIL
from curate.tokens.table import word_at

GPT2, CL100K, O200K = range(3)

PATTERNS = {
    # tiktoken's form, and the form of the GPT-2 release, which splits alike
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s": GPT2,
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": GPT2,
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s": CL100K,
    "|".join(
        (
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        )
    ): O200K,
}
"""The patterns known, as tiktoken_ext/openai_public.py writes them (gpt2, r50k and p50k share one)."""

_KIND = LETTER | NUMBER | SPACE
_OTHER = 0
_DIGITS = 3  # \p{N}{1,3}
_LF, _CR, _BLANK, _APOSTROPHE, _SLASH = 10, 13, 32, 39, 47
_LONG_S = 0x17F  # the other character that (?i:s) matches
_CASE = 32  # the bit between ASCII's cases
_ONES = 0x0101010101010101  # a one in each byte of a word
_TOP = 0x80  # a byte's top bit
_LOW_BITS = 0x7F7F7F7F7F7F7F7F


@kernel
def piece_end(pattern: Scalar, data: Any, words: Any, at: Scalar, end: Scalar, classes: Any) -> Scalar:
    """The byte after the piece that begins at `at`, which is less than `end`, the end of the text."""
    if pattern == GPT2:
        return _gpt2_end(data, words, at, end, classes)
    if pattern == CL100K:
        return _cl100k_end(data, words, at, end, classes)
    return _o200k_end(data, words, at, end, classes)


@kernel
def ascii_letters(word: Scalar) -> Scalar:
    """How many of the 8 bytes, from the first on, are ASCII letters: all compared at once, a bit each."""
    low = word & np.uint64(_LOW_BITS)
    folded = low | np.uint64(_CASE * _ONES)
    above_a = folded + np.uint64((_TOP - ord("a")) * _ONES)  # its top bit: at least "a"
    above_z = folded + np.uint64((_TOP - 1 - ord("z")) * _ONES)  # its top bit: more than "z"
    others = ~(above_a & ~above_z & ~word) & np.uint64(_TOP * _ONES)
    if others == 0:
        return np.int64(8)
    first = (others & (~others + np.uint64(1))) >> np.uint64(7)
    below = (first - np.uint64(1)) & np.uint64(_ONES)  # a bit for each byte before the first other one
    return np.int64((below * np.uint64(_ONES)) >> np.uint64(56))


@kernel
def _run(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any, mask: Scalar, wanted: Scalar) -> Scalar:
    """The end of the run, from `at`, of characters whose class under `mask` is `wanted`."""
    while at < end:
        if wanted == LETTER:
            at += ascii_letters(word_at(words, at))
            if at >= end:
                return end
        if data[at] < 128:
            if classes[data[at]] & mask != wanted:
                break
            at += 1
        else:
            code, size = decode(data, at, end)
            if classes[code] & mask != wanted:
                break
            at += size
    return at


@kernel
def _contraction(data: Any, at: Scalar, end: Scalar, any_case: Scalar) -> Scalar:
    """The end of `'s`, `'d`, `'m`, `'t`, `'ll`, `'ve` or `'re` at `at`, or `at` where there is none."""
    if at + 1 >= end or data[at] != _APOSTROPHE:
        return at
    first = data[at + 1]
    if any_case:
        if first >= 128:
            code, size = decode(data, at + 1, end)
            return at + 1 + size if code == _LONG_S else at
        first |= _CASE
    if first == ord("s") or first == ord("d") or first == ord("m") or first == ord("t"):
        return at + 2
    if at + 2 >= end:
        return at
    second = data[at + 2]
    if any_case:
        second |= _CASE
    if (first == ord("l") and second == ord("l")) or ((first == ord("v") or first == ord("r")) and second == ord("e")):
        return at + 3
    return at


@kernel
def _space_end(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any, newlines: Scalar, whole: Scalar) -> Scalar:
    """The end of the piece that white space at `at` makes: of a run before other text all but its last character.

    With `newlines`, a run that holds a line break ends after its last one. With `whole`, a run that ends the text is one
    piece before that.
    """
    index, last, newline = at, at, at
    while index < end:
        code, size = decode(data, index, end)
        if not classes[code] & SPACE:
            break
        last = index
        index += size
        if code in (_LF, _CR):
            newline = index
    if index == end and (whole or newline == at):
        return end
    if newlines and newline > at:
        return newline
    if index < end and last > at:
        return last
    return index


@kernel
def _gpt2_end(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any) -> Scalar:
    contracted = _contraction(data, at, end, False)
    if contracted > at:
        return contracted
    code, size = decode(data, at, end)
    following = at + size
    kind = classes[code] & _KIND
    if kind != SPACE:
        return _run(data, words, following, end, classes, _KIND, kind)
    if code == _BLANK and following < end:
        code, size = decode(data, following, end)
        kind = classes[code] & _KIND
        if kind != SPACE:
            return _run(data, words, following + size, end, classes, _KIND, kind)
    return _space_end(data, words, at, end, classes, False, True)


@kernel
def _digits_end(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any) -> Scalar:
    for _ in range(_DIGITS):
        if at == end:
            break
        code, size = decode(data, at, end)
        if not classes[code] & NUMBER:
            break
        at += size
    return at


@kernel
def _symbols_end(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any, slashes: Scalar) -> Scalar:
    """The end of a run of what is no letter, number or space, and of the line breaks (and slashes) after it."""
    at = _run(data, words, at, end, classes, _KIND, _OTHER)
    while at < end and (data[at] == _LF or data[at] == _CR or (slashes and data[at] == _SLASH)):
        at += 1
    return at


@kernel
def _cl100k_end(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any) -> Scalar:
    contracted = _contraction(data, at, end, True)
    if contracted > at:
        return contracted
    code, size = decode(data, at, end)
    following = at + size
    kind = classes[code] & _KIND
    if kind == LETTER:
        return _run(data, words, following, end, classes, LETTER, LETTER)
    if kind == NUMBER:
        return _digits_end(data, words, at, end, classes)
    next_kind = SPACE
    if following < end:
        next_code, next_size = decode(data, following, end)
        next_kind = classes[next_code] & _KIND
        if next_kind == LETTER and code != _LF and code != _CR:
            return _run(data, words, following + next_size, end, classes, LETTER, LETTER)
    if kind == _OTHER or (code == _BLANK and next_kind == _OTHER):
        return _symbols_end(data, words, following, end, classes, False)
    return _space_end(data, words, at, end, classes, True, True)


@kernel
def _word_end(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any) -> Scalar:
    """The end of [head]*[tail]+ at `at`, or `at`. The last character of both kinds is where backtracking stops."""
    index, tail = at, at
    while index < end:
        code, size = decode(data, index, end)
        if not classes[code] & HEAD:
            break
        index += size
        if classes[code] & TAIL:
            tail = index
    beyond = _run(data, words, index, end, classes, TAIL, TAIL)
    return beyond if beyond > index else tail


@kernel
def _o200k_end(data: Any, words: Any, at: Scalar, end: Scalar, classes: Any) -> Scalar:
    code, size = decode(data, at, end)
    following = at + size
    kind = classes[code] & _KIND
    prefixed = kind != LETTER and kind != NUMBER and code != _LF and code != _CR
    stop = at
    if prefixed:
        stop = _word_end(data, words, following, end, classes)
        stop = stop if stop > following else at
    if stop == at:
        stop = _word_end(data, words, at, end, classes)
    if stop == at and prefixed:
        stop = _run(data, words, following, end, classes, HEAD, HEAD)
        stop = stop if stop > following else at
    if stop == at:
        stop = _run(data, words, at, end, classes, HEAD, HEAD)
    if stop > at:
        return _contraction(data, stop, end, True)
    if kind == NUMBER:
        return _digits_end(data, words, at, end, classes)
    if kind == _OTHER:
        return _symbols_end(data, words, at, end, classes, True)
    if code == _BLANK and following < end:
        next_code, _ = decode(data, following, end)
        if classes[next_code] & _KIND == _OTHER:
            return _symbols_end(data, words, following, end, classes, True)
    return _space_end(data, words, at, end, classes, True, False)
