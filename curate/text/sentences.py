"""Sentences counted by the decision rules of Punkt.

Kiss and Strunk (2006), "Unsupervised Multilingual Sentence Boundary Detection", section 4, in the form NLTK gives them:
a period, question or exclamation mark ends a sentence unless its word is an abbreviation, an initial or a number that
the next word's case shows to be inside a sentence. NLTK learns abbreviations and the case of words from newspapers;
here both are short English lists of this project's own. Knows text, and no policy.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import DIGIT, LOWER, SPACE, UPPER, WORD, decode, next_line, strip, tables
from curate.text.compiled import Scalar, kernel

ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "messrs",
        "dr",
        "prof",
        "rev",
        "hon",
        "gen",
        "col",
        "capt",
        "lt",
        "sgt",
        "cpl",
        "maj",
        "adm",
        "sen",
        "rep",
        "gov",
        "pres",
        "st",
        "sr",
        "jr",
        "esq",
        "ph.d",
        "m.d",
        "b.a",
        "m.a",
        "inc",
        "corp",
        "co",
        "ltd",
        "bros",
        "llc",
        "assn",
        "dept",
        "univ",
        "est",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sept",
        "sep",
        "oct",
        "nov",
        "dec",
        "mon",
        "tue",
        "tues",
        "wed",
        "thu",
        "thurs",
        "fri",
        "sat",
        "a.m",
        "p.m",
        "u.s",
        "u.k",
        "u.n",
        "u.s.a",
        "vs",
        "v",
        "ave",
        "blvd",
        "rd",
        "ft",
        "mt",
        "oz",
        "lbs",
        "lb",
        "in.",
        "approx",
        "min",
        "max",
        "calif",
        "fla",
        "mass",
        "conn",
        "ill",
        "mich",
        "minn",
        "wash",
        "ariz",
        "colo",
        "tenn",
        "pa",
        "va",
        "n.y",
        "n.j",
        "d.c",
        "l.a",
        "s.c",
        "n.c",
        "j.p",
        "j.r",
        "w.r",
        "c.i",
        "s.p",
    ]
)
"""Words that a period follows without ending a sentence, lower case, without the last period."""

SENTENCE_STARTERS = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "it",
        "its",
        "he",
        "she",
        "they",
        "we",
        "you",
        "i",
        "his",
        "her",
        "their",
        "our",
        "my",
        "your",
        "there",
        "here",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "to",
        "of",
        "as",
        "after",
        "before",
        "during",
        "since",
        "until",
        "while",
        "when",
        "where",
        "why",
        "how",
        "what",
        "who",
        "which",
        "if",
        "although",
        "though",
        "because",
        "but",
        "and",
        "or",
        "so",
        "yet",
        "however",
        "moreover",
        "furthermore",
        "meanwhile",
        "also",
        "then",
        "thus",
        "therefore",
        "still",
        "some",
        "many",
        "most",
        "several",
        "all",
        "both",
        "each",
        "every",
        "other",
        "another",
        "such",
        "no",
        "not",
        "now",
        "today",
        "yesterday",
        "only",
        "even",
        "just",
        "once",
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "can",
        "could",
        "will",
        "would",
        "may",
        "might",
        "should",
        "please",
        "let",
        "one",
        "two",
        "three",
        "despite",
        "according",
        "perhaps",
        "sometimes",
        "often",
        "nevertheless",
        "instead",
        "under",
        "over",
        "between",
        "through",
        "it's",
        "that's",
        "there's",
        "he's",
        "she's",
        "we're",
        "they're",
        "you're",
        "i'm",
        "i've",
        "don't",
    ]
)
"""Common words that have a capital only where a sentence begins."""

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)  # Fowler, Noll and Vo, FNV-1a, 64 bits
_FNV_PRIME = np.uint64(0x100000001B3)

# Roles of characters in NLTK's English variables (nltk.tokenize.punkt.PunktLanguageVars, release 3.10, which added the
# curly quotes and guillemets).
_CURLY_QUOTES = "\u2018\u2019\u201c\u201d\xab\xbb"
_SENTENCE_END = 1
_NOT_IN_WORDS = 2  # ends the word before it
_NOT_WORD_START = 4
_CLOSES_SENTENCE = 8  # belongs to the sentence before it when it stands after a boundary
_NO_STARTER = 16  # as a whole token, never begins a sentence
_SPLITS_CHUNKS = 32  # string.whitespace

_ROLES = (
    (_SENTENCE_END, ".?!"),
    (_NOT_IN_WORDS, ")\";}]*:@'({[!?" + _CURLY_QUOTES),
    (_NOT_WORD_START, '("`{[:;&#*@)}]-,'),
    (_CLOSES_SENTENCE, "\"')]}" + _CURLY_QUOTES),
    (_NO_STARTER, ";:,.!?"),
    (_SPLITS_CHUNKS, " \t\n\r\x0b\x0c"),
)


class SentenceTables(NamedTuple):
    """`roles`: bits per code point; the word lists as sorted FNV-1a hashes of lower-case code points."""

    roles: NDArray[np.uint8]
    abbreviations: NDArray[np.uint64]
    starters: NDArray[np.uint64]
    flags: NDArray[np.uint16]
    lower: NDArray[np.int32]


class _Token(NamedTuple):
    start: Scalar
    end: Scalar
    boundary: Scalar
    abbreviation: Scalar
    ellipsis: Scalar


def _word_hashes(words: frozenset[str]) -> NDArray[np.uint64]:
    hashes = []
    for word in words:
        value = int(_FNV_OFFSET)
        for character in word:
            value = (value ^ ord(character)) * int(_FNV_PRIME) % 2**64
        hashes.append(value)
    return np.array(sorted(hashes), np.uint64)


def sentence_tables() -> SentenceTables:
    """The tables for `count_sentences`."""
    roles = np.zeros(ord(max(_CURLY_QUOTES)) + 1, np.uint8)
    for role, characters in _ROLES:
        roles[[ord(character) for character in characters]] |= role
    properties = tables()
    return SentenceTables(
        roles, _word_hashes(ABBREVIATIONS), _word_hashes(SENTENCE_STARTERS), properties.flags, properties.lower
    )


@kernel
def _role(code: Scalar, role: Scalar, punkt: SentenceTables) -> Scalar:
    return code < len(punkt.roles) and punkt.roles[code] & role != 0


@kernel
def _listed(data: Any, start: Scalar, end: Scalar, listed: Any, lower: Any) -> Scalar:
    """Whether the lower-cased word is in a list of hashes."""
    value = _FNV_OFFSET
    index = start
    while index < end:
        code, size = decode(data, index, end)
        value = np.uint64((value ^ np.uint64(lower[code])) * _FNV_PRIME)
        index += size
    place = np.searchsorted(listed, value)
    return place < len(listed) and listed[place] == value


@kernel
def _is_run(data: Any, at: Scalar, end: Scalar) -> Scalar:
    """Two hyphens or two periods begin here."""
    return at + 1 < end and data[at] == data[at + 1] and (data[at] == 45 or data[at] == 46)


@kernel
def _breaks_word(data: Any, at: Scalar, end: Scalar, punkt: SentenceTables) -> Scalar:
    """White space, a mark that stands in no word, a run of hyphens or periods, or the end."""
    if at >= end:
        return True
    code, _ = decode(data, at, end)
    return punkt.flags[code] & SPACE != 0 or _role(code, _NOT_IN_WORDS, punkt) or _is_run(data, at, end)


@kernel
def _ends_word(data: Any, at: Scalar, end: Scalar, punkt: SentenceTables) -> Scalar:
    """Whether a word that reaches `at` ends there; a comma ends it if what follows the comma would."""
    if _breaks_word(data, at, end, punkt):
        return True
    return data[at] == 44 and _breaks_word(data, at + 1, end, punkt)


@kernel
def _token_end(data: Any, at: Scalar, end: Scalar, punkt: SentenceTables) -> Scalar:
    """The end of the token that begins at `at`, which is not white space."""
    if _is_run(data, at, end):
        mark = data[at]
        while at < end and data[at] == mark:
            at += 1
        return at
    code, size = decode(data, at, end)
    if _role(code, _NOT_WORD_START, punkt):
        return at + size
    at += size
    while not _ends_word(data, at, end, punkt):
        _, size = decode(data, at, end)
        at += size
    return at


@kernel
def _first_pass(data: Any, start: Scalar, end: Scalar, punkt: SentenceTables) -> Any:
    """A token judged by itself (Kiss and Strunk, section 3: abbreviations and ellipses; all other marks end)."""
    boundary = abbreviation = ellipsis = False
    if end - start == 1 and _role(data[start], _SENTENCE_END, punkt):
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
            abbreviation = _listed(data, start, end - 1, punkt.abbreviations, punkt.lower) or _listed(
                data, part, end - 1, punkt.abbreviations, punkt.lower
            )
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
def _divides(data: Any, word: _Token, following: _Token, punkt: SentenceTables) -> Scalar:
    """Whether a sentence ends after `word`, seen with the token that follows it (section 4.1)."""
    if data[word.end - 1] != 46:
        return word.boundary
    code, size = decode(data, word.start, word.end)
    initial = word.start + size + 1 == word.end and punkt.flags[code] & WORD != 0
    initial = initial and not punkt.flags[code] & DIGIT and code != 95
    after, _ = decode(data, following.start, following.end)
    upper = punkt.flags[after] & UPPER != 0
    stop = following.end
    if following.boundary and data[stop - 1] == 46 and stop - following.start > 1:
        stop -= 1
    starter = upper and _listed(data, following.start, stop, punkt.starters, punkt.lower)
    inside = punkt.flags[after] & LOWER != 0
    if following.end - following.start == 1 and _role(after, _NO_STARTER, punkt):
        starter, inside = False, True
    if (word.abbreviation or word.ellipsis) and not initial:
        return starter
    if initial or _is_number(data, word.start, word.end, punkt.flags):
        if inside:
            return False
        if initial and upper and not starter:
            return False
    return word.boundary


@kernel
def _context_divides(data: Any, start: Scalar, end: Scalar, punkt: SentenceTables) -> Scalar:
    """Whether any token of the context but its last ends a sentence."""
    known = False
    last = _Token(start, start, False, False, False)
    at = start
    while at < end:
        code, size = decode(data, at, end)
        if punkt.flags[code] & SPACE:
            at += size
            continue
        stop = _token_end(data, at, end, punkt)
        token = _first_pass(data, at, stop, punkt)
        if known and _divides(data, last, token, punkt):
            return True
        known, last, at = True, token, stop
    return False


@kernel
def count_sentences(data: Any, start: Scalar, end: Scalar, punkt: SentenceTables) -> Scalar:
    """Sentences in data[start:end], as the length of the list that NLTK's `sent_tokenize` returns."""
    while end > start and _role(data[end - 1], _SPLITS_CHUNKS, punkt):
        end -= 1
    if start == end:
        return np.int64(0)
    count = np.int64(1)
    rest = start
    chunk = start
    index = start
    mark = context_end = next_start = np.int64(-1)
    while index <= end:
        byte = data[index] if index < end else np.uint8(32)
        if byte > 63:
            index += 1
            continue
        if _role(byte, _SPLITS_CHUNKS, punkt):
            if mark >= chunk and _context_divides(data, chunk, context_end, punkt):
                count += 1
                rest = next_start
            chunk = index + 1
        elif _role(byte, _SENTENCE_END, punkt):
            at = index + 1
            if at < end:
                code, size = decode(data, at, end)
                if _role(code, _NOT_IN_WORDS, punkt):
                    mark, context_end, next_start = index, at + size, at
                elif punkt.flags[code] & SPACE:
                    while at < end and punkt.flags[code] & SPACE:
                        at += size
                        if at < end:
                            code, size = decode(data, at, end)
                    if at < end:
                        mark, next_start = index, at
                        while at < end and not punkt.flags[code] & SPACE:
                            at += size
                            if at < end:
                                code, size = decode(data, at, end)
                        context_end = at
        index += 1
    # What follows the last boundary may be closing marks only, which belong to the sentence before.
    if count > 1:
        index = rest
        while index < end:
            code, size = decode(data, index, end)
            if not _role(code, _CLOSES_SENTENCE, punkt):
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
