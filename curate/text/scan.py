"""One pass over the bytes of documents that finds words, lines and counts of characters.

A word is what `str.split()` gives. Its plain form is lower-cased and without ASCII punctuation (RedPajama-Data,
utilities/text/normalization.py) and canonically decomposed, short of the reordering of combining marks; a word of ASCII
punctuation alone has none.
A line is what `text.split("\\n")` gives. Knows text; knows no metric.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.characters import (
    BULLET,
    DIGIT,
    LETTER,
    LINE_BREAK,
    LOWER,
    SPACE,
    SYMBOL,
    TERMINAL_MARK,
    UPPER,
    WORD,
    Bytes,
    Offsets,
    Tables,
    decode,
)
from curate.text.compiled import kernel
from curate.text.hashing import FNV_OFFSET, add_to_code

# Rows of `Scan.totals`.
CHARACTERS = 0
SPACES = 1
OTHER_BREAKS = 2
"""Characters other than the line feed at which `str.splitlines` ends a line."""
HASHES = 3
ELLIPSES = 4
"""Non-overlapping `...`, and U+2026."""
CURLY_BRACKETS = 5
ALPHABETIC_WORDS = 6
"""Words with a character for which `str.isalpha`."""
SYMBOL_FREE_WORDS = 7
"""Words with a character that is no SYMBOL, and the characters of those words."""
SYMBOL_FREE_CHARACTERS = 8
RUNS = 9
"""Tokens of the regular expression `\\w+|[^\\w\\s]+` (NLTK's WordPunctTokenizer)."""
LATIN_RUNS = 10
"""Those with a letter a to z, in either case."""
CAPITAL_RUNS = 11
"""Those for which `str.isupper`."""
REGEX_SENTENCES = 12
"""Matches of `\\b[^.!?]+[.!?]*` (RedPajama-Data, quality_signals/natural_language.py)."""
_TOTALS = 13

# Marks of a line.
BLANK = 1
"""White space alone, or nothing."""
ENDS_TERMINAL = 2
"""The last character, white space included, is a TERMINAL_MARK."""
ENDS_ELLIPSIS = 4
"""Ends in ... or U+2026 once white space is stripped."""
ENDS_SENTENCE = 8
"""Ends in . ! ? or U+201D once white space is stripped (RedPajama-Data, quality_signals/lines.py)."""
STARTS_BULLET = 16
"""The first character that is no white space is a BULLET."""
STARTS_DASH = 32
"""It is U+2022 or a hyphen (datatrove 0.10.0, gopher_quality_filter.py)."""

_ELLIPSIS = 0x2026
_CLOSING_QUOTE = 0x201D
_BULLET_POINT = 0x2022
_DOT = 46


class Words(NamedTuple):
    """Words of all documents: those of document i are codes[offsets[i]:offsets[i + 1]]; lengths in characters."""

    codes: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    offsets: Offsets


class Lines(NamedTuple):
    """Lines of all documents, likewise. `starts`: first byte of each; `codes` are equal where the text is;
    `uppercase` and `digits` count characters."""

    codes: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    marks: NDArray[np.uint8]
    uppercase: NDArray[np.int32]
    digits: NDArray[np.int32]
    starts: Offsets
    offsets: Offsets


class Scan(NamedTuple):
    """What one pass finds; `totals` is int64, rows named above x documents."""

    words: Words
    plain: Words
    lines: Lines
    totals: NDArray[np.int64]


@kernel
def line_marks(first: Any, last: Any, dots: Any, trailing: Any, flags: Any) -> Any:
    """Marks of a line that is not blank: its first and last characters but white space, the full stops that it ends
    in, and whether white space follows them."""
    found = 0
    if flags[first] & BULLET:
        found |= STARTS_BULLET
    if first == _BULLET_POINT or first == 45:
        found |= STARTS_DASH
    if dots > 2 or last == _ELLIPSIS:
        found |= ENDS_ELLIPSIS
    if last in (_DOT, 33, 63, _CLOSING_QUOTE):
        found |= ENDS_SENTENCE
    if flags[last] & TERMINAL_MARK and not trailing:
        found |= ENDS_TERMINAL
    return np.uint8(found)


@kernel
def _scan(data: Any, bounds: Any, tables: Tables, words: Words, plain: Words, lines: Lines, totals: Any) -> None:
    flags = tables.flags
    lower = tables.lower
    count = plain_count = line_count = np.int64(0)
    for document in range(len(bounds) - 1):
        index = bounds[document]
        end = bounds[document + 1]
        characters = spaces = breaks = digits = uppercase = hashes = ellipses = curly = 0
        alphabetic = free_words = free_characters = runs = latin_runs = capital_runs = sentences = 0
        code = plain_code = line_code = FNV_OFFSET
        length = 0
        plain_length: Any = 0
        seen: Any = 0  # flags of the word's characters, any of them
        free = False  # a character of the word is no symbol
        dots = tail = 0  # full stops in a row: since the last ellipsis, and in all
        run = 0  # 0 between runs, WORD or SYMBOL within one
        run_seen: Any = 0
        run_latin = False
        in_sentence = False
        point: Any = 0
        first: Any = 0
        last: Any = 0
        last_tail = 0
        blank = True
        line_start = index
        line_characters = line_uppercase = line_digits = 0  # the counts where the line began
        while index <= end:
            before = point
            if index < end:
                byte = data[index]
                if byte < 0x80:
                    point = np.int64(byte)
                    index += 1
                else:
                    point, size = decode(data, index, end)
                    index += size
                kind = np.int64(flags[point])
            else:  # the end closes the last word and line as a line feed would, and is not counted
                point = np.int64(10)
                kind = np.int64(SPACE)
                index += 1
            if kind & SPACE:
                if length:
                    words.codes[count] = code
                    words.lengths[count] = length
                    count += 1
                    line_code = add_to_code(line_code, code)
                    last, last_tail = before, tail
                    blank = False
                    alphabetic += (seen & LETTER) != 0
                    if free:
                        free_words += 1
                        free_characters += length
                    if plain_length:
                        plain.codes[plain_count] = plain_code
                        plain.lengths[plain_count] = plain_length
                        plain_count += 1
                    code = plain_code = FNV_OFFSET
                    length = plain_length = 0
                    seen = 0
                    free = False
                    runs += 1
                    latin_runs += run_latin
                    capital_runs += (run_seen & (UPPER | LOWER)) == UPPER
                    run = run_seen = 0
                    run_latin = False
                dots = tail = 0
                if point == 10:
                    lines.codes[line_count] = line_code
                    lines.lengths[line_count] = characters - line_characters
                    lines.uppercase[line_count] = uppercase - line_uppercase
                    lines.digits[line_count] = digits - line_digits
                    lines.starts[line_count] = line_start
                    if blank:
                        lines.marks[line_count] = BLANK
                    else:
                        lines.marks[line_count] = line_marks(first, last, last_tail, flags[before] & SPACE, flags)
                    line_count += 1
                    line_code = FNV_OFFSET
                    blank = True
                    line_start = index
                    line_characters, line_uppercase, line_digits = characters + 1, uppercase, digits
                else:
                    line_code = add_to_code(line_code, point)
                    breaks += (kind & LINE_BREAK) != 0
                spaces += 1
                characters += 1
                continue
            if length == 0 and blank:
                first = point
            if kind & LETTER and point < 0x80:
                free = True
                dots = tail = 0
                if run != WORD:
                    if run:
                        runs += 1
                        run_seen = 0
                    run = WORD
                run_latin = True
                sentences += not in_sentence
                in_sentence = True
                seen |= LETTER
                begin = index
                # Letters a to z come in long runs: nothing but codes and case changes within one.
                while True:
                    code = add_to_code(code, point)
                    plain_code = add_to_code(plain_code, point | 32)
                    run_seen |= kind
                    uppercase += point < 97
                    if index == end:
                        break
                    kind = np.int64(flags[data[index]])
                    if data[index] >= 0x80 or not kind & LETTER:
                        break
                    point = np.int64(data[index])
                    index += 1
                letters_here = index - begin + 1
                characters += letters_here
                length += letters_here
                plain_length += letters_here
                continue
            characters += 1
            length += 1
            code = add_to_code(code, point)
            seen |= kind
            digits += (kind & DIGIT) != 0
            uppercase += (kind & UPPER) != 0
            free |= not kind & SYMBOL
            if point == _DOT:
                dots += 1
                tail += 1
                if dots == 3:
                    ellipses += 1
                    dots = 0
            else:
                dots = tail = 0
                ellipses += point == _ELLIPSIS
                hashes += point == 35
                curly += point == 123 or point == 125
            if point >= 0x80 or not kind & SYMBOL or point < 33 or point == 127:
                pieces = np.int64(tables.decomposed[point])
                plain_length += pieces
                place = tables.parts_at[point] if point < len(tables.parts_at) else 0
                if place:
                    for piece in range(place, place + pieces):
                        plain_code = add_to_code(plain_code, tables.parts[piece])
                else:
                    plain_code = add_to_code(plain_code, lower[point])
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
        plain.offsets[document + 1] = plain_count
        lines.offsets[document + 1] = line_count
        totals[CHARACTERS, document] = characters - 1
        totals[SPACES, document] = spaces - 1
        totals[OTHER_BREAKS, document] = breaks
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


def _words(most: int, documents: int) -> Words:
    return Words(np.empty(most, np.uint64), np.empty(most, np.int32), np.zeros(documents + 1, np.int64))


def _cut(words: Words) -> Words:
    count = words.offsets[-1]
    return Words(words.codes[:count], words.lengths[:count], words.offsets)


def scan(data: Bytes, bounds: Offsets, tables: Tables) -> Scan:
    """Words, lines and counts of every document; the cost is linear in their bytes."""
    documents = len(bounds) - 1
    most = (int(bounds[-1] - bounds[0]) + documents + 1) // 2  # every other byte a space
    line_count = int(np.count_nonzero(data[bounds[0] : bounds[-1]] == 10)) + documents
    words, plain = _words(most, documents), _words(most, documents)
    lines = Lines(
        np.empty(line_count, np.uint64),
        np.empty(line_count, np.int32),
        np.empty(line_count, np.uint8),
        np.empty(line_count, np.int32),
        np.empty(line_count, np.int32),
        np.empty(line_count, np.int64),
        np.zeros(documents + 1, np.int64),
    )
    totals = np.zeros((_TOTALS, documents), np.int64)
    _scan(data, bounds, tables, words, plain, lines, totals)
    return Scan(_cut(words), _cut(plain), lines, totals)
