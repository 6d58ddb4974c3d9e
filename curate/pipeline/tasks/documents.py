"""The kept documents of a part as Parquet, for people and other programs."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.engine.task import Inputs, Output
from curate.records.batches import read_batches
from curate.records.counts import WrittenCounts
from curate.records.documents import DOCUMENT_FILE
from curate.records.metadata import carried_schema


class DocumentsParams(TypedDict):
    """The source of the part's documents, and [`meta.NAME`, Arrow type's name] of the columns that a run carries."""

    source: str
    carried: list[list[str]]


def write_documents(params: DocumentsParams, inputs: Inputs, output: Output) -> WrittenCounts:
    """Inputs `documents` and, where not all are kept, `verdicts`; `metadata`, aligned, where rows carry columns. Writes
    `documents` (DOCUMENT_FILE and the columns)."""
    carried = carried_schema(params["carried"])
    schema = pa.schema([*DOCUMENT_FILE, *carried])
    metadata = read_batches(inputs.path("metadata")) if "metadata" in inputs else None
    verdicts = read_batches(inputs.path("verdicts")) if "verdicts" in inputs else None
    rows = chars = 0
    with pq.ParquetWriter(output.path("documents"), schema, compression="zstd") as writer:
        for batch in read_batches(inputs.path("documents")):
            beside = next(metadata) if metadata is not None else None
            mask = None if verdicts is None else next(verdicts).column("kept")
            kept = batch if mask is None else batch.filter(mask)
            more = [_beside(beside, field, batch.num_rows) for field in carried]
            more = more if mask is None else [column.filter(mask) for column in more]
            source = pa.array([params["source"]] * kept.num_rows, pa.string())
            table = pa.table([kept.column("id"), source, kept.column("url"), kept.column("text"), *more], schema=schema)
            writer.write_table(table)
            rows += kept.num_rows
            chars += pc.sum(pc.utf8_length(kept.column("text"))).as_py() or 0
    return {"documents": rows, "chars": chars}


def _beside(batch: pa.RecordBatch | None, field: pa.Field, rows: int) -> pa.Array:
    """A carried column; nulls where the part's source carries none of the name."""
    if batch is None or field.name not in batch.schema.names:
        return pa.nulls(rows, field.type)
    return batch.column(field.name)
