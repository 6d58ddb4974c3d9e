"""A column of texts with some of its rows replaced. Knows Arrow only."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa


def replace_rows(column: pa.Array, changed: Mapping[int, str]) -> pa.Array:
    """The column with the text of each of these rows in place of its own."""
    if not changed:
        return column
    pieces, at = [], 0
    for row in sorted(changed):
        pieces += [column.slice(at, row - at), pa.array([changed[row]], column.type)]
        at = row + 1
    return pa.concat_arrays([*pieces, column.slice(at)])
