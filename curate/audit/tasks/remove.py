"""Marks a part's documents that are on a list of removals, for the verdicts to drop before anything else sees them.

Knows lists and documents; drops nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.removals import matcher, read_lists
from curate.batches import BatchWriter, read_batches
from curate.engine.task import Counts, File, Output

REMOVED = pa.schema([("removed", pa.bool_())])


def mark_part(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `documents` and `records`, aligned, and `list...`. Writes `removed` (REMOVED), a row per document."""
    files = {file.name: file.path for file in inputs}
    find = matcher(read_lists(file.path for file in inputs if file.name.startswith("list")))
    marked = documents = 0
    with BatchWriter(output.path("removed"), REMOVED) as writer:
        for batch, records in zip(read_batches(files["documents"]), read_batches(files["records"]), strict=True):
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
