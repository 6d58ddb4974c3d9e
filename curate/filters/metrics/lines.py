"""Metrics of FineWeb's rules, on lines that end at a line feed and hold more than white space.

Every ratio is 0 where its denominator is.
"""

import numpy as np

from curate.filters.metrics.column import Counts, Ratios, ratio
from curate.filters.metrics.quality import words
from curate.text.scan import BLANK, CHARACTERS, ENDS_TERMINAL
from curate.text.view import TextView

SHORT_LINE = 30
"""Characters of the longest short line (Penedo et al. 2024, section 3.6)."""


def lines_with_text(view: TextView) -> Counts:
    """Lines of `text.split("\\n")` that hold more than white space."""
    return view.sum_lines(view.scan.lines.marks != BLANK)


def newlines(view: TextView) -> Counts:
    """Line feeds in the text without blank lines: one less than lines."""
    return np.diff(view.scan.lines.offsets) - 1


def fraction_lines_end_terminal(view: TextView) -> Ratios:
    """Lines with text whose very last character ends a sentence in its script (`curate.text.marks.TERMINAL`), per line
    with text. Closing quotes and white space after the mark do not count (Penedo et al. 2024, section 3.6; datatrove
    0.10.0, fineweb_quality_filter.py)."""
    marks = view.scan.lines.marks
    return ratio(view.sum_lines(marks & ENDS_TERMINAL != 0), lines_with_text(view))


def fraction_lines_short(view: TextView) -> Ratios:
    """Lines with text of at most 30 code points, white space included, per line with text (Penedo et al. 2024, section
    3.6)."""
    lines = view.scan.lines
    return ratio(view.sum_lines((lines.marks != BLANK) & (lines.lengths <= SHORT_LINE)), lines_with_text(view))


def fraction_characters_duplicate_lines_fineweb(view: TextView) -> Ratios:
    """Code points of lines with text that occurred before in the document, per code point of the text but its line
    feeds (datatrove 0.10.0, fineweb_quality_filter.py)."""
    return ratio(view.duplicate_lines.later_characters, view.total(CHARACTERS) - newlines(view))


def newlines_per_word(view: TextView) -> Ratios:
    """Line feeds per word of `str.split()`; FineWeb's text, trafilatura's, has one between blocks. In the code (datatrove
    0.10.0, fineweb_quality_filter.py, whose words are spaCy's), not in the paper."""
    return ratio(newlines(view), words(view))


COUNTS = (
    lines_with_text,
    newlines,
)
"""The metrics that count: int64."""

RATIOS = (
    fraction_lines_end_terminal,
    fraction_lines_short,
    fraction_characters_duplicate_lines_fineweb,
    newlines_per_word,
)
"""The metrics that are a share or a mean: float64."""
