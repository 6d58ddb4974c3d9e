"""RedPajama-v2's natural-language and repetition signals, and the document averages of its line signals.

Names and definitions are those of togethercomputer/RedPajama-Data, app/src/core/quality_signals. Words there are either
plain (lower case, without ASCII punctuation, split at white space; lengths after canonical decomposition) or raw (runs
of word characters, and of other characters but white space). Signals that RedPajama leaves null are 0 here; none is
rounded. Combining marks are not brought into canonical order.
"""

import numpy as np

from curate.filters.metrics.column import Counts, Metric, Ratios, ratio
from curate.text import repetition, scan
from curate.text.view import TextView

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)


def rps_doc_word_count(view: TextView) -> Counts:
    """Plain words."""
    return np.diff(view.scan.plain.offsets)


def rps_doc_mean_word_length(view: TextView) -> Ratios:
    """Characters per plain word."""
    return ratio(view.plain_repetition.characters, rps_doc_word_count(view))


def rps_doc_num_sentences(view: TextView) -> Counts:
    """Matches of the regular expression `\\b[^.!?]+[.!?]*`."""
    return view.total(scan.REGEX_SENTENCES)


def rps_doc_symbol_to_word_ratio(view: TextView) -> Ratios:
    """Occurrences of #, ... and U+2026 per raw word."""
    return ratio(view.total(scan.HASHES) + view.total(scan.ELLIPSES), view.total(scan.RUNS))


def rps_doc_frac_no_alph_words(view: TextView) -> Ratios:
    """Raw words without a letter a to z in either case, per raw word: 1 for other scripts, by its definition."""
    return ratio(view.total(scan.RUNS) - view.total(scan.LATIN_RUNS), view.total(scan.RUNS))


def rps_doc_frac_all_caps_words(view: TextView) -> Ratios:
    """Raw words for which `str.isupper`, per raw word."""
    return ratio(view.total(scan.CAPITAL_RUNS), view.total(scan.RUNS))


def rps_doc_frac_unique_words(view: TextView) -> Ratios:
    """Distinct plain words per plain word."""
    return ratio(view.plain_repetition.distinct, rps_doc_word_count(view))


def rps_doc_unigram_entropy(view: TextView) -> Ratios:
    """Entropy, in nats, of the distribution of plain words."""
    return view.plain_repetition.entropy


def rps_doc_curly_bracket(view: TextView) -> Ratios:
    """Characters { and } per character of the text."""
    return ratio(view.total(scan.CURLY_BRACKETS), view.total(scan.CHARACTERS))


def _lines(view: TextView) -> Counts:
    """Lines up to and including a line feed; no empty line follows the last."""
    lines = view.scan.lines
    ends_empty: Counts = (lines.lengths[lines.offsets[1:] - 1] == 0).astype(np.int64)
    return np.diff(lines.offsets) - ends_empty


def rps_doc_frac_lines_end_with_ellipsis(view: TextView) -> Ratios:
    """Lines that end in ... or U+2026, white space after it ignored, per line (ended by a line feed)."""
    return ratio(view.sum_lines(view.scan.lines.marks & scan.ENDS_ELLIPSIS != 0), _lines(view))


def rps_lines_ending_with_terminal_punctuation_mark(view: TextView) -> Ratios:
    """Lines that end in . ! ? or U+201D, white space after it ignored, per line: the mean of the signal per line."""
    return ratio(view.sum_lines(view.scan.lines.marks & scan.ENDS_SENTENCE != 0), _lines(view))


def rps_lines_uppercase_letter_fraction(view: TextView) -> Ratios:
    """Characters for which `str.isupper`, per character but line feeds: the signal per line, weighted by length."""
    lines = view.scan.lines
    return ratio(view.sum_lines(lines.uppercase), view.sum_lines(lines.lengths))


def rps_lines_numerical_chars_fraction(view: TextView) -> Ratios:
    """Decimal digits (category Nd) per character but line feeds: the signal per line, weighted by length, before
    punctuation is removed."""
    lines = view.scan.lines
    return ratio(view.sum_lines(lines.digits), view.sum_lines(lines.lengths))


def _grams(size: int, column: int, name: str, about: str) -> Metric:
    def metric(view: TextView) -> Ratios:
        found = view.plain_repetition
        return ratio(found.grams[:, size - repetition.SHORTEST, column], found.characters)

    metric.__name__ = name
    metric.__doc__ = about
    return metric


COUNTS = (rps_doc_word_count, rps_doc_num_sentences)
"""The metrics that count: int64."""

RATIOS: tuple[Metric, ...] = (
    rps_doc_mean_word_length,
    rps_doc_symbol_to_word_ratio,
    rps_doc_frac_no_alph_words,
    rps_doc_frac_all_caps_words,
    rps_doc_frac_unique_words,
    rps_doc_unigram_entropy,
    rps_doc_curly_bracket,
    rps_doc_frac_lines_end_with_ellipsis,
    rps_lines_ending_with_terminal_punctuation_mark,
    rps_lines_uppercase_letter_fraction,
    rps_lines_numerical_chars_fraction,
    *(
        _grams(
            size,
            repetition.TOP_FIRST_REPEATED,
            f"rps_doc_frac_chars_top_{size}gram",
            f"Characters of all occurrences of the most frequent {size}-gram of plain words (the first of equals; 0 "
            "where none repeats) per character of all plain words.",
        )
        for size in TOP_SIZES
    ),
    *(
        _grams(
            size,
            repetition.COVERED,
            f"rps_doc_frac_chars_dupe_{size}grams",
            f"Characters of plain words that lie in a {size}-gram that occurs twice or more, each word counted once, "
            "per character of all plain words.",
        )
        for size in DUPLICATE_SIZES
    ),
)
"""The metrics that are a share, a mean or an entropy: float64."""
