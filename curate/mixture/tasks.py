"""What a mixture must know of a part: its documents' groups, and how many tokens each group has in each bin of keys.

Knows the token store and ledger columns; knows no weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.mixture.available_tokens import summed
from curate.mixture.groups import DOMAIN, SOURCE, cell_names, groups_by
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts
from curate.shards.copies import key_bins
from curate.shards.order import in_validation, keys

GROUPS = pa.schema([("group", pa.string())])
"""The mixture's group of each row of the token store."""
STOCK = pa.schema([("group", pa.string()), ("bin", pa.int32()), ("tokens", pa.int64()), ("documents", pa.int64())])
"""Tokens (end-of-text included) and documents of the training split, by group and bin of keys."""


class GroupParams(TypedDict):
    """The columns that say a document's group, and the source of all of them."""

    by: Sequence[str]
    source: str


class CountParams(TypedDict):
    """What decides a document's split and its place."""

    seed: int
    validation: float


def group_part(params: GroupParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `verdicts` and `columns`, a file for each of `by`, aligned. Writes `groups`, a row per kept document."""
    files = (read_batches(path) for path in (inputs.path("verdicts"), *inputs.paths("columns")))
    with BatchWriter(output.path("groups"), GROUPS) as writer:
        for verdict, *batches in zip(*files, strict=True):
            kept = verdict.column("kept")
            names = [
                _names(each, batch, kept) if each != SOURCE else pa.repeat(params["source"], pc.sum(kept).as_py() or 0)
                for each, batch in zip(params["by"], batches, strict=True)
            ]
            writer.write({"group": cell_names(names)})
    return {"documents": writer.rows}


def _names(by: str, batch: pa.RecordBatch, kept: pa.Array) -> pa.Array:
    """The groups of a batch's kept documents. A batch without the column is of a source whose rows do not carry it."""
    name = "url" if by == DOMAIN else by
    column = batch.column(name) if name in batch.schema.names else pa.nulls(len(batch), pa.string())
    return groups_by(by, column.filter(kept))


def count_part(params: CountParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs: `tokens`, the part's token store, and `groups` where they are not the sources. Writes `stock`."""
    groups = read_batches(inputs.path("groups")) if "groups" in inputs else None
    counted = [STOCK.empty_table()]
    for batch in read_batches(inputs.path("tokens")):
        names = next(groups).column("group") if groups else batch.column("source")
        train = pa.array(~in_validation(batch.column("group"), params["seed"], params["validation"]))
        bins = key_bins(keys(batch.column("id"), params["seed"])).astype(np.int32)
        lengths = np.diff(batch.column("tokens").offsets.to_numpy()).astype(np.int64)
        columns = [names, pa.array(bins), pa.array(lengths), pa.array(np.ones(len(bins), np.int64))]
        counted.append(pa.Table.from_arrays(columns, schema=STOCK).filter(train))
        counted = [summed(pa.concat_tables(counted))]
    with BatchWriter(output.path("stock"), STOCK) as writer:
        writer.write({name: counted[0].column(name).combine_chunks() for name in STOCK.names})
    return {"documents": int(counted[0].column("documents").to_numpy().sum())}
