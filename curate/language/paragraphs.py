"""The language of each paragraph, for texts that mix languages. A paragraph is a line that is not blank.

Knows identifiers and lines; knows no pipeline.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.language.identifier import Identifier, load
from curate.text.columns import text_buffers
from curate.text.compiled import kernel

PARAGRAPH = pa.struct([("bytes", pa.int32()), ("language", pa.string()), ("score", pa.float32())])
"""A paragraph: its length in UTF-8, its language, the confidence."""

CERTAIN = 0.5
"""A paragraph counts as of another language from this confidence on: short lines are often taken for anything."""

_NEWLINE = 10
_BLANK = 32  # ASCII's space; what lies below is white space or control


@kernel
def _lines(data: Any, bounds: Any, starts: Any, ends: Any, offsets: Any) -> None:
    count = 0
    for document in range(len(bounds) - 1):
        start = bounds[document]
        blank = True
        for index in range(bounds[document], bounds[document + 1] + 1):
            if index == bounds[document + 1] or data[index] == _NEWLINE:
                if not blank:
                    starts[count] = start
                    ends[count] = index
                    count += 1
                start = index + 1
                blank = True
            else:
                blank &= data[index] <= _BLANK
        offsets[document + 1] = count


def identify_paragraphs(texts: pa.Array, identifier: Identifier | None = None) -> pa.Array:
    """Per text a list of PARAGRAPH, in order. Raises ValueError on nulls."""
    data, bounds = text_buffers(texts)
    most = int(bounds[-1] - bounds[0]) // 2 + len(bounds)
    starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    offsets = np.zeros(len(bounds), np.int64)
    _lines(data, bounds, starts, ends, offsets)
    starts, ends = starts[: offsets[-1]], ends[: offsets[-1]]
    # Between two paragraphs lie line breaks and blanks, which say nothing of a language: alternate rows are dropped.
    alternate = np.column_stack([starts, ends]).ravel()
    every_other = np.arange(0, max(len(alternate) - 1, 0), 2)
    if len(alternate):
        codes, scores = (identifier or load()).of_bytes(data, alternate)
        codes, scores = codes.take(pa.array(every_other)), scores[every_other]
    else:
        codes, scores = pa.array([], pa.string()), np.zeros(0, np.float32)
    rows = pa.StructArray.from_arrays(
        [pa.array((ends - starts).astype(np.int32)), codes, pa.array(scores)], fields=list(PARAGRAPH)
    )
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), rows)


def other_share(paragraphs: pa.Array, languages: pa.Array) -> NDArray[np.float64]:
    """The share of each text's bytes in paragraphs that are, with confidence CERTAIN, of another language than the text."""
    offsets = paragraphs.offsets.to_numpy()
    rows = paragraphs.flatten()
    owner = np.repeat(np.arange(len(paragraphs)), np.diff(offsets))
    lengths = rows.field("bytes").to_numpy().astype(np.float64)
    own = rows.field("language").to_numpy(zero_copy_only=False) == languages.to_numpy(zero_copy_only=False)[owner]
    certain = rows.field("score").to_numpy() >= CERTAIN
    total = np.bincount(owner, lengths, len(paragraphs))
    other = np.bincount(owner, lengths * (certain & ~own), len(paragraphs))
    return np.divide(other, total, out=np.zeros(len(paragraphs)), where=total > 0)
