"""The ledger of a part: every row, kept or dropped, with all that every step said of it, as Parquet.

Joins the aligned files of the part by position. Knows columns' names and types; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.engine.task import Inputs, Output
from curate.records.batches import read_batches
from curate.records.counts import LedgerCounts
from curate.records.edits import EDITS
from curate.records.ledger import ROW_GROUP, ledger_schema, of_tokenizer
from curate.records.metadata import META
from curate.records.pages import ORIGIN
from curate.records.sorted_files import read_range
from curate.verdicts.decide import drop_documents
from curate.verdicts.steps import ROLE, ROLE_RULE


class LedgerParams(TypedDict):
    """What a part's ledger holds: [name, Arrow type] of metric columns; whether its documents are output, and else they
    are dropped for the role of their source; the names of tokenizers beside the first; the part's number, where there are
    shards."""

    metrics: list[list[str]]
    output: bool
    tokenizers: list[str]
    part: NotRequired[int]


def write_part(params: LedgerParams, inputs: Inputs, output: Output) -> LedgerCounts:
    """Inputs: `records`; `verdicts`, the last decision on each document; `columns`, aligned files of ledger columns, with
    `chars` among them where one of several texts was chosen; `places` (NUMBERED_PLACES), regrouped by part, and
    `places@NAME` of each further tokenizer; `carried`, columns of every record from the input.

    Writes `ledger` (Parquet, the ledger's schema).
    """
    schema = ledger_schema(params["metrics"], params["tokenizers"])
    columns = [read_batches(path) for path in inputs.paths("columns")]
    names = (None, *params["tokenizers"])
    places = {name: _Places(params, inputs.paths(of_tokenizer("places", name))) for name in names}
    verdicts = read_batches(inputs.path("verdicts"))
    carried = read_batches(inputs.path("carried")) if "carried" in inputs else None
    kept = rows = 0
    pending: list[pa.Table] = []
    with pq.ParquetWriter(output.path("ledger"), schema, compression="zstd") as writer:
        for records in read_batches(inputs.path("records")):
            verdict = next(verdicts)
            wide = _wide(verdict, [next(column) for column in columns], places)
            if not params["output"]:
                wide |= _dropped_for_role(verdict)
            table = _join(records, wide, schema, next(carried) if carried is not None else None)
            kept += pc.sum(table.column("kept")).as_py() or 0
            rows += table.num_rows
            pending = _write_groups(writer, [*pending, table])
        if pending and sum(map(len, pending)):
            writer.write_table(pa.concat_tables(pending).combine_chunks(), row_group_size=ROW_GROUP)
    return {"records": rows, "kept": kept}


def _write_groups(writer: pq.ParquetWriter, tables: list[pa.Table]) -> list[pa.Table]:
    """Write full row groups; return the rest."""
    if sum(map(len, tables)) < ROW_GROUP:
        return tables
    table = pa.concat_tables(tables)
    full = len(table) // ROW_GROUP * ROW_GROUP
    writer.write_table(table.slice(0, full).combine_chunks(), row_group_size=ROW_GROUP)
    return [table.slice(full)]


def _wide(
    verdict: pa.RecordBatch, parts: Sequence[pa.RecordBatch], places: Mapping[str | None, _Places]
) -> dict[str, pa.Array]:
    """Every column known of a batch of documents. `places`: by tokenizer, None being the first."""
    wide: dict[str, pa.Array] = {name: verdict.column(name) for name in verdict.schema.names}
    for part in parts:
        for name in part.schema.names:
            wide[name] = (
                _concat_lists(wide[name], part.column(name)) if name == "edits" and name in wide else part.column(name)
            )
    for name, each in places.items():
        tokens, shard, row = (of_tokenizer(column, name) for column in ("tokens", "shard", "shard_row"))
        if tokens in wide:
            wide[shard], wide[row] = each.of(pc.is_valid(wide[tokens]))
    return wide


def _dropped_for_role(verdict: pa.RecordBatch) -> dict[str, pa.Array]:
    """The verdicts where what passed every rule is no output all the same."""
    gone = np.asarray(verdict.column("kept"), bool)
    return drop_documents(verdict, gone, ROLE, pa.array([ROLE_RULE] * int(gone.sum()), pa.string()))


def _concat_lists(left: pa.Array, right: pa.Array) -> pa.Array:
    """Each row's two lists as one."""
    joined = [a + b for a, b in zip(left.to_pylist(), right.to_pylist(), strict=True)]
    return pa.array(joined, EDITS)


def _join(
    records: pa.RecordBatch, wide: Mapping[str, pa.Array], schema: pa.Schema, carried: pa.RecordBatch | None
) -> pa.Table:
    """Records with the columns of those among them that are documents; the others get nulls and are not kept."""
    is_document = pc.is_null(records.column("dropped_at"))
    mask = is_document.to_numpy(zero_copy_only=False)
    where = pa.array(np.cumsum(mask) - 1, mask=~mask)
    arrays = []
    for column in schema:
        if column.name in ORIGIN.names or (column.name == "chars" and "chars" not in wide):
            arrays.append(records.column(column.name))
        elif carried is not None and column.name.startswith(META) and column.name in carried.schema.names:
            arrays.append(carried.column(column.name))
        elif column.name == "kept":
            arrays.append(pc.fill_null(wide["kept"].take(where), False))
        elif column.name in ("failed", "dropped_at"):
            arrays.append(pc.coalesce(wide[column.name].take(where), records.column(column.name)))
        elif column.name in wide:
            arrays.append(wide[column.name].take(where).cast(column.type))
        else:
            arrays.append(pa.nulls(records.num_rows, column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


class _Places:
    """Hands out the shard and row of a part's kept documents, in the part's order; first occurrence."""

    def __init__(self, params: LedgerParams, paths: Sequence[str]) -> None:
        self._next = 0
        shards, rows, in_shard = [], [], []
        number = params.get("part", 0)
        for batch in read_range(paths, "part", number, number + 1):
            rows.append(batch.column("row").to_numpy())
            in_shard.append(batch.column("shard_row").to_numpy())
            shards.append(batch.column("shard").to_numpy())
        row = np.concatenate([np.empty(0, np.int64), *rows])
        shard_row = np.concatenate([np.empty(0, np.int64), *in_shard])
        shard_number = np.concatenate([np.empty(0, np.int32), *shards])
        order = np.lexsort((shard_row, shard_number, row))
        self._rows, first = np.unique(row[order], return_index=True)
        self._shards, self._shard_rows = shard_number[order][first], shard_row[order][first]

    def of(self, kept: pa.Array) -> tuple[pa.Array, pa.Array]:
        """(shard, row) per document of the next batch; null where it is not in any shard."""
        mask = kept.to_numpy(zero_copy_only=False)
        row = np.where(mask, self._next + np.cumsum(mask) - 1, -1)
        self._next += int(mask.sum())
        at = np.searchsorted(self._rows, row)
        found = mask & (at < len(self._rows))
        found[found] = self._rows[at[found]] == row[found]
        index = pa.array(at, mask=~found)
        return pa.array(self._shards).take(index), pa.array(self._shard_rows).take(index)
