"""Sentences counted by the decision rules of Punkt.

Kiss and Strunk (2006), "Unsupervised Multilingual Sentence Boundary Detection", section 4, in the form NLTK gives them:
a period, question or exclamation mark ends a sentence unless its word is an abbreviation, an initial or a number that
the next word's case shows to be inside a sentence. NLTK learns abbreviations and the case of words from newspapers;
here both are short English lists (`curate.text.punkt`). Knows text, and no policy.
"""

from typing import Any, NamedTuple

import numpy as np

from curate.text.characters import DIGIT, LOWER, SPACE, UPPER, WORD, decode, next_line, strip
from curate.text.compiled import Scalar, kernel
from curate.text.hashing import FNV_OFFSET, add_to_code
from curate.text.punkt import (
    CLOSES_SENTENCE,
    LONGEST_ABBREVIATION,
    NO_STARTER,
    NOT_IN_WORDS,
    NOT_WORD_START,
    SENTENCE_END,
    SPLITS_CHUNKS,
    SentenceTables,
)


class _Token(NamedTuple):
    start: Scalar
    end: Scalar
    boundary: Scalar
    abbreviation: Scalar
    ellipsis: Scalar


@kernel
def _role(code: Scalar, role: Scalar, roles: Any) -> Scalar:
    return code < len(roles) and roles[code] & role != 0


