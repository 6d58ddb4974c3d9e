"""Adds up what parts say of the groups' tokens. Knows counts; chooses nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.records.batches import read_batches, read_schema


@dataclass(frozen=True)
class Stock:
    """What a group has: the bins of keys that hold documents, in order; their tokens, end-of-text included; documents."""

    bins: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]


def total_stock(paths: Iterable[str]) -> dict[str, Stock]:
    """Each group's stock over all parts, from files of (group, bin, tokens, documents)."""
    tables = [pa.Table.from_batches(list(read_batches(path)), read_schema(path)) for path in paths]
    if not tables:
        return {}
    return _by_group(summed(pa.concat_tables(tables)))


def _by_group(table: pa.Table) -> dict[str, Stock]:
    names = table.column("group").combine_chunks().dictionary_encode()
    stocks = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        mine = table.filter(pa.array(names.indices.to_numpy() == code))
        bins, tokens, documents = (mine.column(column).to_numpy() for column in ("bin", "tokens", "documents"))
        stocks[name] = Stock(bins, tokens, documents)
    return stocks


def summed(table: pa.Table) -> pa.Table:
    """One row per group and bin, in order."""
    sums = table.group_by(["group", "bin"], use_threads=False).aggregate([("tokens", "sum"), ("documents", "sum")])
    named = sums.select(["group", "bin", "tokens_sum", "documents_sum"]).rename_columns(table.schema.names)
    return named.sort_by([("group", "ascending"), ("bin", "ascending")]).cast(table.schema)


def stock_of(
    groups: pa.Array, bins: npt.NDArray[np.int64], tokens: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]
) -> dict[str, Stock]:
    """Each group's stock from the group, bin and tokens of every document, of those chosen."""
    ones = np.ones(len(bins), np.int64)
    columns = {"group": groups, "bin": pa.array(bins), "tokens": pa.array(tokens), "documents": pa.array(ones)}
    return _by_group(summed(pa.table(columns).filter(pa.array(chosen))))
