"""Where words lie: the first byte and the byte after the last of every run without white space, as `str.split()` parts them.

Knows bytes and white space; knows no language.
"""

from typing import Any

import numpy as np

from curate.text.characters import SPACE, Bytes, Offsets, decode, tables
from curate.text.compiled import kernel


@kernel
def _word_spans(data: Any, bounds: Any, flags: Any, starts: Any, ends: Any) -> None:
    count = 0
    for document in range(len(bounds) - 1):
        index = bounds[document]
        end = bounds[document + 1]
        inside = False
        while index < end:
            at = index
            byte = data[index]
            if byte < 0x80:
                space = flags[byte] & SPACE
                index += 1
            else:
                point, size = decode(data, index, end)
                space = flags[point] & SPACE
                index += size
            if space:
                if inside:
                    ends[count] = at
                    count += 1
                inside = False
            elif not inside:
                starts[count] = at
                inside = True
        if inside:
            ends[count] = end
            count += 1


def word_spans(data: Bytes, bounds: Offsets, number: int) -> tuple[Offsets, Offsets]:
    """(first bytes, bytes after the last) of the words of all documents, in order; `number` of them, as a scan counts."""
    starts, ends = np.empty(number, np.int64), np.empty(number, np.int64)
    _word_spans(data, bounds, tables().flags, starts, ends)
    return starts, ends
