"""Metrics of Gopher's repetition rules (Rae et al. 2021, appendix A1), in the definitions of those who wrote them down.

The plain names count an n-gram's words once each however many repeated n-grams they lie in (coverage), and a duplicate
line is one that occurred before. `_datatrove` and `_dolma` are those programs' definitions. N-grams are of words of
`str.split()`, compared as they stand; characters are code points. Every ratio is 0 where its denominator is.
"""

import numpy as np

from curate.filters.metrics.column import Counts, Metric, Ratios, ratio
from curate.filters.metrics.lines import lines_with_text
from curate.filters.metrics.quality import characters
from curate.text import repetition
from curate.text.view import TextView

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)
"""n of the n-grams in table A1."""


def fraction_duplicate_lines(view: TextView) -> Ratios:
    """Lines (ended by a line feed) that occurred before in the document, per line; lines of white space are none."""
    return ratio(view.duplicate_lines.later, lines_with_text(view))


def fraction_characters_duplicate_lines(view: TextView) -> Ratios:
    """Characters of lines that occurred before, per character of the text."""
    return ratio(view.duplicate_lines.later_characters, characters(view))


def fraction_duplicate_paragraphs(view: TextView) -> Ratios:
    """Paragraphs that occurred before, per paragraph: pieces of the stripped text between blank lines. datatrove's
    definition too. Text without blank lines is one paragraph."""
    return ratio(view.duplicate_paragraphs.later, np.diff(view.paragraphs.offsets))


def fraction_characters_duplicate_paragraphs(view: TextView) -> Ratios:
    """Characters of paragraphs that occurred before, per character of the text."""
    return ratio(view.duplicate_paragraphs.later_characters, characters(view))


def fraction_duplicate_lines_datatrove(view: TextView) -> Ratios:
    """Pieces between runs of line feeds that occurred before, per piece (datatrove 0.10.0,
    gopher_repetition_filter.py). A text that begins or ends with a line feed has an empty piece there."""
    lines = view.scan.lines
    several = np.diff(lines.offsets) > 1
    empty = lines.lengths == 0
    begins, ends = empty[lines.offsets[:-1]] & several, empty[lines.offsets[1:] - 1] & several
    pieces = view.sum_lines(~empty) + begins + ends
    return ratio(view.duplicate_filled_lines.later + (begins & ends), pieces)


def fraction_characters_duplicate_lines_datatrove(view: TextView) -> Ratios:
    """Characters of those pieces, per character of the text (datatrove 0.10.0, gopher_repetition_filter.py)."""
    return ratio(view.duplicate_filled_lines.later_characters, characters(view))


def fraction_duplicate_lines_dolma(view: TextView) -> Ratios:
    """Lines of `text.split("\\n")` that occur twice or more, all occurrences counted, per line (Dolma,
    taggers/gopher.py, on the texts of Common Crawl's WET files, which CCNet leaves without blank lines)."""
    return ratio(view.duplicate_split_lines.all, np.diff(view.scan.lines.offsets))


def fraction_characters_duplicate_lines_dolma(view: TextView) -> Ratios:
    """Characters of those lines per character of all words; it can exceed 1 (Dolma, taggers/gopher.py)."""
    return ratio(view.duplicate_split_lines.all_characters, view.repetition.characters)


def _named(name: str, about: str, metric: Metric) -> Metric:
    metric.__name__ = name
    metric.__doc__ = about
    return metric


def _column(view: TextView, size: int, column: int) -> Counts:
    found: Counts = view.repetition.grams[:, size - repetition.SHORTEST, column]
    return found


def _top(size: int) -> tuple[Metric, Metric, Metric]:
    def canonical(view: TextView) -> Ratios:
        return ratio(_column(view, size, repetition.TOP), view.repetition.characters)

    def datatrove(view: TextView) -> Ratios:
        occurrences = _column(view, size, repetition.TOP_FIRST_COUNT)
        spaces = occurrences * (size - 1)
        return ratio(_column(view, size, repetition.TOP_FIRST) + spaces, characters(view))

    def dolma(view: TextView) -> Ratios:
        return ratio(_column(view, size, repetition.TOP_FIRST), view.repetition.characters)

    return (
        _named(
            f"fraction_characters_top_{size}gram",
            f"Characters of all occurrences of the most frequent {size}-gram (the longest of equals; 0 where none "
            "repeats), spaces left out, per character of all words.",
            canonical,
        ),
        _named(
            f"fraction_characters_top_{size}gram_datatrove",
            f"The same with the spaces within the {size}-gram, the first of equals, also where none repeats, per "
            "character of the text (datatrove 0.10.0, gopher_repetition_filter.py).",
            datatrove,
        ),
        _named(
            f"fraction_characters_top_{size}gram_dolma",
            f"Characters of all occurrences of the most frequent {size}-gram, the first of equals, also where none "
            "repeats, per character of all words (Dolma, taggers/gopher.py).",
            dolma,
        ),
    )


def _duplicate(size: int) -> tuple[Metric, Metric, Metric]:
    def canonical(view: TextView) -> Ratios:
        return ratio(_column(view, size, repetition.COVERED), view.repetition.characters)

    def datatrove(view: TextView) -> Ratios:
        return ratio(_column(view, size, repetition.GREEDY), characters(view))

    def dolma(view: TextView) -> Ratios:
        return ratio(_column(view, size, repetition.SUMMED), _column(view, size, repetition.GRAM_CHARACTERS))

    return (
        _named(
            f"fraction_characters_duplicate_{size}grams",
            f"Characters of words that lie in a {size}-gram that occurs twice or more, each word counted once, per "
            "character of all words.",
            canonical,
        ),
        _named(
            f"fraction_characters_duplicate_{size}grams_datatrove",
            f"Characters of {size}-grams seen before, read from left to right and skipping past each, per character of "
            "the text (datatrove 0.10.0, gopher_repetition_filter.py, which joins words without a space).",
            datatrove,
        ),
        _named(
            f"fraction_characters_duplicate_{size}grams_dolma",
            f"Characters of all occurrences of {size}-grams that occur twice or more per character of all "
            f"{size}-grams, overlaps counted again (Dolma, taggers/gopher.py).",
            dolma,
        ),
    )


RATIOS: tuple[Metric, ...] = (
    fraction_duplicate_lines,
    fraction_characters_duplicate_lines,
    fraction_duplicate_paragraphs,
    fraction_characters_duplicate_paragraphs,
    fraction_duplicate_lines_datatrove,
    fraction_characters_duplicate_lines_datatrove,
    fraction_duplicate_lines_dolma,
    fraction_characters_duplicate_lines_dolma,
    *(metric for size in TOP_SIZES for metric in _top(size)),
    *(metric for size in DUPLICATE_SIZES for metric in _duplicate(size)),
)
"""The metrics that are a share: float64."""
