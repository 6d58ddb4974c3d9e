"""Gathering linked documents by the batch of components that they are decided in. Knows signature files; decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import numpy as np
import pyarrow as pa

from curate.dedup.records import PART_BITS, linked_schema
from curate.engine.task import Inputs, Output
from curate.records.batches import read_batches
from curate.records.sorted_files import read_range, write_sorted


class GatherParams(TypedDict):
    """The numbers of the parts, and by part what decides who survives: earlier tiers are preferred, then lower ranks; fixed
    documents are always kept."""

    parts: list[int]
    tiers: list[int]
    ranks: list[int]
    fixed: list[bool]
    permutations: int


class GatherCounts(TypedDict):
    """Documents that are linked to another."""

    linked: int


def gather_linked(params: GatherParams, inputs: Inputs, output: Output) -> GatherCounts:
    """Inputs: `signatures` of `parts`, and `assignments`. Writes `linked` (linked_schema)."""
    schema = linked_schema(params["permutations"])
    pieces = []
    paths = inputs.paths("signatures")
    for index, (part, path) in enumerate(zip(params["parts"], paths, strict=True)):
        policy = {"tier": params["tiers"][index], "rank": params["ranks"][index], "fixed": params["fixed"][index]}
        for assigned, rows in _linked_rows(part, path, inputs.path("assignments")):
            columns = {
                name: pa.repeat(pa.scalar(value, schema.field(name).type), len(rows)) for name, value in policy.items()
            }
            columns |= {name: assigned.column(name) for name in assigned.schema.names}
            columns |= {name: rows.column(name) for name in rows.schema.names}
            columns.setdefault("group", columns["id"])
            pieces.append(pa.record_batch([columns[name] for name in schema.names], schema=schema))
    table = pa.Table.from_batches(pieces, schema)
    write_sorted(output.path("linked"), table, "batch")
    return {"linked": table.num_rows}


def _linked_rows(part: int, path: str, assignments: str) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """(rows of ASSIGNMENTS, the same documents' rows in the part's signature file), batch after batch."""
    low, high = part << PART_BITS, (part + 1) << PART_BITS
    found = list(read_range([assignments], "number", low, high))
    if not found:
        return
    table = pa.Table.from_batches(found).combine_chunks()
    positions = (table.column("number").to_numpy() - np.uint64(low)).astype(np.int64)
    start = 0
    for batch in read_batches(path):
        first, last = np.searchsorted(positions, [start, start + len(batch)])
        if last > first:
            (assigned,) = table.slice(first, last - first).to_batches()
            yield assigned, batch.take(pa.array(positions[first:last] - start))
        start += len(batch)
