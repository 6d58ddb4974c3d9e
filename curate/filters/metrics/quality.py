"""Metrics of Gopher's quality rules and of C4, on words and lines.

Words are those of `str.split()`: in scripts without spaces a run of characters counts as one word. Lines are those of
`str.splitlines()` of the text without blank lines (`curate.text.line_model`). Every ratio is 0 where its denominator is.
"""

import numpy as np

from curate.filters.metrics.column import Counts, Ratios, ratio
from curate.text import scan
from curate.text.hashing import distinct_listed, word_codes
from curate.text.view import TextView

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Rae et al. 2021, appendix A1."""


def characters(view: TextView) -> Counts:
    """Unicode code points of the text without blank lines."""
    return view.total(scan.CHARACTERS)


def words(view: TextView) -> Counts:
    """Words of `str.split()`. Gopher's bounds are 50 to 100,000 (Rae et al. 2021, appendix A1)."""
    return np.diff(view.scan.words.offsets)


def lines(view: TextView) -> Counts:
    """Lines of `str.splitlines()`, blank ones left out."""
    return view.python_lines.number


def sentences(view: TextView) -> Counts:
    """Sentences by the rules of Punkt, counted line by line and summed, as C4's reference code does (Raffel et al.
    2020, section 2.2). The word lists behind the rules are English."""
    return view.sentences


def mean_word_length(view: TextView) -> Ratios:
    """Code points of all words per word (Rae et al. 2021, appendix A1)."""
    return ratio(view.total(scan.CHARACTERS) - view.total(scan.SPACES), words(view))


def hashes_per_word(view: TextView) -> Ratios:
    """Characters # per word (Rae et al. 2021, appendix A1)."""
    return ratio(view.total(scan.HASHES), words(view))


def ellipses_per_word(view: TextView) -> Ratios:
    """Non-overlapping `...` and U+2026 per word (Rae et al. 2021, appendix A1)."""
    return ratio(view.total(scan.ELLIPSES), words(view))


def fraction_words_alphabetic(view: TextView) -> Ratios:
    """Words with a character of category L, in any script, per word (Rae et al. 2021, appendix A1)."""
    return ratio(view.total(scan.ALPHABETIC_WORDS), words(view))


def fraction_lines_start_bullet(view: TextView) -> Ratios:
    """Lines whose first character but white space is a bullet (`curate.text.marks.BULLETS`: the round, square and
    triangular bullets, en dash, hyphen, asterisk, middle dot) per line (Rae et al. 2021, appendix A1)."""
    return ratio(view.python_lines.starts_bullet, view.python_lines.number)


def fraction_lines_end_ellipsis(view: TextView) -> Ratios:
    """Lines that end in `...` or U+2026, white space after it ignored, per line (Rae et al. 2021, appendix A1)."""
    return ratio(view.python_lines.ends_ellipsis, view.python_lines.number)


def stop_words(view: TextView) -> Counts:
    """How many of {the, be, to, of, and, that, have, with} occur, whatever their case and the ASCII punctuation on
    them (Rae et al. 2021, appendix A1)."""
    plain = view.scan.plain
    return distinct_listed(plain.codes, plain.offsets, word_codes(STOP_WORDS))


def words_datatrove(view: TextView) -> Counts:
    """Words with a character that is no punctuation or control character (`curate.text.marks.SYMBOLS`), as datatrove's
    Gopher filter counts them; its words are spaCy's, these are those of `str.split()`."""
    return view.total(scan.SYMBOL_FREE_WORDS)


def mean_word_length_datatrove(view: TextView) -> Ratios:
    """Code points per word, over the words of `words_datatrove` (datatrove 0.10.0, gopher_quality_filter.py)."""
    return ratio(view.total(scan.SYMBOL_FREE_CHARACTERS), view.total(scan.SYMBOL_FREE_WORDS))


def fraction_lines_start_dash(view: TextView) -> Ratios:
    """Lines whose first character but white space is U+2022 or a hyphen, per line (datatrove 0.10.0,
    gopher_quality_filter.py)."""
    return ratio(view.python_lines.starts_dash, view.python_lines.number)


def stop_words_case_sensitive(view: TextView) -> Counts:
    """How many of Gopher's eight words occur as whole words in lower case (datatrove 0.10.0,
    gopher_quality_filter.py)."""
    found = view.scan.words
    return distinct_listed(found.codes, found.offsets, word_codes(STOP_WORDS))


COUNTS = (
    characters,
    words,
    lines,
    sentences,
    stop_words,
    words_datatrove,
    stop_words_case_sensitive,
)
"""The metrics that count: int64."""

RATIOS = (
    mean_word_length,
    hashes_per_word,
    ellipses_per_word,
    fraction_words_alphabetic,
    fraction_lines_start_bullet,
    fraction_lines_end_ellipsis,
    mean_word_length_datatrove,
    fraction_lines_start_dash,
)
"""The metrics that are a share or a mean: float64."""
