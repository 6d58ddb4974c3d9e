"""The groups a mixture is made of, from a column of the ledger. Knows columns; knows no weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.text.addresses import hosts

CELL = "/"
"""Stands between the values of a cell's columns in its name: `de/0.7`."""
NONE = "none"
"""The group of documents without a value."""
SOURCE = "source"
"""Not a column of a part's files: the name of its source."""
DOMAIN = "domain"
"""Not a column itself: the host of the column `url`."""
NOT_IN_LEDGER = (SOURCE, DOMAIN)
"""What documents are always parted by, whatever columns a ledger has."""
LENGTHS = ("tokens", "chars")
"""Columns of lengths: their groups are powers of two, `4096` is from 4,096 to 8,191."""
_BUCKETS = 10  # a number between 0 and 1, such as a quality score, falls into one of ten


def groups_by(by: str, column: pa.Array) -> pa.Array:
    """The group of each row by a column: of `url` for `domain`, else of the column of that name."""
    if by == DOMAIN:
        return domains(column)
    return octaves(column) if by in LENGTHS else group_names(column)


def octaves(lengths: pa.Array) -> pa.Array:
    """The greatest power of two that is not above each length, in digits; `0` for nothing."""
    values = lengths.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
    powers = np.where(values >= 1, 2.0 ** np.floor(np.log2(np.maximum(values, 1.0))), 0.0).astype(np.int64)
    return pc.if_else(lengths.is_valid(), pa.array(powers).cast(pa.string()), NONE)


def group_names(column: pa.Array) -> pa.Array:
    """A group's name per row: strings as they are, whole numbers in digits, fractions as tenths (`0.3` is 0.3 to 0.4)."""
    if pa.types.is_floating(column.type):
        tenths = np.floor(column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) * _BUCKETS)
        names = [NONE if np.isnan(tenth) else f"{tenth / _BUCKETS:.1f}" for tenth in tenths]
        return pa.array(names, pa.string())
    return pc.fill_null(column.cast(pa.string()), NONE)


def domains(urls: pa.Array) -> pa.Array:
    """The host of each address; see curate.text.addresses."""
    return pc.fill_null(hosts(urls), NONE)


def cell_names(columns: Sequence[pa.Array]) -> pa.Array:
    """The names of groups by several columns, from their names by each: `de` and `0.7` make `de/0.7`."""
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, CELL)
