"""The kept documents of a part as Parquet, for people and other programs."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.batches import read_batches
from curate.engine.task import Inputs, Output
from curate.records.counts import WrittenCounts
from curate.records.documents import DOCUMENT_FILE


class DocumentsParams(TypedDict):
    """The source of the part's documents."""

    source: str


def write_documents(params: DocumentsParams, inputs: Inputs, output: Output) -> WrittenCounts:
    """Inputs `documents` and, where not all are kept, `verdicts`. Writes `documents` (DOCUMENT_FILE)."""
    verdicts = read_batches(inputs.path("verdicts")) if "verdicts" in inputs else None
    rows = chars = 0
    with pq.ParquetWriter(output.path("documents"), DOCUMENT_FILE, compression="zstd") as writer:
        for batch in read_batches(inputs.path("documents")):
            kept = batch if verdicts is None else batch.filter(next(verdicts).column("kept"))
            source = pa.array([params["source"]] * kept.num_rows, pa.string())
            table = pa.table([kept.column("id"), source, kept.column("url"), kept.column("text")], schema=DOCUMENT_FILE)
            writer.write_table(table)
            rows += kept.num_rows
            chars += pc.sum(pc.utf8_length(kept.column("text"))).as_py() or 0
    return {"documents": rows, "chars": chars}
