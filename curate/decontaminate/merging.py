"""What the parts' matches amount to, added up group by group where there are many parts, so that no task opens all.

Sums and orders are those of one task that reads everything. Knows files of counts and of what was found; knows no text.
"""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa

from curate.decontaminate.records import COUNTS, FOUND
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts


class NoParams(TypedDict):
    """Nothing."""


def add_counts(params: NoParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `counts` (COUNTS) of some parts. Writes `counts` (COUNTS): in how many documents of all each n-gram stands."""
    pieces = [batch for path in inputs.paths("counts") for batch in read_batches(path)]
    table = pa.Table.from_batches(pieces, COUNTS).group_by("gram").aggregate([("documents", "sum")]).sort_by("gram")
    with BatchWriter(output.path("counts"), COUNTS) as writer:
        columns = (table[name].combine_chunks() for name in ("gram", "documents_sum"))
        writer.write(dict(zip(COUNTS.names, columns, strict=True)))
    return {"documents": len(table)}


def join_found(params: NoParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Input `found` (FOUND) of some parts of one source. Writes `found` (FOUND): theirs, one after the other."""
    with BatchWriter(output.path("found"), FOUND) as writer:
        for path in inputs.paths("found"):
            for batch in read_batches(path):
                if len(batch):
                    writer.write({name: batch.column(name) for name in FOUND.names})
        return {"documents": writer.rows}
