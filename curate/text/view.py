"""One tokenisation of a column of texts, shared by every metric that looks at it.

Each part is computed when first asked for, and once. Knows words, lines and characters; knows no metric and no policy.
"""

from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.columns import text_buffers
from curate.text.sentences import sentence_tables, sentences_by_line


class TextView:
    """A column of string or large_string without nulls, and what has been found in it so far."""

    def __init__(self, texts: pa.Array) -> None:
        self.texts = texts
        self.data, self.offsets = text_buffers(texts)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def sentences(self) -> NDArray[np.int64]:
        """Per document, sentences as Punkt counts them, line by line and summed."""
        counts = np.zeros(len(self), np.int64)
        sentences_by_line(self.data, self.offsets, sentence_tables(), counts)
        return counts
