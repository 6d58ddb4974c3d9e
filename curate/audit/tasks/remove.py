"""Marks a part's documents that are on a list of removals, for the verdicts to drop before anything else sees them.

Knows lists and documents; drops nothing itself.
"""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.removals import matcher, read_lists
from curate.engine.task import Inputs, Output
from curate.records.batches import BatchWriter, read_batches

REMOVED = pa.schema([("removed", pa.bool_())])


class MarkParams(TypedDict):
    """Nothing."""


class MarkedCounts(TypedDict):
    """Documents looked at, and those on a list."""

    documents: int
    marked: int


def mark_part(params: MarkParams, inputs: Inputs, output: Output) -> MarkedCounts:
    """Inputs `documents` and `records`, aligned, and `lists`. Writes `removed` (REMOVED), a row per document."""
    find = matcher(read_lists(inputs.paths("lists")))
    marked = documents = 0
    with BatchWriter(output.path("removed"), REMOVED) as writer:
        for batch, records in zip(
            read_batches(inputs.path("documents")), read_batches(inputs.path("records")), strict=True
        ):
            going = records.filter(pc.is_null(records.column("dropped_at")))
            found = find.matches(
                batch.column("id").to_pylist(),
                batch.column("url").to_pylist(),
                going.column("record_id").to_pylist(),
                (str(text) for text in batch.column("text")),
            )
            writer.write({"removed": pa.array(found, pa.bool_())})
            marked += int(found.sum())
            documents += batch.num_rows
    return {"documents": documents, "marked": marked}
