"""One tokenisation of a column of texts, shared by every metric that looks at it.

Each part is computed when first asked for, and once, on the texts without blank lines (`curate.text.line_model`). Knows
words, lines and characters; knows no metric and no policy.
"""

from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.characters import tables
from curate.text.columns import text_buffers
from curate.text.line_model import LineModel, line_model
from curate.text.lines import Paragraphs, PythonLines, paragraphs, python_lines
from curate.text.punkt import sentence_tables
from curate.text.repetition import Duplicates, Repetition, duplicates, repetition
from curate.text.scan import (
    ALPHABETIC_WORDS,
    BLANK,
    SYMBOL_FREE_CHARACTERS,
    SYMBOL_FREE_WORDS,
    Scan,
    Words,
    scan,
)
from curate.text.sentences import sentences_by_line


class TextView:
    """A column of string or large_string without nulls, and what has been found in it so far.

    `texts`, `data`, `offsets`: as given, blank lines and all.
    """

    def __init__(self, texts: pa.Array) -> None:
        self.texts = texts
        self.data, self.offsets = text_buffers(texts)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def model(self) -> LineModel:
        """The texts without blank lines, which is what everything below speaks of."""
        return line_model(self.data, self.offsets, tables())

    @cached_property
    def scan(self) -> Scan:
        """Words, plain words, lines and counts of characters."""
        return scan(self.model.data, self.model.offsets, tables())

    def total(self, row: int) -> NDArray[np.int64]:
        """Per document, one of the scan's totals."""
        totals: NDArray[np.int64] = self.scan.totals[row]
        return totals

    def with_words(self, words: Words, letters: NDArray[np.bool_], plain: NDArray[np.bool_]) -> "TextView":
        """The same texts, cut into other words, which every metric of words then sees. Per word: whether it holds a letter,
        and whether it holds a character that is no SYMBOL."""
        other = TextView(self.texts)
        other.model = self.model
        totals = self.scan.totals.copy()
        totals[ALPHABETIC_WORDS] = _sums(letters, words.offsets)
        totals[SYMBOL_FREE_WORDS] = _sums(plain, words.offsets)
        totals[SYMBOL_FREE_CHARACTERS] = _sums(plain * words.lengths, words.offsets)
        other.scan = self.scan._replace(words=words, totals=totals)
        return other

    @cached_property
    def sentences(self) -> NDArray[np.int64]:
        """Per document, sentences as Punkt counts them, line by line and summed."""
        counts = np.zeros(len(self), np.int64)
        sentences_by_line(self.model.data, self.model.offsets, sentence_tables(), counts)
        return counts

    @cached_property
    def python_lines(self) -> PythonLines:
        """Counts of lines as `str.splitlines` gives them."""
        return python_lines(self.model.data, self.model.offsets, tables(), self.scan)

    @cached_property
    def paragraphs(self) -> Paragraphs:
        """Pieces of the stripped text between blank lines."""
        return paragraphs(self.model, tables(), self.scan)

    @cached_property
    def repetition(self) -> Repetition:
        """Repeated n-grams of words as they stand."""
        return repetition(*self.scan.words)

    @cached_property
    def plain_repetition(self) -> Repetition:
        """Repeated n-grams of plain words."""
        return repetition(*self.scan.plain)

    @cached_property
    def duplicate_paragraphs(self) -> Duplicates:
        """Repeated paragraphs."""
        found = self.paragraphs
        return duplicates(found.codes, found.lengths, found.offsets, np.zeros(found.offsets[-1], np.bool_))

    @cached_property
    def duplicate_lines(self) -> Duplicates:
        """Repeated lines, those of white space left out."""
        return self._duplicate_lines(self.scan.lines.marks == BLANK)

    @cached_property
    def duplicate_filled_lines(self) -> Duplicates:
        """Repeated lines, those without any character left out."""
        return self._duplicate_lines(self.scan.lines.lengths == 0)

    @cached_property
    def duplicate_split_lines(self) -> Duplicates:
        """Repeated lines, an empty text's one line included."""
        return self._duplicate_lines(np.zeros(len(self.scan.lines.codes), np.bool_))

    def _duplicate_lines(self, skip: NDArray[np.bool_]) -> Duplicates:
        lines = self.scan.lines
        return duplicates(lines.codes, lines.lengths, lines.offsets, skip)

    def sum_lines(self, values: NDArray[np.generic]) -> NDArray[np.int64]:
        """Per document, the sum of a value per line of the scan; every document has at least one line."""
        if not len(self):
            return np.zeros(0, np.int64)
        return np.add.reduceat(values.astype(np.int64), self.scan.lines.offsets[:-1])


def _sums(values: NDArray[np.generic], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per document, the sum of its items' values."""
    total = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    sums: NDArray[np.int64] = total[offsets[1:]] - total[offsets[:-1]]
    return sums
