"""Words and character counts of documents, found in one pass over their bytes.

A word is what `str.split()` gives. Its plain form is lower-cased and without ASCII punctuation (RedPajama-Data,
utilities/text/normalization.py, short of its canonical decomposition); a word of ASCII punctuation alone has none.
Knows text; knows no metric.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import (
    COMBINING_DOT,
    DIGIT,
    DOTTED_CAPITAL_I,
    LETTER,
    LOWER,
    SPACE,
    SYMBOL,
    UPPER,
    WORD,
    Bytes,
    Offsets,
    Tables,
    decode,
)
from curate.text.compiled import kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

# Rows of `Words.totals`.
CHARACTERS = 0
SPACES = 1
NEWLINES = 2
LETTERS = 3
DIGITS = 4
UPPERCASE = 5
SYMBOL_CHARACTERS = 6
HASHES = 7
ELLIPSES = 8
CURLY_BRACKETS = 9
ALPHABETIC_WORDS = 10
SYMBOL_FREE_WORDS = 11
SYMBOL_FREE_CHARACTERS = 12
RUNS = 13
LATIN_RUNS = 14
CAPITAL_RUNS = 15
REGEX_SENTENCES = 16
_TOTALS = 17

_ELLIPSIS = 0x2026
_DOT = 46


class Words(NamedTuple):
    """Words of all documents: those of document i are codes[offsets[i]:offsets[i + 1]], likewise the plain forms.

    `totals` is int64 (rows named above) x documents. RUNS are the tokens of the regular expression
    `\\w+|[^\\w\\s]+` (NLTK's WordPunctTokenizer), LATIN_RUNS those with a letter a to z in either case, CAPITAL_RUNS those
    for which `str.isupper`. REGEX_SENTENCES are the matches of `\\b[^.!?]+[.!?]*`. SYMBOL_FREE_WORDS hold a character
    that is no SYMBOL.
    """

    codes: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    offsets: Offsets
    plain_codes: NDArray[np.uint64]
    plain_lengths: NDArray[np.int32]
    plain_offsets: Offsets
    totals: NDArray[np.int64]


@kernel
def _find_words(data: Any, bounds: Any, tables: Tables, words: Words) -> None:
    flags = tables.flags
    lower = tables.lower
    count = plain = np.int64(0)
    for document in range(len(bounds) - 1):
        index = bounds[document]
        end = bounds[document + 1]
        characters = spaces = newlines = letters = digits = uppercase = symbols = hashes = ellipses = curly = 0
        alphabetic = free_words = free_characters = runs = latin_runs = capital_runs = sentences = 0
        code = plain_code = FNV_OFFSET
        length = plain_length = 0
        seen = 0  # flags of the word's characters, any of them
        free = False  # a character of the word is no symbol
        dots = 0  # consecutive full stops
        run = 0  # 0 between runs, WORD or SYMBOL within one
        run_seen = 0
        run_latin = False
        in_sentence = False
        while index <= end:
            if index < end:
                byte = data[index]
                if byte < 0x80:
                    point = np.int64(byte)
                    index += 1
                else:
                    point, size = decode(data, index, end)
                    index += size
                kind = np.int64(flags[point])
            else:
                point = np.int64(32)
                kind = np.int64(SPACE)
                index += 1
                characters -= 1
                spaces -= 1
            characters += 1
            if kind & SPACE:
                spaces += 1
                newlines += point == 10
                dots = 0
                if length:
                    words.codes[count] = code
                    words.lengths[count] = length
                    count += 1
                    alphabetic += (seen & LETTER) != 0
                    if free:
                        free_words += 1
                        free_characters += length
                    if plain_length:
                        words.plain_codes[plain] = plain_code
                        words.plain_lengths[plain] = plain_length
                        plain += 1
                    code = plain_code = FNV_OFFSET
                    length = plain_length = 0
                    seen = 0
                    free = False
                    if run:
                        runs += 1
                        latin_runs += run_latin
                        capital_runs += (run_seen & (UPPER | LOWER)) == UPPER
                        run = run_seen = 0
                        run_latin = False
                continue
            length += 1
            code = add_to_code(code, point)
            seen |= kind
            if kind & LETTER and point < 0x80:
                letters += 1
                uppercase += (kind & UPPER) != 0
                free = True
                dots = 0
                plain_code = add_to_code(plain_code, point | 32)
                plain_length += 1
                if run != WORD:
                    if run:
                        runs += 1
                        run_seen = 0
                    run = WORD
                run_latin = True
                run_seen |= kind
                if not in_sentence:
                    in_sentence = True
                    sentences += 1
                continue
            letters += (kind & LETTER) != 0
            digits += (kind & DIGIT) != 0
            uppercase += (kind & UPPER) != 0
            if kind & SYMBOL:
                symbols += 1
            else:
                free = True
            if point == _DOT:
                dots += 1
                if dots == 3:
                    ellipses += 1
                    dots = 0
            else:
                dots = 0
                ellipses += point == _ELLIPSIS
                hashes += point == 35
                curly += point == 123 or point == 125
            if point >= 0x80 or not kind & SYMBOL or point < 33 or point == 127:
                plain_code = add_to_code(plain_code, lower[point])
                plain_length += 1
                if point == DOTTED_CAPITAL_I:
                    plain_code = add_to_code(plain_code, COMBINING_DOT)
                    plain_length += 1
            now = WORD if kind & WORD else SYMBOL
            if run != now:
                if run:
                    runs += 1
                    latin_runs += run_latin
                    capital_runs += (run_seen & (UPPER | LOWER)) == UPPER
                    run_seen = 0
                    run_latin = False
                run = now
            run_seen |= kind
            if now == WORD:
                if not in_sentence:
                    in_sentence = True
                    sentences += 1
            elif point == _DOT or point == 33 or point == 63:
                in_sentence = False
        words.offsets[document + 1] = count
        words.plain_offsets[document + 1] = plain
        totals = words.totals
        totals[CHARACTERS, document] = characters
        totals[SPACES, document] = spaces
        totals[NEWLINES, document] = newlines
        totals[LETTERS, document] = letters
        totals[DIGITS, document] = digits
        totals[UPPERCASE, document] = uppercase
        totals[SYMBOL_CHARACTERS, document] = symbols
        totals[HASHES, document] = hashes
        totals[ELLIPSES, document] = ellipses
        totals[CURLY_BRACKETS, document] = curly
        totals[ALPHABETIC_WORDS, document] = alphabetic
        totals[SYMBOL_FREE_WORDS, document] = free_words
        totals[SYMBOL_FREE_CHARACTERS, document] = free_characters
        totals[RUNS, document] = runs
        totals[LATIN_RUNS, document] = latin_runs
        totals[CAPITAL_RUNS, document] = capital_runs
        totals[REGEX_SENTENCES, document] = sentences


def find_words(data: Bytes, bounds: Offsets, tables: Tables) -> Words:
    """The words of every document; the cost is linear in their bytes."""
    documents = len(bounds) - 1
    most = (int(bounds[-1] - bounds[0]) + documents + 1) // 2  # every other byte a space
    words = Words(
        np.empty(most, np.uint64),
        np.empty(most, np.int32),
        np.zeros(documents + 1, np.int64),
        np.empty(most, np.uint64),
        np.empty(most, np.int32),
        np.zeros(documents + 1, np.int64),
        np.zeros((_TOTALS, documents), np.int64),
    )
    _find_words(data, bounds, tables, words)
    count, plain = words.offsets[-1], words.plain_offsets[-1]
    return words._replace(
        codes=words.codes[:count],
        lengths=words.lengths[:count],
        plain_codes=words.plain_codes[:plain],
        plain_lengths=words.plain_lengths[:plain],
    )
