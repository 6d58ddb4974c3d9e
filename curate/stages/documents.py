"""The kept documents of a part as Parquet, for people and other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.batches import read_batches
from curate.records import DOCUMENT_FILE
from curate.task import Counts, File, Output


def write_documents(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `documents` and `verdicts`. Writes `documents` (DOCUMENT_FILE): those kept so far, a row group per batch."""
    files = {file.name: file.path for file in inputs}
    rows = 0
    with pq.ParquetWriter(output.path("documents"), DOCUMENT_FILE, compression="zstd") as writer:
        for batch, verdict in zip(read_batches(files["documents"]), read_batches(files["verdicts"]), strict=True):
            kept = batch.filter(verdict.column("kept"))
            source = pa.array([params["source"]] * kept.num_rows, pa.string())
            table = pa.table([kept.column("id"), source, kept.column("url"), kept.column("text")], schema=DOCUMENT_FILE)
            writer.write_table(table)
            rows += kept.num_rows
    return {"documents": rows}
