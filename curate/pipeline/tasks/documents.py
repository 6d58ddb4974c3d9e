"""The kept documents of a part as Parquet, for people and other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.batches import read_batches
from curate.engine.task import Counts, File, Output
from curate.records.documents import DOCUMENT_FILE


def write_documents(params: Mapping[str, Any], inputs: Sequence[File], output: Output) -> Counts:
    """Inputs `documents` and, where not all are kept, `verdicts`. Writes `documents` (DOCUMENT_FILE)."""
    files = {file.name: file.path for file in inputs}
    verdicts = read_batches(files["verdicts"]) if "verdicts" in files else None
    rows = 0
    with pq.ParquetWriter(output.path("documents"), DOCUMENT_FILE, compression="zstd") as writer:
        for batch in read_batches(files["documents"]):
            kept = batch if verdicts is None else batch.filter(next(verdicts).column("kept"))
            source = pa.array([params["source"]] * kept.num_rows, pa.string())
            table = pa.table([kept.column("id"), source, kept.column("url"), kept.column("text")], schema=DOCUMENT_FILE)
            writer.write_table(table)
            rows += kept.num_rows
    return {"documents": rows}
