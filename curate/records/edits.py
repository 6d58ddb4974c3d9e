"""The edits of a document, as the ledger lists them. Knows types and names only."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

EDIT = pa.struct([("step", pa.string()), ("kind", pa.string()), ("chars", pa.int64())])
"""An edit of a document: which step made it, of which kind, how many characters it removed."""

EDITS = pa.list_(EDIT)

EditsByStep = list[tuple[str, Mapping[str, Any]]]
"""Per step, by kind of edit, the characters removed from each document (int64)."""


def edit_column(edits: EditsByStep, rows: int) -> pa.Array:
    """The `edits` column: per document the edits that removed something, in the order of steps and kinds."""
    steps: list[str] = []
    kinds: list[str] = []
    removed: list[np.ndarray[Any, Any]] = []
    for step, by_kind in edits:
        for kind, chars in by_kind.items():
            steps.append(step)
            kinds.append(kind)
            removed.append(chars)
    if not removed:
        return pa.array([[]] * rows, EDITS)
    matrix = np.stack(removed, axis=1)
    row, column = np.nonzero(matrix)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.count_nonzero(matrix, axis=1), out=offsets[1:])
    values = pa.StructArray.from_arrays(
        [pa.array(steps).take(pa.array(column)), pa.array(kinds).take(pa.array(column)), pa.array(matrix[row, column])],
        fields=list(EDITS.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), values)
