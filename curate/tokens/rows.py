"""List columns of token ids: made from flat ids, and completed document by document. Knows Arrow's layout; no text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def list_array(values: npt.NDArray[Any], lengths: npt.NDArray[np.int64]) -> pa.ListArray:
    """A list column from its flat values and the length of each row. Raises OverflowError past 2^31 - 1 values."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{offsets[-1]} tokens in one batch; a list column holds at most 2^31 - 1")
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def surround_rows(rows: pa.ListArray, before: Sequence[int], after: Sequence[int]) -> pa.ListArray:
    """Each row (list<uint16 or uint32>) between the ids `before` and the ids `after`.

    `surround_rows([[7, 8], []], [1], [0])` is `[[1, 7, 8, 0], [1, 0]]`.
    """
    offsets = rows.offsets.to_numpy().astype(np.int64)
    values = rows.values.to_numpy(zero_copy_only=False)[offsets[0] : offsets[-1]]
    lengths = np.diff(offsets) + len(before) + len(after)
    ends = np.cumsum(lengths)
    out = np.empty(int(lengths.sum()), dtype=values.dtype)
    text = np.ones(len(out), dtype=bool)
    for places, ids in ((ends - lengths, before), (ends - len(after), after)):
        for index, value in enumerate(ids):
            out[places + index] = value
            text[places + index] = False
    out[text] = values
    return list_array(out, lengths)
