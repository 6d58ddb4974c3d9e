"""The external shuffle: sort groups of token-store parts by key, then merge the buckets of all groups into shards.

A mixture decides how often a document appears; without one it appears once. A section is what has an order of its own:
the validation split, and the training split or each of its phases. Memory is bounded by a group of parts and by a shard,
however often documents repeat. Knows the token store and the global order; knows no text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches, read_schema
from curate.records.counts import TokenCounts
from curate.records.pages import ID
from curate.records.shards import PLACES
from curate.records.sorted_files import read_range
from curate.shards.copies import NOTHING, Span, copies
from curate.shards.order import (
    KEY_BITS,
    SPLITS,
    TRAIN,
    VALIDATION,
    bucket_bits,
    buckets,
    in_validation,
    keys,
    sort_order,
)
from curate.shards.store import write_shard
from curate.text.chance import Words

INDEX = pa.schema([("section", pa.int32()), ("bucket", pa.int64()), ("documents", pa.int64()), ("tokens", pa.int64())])
"""How many documents and tokens of each bucket are there, of those that hold any."""


_ROWS = 1 << 14
"""Of a batch of sorted documents."""


def _sorted_schema(tokens: pa.DataType) -> pa.Schema:
    return pa.schema(
        [
            ("key", pa.uint64()),
            ("id", ID),
            ("source", pa.string()),
            ("part", pa.int32()),
            ("row", pa.int64()),
            ("tokens", pa.list_(tokens)),
        ]
    )


class SortParams(TypedDict):
    """The numbers of the parts, and what decides where their documents go and how often."""

    parts: list[int]
    seed: int
    tokens_per_shard: int
    validation: float
    tokens: dict[str, int]
    """Expected of each section."""
    mixture: dict[str, dict[str, list[float]]] | None
    """By section of the training split what is taken of each group, as `curate.shards.copies.Span` has it; None for every
    document once."""


class SplitCounts(TypedDict):
    """Documents placed in each split."""

    train: int
    validation: int


class NoParams(TypedDict):
    """Nothing."""


class RowCounts(TypedDict):
    """Rows written."""

    rows: int


class MergeParams(TypedDict):
    """A shard: the documents of a section whose first token lies in [first, last); `start` is that of its first bucket."""

    section: str
    first: int
    last: int
    start: int
    buckets: list[int]
    bits: int
    """How many leading bits of a key name a bucket."""
    dtype: str


def sort_group(params: SortParams, inputs: Inputs, output: Output) -> SplitCounts:
    """Inputs: for each of the `parts` its token store (`tokens`), and `groups` where the mixture is not by source.

    Writes a file per section (of `tokens`), named after it, sorted by key and id, and the `index` (INDEX) of all.
    """
    table = _store_rows(params["parts"], inputs)
    token_type = table.schema.field("tokens").type.value_type
    ids, groups = table.column("id").combine_chunks(), table.column("group").combine_chunks()
    seed, tokens_per_shard = params["seed"], params["tokens_per_shard"]
    validation = in_validation(groups, seed, params["validation"])
    order = keys(ids, seed)
    lengths = _lengths(table)
    written: dict[str, list[int]] = {name: [] for name in INDEX.names}
    documents = dict.fromkeys(SPLITS, 0)
    schema = _sorted_schema(token_type)
    for number, section in enumerate(params["tokens"]):
        with BatchWriter(output.path(section), schema, compressed=False) as writer:
            rows = np.flatnonzero(validation == (section == VALIDATION))
            places = order[rows]
            if section != VALIDATION and params["mixture"] is not None:
                rows, places = _mixed(params["mixture"][section], table, ids, order, rows, seed)
            sequence = sort_order(places, ids.take(pa.array(rows)))
            rows, places = rows[sequence], places[sequence]
            in_bucket = buckets(places, bucket_bits(params["tokens"][section], tokens_per_shard))
            for low in range(0, len(rows), _ROWS):
                taken = table.take(pa.array(rows[low : low + _ROWS])).combine_chunks()
                columns = {
                    name: taken.column(name).combine_chunks() for name in ("id", "source", "part", "row", "tokens")
                }
                writer.write({"key": pa.array(places[low : low + _ROWS]), **columns})
            present, starts = np.unique(in_bucket, return_index=True)
            tokens = np.add.reduceat(lengths[rows], starts) if len(rows) else starts
            held = np.diff(np.append(starts, len(rows)))
            of_section = (np.full(len(present), number), present, held, tokens)
            for name, values in zip(INDEX.names, of_section, strict=True):
                written[name] += values.tolist()
            documents[VALIDATION if section == VALIDATION else TRAIN] += len(rows)
    with BatchWriter(output.path("index"), INDEX) as index:
        index.write({name: pa.array(values, INDEX.field(name).type) for name, values in written.items()})
    return SplitCounts(train=documents["train"], validation=documents["validation"])


def _mixed(
    mixture: Mapping[str, Sequence[float]],
    table: pa.Table,
    ids: pa.Array,
    order: Words,
    rows: npt.NDArray[np.intp],
    seed: int,
) -> tuple[npt.NDArray[np.intp], Words]:
    """(row, key) of every copy that the mixture takes of these rows."""
    names = table.column("mix").combine_chunks().take(pa.array(rows)).dictionary_encode()
    plans = np.array([mixture.get(name, NOTHING) for name in names.dictionary.to_pylist()], np.float64)
    span = Span.of(plans.reshape(-1, len(NOTHING))[names.indices.to_numpy()])
    chosen, places = copies(ids.take(pa.array(rows)), order[rows], seed, span)
    return rows[chosen], places


def _lengths(table: pa.Table) -> npt.NDArray[np.int64]:
    """Tokens of each row."""
    lengths: npt.NDArray[np.int64] = pc.list_value_length(table.column("tokens")).to_numpy().astype(np.int64)
    return lengths


def _store_rows(parts: Sequence[int], inputs: Inputs) -> pa.Table:
    """The rows of several token-store files with their part number, row, and group of the mixture (`mix`)."""
    groups: Sequence[str | None] = inputs.paths("groups") or [None] * len(parts)
    tables = []
    for part, path, of_groups in zip(parts, inputs.paths("tokens"), groups, strict=True):
        table = _table(path)
        mix = table.column("source") if of_groups is None else _table(of_groups).column("group")
        table = table.append_column("part", pa.array(np.full(table.num_rows, part, dtype=np.int32)))
        table = table.append_column("row", pa.array(np.arange(table.num_rows)))
        tables.append(table.append_column("mix", mix))
    return pa.concat_tables(tables)


def _table(path: str) -> pa.Table:
    return pa.Table.from_batches(list(read_batches(path)), read_schema(path))


def merge_shard(params: MergeParams, inputs: Inputs, output: Output) -> TokenCounts:
    """Inputs: the `sorted` files of the section, regrouped. Writes `shard` and the `places` of its rows.

    Takes the documents of one section whose first token lies in [first, last); writes nothing where there are none.
    """
    paths = inputs.paths("sorted")
    schema = _sorted_schema(pa.from_numpy_dtype(params["dtype"]))
    start, pieces = params["start"], []
    for bucket in params["buckets"]:
        table = pa.Table.from_batches(list(read_range(paths, "key", *bucket_span(bucket, params["bits"]))), schema)
        table = table.combine_chunks()
        if table.num_rows == 0:
            continue
        table = table.take(pa.array(sort_order(table.column("key").to_numpy(), table.column("id").combine_chunks())))
        lengths = _lengths(table)
        begins = start + np.cumsum(lengths) - lengths
        start += int(lengths.sum())
        pieces.append(table.filter(pa.array((begins >= params["first"]) & (begins < params["last"]))))
    table = pa.concat_tables(pieces).combine_chunks()
    if table.num_rows == 0:
        return {"documents": 0, "tokens": 0}
    (batch,) = table.select(["id", "source", "tokens"]).to_batches()
    write_shard(output.path("shard"), batch)
    order = np.lexsort((table.column("row").to_numpy(), table.column("part").to_numpy()))
    with BatchWriter(output.path("places"), PLACES, compressed=False) as places:
        places.write(
            {
                "part": table.column("part").combine_chunks().take(pa.array(order)),
                "row": table.column("row").combine_chunks().take(pa.array(order)),
                "shard_row": pa.array(order.astype(np.int64)),
            }
        )
    tokens = len(table.column("tokens").combine_chunks().flatten())
    return {"documents": table.num_rows, "tokens": tokens}


def bucket_span(bucket: int, bits: int) -> tuple[int, int]:
    """The keys of a bucket: from the first up to, and without, the second."""
    return bucket << (KEY_BITS - bits), (bucket + 1) << (KEY_BITS - bits)


def add_buckets(params: NoParams, inputs: Inputs, output: Output) -> RowCounts:
    """Inputs: several `index`. Writes the `index` of all that they are of."""
    table = pa.concat_tables([_table(path) for path in inputs.paths("index")])
    summed = table.group_by(["section", "bucket"]).aggregate([("documents", "sum"), ("tokens", "sum")])
    summed = summed.sort_by([("section", "ascending"), ("bucket", "ascending")]).combine_chunks()
    names = {"documents": "documents_sum", "tokens": "tokens_sum"}
    with BatchWriter(output.path("index"), INDEX) as writer:
        writer.write({name: summed.column(names.get(name, name)).combine_chunks() for name in INDEX.names})
    return {"rows": summed.num_rows}


def bucket_tokens(indexes: Sequence[str], section: int, buckets: int) -> list[int]:
    """Tokens in each bucket of a section, by its number, over the indexes of all groups."""
    totals = np.zeros(buckets, dtype=np.int64)
    for path in indexes:
        for batch in read_batches(path):
            mine = batch.column("section").to_numpy() == section
            np.add.at(totals, batch.column("bucket").to_numpy()[mine], batch.column("tokens").to_numpy()[mine])
    tokens: list[int] = totals.tolist()
    return tokens