@kernel
def _listed(data: Any, start: Scalar, end: Scalar, listed: Any, lower: Any) -> Scalar:
    """Whether the lower-cased word is in a list of hashes."""
    value = FNV_OFFSET
    index = start
    while index < end:
        code, size = decode(data, index, end)
        value = add_to_code(value, lower[code])
        index += size
    low, high = 0, len(listed)
    while low < high:
        middle = (low + high) // 2
        if listed[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < len(listed) and listed[low] == value


@kernel
def _is_run(data: Any, at: Scalar, end: Scalar) -> Scalar:
    """Two hyphens or two periods begin here."""
    return at + 1 < end and data[at] == data[at + 1] and (data[at] == 45 or data[at] == 46)


@kernel
def _breaks_word(data: Any, at: Scalar, end: Scalar, flags: Any, roles: Any) -> Scalar:
    """White space, a mark that stands in no word, a run of hyphens or periods, or the end."""
    if at >= end:
        return True
    code, _ = decode(data, at, end)
    return flags[code] & SPACE != 0 or _role(code, NOT_IN_WORDS, roles) or _is_run(data, at, end)


@kernel
def _ends_word(data: Any, at: Scalar, end: Scalar, flags: Any, roles: Any) -> Scalar:
    """Whether a word that reaches `at` ends there; a comma ends it if what follows the comma would."""
    if _breaks_word(data, at, end, flags, roles):
        return True
    return data[at] == 44 and _breaks_word(data, at + 1, end, flags, roles)


@kernel
def _token_end(data: Any, at: Scalar, end: Scalar, flags: Any, roles: Any) -> Scalar:
    """The end of the token that begins at `at`, which is not white space."""
    if _is_run(data, at, end):
        mark = data[at]
        while at < end and data[at] == mark:
            at += 1
        return at
    code, size = decode(data, at, end)
    if _role(code, NOT_WORD_START, roles):
        return at + size
    at += size
    while not _ends_word(data, at, end, flags, roles):
        _, size = decode(data, at, end)
        at += size
    return at


@kernel
def _first_pass(data: Any, start: Scalar, end: Scalar, punkt: SentenceTables) -> Any:
    """A token judged by itself (Kiss and Strunk, section 3: abbreviations and ellipses; all other marks end)."""
    boundary = abbreviation = ellipsis = False
    if end - start == 1 and _role(data[start], SENTENCE_END, punkt.roles):
        boundary = True
    elif data[end - 1] == 46:
        dots = start
        while dots < end and data[dots] == 46:
            dots += 1
        ellipsis = dots == end
        if not ellipsis and data[end - 2] != 46:
            part = start
            for index in range(start, end - 1):
                if data[index] == 45:
                    part = index + 1
            if end - part <= LONGEST_ABBREVIATION + 1:
                abbreviation = _listed(data, part, end - 1, punkt.abbreviations, punkt.lower)
            boundary = not abbreviation
    return _Token(start, end, boundary, abbreviation, ellipsis)


@kernel
def _is_number(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    """An optional hyphen and mark, a digit, then digits and the marks , . - only."""
    if start < end and data[start] == 45:
        start += 1
    if start < end and (data[start] == 46 or data[start] == 44):
        start += 1
    first = True
    while start < end:
        code, size = decode(data, start, end)
        digit = flags[code] & DIGIT != 0
        if not digit and (first or not (code == 44 or code == 46 or code == 45)):
            return False
        first = False
        start += size
    return not first


@kernel
def _is_initial(data: Any, start: Scalar, end: Scalar, flags: Any) -> Scalar:
    """One letter and a period."""
    code, size = decode(data, start, end)
    return start + size + 1 == end and flags[code] & WORD != 0 and not flags[code] & DIGIT and code != 95


@kernel
def _starts_sentence(data: Any, start: Scalar, end: Scalar, punkt: SentenceTables) -> Scalar:
    """The orthographic heuristic (section 4.1.1): 1 where the token begins a sentence, 0 where it stands inside one,
    2 where it is capitalised and nothing more is known, 3 otherwise."""
    first, _ = decode(data, start, end)
    if end - start == 1 and _role(first, NO_STARTER, punkt.roles):
        return 0
    if punkt.flags[first] & LOWER:
        return 0
    if not punkt.flags[first] & UPPER:
        return 3
    token = _first_pass(data, start, end, punkt)
    stop = end - 1 if token.boundary and end - start > 1 else end
    return 1 if _listed(data, start, stop, punkt.starters, punkt.lower) else 2


@kernel
def _chunk_end(data: Any, at: Scalar, end: Scalar, flags: Any) -> Scalar:
    while at < end:
        code, size = decode(data, at, end)
        if flags[code] & SPACE:
            break
        at += size
    return at


@kernel
def _divides(data: Any, word: _Token, following: Scalar, stop: Scalar, punkt: SentenceTables) -> Scalar:
    """Whether a sentence ends after `word`, which is not the last token before `stop`; the next begins at `following`
    (section 4.1)."""
    if data[word.end - 1] != 46:
        return word.boundary
    initial = _is_initial(data, word.start, word.end, punkt.flags)
    if not (initial or word.abbreviation or word.ellipsis or _is_number(data, word.start, word.end, punkt.flags)):
        return word.boundary
    evidence = _starts_sentence(data, following, _token_end(data, following, stop, punkt.flags, punkt.roles), punkt)
    if (word.abbreviation or word.ellipsis) and not initial:
        return evidence == 1
    if evidence == 0 or (initial and evidence == 2):
        return False
    return word.boundary


@kernel
def _context_divides(data: Any, chunk: Scalar, mark: Scalar, following: Scalar, end: Scalar, punkt: Any) -> Scalar:
    """Whether any token but the last of the context of a mark ends a sentence: the chunk up to the mark, and either
    the closing or opening mark right after it or the chunk after white space."""
    flags = punkt.flags
    stop = mark + 1
    extended = following == stop
    if extended:
        _, size = decode(data, following, end)
        stop += size
    at = chunk
    while True:
        while at < stop:
            code, size = decode(data, at, stop)
            if not flags[code] & SPACE:
                break
            at += size
        if at >= stop:
            if extended:
                return False
            at, extended = following, True
            stop = _chunk_end(data, following, end, flags)
        token_end = _token_end(data, at, stop, flags, punkt.roles)
        token = _first_pass(data, at, token_end, punkt)
        after = token_end
        while after < stop:
            code, size = decode(data, after, stop)
            if not flags[code] & SPACE:
                break
            after += size
        if after >= stop:
            if extended:
                return False
            if _divides(data, token, following, _chunk_end(data, following, end, flags), punkt):
                return True
        elif _divides(data, token, after, stop, punkt):
            return True
        at = token_end


@kernel
def _is_plain_word(data: Any, start: Scalar, end: Scalar, abbreviations: Any, lower: Any) -> Scalar:
    """Two or more ASCII letters that are no abbreviation: with a period and white space after them, they end a
    sentence whatever follows."""
    for index in range(start, end):
        if not 97 <= data[index] | 32 <= 122:
            return False
    return end - start > LONGEST_ABBREVIATION or (
        end - start > 1 and not _listed(data, start, end, abbreviations, lower)
    )


@kernel
def count_sentences(data: Any, start: Scalar, end: Scalar, punkt: SentenceTables) -> Scalar:
    """Sentences in data[start:end], as the length of the list that NLTK's `sent_tokenize` returns."""
    flags, roles = punkt.flags, punkt.roles
    while end > start and _role(data[end - 1], SPLITS_CHUNKS, roles):
        end -= 1
    if start == end:
        return 0
    count = 1
    rest = chunk = index = start
    mark = following = start - 1
    certain = False
    while index <= end:
        while index < end and data[index] > 63:  # the marks and white space of interest all lie below
            index += 1
        byte = data[index] if index < end else np.uint8(32)
        if _role(byte, SPLITS_CHUNKS, roles):
            if mark >= chunk and (
                certain
                or (following > mark + 1 and _is_plain_word(data, chunk, mark, punkt.abbreviations, punkt.lower))
                or _context_divides(data, chunk, mark, following, end, punkt)
            ):
                count += 1
                rest = following
            chunk = index + 1
            certain = False
        elif _role(byte, SENTENCE_END, roles) and index + 1 < end:
            at = index + 1
            code, size = decode(data, at, end)
            found = _role(code, NOT_IN_WORDS, roles)
            if flags[code] & SPACE:
                while at < end and flags[code] & SPACE:
                    at += size
                    if at < end:
                        code, size = decode(data, at, end)
                found = at < end
            if found:
                mark, following = index, at
                certain |= byte != 46  # a question or exclamation mark here is a token of its own
        index += 1
    # What follows the last boundary may be closing marks only, which belong to the sentence before.
    if count > 1:
        index = rest
        while index < end:
            code, size = decode(data, index, end)
            if not _role(code, CLOSES_SENTENCE, roles):
                break
            index += size
        if index == end:
            count -= 1
    return count


@kernel
def sentences_by_line(data: Any, offsets: Any, punkt: SentenceTables, out: Any) -> None:
    """Per document, the sentences of its lines added up, as C4's reference code counts them."""
    for document in range(len(offsets) - 1):
        cursor = offsets[document]
        stop = offsets[document + 1]
        total = np.int64(0)
        while cursor < stop:
            end, following = next_line(data, cursor, stop, punkt.flags)
            left, right = strip(data, cursor, end, punkt.flags)
            total += count_sentences(data, left, right, punkt)
            cursor = following
        out[document] = total
