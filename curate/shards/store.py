"""Rows of the token store by part and row: what an index of a mix points at. Knows the store's files; knows no order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.records.batches import read_batches, read_schema
from curate.records.shards import shard

Numbers = npt.NDArray[np.int64]


def gather(paths: Sequence[str], part: Numbers, row: Numbers) -> pa.RecordBatch:
    """The documents (id, source, tokens) at these rows of these parts of the store, in this order, as one batch.

    Raises IndexError for a part or row that is not there.
    """
    if len(part) and not (part.min() >= 0 and part.max() < len(paths) and row.min() >= 0):
        raise IndexError(f"a part or row beyond the {len(paths)} files of the store")
    pieces, positions = [], []
    for number in np.unique(part).tolist():
        mine = np.flatnonzero(part == number)
        mine = mine[np.argsort(row[mine], kind="stable")]
        wanted, begin = row[mine], 0
        for batch in read_batches(paths[number]):
            low, high = np.searchsorted(wanted, [begin, begin + batch.num_rows])
            if low < high:
                pieces.append(batch.take(pa.array(wanted[low:high] - begin)))
                positions.append(mine[low:high])
            begin += batch.num_rows
        if len(wanted) and wanted[-1] >= begin:
            raise IndexError(f"row {wanted[-1]} of {paths[number]}, which has {begin}")
    schema = shard(read_schema(paths[0]).field("tokens").type.value_type)
    if not pieces:
        return pa.RecordBatch.from_pylist([], schema)
    order = np.empty(len(part), np.int64)
    order[np.concatenate(positions)] = np.arange(len(part))
    table = pa.Table.from_batches(pieces).select(schema.names).combine_chunks().take(pa.array(order))
    return pa.record_batch([column.combine_chunks() for column in table.columns], schema=schema)


def write_shard(path: str, batch: pa.RecordBatch) -> None:
    """A shard file: one uncompressed batch (id, source, tokens) in an IPC stream, the tokens' value buffer without gaps."""
    tokens = batch.column("tokens")
    if tokens.offset or tokens.offsets[0].as_py() != 0 or len(tokens.values) != tokens.offsets[-1].as_py():
        tokens = pa.concat_arrays([tokens.slice(0, 0), tokens])
    schema = shard(tokens.type.value_type)
    with pa.ipc.new_stream(path, schema) as writer:
        writer.write_batch(pa.record_batch([batch.column("id"), batch.column("source"), tokens], schema=schema))
